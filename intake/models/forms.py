"""Request forms that Product Ops builds, their versions, and what is half written in them."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone

from accounts.models import Team
from intake.models.requests import Kind, Request, Visibility


class IntakeForm(models.Model):
    """A way to ask for something. What its questions are now is in its fields; what they were
    when a request was sent is in that request's version."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60, help_text="Shown on its choice card.")
    summary = models.CharField(max_length=120, blank=True, help_text="When to choose it.")
    intro = models.TextField(max_length=2000, blank=True, help_text="Shown above the questions.")
    kind = models.CharField(
        max_length=10, choices=Kind.choices, default=Kind.IDEA, help_text="What it makes."
    )
    team = models.ForeignKey(
        Team,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Where its requests go, unless an answer or a rule says otherwise.",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who looks after the form.",
    )
    visibility = models.CharField(
        max_length=10,
        choices=Visibility.choices,
        default=Visibility.COMPANY,
        help_text="Who may see what is sent with it.",
    )
    first_answer_days = models.PositiveSmallIntegerField(
        default=2, help_text="Working days until a product manager's first word."
    )
    triage_days = models.PositiveSmallIntegerField(
        default=2, help_text="Working days until it is read and routed."
    )
    decision_days = models.PositiveSmallIntegerField(
        default=9, help_text="Working days until it is decided."
    )
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True, help_text="Offered to people.")
    is_open = models.BooleanField(
        "open to people without an account",
        default=False,
        help_text="By its own link: throttled, address confirmed by mail, held for review.",
    )
    open_key = models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
    version = models.ForeignKey(
        "intake.FormVersion",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )

    class Meta:
        ordering = ["position", "name"]
        verbose_name = "request form"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{reverse('intake:request-new')}?form={self.slug}"


class FieldType(models.TextChoices):
    """What a question takes."""

    LINE = "line", "One line"
    TEXT = "text", "Text"
    CHOICE = "choice", "One of several"
    MULTI = "multi", "Several of several"
    NUMBER = "number", "Number"
    DATE = "date", "Date"
    YES = "yes", "Yes or no"
    URL = "url", "Link"
    PERSON = "person", "Person"
    TEAM = "team", "Product area"
    CUSTOMER = "customer", "Customer"
    FILE = "file", "Files"


class MapsTo(models.TextChoices):
    """The part of a request that an answer fills."""

    NOTHING = "", "Kept as an answer"
    TITLE = "title", "Its one line"
    PROBLEM = "problem", "The problem"
    TEAM = "team", "Product area"
    AFFECTED = "affected", "Who feels it"
    EVIDENCE = "evidence_url", "Link to evidence"
    NEEDED_ON = "needed_on", "Needed by"
    PRIORITY = "priority", "Priority"
    CUSTOMER = "customer", "Customer"
    LABELS = "labels", "Labels"


class FormField(models.Model):
    """One question of a form, as it stands now."""

    form = models.ForeignKey(IntakeForm, on_delete=models.CASCADE, related_name="fields")
    key = models.CharField(
        max_length=40,
        validators=[
            RegexValidator(
                r"^[a-z][a-z0-9_]*$", "Use small letters, digits and underscores, like depot_name."
            )
        ],
        help_text="Never changes: answers are kept under it.",
    )
    label = models.CharField(max_length=160)
    help = models.CharField(max_length=300, blank=True)
    type = models.CharField(max_length=10, choices=FieldType.choices, default=FieldType.LINE)
    choices = models.TextField(
        blank=True,
        help_text="One a line. “code = Words” keeps the code when the words change.",
    )
    is_required = models.BooleanField(default=True)
    section = models.CharField(max_length=80, blank=True, help_text="Heading that it stands under.")
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    show_if = models.CharField(
        max_length=40, blank=True, help_text="Key of an earlier question; empty: always shown."
    )
    show_if_values = models.TextField(
        blank=True, help_text="Shown when that answer is one of these, one a line."
    )
    maps_to = models.CharField(
        max_length=20, choices=MapsTo.choices, default=MapsTo.NOTHING, blank=True
    )
    jira_field = models.CharField(
        max_length=80, blank=True, help_text="Field of the Jira issue that takes this answer."
    )

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["form", "key"],
                name="form_field_key_once",
                violation_error_message="This form has a question with this key.",
            ),
        ]

    def __str__(self) -> str:
        return self.label


