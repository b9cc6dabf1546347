"""Fields that a request and what stands for it both have: who owns them, and where they differ."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from integrations.models.links import ItemLink
from integrations.models.syncing import Source


class SharedField(models.TextChoices):
    """What both sides have."""

    TITLE = "title", "Title"
    OWNER = "owner", "Owner"
    STATUS = "status", "Status"


class FieldRule(models.Model):
    """Who owns a field. Without a rule each side keeps its own, and nothing is sent or taken."""

    class Owner(models.TextChoices):
        HUB = "hub", "The hub: its value goes out"
        UPSTREAM = "upstream", "The source: its value comes in"
        ASK = "ask", "Whoever changed it last; where both did, a person chooses"

    source = models.CharField(max_length=20, choices=Source.choices)
    field = models.CharField(max_length=20, choices=SharedField.choices)
    owner = models.CharField(max_length=10, choices=Owner.choices)

    class Meta:
        ordering = ["source", "field"]
        constraints = [
            # one owner a field
            models.UniqueConstraint(fields=["source", "field"], name="field_rule_once"),
        ]

    def __str__(self) -> str:
        return f"{self.get_field_display()} in {self.get_source_display()}"


class FieldState(models.Model):
    """One field of one link: what each side says now, and what they said when they last agreed.

    Both may have agreed to differ: they did when they were linked.
    """

    class State(models.TextChoices):
        SETTLED = "settled", "Settled"
        SENDING = "sending", "On its way"
        CONFLICT = "conflict", "Conflict"

    link = models.ForeignKey(ItemLink, on_delete=models.CASCADE, related_name="fields")
    field = models.CharField(max_length=20, choices=SharedField.choices)
    here = models.TextField(blank=True)
    there = models.TextField(blank=True)
    here_at = models.DateTimeField(null=True, blank=True)
    there_at = models.DateTimeField(null=True, blank=True)
    here_by = models.TextField(blank=True)
    there_by = models.TextField(blank=True)
    agreed_here = models.TextField(blank=True)
    agreed_there = models.TextField(blank=True)
    agreed_at = models.DateTimeField(
        null=True, blank=True, help_text="Empty while they never had the same value."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.SETTLED)
    sent = models.TextField(blank=True, help_text="The value that is on its way.")
    own = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="Values sent since they agreed.",
    )
    sends = models.PositiveIntegerField(default=0, help_text="How often a value was sent.")
    message = models.TextField(blank=True, help_text="Why a person is asked.")
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-changed_at", "-id"]
        constraints = [
            # one row a link and field
            models.UniqueConstraint(fields=["link", "field"], name="field_state_once"),
        ]
        indexes = [
            # what waits for a person
            models.Index(
                fields=["-changed_at"],
                name="field_state_conflict",
                condition=models.Q(state="conflict"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_field_display()} of {self.link_id}"
