"""What the hub told whom, by which channel, and how each person wants to hear."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class Notice(models.Model):
    """One message to one person about one event; the row is the inbox entry.

    Until `release_at` it waits in the outbox: neither shown, counted nor mailed, so that an
    action undone in time tells nobody. Subject and label are copied from the event.
    """

    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    event_id = models.BigIntegerField(help_text="The event that caused it.")
    kind = models.CharField(max_length=60)
    channel_kind = models.CharField(
        max_length=40, blank=True, help_text="What the reader's preferences call it."
    )
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)
    subject_label = models.CharField(max_length=120, blank=True)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    why = models.CharField(max_length=120, blank=True, help_text="Because you asked, voted…")
    url = models.CharField(max_length=300)
    guest_url = models.CharField(
        max_length=300,
        blank=True,
        help_text="For people without an account: opens without sign-in.",
    )
    is_action = models.BooleanField(default=False, help_text="The reader should do something.")
    created_at = models.DateTimeField(default=timezone.now)
    release_at = models.DateTimeField(
        db_default=Now(), help_text="Before this moment nobody sees it."
    )
    read_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.BigIntegerField(
        null=True, blank=True, help_text="The later event that did what this one asked."
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-release_at", "-id"]
        constraints = [
            # an event that is handed out again tells nobody twice
            models.UniqueConstraint(fields=["recipient", "event_id"], name="notice_once"),
        ]
        indexes = [
            # inbox, newest first
            models.Index(fields=["recipient", "-release_at", "-id"], name="notice_inbox"),
            # last_heard: who heard of a thing, and when
            models.Index(
                fields=["subject_type", "subject_id", "recipient", "-release_at"],
                name="notice_last_heard",
            ),
            # cancel: what an event wrote
            models.Index(fields=["event_id"], name="notice_event"),
            # the bell's number
            models.Index(
                fields=["recipient"],
                name="notice_unread",
                condition=models.Q(read_at__isnull=True),
            ),
            # cancel: what an undone event had settled
            models.Index(
                fields=["settled_by"],
                name="notice_settled",
                condition=models.Q(settled_by__isnull=False),
            ),
            # what still needs a person, on top of the inbox
            models.Index(
                fields=["recipient"],
                name="notice_needs",
                condition=models.Q(is_action=True, done_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    # Plain texts, not `reverse`: the inbox shows fifty of each.
    @property
    def open_url(self) -> str:
        return f"/inbox/{self.pk}/open/"

    @property
    def move_url(self) -> str:
        return f"/inbox/{self.pk}/move/"


class Slip(models.Model):
    """Something that goes out once: claimed for a lease, tried again later, given up at last."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        DROPPED = "dropped", "Not wanted any more"
        FAILED = "failed", "Failed"

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    due_at = models.DateTimeField(help_text="Not tried before this moment.")
    claimed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        abstract = True


class Digest(Slip):
    """One mail of one day to one person, with what waited for it."""

    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="digests"
    )
    on = models.DateField(help_text="The day in the person's own time zone.")

    class Meta:
        ordering = ["-on", "-id"]
        constraints = [
            # two beats at once make one
            models.UniqueConstraint(fields=["recipient", "on"], name="digest_once_a_day"),
        ]
        indexes = [
            # send_digests: the few that did not get out
            models.Index(
                fields=["due_at"], name="digest_waiting", condition=models.Q(status="waiting")
            ),
        ]

    def __str__(self) -> str:
        return f"Digest of {self.on:%d %B %Y}"


class Delivery(Slip):
    """One notice on its way through one channel, alone or in a digest."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=20)
    in_digest = models.BooleanField(default=False, help_text="Waits for the day's one mail.")
    digest = models.ForeignKey(
        Digest, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["notice", "channel"], name="delivery_once"),
        ]
        indexes = [
            # send_waiting: what is due and did not get out
            models.Index(
                fields=["due_at"],
                name="delivery_waiting",
                condition=models.Q(status="waiting", in_digest=False),
            ),
            # digests_due: what waits for a digest
            models.Index(
                fields=["notice"],
                name="delivery_for_digest",
                condition=models.Q(status="waiting", in_digest=True, digest__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} of notice {self.notice_id}"


class Preference(models.Model):
    """How a person wants to hear. What is not in it follows the defaults of kinds and channels."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preference"
    )
    paces = models.JSONField(default=dict, blank=True, help_text="Kind to pace.")
    channels = models.JSONField(default=dict, blank=True, help_text="Channel to on or off.")
    paused_until = models.DateField(
        null=True, blank=True, help_text="First day on which mails go out again."
    )

    def __str__(self) -> str:
        return f"How person {self.person_id} hears"
