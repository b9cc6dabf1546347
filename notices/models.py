"""What the hub told whom, in the inbox and by mail."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class Notice(models.Model):
    """One message to one person about one event; the row is the inbox entry and the mail's slip."""

    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    event_id = models.BigIntegerField(help_text="The event that caused it.")
    kind = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    url = models.CharField(max_length=300)
    is_action = models.BooleanField(default=False, help_text="The reader should do something.")
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)
    mail_wanted = models.BooleanField(default=True)
    mail_claimed_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mail_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            # an event that is handed out again tells nobody twice
            models.UniqueConstraint(fields=["recipient", "event_id"], name="notice_once"),
        ]
        indexes = [
            # inbox, newest first
            models.Index(fields=["recipient", "-created_at"], name="notice_inbox"),
            # the bell's number
            models.Index(
                fields=["recipient"],
                name="notice_unread",
                condition=models.Q(read_at__isnull=True),
            ),
            # send_waiting_mails: the few that are not out yet
            models.Index(
                fields=["created_at"],
                name="notice_mail_waiting",
                condition=models.Q(mail_wanted=True, mailed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.title
