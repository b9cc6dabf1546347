"""Requests that come in a file."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from intake.models.conversation import private_files
from intake.models.requests import Request


class ImportProfile(models.Model):
    """A mapping worth keeping: which column fills what."""

    name = models.CharField(max_length=80, unique=True)
    mapping = models.JSONField(default=dict)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ImportRun(models.Model):
    """One file on its way in: read, mapped, tried, brought in, perhaps taken back."""

    class State(models.TextChoices):
        MAPPING = "mapping", "Waits for its columns"
        TRYING = "trying", "Being tried"
        TRIED = "tried", "Tried"
        RUNNING = "running", "Being brought in"
        DONE = "done", "Brought in"
        FAILED = "failed", "Failed"
        UNDOING = "undoing", "Being taken back"
        UNDONE = "undone", "Taken back"

    file = models.FileField(upload_to="imports/", storage=private_files, max_length=200)
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    system = models.CharField(
        max_length=40, help_text="Where the rows come from, like airtable: their ids belong to it."
    )
    dialect = models.JSONField(default=dict, help_text="Encoding, separator, order of dates.")
    columns = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.MAPPING)
    rows = models.PositiveIntegerField(default=0)
    done_rows = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict, help_text="new, changed, same, faulty.")
    error = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    touched_at = models.DateTimeField(default=timezone.now, help_text="Last sign of its worker.")
    finished_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True, help_text="When all was brought in.")

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_working(self) -> bool:
        """A worker has it in hand."""
        return self.state in (self.State.TRYING, self.State.RUNNING, self.State.UNDOING)

    @property
    def percent(self) -> int:
        """How far the worker is."""
        return min(100, 100 * self.done_rows // max(1, self.rows))

    @property
    def reference(self) -> str:
        return f"Import {self.pk}"


class ImportRow(models.Model):
    """What became of one row."""

    class Result(models.TextChoices):
        NEW = "new", "New"
        CHANGED = "changed", "Changed"
        SAME = "same", "Same as before"
        FAULTY = "faulty", "Needs a change"

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField(help_text="Line of the file, the header being 1.")
    source_ref = models.CharField(max_length=200, blank=True)
    result = models.CharField(max_length=10, choices=Result.choices)
    faults = models.JSONField(default=list, help_text="What to change, by column.")
    lost = models.JSONField(default=list, help_text="What could not be taken over, by column.")
    before = models.JSONField(default=dict, help_text="What an update replaced.")
    request = models.ForeignKey(
        Request, null=True, blank=True, on_delete=models.SET_NULL, related_name="import_rows"
    )

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="import_row_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} line {self.number}"
