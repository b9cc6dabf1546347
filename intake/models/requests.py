"""Requests."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.urls import reverse
from django.utils import timezone

from accounts.models import Team
from accounts.permissions import is_pm
from planning.models import Decision, Outcome

REQUEST_NUMBERS = "intake_request_numbers"
TITLE_LENGTH = 120
PROBLEM_LENGTH = 10_000


class Kind(models.TextChoices):
    """What a request is about."""

    IDEA = "idea", "Idea"
    PROBLEM = "problem", "Problem"
    DATA = "data", "Data"
    HELP = "help", "Help"


class Status(models.TextChoices):
    """Where a request stands."""

    NEW = "new", "In triage"
    TRIAGED = "triaged", "Waiting for a decision"
    DECIDED = "decided", "Decided"
    SHIPPED = "shipped", "Delivered"


OPEN_STATUSES = (Status.NEW, Status.TRIAGED)


class Affected(models.TextChoices):
    """Who feels it."""

    CUSTOMERS = "customers", "Customers"
    PARTNERS = "partners", "Partners"
    FIELD = "field", "People in the field"
    OFFICE = "office", "Office teams"
    US = "us", "Our own product teams"


class Priority(models.TextChoices):
    """How soon it matters, as its PM or a routing rule sees it."""

    URGENT = "urgent", "Urgent"
    HIGH = "high", "High"
    NORMAL = "normal", "Normal"
    LOW = "low", "Low"


class Visibility(models.TextChoices):
    """Who may see a request besides its requester and the PMs."""

    COMPANY = "company", "Everyone"
    TEAM = "team", "The team alone"
    PRIVATE = "private", "PMs alone"


class RequestQuerySet(models.QuerySet["Request"]):
    """Filters; every list, search and export starts from `visible_to`."""

    def visible_to(self, user: Any) -> "RequestQuerySet":
        """What this person may see, titles and counts included."""
        if not user.is_authenticated or not user.is_active or user.is_guest:
            return self.none()
        if is_pm(user):
            return self
        mine = models.Q(requester=user) | models.Q(owner=user) | models.Q(sent_by=user)
        teams = user.memberships.current().values("team_id")
        return self.filter(
            models.Q(visibility=Visibility.COMPANY)
            | mine
            | models.Q(visibility=Visibility.TEAM, team_id__in=teams)
        )

    def open(self) -> "RequestQuerySet":
        """Not decided yet, and not merged into another."""
        return self.filter(status__in=OPEN_STATUSES, merged_into__isnull=True)

    def canonical(self) -> "RequestQuerySet":
        """Each group of merged requests once."""
        return self.filter(merged_into__isnull=True)

    def group_of(self, item: "Request") -> "RequestQuerySet":
        """The canonical request and everything merged into it, directly or not."""
        root = item.root_id or item.pk
        return self.filter(models.Q(pk=root) | models.Q(root_id=root))


class Request(models.Model):
    """One wish, problem or question, from the first word to the delivered notice."""

    number = models.PositiveIntegerField(unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.IDEA)
    title = models.CharField(max_length=TITLE_LENGTH)
    problem = models.TextField(max_length=PROBLEM_LENGTH)
    affected = ArrayField(
        models.CharField(max_length=20, choices=Affected.choices), default=list, blank=True
    )
    evidence_url = models.URLField(max_length=500, blank=True)
    needed_on = models.DateField(null=True, blank=True)
    visibility = models.CharField(
        max_length=10, choices=Visibility.choices, default=Visibility.COMPANY
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="requests"
    )
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="owned_requests",
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.NEW)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    decision = models.ForeignKey(
        Decision, null=True, blank=True, on_delete=models.PROTECT, related_name="requests"
    )
    submitted_at = models.DateTimeField(default=timezone.now)
    triaged_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when the requester is asked something."
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="The running promise: triage, then decision."
    )
    changed_at = models.DateTimeField(default=timezone.now, help_text="Last news.")
    source = models.CharField(max_length=20, default="web")
    source_system = models.CharField(max_length=40, blank=True, help_text="Where it came from.")
    source_ref = models.CharField(max_length=200, blank=True, help_text="Its id there.")
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="sent_requests",
        help_text="Who wrote it for the requester.",
    )
    customer = models.ForeignKey(
        "intake.Customer",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="requests",
        help_text="The account that it was asked for.",
    )
    form_version = models.ForeignKey(
        "intake.FormVersion",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="requests",
        help_text="The questions as they stood when it was sent.",
    )
    answers = models.JSONField(default=dict, blank=True, help_text="By key of the question.")
    priority = models.CharField(max_length=10, choices=Priority.choices, default=Priority.NORMAL)
    labels = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    routed_by = models.ForeignKey(
        "intake.RoutingRule",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="routed",
        help_text="The rule that chose the team.",
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True, help_text="First word of a PM.")
    heard_at = models.DateTimeField(
        null=True, blank=True, help_text="When those behind it last heard something."
    )
    silence_raised_at = models.DateTimeField(null=True, blank=True)
    reopened_at = models.DateTimeField(null=True, blank=True, help_text="Once only.")
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="merged",
        help_text="The request that it joined.",
    )
    root = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="group",
        help_text="The one that stands for its group; empty for that one.",
    )
    merged_at = models.DateTimeField(null=True, blank=True)
    vote_count = models.PositiveIntegerField(
        default=0, help_text="People behind it and what joined it, besides its requester."
    )
    similar_count = models.PositiveSmallIntegerField(
        default=0, help_text="Likely duplicates that nobody has settled yet."
    )
    score = models.DecimalField(
        max_digits=12, decimal_places=3, null=True, blank=True, help_text="Last agreed score."
    )
    score_version = models.ForeignKey(
        "intake.ScoringModelVersion",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    submission_key = models.UUIDField(
        default=uuid.uuid4, unique=True, help_text="One a form: posted twice it is one request."
    )
    search_vector = models.GeneratedField(
        expression=SearchVector("title", weight="A", config="english")
        + SearchVector("problem", weight="B", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            # an import that runs twice brings a row once
            models.UniqueConstraint(
                fields=["source_system", "source_ref"],
                name="request_source_once",
                condition=~models.Q(source_ref=""),
            ),
            models.CheckConstraint(
                condition=~models.Q(merged_into=models.F("id")), name="request_not_into_itself"
            ),
        ]
        indexes = [
            # triage queue: open requests by promise, per view and team
            models.Index(
                fields=["due_at", "id"],
                name="request_queue_open",
                condition=models.Q(status__in=["new", "triaged"], merged_into__isnull=True),
            ),
            # the queue by votes
            models.Index(
                fields=["-vote_count", "id"],
                name="request_queue_votes",
                condition=models.Q(status__in=["new", "triaged"], merged_into__isnull=True),
            ),
            # what joined a request
            models.Index(
                fields=["root"], name="request_group", condition=models.Q(root__isnull=False)
            ),
            # sent for someone else
            models.Index(
                fields=["sent_by", "-changed_at"],
                name="request_sent_by",
                condition=models.Q(sent_by__isnull=False),
            ),
            # past the ceiling of silence: open requests by when anyone last heard
            models.Index(
                fields=["heard_at"],
                name="request_heard",
                condition=models.Q(status__in=["new", "triaged"], merged_into__isnull=True),
            ),
            # by label
            GinIndex(fields=["labels"], name="request_labels"),
            # my requests, newest news first
            models.Index(fields=["requester", "-changed_at"], name="request_mine"),
            # what waits for me: open requests that I own
            models.Index(
                fields=["owner", "due_at"],
                name="request_owned_open",
                condition=models.Q(status__in=["new", "triaged"]),
            ),
            # questions that wait for the requester
            models.Index(
                fields=["requester", "asked_at"],
                name="request_asked",
                condition=models.Q(asked_at__isnull=False),
            ),
            # a team's requests, newest first
            models.Index(fields=["team", "-number"], name="request_team"),
            # search by words
            GinIndex(fields=["search_vector"], name="request_words"),
            # titles that look like a mistyped word
            GinIndex(fields=["title"], name="request_title_letters", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("intake:request", args=[self.number])

    @property
    def reference(self) -> str:
        """`REQ-142`, what people say."""
        return f"REQ-{self.number}"

    @property
    def is_open(self) -> bool:
        """Not decided yet, and not merged into another."""
        return self.status in OPEN_STATUSES and self.merged_into_id is None

    @property
    def is_merged(self) -> bool:
        """Joined another request, which stands for it."""
        return self.merged_into_id is not None

    @property
    def state(self) -> tuple[str, str, str]:
        """(word, tone, icon) of its tag."""
        return state_of(
            self.status, self.outcome, self.asked_at is not None, self.merged_into_id is not None
        )

    @property
    def kind_icon(self) -> str:
        """Icon of its kind."""
        return KIND_ICONS[Kind(self.kind)]


KIND_ICONS = {Kind.IDEA: "bulb", Kind.PROBLEM: "bug", Kind.DATA: "data", Kind.HELP: "help"}


def state_of(
    status: str, outcome: str, is_asked: bool, is_merged: bool = False
) -> tuple[str, str, str]:
    """(word, tone, icon) for a status, its outcome and an open question."""
    if is_merged:
        return "Merged", "", "merge"
    if status == Status.SHIPPED:
        return "Delivered", "good", "check"
    if status == Status.DECIDED:
        return {
            Outcome.DO: ("Decided: do it", "good", "check"),
            Outcome.LATER: ("Decided: not now", "", "clock"),
            Outcome.NO: ("Decided: no", "", "x"),
        }.get(Outcome(outcome), ("Decided", "good", "check"))
    if is_asked:
        return "Waiting for an answer", "warn", "msg"
    if status == Status.TRIAGED:
        return "Waiting for a decision", "warn", "gavel"
    return "In triage", "info", "inbox"
