"""Scoring: models as versioned data, sessions, blind scores."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from accounts.models import Team
from accounts.permissions import is_pm
from intake.models.requests import Request

SESSION_NUMBERS = "intake_session_numbers"


class Method(models.TextChoices):
    """How a score is made of its criteria; the formula is shown wherever a score is."""

    RICE = "rice", "RICE"
    ICE = "ice", "ICE"
    WSJF = "wsjf", "WSJF"
    MOSCOW = "moscow", "MoSCoW"
    VALUE_EFFORT = "value_effort", "Value and effort"
    WEIGHTED = "weighted", "Weighted criteria"


class ScoringModel(models.Model):
    """A way to score. Its criteria and weights are in its versions."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80, unique=True)
    method = models.CharField(max_length=20, choices=Method.choices)
    purpose = models.CharField(max_length=240, blank=True, help_text="When to use it.")
    teams = models.ManyToManyField(
        Team, blank=True, related_name="scoring_models", help_text="Empty: every team."
    )
    is_active = models.BooleanField(default=True)
    version = models.ForeignKey(
        "intake.ScoringModelVersion",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def reference(self) -> str:
        return self.name


class ScoringModelVersion(models.Model):
    """Criteria, rubrics and weights at one time; never changed once used."""

    model = models.ForeignKey(ScoringModel, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    criteria = models.JSONField(
        help_text="In order: key, name, help, weight, type, range, rubric, direction, objective."
    )
    note = models.CharField(max_length=300, blank=True, help_text="Why it was changed.")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["model", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="scoring_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.number}"


class ScoringSession(models.Model):
    """Several people score the same requests, blind; then they talk, then they decide."""

    class Stage(models.TextChoices):
        SCORE = "score", "Score blind"
        TALK = "talk", "Reveal and talk"
        DECIDE = "decide", "Decide"
        CLOSED = "closed", "Closed"

    number = models.PositiveIntegerField(unique=True)
    title = models.CharField(max_length=120)
    version = models.ForeignKey(
        ScoringModelVersion, on_delete=models.PROTECT, related_name="sessions"
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="scoring_sessions"
    )
    facilitator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    scorers = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="scoring_sessions"
    )
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.SCORE)
    closes_at = models.DateTimeField(null=True, blank=True, help_text="When blind scoring ends.")
    capacity = models.DecimalField(
        max_digits=8,
        decimal_places=1,
        null=True,
        blank=True,
        help_text="Weeks that the team has; the line falls where they are used up.",
    )
    clock_minutes = models.PositiveSmallIntegerField(default=8, help_text="For each talk.")
    notes = models.TextField(max_length=10_000, blank=True)
    actions = models.TextField(
        max_length=5000, blank=True, help_text="One a line: who does what by when."
    )
    is_solo = models.BooleanField(
        default=False, help_text="One person scored one request, outside any meeting."
    )
    revealed_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True, help_text="Once only.")
    moved_at = models.DateTimeField(null=True, blank=True, help_text="When its stage changed.")
    moved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            # the few that still run: the side bar's number, reminders, the end of blind scoring
            models.Index(
                fields=["closes_at"],
                name="session_running",
                condition=~models.Q(stage="closed"),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("intake:session", args=[self.number])

    @property
    def reference(self) -> str:
        return f"Session {self.number}"

    @property
    def is_blind(self) -> bool:
        """Scores are given without seeing those of others."""
        return self.blind_at(timezone.now())

    def blind_at(self, moment: datetime) -> bool:
        """Whether it is blind then; it ends by itself at the closing time."""
        is_over = self.closes_at is not None and self.closes_at <= moment
        return self.stage == self.Stage.SCORE and not is_over

    @property
    def stage_now(self) -> str:
        """Its stage, with the scores open from the closing time on, also before the clock's own
        task has written it down."""
        is_due = self.stage == self.Stage.SCORE and not self.is_blind
        return self.Stage.TALK if is_due else self.stage

    @property
    def is_closed(self) -> bool:
        return self.stage == self.Stage.CLOSED


class Candidate(models.Model):
    """A request on a session's agenda."""

    session = models.ForeignKey(ScoringSession, on_delete=models.CASCADE, related_name="candidates")
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="candidacies")
    position = models.PositiveSmallIntegerField(default=0)
    talk_started_at = models.DateTimeField(null=True, blank=True)
    talked_seconds = models.PositiveIntegerField(default=0)
    settled_value = models.DecimalField(
        max_digits=12, decimal_places=3, null=True, blank=True, help_text="What the group agreed."
    )
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(max_length=2000, blank=True)
    dropped_at = models.DateTimeField(
        null=True, blank=True, help_text="Taken off the agenda; its scores stay."
    )

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["session", "request"], name="candidate_once"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} in {self.session_id}"


class ScoreQuerySet(models.QuerySet["Score"]):
    """Blindness is decided here and nowhere else."""

    def visible_to(self, user: Any) -> "ScoreQuerySet":
        """Scores that a person may read: their own; those of others on what they scored
        themselves ("I cannot judge this" opens nothing); everything of open sessions."""
        if not is_pm(user):
            return self.none()
        session = "candidate__session__"
        is_blind = models.Q(**{f"{session}stage": ScoringSession.Stage.SCORE}) & (
            models.Q(**{f"{session}closes_at__isnull": True})
            | models.Q(**{f"{session}closes_at__gt": timezone.now()})
        )
        mine = Score._base_manager.filter(
            candidate=models.OuterRef("candidate"), scorer=user, value__isnull=False
        )
        return self.filter(~is_blind | models.Q(scorer=user) | models.Exists(mine))


class Score(models.Model):
    """One person's judgement of one candidate; others see it after they gave theirs."""

    candidate = models.ForeignKey(Candidate, on_delete=models.CASCADE, related_name="scores")
    scorer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="scores"
    )
    version = models.ForeignKey(ScoringModelVersion, on_delete=models.PROTECT, related_name="+")
    values = models.JSONField(default=dict, help_text="By key of the criterion.")
    value = models.DecimalField(
        max_digits=12, decimal_places=3, null=True, help_text="None: could not judge it."
    )
    first_value = models.DecimalField(
        max_digits=12,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="What it was before they saw the others' and changed it.",
    )
    saved_at = models.DateTimeField(default=timezone.now)

    objects = ScoreQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["candidate", "scorer"], name="score_once"),
        ]

    def __str__(self) -> str:
        return f"{self.scorer_id} on {self.candidate_id}"
