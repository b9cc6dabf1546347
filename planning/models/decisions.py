"""Decisions: what was chosen among what, by whom, why, and whether it proved right."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone

from accounts.models import Team
from accounts.permissions import is_pm
from planning import links

DECISION_NUMBERS = "planning_decision_numbers"
TITLE_LENGTH = 160
REASON_LENGTH = 2000


class Outcome(models.TextChoices):
    """What was decided."""

    DO = "do", "Do it"
    LATER = "later", "Not now"
    NO = "no", "No"


class Visibility(models.TextChoices):
    """Who may read a decision besides those who took it and the PMs."""

    COMPANY = "company", "Everyone"
    TEAM = "team", "The team alone"
    PRIVATE = "private", "PMs alone"


class Verdict(models.TextChoices):
    """What a second look found."""

    YES = "yes", "Yes"
    PARTLY = "partly", "Partly"
    NO = "no", "No"
    EARLY = "early", "Too early"


class ReasonCode(models.Model):
    """Why a request is declined or put off, so that reasons can be counted."""

    code = models.SlugField(max_length=40, unique=True, help_text="Never changes once used.")
    name = models.CharField(max_length=60, unique=True, help_text="What people choose and read.")
    help = models.CharField(max_length=160, blank=True, help_text="When to choose it.")
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True, help_text="Offered when a request is decided.")

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class DecisionQuerySet(models.QuerySet["Decision"]):
    """Filters; every list, search and export starts from `visible_to`."""

    def standing(self) -> "DecisionQuerySet":
        """Not taken back."""
        return self.filter(withdrawn_at__isnull=True)

    def visible_to(self, user: Any, among: Any = None) -> "DecisionQuerySet":
        """What this person may read, titles and counts included; never what was taken back.

        `among`: ids that the caller filters by anyway, a queryset; what is hidden is then looked
        up for these alone.

        Who may not see one of the things that a decision settles does not see the decision: it
        would tell what was asked.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        found = self.standing()
        if is_pm(user):
            return found
        took_part = models.Q(decided_by=user) | models.Q(
            pk__in=Decision.deciders.through.objects.filter(user=user).values("decision_id")
        )
        open_to = models.Q(visibility=Visibility.COMPANY) | models.Q(
            visibility=Visibility.TEAM,
            team_id__in=user.memberships.current().values("team_id"),
        )
        for kind, hidden in links.hidden_from(user):
            settling = DecisionLink.objects.filter(
                subject_type=kind, is_settled=True, subject_id__in=hidden
            )
            if among is not None:
                settling = settling.filter(decision_id__in=among)
            open_to &= ~models.Q(pk__in=settling.values("decision_id"))
        return found.filter(took_part | open_to)

    def due(self, today: Any) -> "DecisionQuerySet":
        """Those whose second look is due, unless another decision took their place."""
        return self.standing().unreplaced().filter(revisit_on__lte=today)

    def unreplaced(self) -> "DecisionQuerySet":
        """No other decision took their place."""
        successors = Decision.objects.standing().filter(supersedes=models.OuterRef("pk"))
        return self.filter(~models.Exists(successors))


