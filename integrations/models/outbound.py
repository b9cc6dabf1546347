"""What the hub does in other systems: written down first, done at most once."""

from django.db import models
from django.db.models.functions import Now

from integrations.models.syncing import Source


class Delivery(models.Model):
    """One effect that the hub wants in a source: an issue, a note, a reply in a thread.

    Claimed by a lease, so that a killed worker leaves it to the next one. `key` names the effect:
    planned twice, it is one. Before an effect is tried again its handler looks whether it is
    there already.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Being sent"
        DONE = "done", "Done"
        DEAD = "dead", "Given up"
        SKIPPED = "skipped", "Skipped"

    source = models.CharField(max_length=20, choices=Source.choices)
    action = models.CharField(max_length=40, help_text="What is done: create_issue.")
    key = models.CharField(max_length=200, unique=True)
    lane = models.CharField(
        max_length=200,
        blank=True,
        help_text="Those of one lane go out one after the other, oldest first.",
    )
    subject_type = models.CharField(max_length=40, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)
    subject_label = models.TextField(blank=True)
    payload = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    leased_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True, help_text="What the source answered: ids.")
    message = models.TextField(blank=True, help_text="What went wrong last, in a sentence.")

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "deliveries"
        indexes = [
            # what is due
            models.Index(
                fields=["due_at", "id"],
                name="delivery_due",
                condition=models.Q(state__in=["waiting", "sending"]),
            ),
            # what stands before it in its lane
            models.Index(
                fields=["lane", "id"],
                name="delivery_lane",
                condition=models.Q(state__in=["waiting", "sending"]),
            ),
            # what was done about one thing
            models.Index(fields=["subject_type", "subject_id"], name="delivery_subject"),
            # the list of a source
            models.Index(fields=["source", "-created_at"], name="delivery_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_source_display()}: {self.action} {self.subject_label}".strip()
