"""Rules that route, promises that run, and actions that can be taken back."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models import Team
from intake.models.requests import Kind, Priority, Request


class RoutingRule(models.Model):
    """If a request looks like this, it goes there. All conditions given must hold."""

    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    stops = models.BooleanField(
        "stop here", default=True, help_text="Later rules are not looked at once this one fired."
    )
    kinds = ArrayField(
        models.CharField(max_length=10, choices=Kind.choices), default=list, blank=True
    )
    forms = models.ManyToManyField("intake.IntakeForm", blank=True, related_name="+")
    areas = models.ManyToManyField(
        Team, blank=True, related_name="+", help_text="The product area that the requester chose."
    )
    words = models.TextField(
        blank=True, help_text="One a line; any of them in the title or the problem."
    )
    departments = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    requester_teams = models.ManyToManyField(Team, blank=True, related_name="+")
    to_team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    to_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    to_priority = models.CharField(max_length=10, choices=Priority.choices, blank=True)
    add_labels = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    triage_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Instead of the form's promise."
    )
    decision_days = models.PositiveSmallIntegerField(null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def reference(self) -> str:
        return f"Rule {self.pk}"


class RoutingHit(models.Model):
    """A rule fired on a request; rerouted elsewhere later, it was wrong."""

    rule = models.ForeignKey(RoutingRule, on_delete=models.CASCADE, related_name="hits")
    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="routing_hits")
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)
    rerouted_at = models.DateTimeField(null=True, blank=True)
    rerouted_to = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "request"], name="routing_hit_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} on {self.request_id}"


class Promise(models.Model):
    """One thing that the hub promised about a request, on the working clock of its team."""

    class Kind(models.TextChoices):
        FIRST_ANSWER = "first_answer", "First answer"
        TRIAGE = "triage", "Read and routed"
        DECISION = "decision", "Decision"

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="promises")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    days = models.PositiveSmallIntegerField(help_text="Working days promised.")
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    paused_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when it waits for the requester."
    )
    waited_seconds = models.PositiveIntegerField(
        default=0, help_text="Working seconds that it has waited for the requester so far."
    )
    met_at = models.DateTimeField(null=True, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["request", "due_at"]
        constraints = [
            models.UniqueConstraint(fields=["request", "kind"], name="promise_once"),
        ]
        indexes = [
            # the clock's sweep: what runs, by when it falls due
            models.Index(
                fields=["due_at"],
                name="promise_running",
                condition=models.Q(met_at__isnull=True, paused_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.request_id}"


class Undo(models.Model):
    """What it takes to take an action back, for as long as it may be."""

    key = models.UUIDField(default=uuid.uuid4, help_text="One for a whole bulk action.")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    event_id = models.BigIntegerField()
    kind = models.CharField(max_length=60)
    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="+")
    before = models.JSONField()
    until = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["key"], name="undo_key"),
            # handlers ask whether an event was taken back
            models.Index(fields=["event_id"], name="undo_event"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.request_id}"
