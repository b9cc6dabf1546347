"""What the hub told whom, in the inbox and by mail."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class Notice(models.Model):
    """One message to one person about one event; the row is the inbox entry and the mail's slip.

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
    mail_wanted = models.BooleanField(default=True)
    mail_claimed_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mail_error = models.CharField(max_length=300, blank=True)

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
            # send_waiting_mails: the few that are not out yet
            models.Index(
                fields=["release_at"],
                name="notice_mail_waiting",
                condition=models.Q(mail_wanted=True, mailed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.title