class Decision(models.Model):
    """What was decided, by whom, and why; the reason is read by everyone concerned.

    It is never edited: what was wrong is put right by another that supersedes it.
    """

    number = models.PositiveIntegerField(unique=True)
    title = models.CharField(max_length=TITLE_LENGTH)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    reason = models.TextField(max_length=REASON_LENGTH)
    reason_code = models.ForeignKey(
        ReasonCode,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="decisions",
        help_text="Why it is declined or put off.",
    )
    context = models.TextField(max_length=5000, blank=True, db_default="")
    criteria = models.TextField(max_length=2000, blank=True, db_default="")
    dissent = models.TextField(
        max_length=2000, blank=True, db_default="", help_text="Who saw it differently, and why."
    )
    expected = models.TextField(
        max_length=1000, blank=True, db_default="", help_text="What should be seen by the revisit."
    )
    confidence = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="How sure, in percent.",
    )
    can_undo_until = models.CharField(
        max_length=160, blank=True, db_default="", help_text="Until when it can be turned back."
    )
    options_text = models.TextField(
        blank=True, db_default="", editable=False, help_text="The options, to be found by words."
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="decisions"
    )
    visibility = models.CharField(
        max_length=10,
        choices=Visibility.choices,
        default=Visibility.COMPANY,
        db_default=Visibility.COMPANY,
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions"
    )
    deciders = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="shared_decisions",
        help_text="Who decided, besides the one who wrote it down.",
    )
    heard = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="heard_decisions",
        help_text="Who was heard before.",
    )
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the question came up; the days taken count from it."
    )
    decided_at = models.DateTimeField(default=timezone.now)
    revisit_on = models.DateField(null=True, blank=True, help_text="The next second look.")
    verdict = models.CharField(max_length=10, choices=Verdict.choices, blank=True, db_default="")
    looked_at = models.DateTimeField(null=True, blank=True, help_text="The last second look.")
    reminded_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    supersedes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="successors"
    )
    withdrawn_at = models.DateTimeField(
        null=True, blank=True, help_text="Taken back at once, before anyone was told."
    )
    search_vector = models.GeneratedField(
        expression=SearchVector("title", weight="A", config="english")
        + SearchVector("reason", weight="B", config="english")
        + SearchVector("context", "options_text", weight="C", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ["-decided_at", "-id"]
        constraints = [
            # of two that would replace the same one, the second hears of the first
            models.UniqueConstraint(
                fields=["supersedes"],
                name="decision_superseded_once",
                condition=models.Q(withdrawn_at__isnull=True),
            ),
        ]
        indexes = [
            # the log, newest first
            models.Index(
                fields=["-decided_at", "-id"],
                name="decision_log",
                condition=models.Q(withdrawn_at__isnull=True),
            ),
            # the log of one team
            models.Index(
                fields=["team", "-decided_at", "-id"],
                name="decision_team",
                condition=models.Q(withdrawn_at__isnull=True),
            ),
            # what is due for a second look
            models.Index(
                fields=["revisit_on"],
                name="decision_revisit",
                condition=models.Q(revisit_on__isnull=False, withdrawn_at__isnull=True),
            ),
            # search by words
            GinIndex(fields=["search_vector"], name="decision_words"),
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()}: {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("planning:decision", args=[self.number])

    @property
    def reference(self) -> str:
        """`DEC-12`, what people say."""
        return f"DEC-{self.number}"

    @property
    def state(self) -> tuple[str, str, str]:
        """(word, tone, icon) of its tag."""
        return OUTCOME_TAGS[Outcome(self.outcome)]

    @property
    def days_taken(self) -> float | None:
        """Calendar days from the question to the decision; None where nobody knows."""
        return days_between(self.asked_at, self.decided_at)


OUTCOME_TAGS = {
    Outcome.DO: ("Do it", "good", "check"),
    Outcome.LATER: ("Not now", "warn", "clock"),
    Outcome.NO: ("No", "", "x"),
}


def days_between(asked_at: Any, decided_at: Any) -> float | None:
    """Days of 24 hours, None without a start."""
    if asked_at is None:
        return None
    return float(max((decided_at - asked_at).total_seconds(), 0) / 86_400)


class DecisionOption(models.Model):
    """One of the ways that were compared."""

    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="options")
    title = models.CharField(max_length=160)
    pros = models.TextField(max_length=1000, blank=True)
    cons = models.TextField(max_length=1000, blank=True)
    is_chosen = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["decision"],
                name="decision_one_chosen",
                condition=models.Q(is_chosen=True),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class DecisionLink(models.Model):
    """A decision concerns something: a request, a work item, later a roadmap item.

    The subject is named by type and id, since what it is may live in an app above; `links` knows
    how to show it.
    """

    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="links")
    subject_type = models.CharField(max_length=60)
    subject_id = models.BigIntegerField()
    is_settled = models.BooleanField(
        default=False, help_text="The decision is the answer to it, and not only touches it."
    )
    note = models.CharField(max_length=200, blank=True, db_default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-is_settled", "subject_type", "subject_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["decision", "subject_type", "subject_id"], name="decision_link_once"
            ),
        ]
        indexes = [
            # the decisions on one thing; what a reader may not see
            models.Index(fields=["subject_type", "subject_id"], name="decision_link_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.decision_id} on {self.subject_type} {self.subject_id}"


class SecondLook(models.Model):
    """What somebody saw when the decision was looked at again."""

    decision = models.ForeignKey(Decision, on_delete=models.CASCADE, related_name="looks")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    seen = models.TextField(max_length=2000)
    looked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="second_looks"
    )
    looked_at = models.DateTimeField(default=timezone.now)
    was_due_on = models.DateField(null=True, blank=True)
    next_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["-looked_at", "-id"]
        indexes = [
            # the looks of one decision, newest first
            models.Index(fields=["decision", "-looked_at"], name="second_look_decision"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} on {self.decision_id}"
