"""What sources sent us by themselves: stored first, worked on later, once."""

from django.db import models
from django.db.models.functions import Now

from integrations.models.syncing import Source


class InboundMessage(models.Model):
    """One webhook, event or mail, as it came.

    A source that sends it again under the same key is answered and not heard twice.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        IGNORED = "ignored", "Ignored"
        FAILED = "failed", "Failed"

    source = models.CharField(max_length=20, choices=Source.choices)
    kind = models.CharField(max_length=60, help_text="What it says: jira:issue_updated.")
    key = models.CharField(max_length=200, help_text="The same whenever it is sent again.")
    subject = models.TextField(blank=True, help_text="What it is about: an issue's id.")
    body = models.TextField(blank=True)
    received_at = models.DateTimeField(db_default=Now())
    times = models.PositiveIntegerField(default=1, help_text="How often it came.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    handled_at = models.DateTimeField(null=True, blank=True)
    message = models.TextField(blank=True, help_text="What became of it, in a sentence.")

    class Meta:
        ordering = ["-received_at", "-id"]
        constraints = [
            # a message that comes again
            models.UniqueConstraint(fields=["source", "key"], name="inbound_message_once"),
        ]
        indexes = [
            # what waits to be worked on
            models.Index(
                fields=["due_at"],
                name="inbound_waiting",
                condition=models.Q(state="waiting"),
            ),
            # the list of a source's messages
            models.Index(fields=["source", "-received_at"], name="inbound_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_source_display()} {self.kind}"
