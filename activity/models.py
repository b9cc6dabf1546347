"""Who did what, when: audit trail, timeline and source of every measure."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class TransactionId(models.Func):
    """The id of the writing transaction, as a number.

    Readers that follow the trail need it: ids are handed out before commit, so a row with a
    lower id may become visible after one with a higher id. See `selectors.committed_since`.
    """

    template = "(pg_current_xact_id()::text::bigint)"
    output_field = models.BigIntegerField()


class Event(models.Model):
    """One fact. Never changed, never removed: a trigger in the database refuses both.

    `data` holds ids and codes, no free text, and `actor` is a plain reference, so that a name
    or a text can be erased elsewhere without touching history.
    """

    kind = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=60)
    subject_id = models.BigIntegerField()
    subject_label = models.CharField(max_length=120)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    occurred_at = models.DateTimeField(help_text="When it truly happened.")
    recorded_at = models.DateTimeField(db_default=Now(), help_text="When the hub wrote it down.")
    tx = models.BigIntegerField(db_default=TransactionId())
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-occurred_at", "-id"]
        indexes = [
            # timeline_for(subject): newest first
            models.Index(
                fields=["subject_type", "subject_id", "-occurred_at"], name="event_subject"
            ),
            # committed_since(tx): measures and indexes follow the trail
            models.Index(fields=["tx", "id"], name="event_tx"),
            # audit by kind in admin, newest first
            models.Index(fields=["kind", "-occurred_at"], name="event_kind"),
            # what one person did, for audits and "since you were here"
            models.Index(fields=["actor", "-occurred_at"], name="event_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_label}"


class EventDispatch(models.Model):
    """One handler's receipt for one event; beside the event, which never changes."""

    event = models.ForeignKey(Event, on_delete=models.DO_NOTHING, db_constraint=False)
    handler = models.CharField(max_length=120)
    created_at = models.DateTimeField(db_default=Now())
    done_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "event dispatches"
        constraints = [
            models.UniqueConstraint(fields=["event", "handler"], name="dispatch_once"),
        ]
        indexes = [
            # dispatch_missed_events: the few rows still open
            models.Index(
                fields=["created_at"],
                name="dispatch_open",
                condition=models.Q(done_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.handler} of event {self.event_id}"


class DailyUse(models.Model):
    """A person used a part of the hub on a day: once a day and part, whatever they did there."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    module = models.CharField(max_length=20)
    day = models.DateField(help_text="By the company's calendar.")

    class Meta:
        ordering = ["-day", "module"]
        constraints = [
            # the race of two first pages; counts by day and part read it, too
            models.UniqueConstraint(fields=["day", "module", "person"], name="daily_use_once"),
        ]

    def __str__(self) -> str:
        return f"Person {self.person_id} in {self.module} on {self.day}"
