"""Requests, and what is said about them."""

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


class Visibility(models.TextChoices):
    """Who may see a request besides its requester and the PMs."""

    COMPANY = "company", "Everyone"
    TEAM = "team", "The team alone"
    PRIVATE = "private", "PMs alone"


class RequestQuerySet(models.QuerySet["Request"]):
    """Filters; every list, search and export starts from `visible_to`."""

    def visible_to(self, user: Any) -> "RequestQuerySet":
        """What this person may see, titles and counts included."""
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if is_pm(user):
            return self
        mine = models.Q(requester=user) | models.Q(owner=user)
        teams = user.memberships.current().values("team_id")
        return self.filter(
            models.Q(visibility=Visibility.COMPANY)
            | mine
            | models.Q(visibility=Visibility.TEAM, team_id__in=teams)
        )

    def open(self) -> "RequestQuerySet":
        """Not decided yet."""
        return self.filter(status__in=OPEN_STATUSES)


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
        indexes = [
            # triage queue: open requests by promise, per view and team
            models.Index(
                fields=["due_at", "id"],
                name="request_queue",
                condition=models.Q(status__in=["new", "triaged"]),
            ),
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
        """Not decided yet."""
        return self.status in OPEN_STATUSES

    @property
    def state(self) -> tuple[str, str, str]:
        """(word, tone, icon) of its tag."""
        return state_of(self.status, self.outcome, self.asked_at is not None)

    @property
    def kind_icon(self) -> str:
        """Icon of its kind."""
        return KIND_ICONS[Kind(self.kind)]


KIND_ICONS = {Kind.IDEA: "bulb", Kind.PROBLEM: "bug", Kind.DATA: "data", Kind.HELP: "help"}


def state_of(status: str, outcome: str, is_asked: bool) -> tuple[str, str, str]:
    """(word, tone, icon) for a status, its outcome and an open question."""
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


class Comment(models.Model):
    """Something said on a request, read by everyone who sees it."""

    class Kind(models.TextChoices):
        COMMENT = "comment", "Comment"
        QUESTION = "question", "Question to the requester"
        ANSWER = "answer", "Answer"

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="comments"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.COMMENT)
    body = models.TextField(max_length=5000)
    created_at = models.DateTimeField(default=timezone.now)
    key = models.UUIDField(
        default=uuid.uuid4, unique=True, help_text="One a form: posted twice it is one comment."
    )

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            # the conversation of one request
            models.Index(fields=["request", "created_at"], name="comment_thread"),
        ]

    def __str__(self) -> str:
        return f"{self.author} on {self.request_id}"
