"""What the hub knows about each source: its state, its runs, its last payloads, its bad items."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse


class Source(models.TextChoices):
    """Where synced records come from."""

    JIRA = "jira", "Jira"
    PRODUCTBOARD = "productboard", "Productboard"
    SLACK = "slack", "Slack"
    MAIL = "mail", "Mail"


class SourceState(models.Model):
    """Where a source's sync stands. One row a source."""

    source = models.CharField(max_length=20, choices=Source.choices, unique=True)
    site_url = models.TextField(blank=True, help_text="Where people open an item in a browser.")
    watermark_at = models.DateTimeField(
        null=True, blank=True, help_text="Everything changed before this moment has been read."
    )
    scope = models.TextField(
        blank=True, help_text="What the watermark holds for; another scope is read from the start."
    )
    cursor = models.JSONField(
        null=True, blank=True, help_text="Where an unfinished run goes on. Empty between runs."
    )
    last_run = models.ForeignKey(
        "SyncRun", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    last_success_at = models.DateTimeField(null=True, blank=True)
    wait_until_at = models.DateTimeField(
        null=True, blank=True, help_text="The source asked us not to call before this moment."
    )
    refused_credentials = models.CharField(
        max_length=64, blank=True, help_text="Fingerprint of credentials that were refused."
    )
    refused_message = models.TextField(
        blank=True, default="", db_default="", help_text="What to renew, as people read it."
    )
    token_expires_on = models.DateField(
        null=True, blank=True, help_text="The day the token ends; admins are told before."
    )
    budget_left = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="Calls that the source still allows, by kind, as its last replies said.",
    )
    parts = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="Where parts of the source stand that are read beside the main one.",
    )

    def __str__(self) -> str:
        return self.get_source_display()


class SyncRun(models.Model):
    """One run: what it read, what it changed, how it ended."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        WAITING = "waiting", "Waiting"
        FAILED = "failed", "Failed"
        INTERRUPTED = "interrupted", "Interrupted"
        SKIPPED = "skipped", "Skipped"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "Schedule"
        PERSON = "person", "Person"
        COMMAND = "command", "Command line"

    source = models.CharField(max_length=20, choices=Source.choices)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.RUNNING)
    trigger = models.CharField(max_length=20, choices=Trigger.choices)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    is_full = models.BooleanField(default=False, help_text="Read everything, not only changes.")
    is_resumed = models.BooleanField(default=False, help_text="Went on where another run ended.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    pages = models.PositiveIntegerField(default=0)
    seen = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    transitions = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True, help_text="How it ended, in a sentence.")

    class Meta:
        ordering = ["-started_at", "-id"]
        indexes = [
            # the strip of a source's last runs and its latest runs
            models.Index(fields=["source", "-started_at", "-id"], name="sync_run_latest"),
            # runs that a killed worker left behind: few rows, looked for by every new run
            models.Index(
                fields=["source"],
                name="sync_run_open",
                condition=models.Q(status="running"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_source_display()}, {self.started_at:%d %B %Y %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("integrations:run", args=[self.pk])

    @property
    def duration(self) -> timedelta | None:
        """None while it runs."""
        return self.ended_at - self.started_at if self.ended_at else None


class SyncError(models.Model):
    """One item that could not be read, or whose history could not; the rest went on without it."""

    class Stage(models.TextChoices):
        ITEM = "item", "Reading the item"
        HISTORY = "history", "Reading its history"
        WRITE = "write", "Storing it"

    source = models.CharField(max_length=20, choices=Source.choices)
    run = models.ForeignKey(
        SyncRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="errors"
    )
    upstream_id = models.TextField()
    label = models.TextField(help_text="What people call it: its key, where known.")
    stage = models.CharField(max_length=20, choices=Stage.choices)
    message = models.TextField()
    attempts = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    is_skipped = models.BooleanField(
        default=False, db_default=False, help_text="Somebody decided to do without it."
    )

    class Meta:
        ordering = ["-last_at", "-id"]
        constraints = [
            # one open row an item; also the list of what is wrong now
            models.UniqueConstraint(
                fields=["source", "upstream_id"],
                name="sync_error_open_once",
                condition=models.Q(resolved_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.message}"


class RawRecord(models.Model):
    """The last payload of each upstream record, as it came.

    Text, not jsonb: a vendor may send what jsonb refuses (NUL), and it is read one at a time.
    """

    source = models.CharField(max_length=20, choices=Source.choices)
    kind = models.CharField(max_length=20)
    upstream_id = models.TextField()
    payload = models.TextField()
    received_at = models.DateTimeField(db_default=Now())
    previous = models.TextField(
        default="", db_default="", help_text="The payload before this one; empty for the first."
    )
    previous_at = models.DateTimeField(null=True, help_text="When that one was received.")

    class Meta:
        constraints = [
            # upsert by upstream id
            models.UniqueConstraint(
                fields=["source", "kind", "upstream_id"], name="raw_record_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_source_display()} {self.kind} {self.upstream_id}"