class FormVersion(models.Model):
    """The questions of a form at one time; never changed, so old answers stay readable."""

    form = models.ForeignKey(IntakeForm, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    questions = models.JSONField(help_text="The fields in order, as intake.questions reads them.")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["form", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["form", "number"], name="form_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.form} {self.number}"


class Draft(models.Model):
    """What someone is writing. Its key is the submission's: one draft makes one request."""

    class State(models.TextChoices):
        OPEN = "open", "Being written"
        SENT = "sent", "Sent"
        JOINED = "joined", "Became a vote"
        ANSWERED = "answered", "A page answered it"
        ABANDONED = "abandoned", "Left behind"
        DISCARDED = "discarded", "Thrown away"

    key = models.UUIDField(default=uuid.uuid4, unique=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="drafts",
        help_text="Empty for an open form.",
    )
    form = models.ForeignKey(IntakeForm, on_delete=models.PROTECT, related_name="drafts")
    version = models.ForeignKey(FormVersion, null=True, on_delete=models.PROTECT, related_name="+")
    data: Any = models.JSONField(default=dict, help_text="What is typed, by name of the control.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    request = models.ForeignKey(
        Request, null=True, blank=True, on_delete=models.SET_NULL, related_name="drafts"
    )
    last_field = models.CharField(max_length=40, blank=True)
    touched = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    shown = ArrayField(
        models.BigIntegerField(), default=list, blank=True, help_text="Requests suggested so far."
    )
    dismissed = ArrayField(
        models.BigIntegerField(), default=list, blank=True, help_text="Suggested, not the same."
    )
    offered = ArrayField(
        models.CharField(max_length=40), default=list, blank=True, help_text="Answers offered."
    )
    begun_at = models.DateTimeField(default=timezone.now)
    saved_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-saved_at", "-id"]
        indexes = [
            # my drafts, newest first
            models.Index(
                fields=["person", "-saved_at"],
                name="draft_mine",
                condition=models.Q(state__in=["open", "abandoned"]),
            ),
            # drafts that nobody touched for long
            models.Index(fields=["saved_at"], name="draft_idle", condition=models.Q(state="open")),
        ]

    def __str__(self) -> str:
        return f"Draft {self.pk}"

    @property
    def reference(self) -> str:
        """How events name it: without what was typed."""
        return f"Draft {self.pk}"


class OpenSubmission(models.Model):
    """Sent through a form that is open to all: confirmed by mail, then held for review."""

    class State(models.TextChoices):
        UNCONFIRMED = "unconfirmed", "Address not confirmed"
        HELD = "held", "Waits for review"
        ACCEPTED = "accepted", "Became a request"
        REFUSED = "refused", "Refused"
        EXPIRED = "expired", "Never confirmed"

    key = models.UUIDField(default=uuid.uuid4, unique=True)
    form = models.ForeignKey(IntakeForm, on_delete=models.PROTECT, related_name="submissions")
    version = models.ForeignKey(FormVersion, on_delete=models.PROTECT, related_name="+")
    email = models.EmailField()
    name = models.CharField(max_length=120)
    data = models.JSONField(default=dict)
    title = models.CharField(max_length=120)
    problem = models.TextField(max_length=10_000, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.UNCONFIRMED)
    created_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was refused.")
    request = models.OneToOneField(
        Request, null=True, blank=True, on_delete=models.SET_NULL, related_name="submission"
    )

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            # what waits for review, oldest first
            models.Index(
                fields=["created_at"], name="submission_held", condition=models.Q(state="held")
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def reference(self) -> str:
        return f"Submission {self.pk}"
