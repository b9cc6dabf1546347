"""Slack's channels, who is in them, and what is said in those that Product Ops picked."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models.functions import Now

KEEP_DAYS = 180
LONGEST_KEEP_DAYS = 3650


class SlackChannel(models.Model):
    """One channel. Only where `is_picked` is anything read; how far stands in the row too."""

    channel_id = models.TextField(unique=True)
    name = models.TextField(blank=True)
    is_private = models.BooleanField(default=True)
    is_archived = models.BooleanField(default=False)
    is_shared = models.BooleanField(default=False, help_text="With people of another company.")
    is_joined = models.BooleanField(default=False, help_text="The app is in it.")
    gone_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when Slack does not show it to the app."
    )
    is_picked = models.BooleanField(default=False, help_text="Its messages are read.")
    keep_days = models.PositiveIntegerField(
        default=KEEP_DAYS, help_text="Messages are forgotten after so many days."
    )
    digest_at = models.TimeField(
        null=True, blank=True, help_text="When the daily digest is posted there; empty for none."
    )
    members_read_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(
        null=True, blank=True, help_text="All that was said before this moment has been read."
    )
    full_at = models.DateTimeField(
        null=True, blank=True, help_text="When all that is kept was compared with Slack last."
    )
    resume = models.JSONField(
        default=dict, blank=True, help_text="Where an unfinished reading goes on."
    )
    forgotten = models.PositiveIntegerField(
        default=0, help_text="How many messages were too old last night."
    )
    forgotten_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "channel_id"]

    def __str__(self) -> str:
        return f"#{self.name or self.channel_id}"


class SlackMember(models.Model):
    """An account that is in a channel which the hub reads or posts to."""

    channel = models.ForeignKey(SlackChannel, on_delete=models.CASCADE, related_name="members")
    user_id = models.TextField()

    class Meta:
        constraints = [
            # once a channel; also whether somebody is in it
            models.UniqueConstraint(fields=["channel", "user_id"], name="slack_member_once"),
        ]

    def __str__(self) -> str:
        return self.user_id


class SlackMessage(models.Model):
    """One message as Slack shows it now. What is deleted there is deleted here.

    `ts` names it within its channel: text, since a float loses its last digits.
    """

    channel = models.ForeignKey(SlackChannel, on_delete=models.CASCADE, related_name="messages")
    ts = models.TextField()
    thread_ts = models.TextField(blank=True, help_text="The first message of its thread.")
    user_id = models.TextField(blank=True)
    is_bot = models.BooleanField(default=False)
    subtype = models.TextField(blank=True)
    text = models.TextField(blank=True, help_text="In plain words.")
    edited_ts = models.TextField(blank=True)
    reactions = models.JSONField(default=list, blank=True, help_text="[[name, [accounts]]].")
    sent_at = models.DateTimeField()
    root_at = models.DateTimeField(
        help_text="When its thread began; the same as sent_at for what stands in the channel."
    )
    replies_read = models.TextField(
        blank=True, help_text="What Slack said of its thread when that was read last."
    )
    changed_at = models.DateTimeField(db_default=Now(), help_text="When this row was written.")
    search_vector = models.GeneratedField(
        expression=SearchVector("text", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        ordering = ["-sent_at"]
        constraints = [
            # upsert by what Slack calls it
            models.UniqueConstraint(fields=["channel", "ts"], name="slack_message_once"),
        ]
        indexes = [
            # what stands in a stretch of a channel, and what is too old
            models.Index(fields=["channel", "root_at"], name="slack_message_root"),
            # the messages of a day
            models.Index(fields=["channel", "sent_at"], name="slack_message_sent"),
            # the replies of a thread
            models.Index(
                fields=["channel", "thread_ts"],
                name="slack_message_thread",
                condition=~models.Q(thread_ts=""),
            ),
            # search by words
            GinIndex(fields=["search_vector"], name="slack_message_words"),
        ]

    def __str__(self) -> str:
        return self.ts
