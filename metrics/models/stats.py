"""Spans of time, the figures made of them, and how far the trail was read."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Team


class WaitsOn(models.TextChoices):
    """Who has to move next, unless it is the product managers."""

    REQUESTER = "requester", "Requester"
    FORUM = "forum", "Forum"


class Span(models.Model):
    """How long one thing took for one subject: one row a metric and subject, open or ended.

    Follows from the events alone. Working time is the calendar of the team, see
    `accounts.calendars`; where there is no team, the company's.
    """

    key = models.CharField(max_length=40)
    subject_type = models.CharField(max_length=60)
    subject_id = models.BigIntegerField()
    reference = models.CharField(max_length=120)
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    started_at = models.DateTimeField()
    start_reading = models.BigIntegerField(
        help_text="What the team's working clock showed at the start, seconds."
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, blank=True)
    working_seconds = models.BigIntegerField(
        null=True, blank=True, help_text="From start to end; empty while it is open."
    )
    requester_seconds = models.BigIntegerField(
        default=0, help_text="Working time of it that waited for the requester, and is over."
    )
    forum_seconds = models.BigIntegerField(
        default=0, help_text="Working time of it that waited for a session or review, and is over."
    )
    waits_on = models.CharField(
        max_length=10,
        blank=True,
        choices=WaitsOn.choices,
        help_text="Whom an open one waits on now; empty: the product managers.",
    )
    waits_since = models.DateTimeField(null=True, blank=True)
    waits_reading = models.BigIntegerField(
        null=True, blank=True, help_text="What the working clock showed then."
    )
    stages = ArrayField(
        models.BigIntegerField(null=True),
        default=list,
        help_text="Working seconds from the start to each stage, see `definitions.STAGES`.",
    )
    is_accepted = models.BooleanField(default=False, help_text="It holds that it will be done.")

    class Meta:
        constraints = [
            # one clock a subject; folding the same events again changes nothing
            models.UniqueConstraint(fields=["key", "subject_type", "subject_id"], name="span_once"),
        ]
        indexes = [
            # the rows behind a figure: what started in a period, of all teams
            models.Index(
                fields=["key", "started_at"],
                name="span_period",
                include=["team", "working_seconds"],
            ),
            # the same, of one team
            models.Index(fields=["key", "team", "started_at"], name="span_team"),
            # slowest or fastest first: the few that a page shows, without sorting all
            models.Index(
                fields=["key", "-working_seconds", "-id"],
                name="span_length",
                condition=models.Q(ended_at__isnull=False),
            ),
            # those still open, whose time is worked out when it is asked for
            models.Index(
                fields=["key", "started_at"],
                name="span_open",
                condition=models.Q(ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.reference}"


class FillState(models.Model):
    """How far the events were folded into the spans of one metric."""

    key = models.CharField(max_length=40, unique=True)
    tx = models.BigIntegerField(default=0, help_text="Events of transactions below are folded.")
    rules = models.CharField(
        max_length=64, blank=True, help_text="Formula and calendars that the spans rest on."
    )
    database = models.CharField(
        max_length=64, blank=True, help_text="Where the transaction ids come from."
    )
    as_of = models.DateTimeField(null=True, blank=True)
    readings = models.JSONField(
        default=dict, help_text="What each team's working clock showed then; 0 is the company's."
    )

    def __str__(self) -> str:
        return f"{self.key} up to transaction {self.tx}"


class Figure(models.Model):
    """A number ready to be shown: a metric, one team or all, a period or a bucket of the trend."""

    key = models.CharField(max_length=40)
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    period = models.CharField(max_length=20, help_text="90d, month:2026-11, week:2026-11-16…")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    value = models.BigIntegerField(
        null=True, blank=True, help_text="Median in working seconds, open ones counted."
    )
    closed_median = models.BigIntegerField(
        null=True, blank=True, help_text="Median in working seconds of those that ended."
    )
    slowest_tenth = models.BigIntegerField(
        null=True, blank=True, help_text="Nine in ten end sooner; working seconds."
    )
    calendar_median = models.BigIntegerField(
        null=True, blank=True, help_text="Median in seconds of the calendar, open ones counted."
    )
    n_decided = models.PositiveIntegerField(help_text="How many ended.")
    n_open = models.PositiveIntegerField()
    working_sum = models.BigIntegerField(help_text="Working seconds of all, open ones so far.")
    requester_sum = models.BigIntegerField(help_text="Of these, how many waited for requesters.")
    forum_sum = models.BigIntegerField(help_text="Of these, how many waited for a forum.")
    stages = models.JSONField(
        default=list, help_text="By stage: median since the start, step, reached, not yet."
    )
    as_of = models.DateTimeField()
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            # the page reads a team's figures by name; all teams together have none
            models.UniqueConstraint(
                fields=["key", "team", "period"], name="figure_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.period}"
