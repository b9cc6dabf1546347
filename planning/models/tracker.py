"""What stands around work items in the tracker: sprints, versions, links, texts."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from planning.models.work import WorkItem


class Board(models.Model):
    """A board of the tracker."""

    source = models.CharField(max_length=20)
    upstream_id = models.CharField(max_length=64)
    name = models.TextField()
    kind = models.CharField(max_length=20, blank=True, help_text="scrum, kanban or simple.")
    project_key = models.TextField(blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "upstream_id"]
        constraints = [
            # upsert by upstream id
            models.UniqueConstraint(fields=["source", "upstream_id"], name="board_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Sprint(models.Model):
    """A sprint. One that only stands in old histories has a name and no dates."""

    class State(models.TextChoices):
        FUTURE = "future", "Planned"
        ACTIVE = "active", "Running"
        CLOSED = "closed", "Closed"
        UNKNOWN = "unknown", "Unknown"

    source = models.CharField(max_length=20)
    upstream_id = models.CharField(max_length=64)
    name = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.UNKNOWN)
    goal = models.TextField(blank=True, db_default="")
    board_upstream_id = models.CharField(max_length=64, blank=True, db_default="")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            # upsert by upstream id
            models.UniqueConstraint(fields=["source", "upstream_id"], name="sprint_once"),
        ]

    def __str__(self) -> str:
        return self.name


class SprintChange(models.Model):
    """One change of an item's sprints, as the tracker recorded it: the whole list before, after."""

    work_item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, related_name="sprint_changes")
    history_id = models.TextField(help_text="The tracker's id of the change.")
    position = models.PositiveSmallIntegerField(help_text="Its place among items of that change.")
    occurred_at = models.DateTimeField()
    from_ids = ArrayField(models.TextField())
    to_ids = ArrayField(models.TextField())
    author_name = models.TextField()

    class Meta:
        ordering = ["occurred_at", "id"]
        constraints = [
            # reading the same history twice adds nothing; also the history of one item
            models.UniqueConstraint(
                fields=["work_item", "history_id", "position"], name="sprint_change_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{', '.join(self.from_ids)} → {', '.join(self.to_ids)}"


class SprintStay(models.Model):
    """An item was in a sprint from `entered_at` to `left_at`.

    Follows from the changes and from the sprints that the item has now. Without `left_at` it was
    in the sprint to its end, or still is: the tracker leaves closed sprints on an item.
    """

    work_item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, related_name="sprint_stays")
    sprint = models.ForeignKey(Sprint, on_delete=models.CASCADE, related_name="stays")
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-entered_at", "-id"]
        constraints = [
            # one stay a beginning; also the sprints of one item
            models.UniqueConstraint(
                fields=["work_item", "sprint", "entered_at"], name="sprint_stay_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.work_item_id} in {self.sprint_id}"

    @property
    def is_added_late(self) -> bool:
        """It came in after the sprint had begun."""
        starts_at = self.sprint.starts_at
        return (
            starts_at is not None
            and self.sprint.state != Sprint.State.FUTURE
            and self.entered_at > starts_at
        )

    @property
    def is_taken_out(self) -> bool:
        """It was taken out while the sprint ran."""
        starts_at, ends_at = self.sprint.starts_at, self.sprint.completed_at
        return (
            self.left_at is not None
            and starts_at is not None
            and self.sprint.state != Sprint.State.FUTURE
            and starts_at < self.left_at
            and (ends_at is None or self.left_at < ends_at)
        )


class Version(models.Model):
    """A version (release) of a project."""

    source = models.CharField(max_length=20)
    upstream_id = models.CharField(max_length=64)
    project_upstream_id = models.CharField(max_length=64, blank=True, db_default="")
    name = models.TextField()
    description = models.TextField(blank=True, db_default="")
    is_released = models.BooleanField(default=False, db_default=False)
    is_archived = models.BooleanField(default=False, db_default=False)
    starts_on = models.DateField(null=True, blank=True)
    released_on = models.DateField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "upstream_id"]
        constraints = [
            # upsert by upstream id
            models.UniqueConstraint(fields=["source", "upstream_id"], name="version_once"),
        ]

    def __str__(self) -> str:
        return self.name


class WorkLink(models.Model):
    """A typed link between two items, once, however many of its ends were read."""

    source = models.CharField(max_length=20)
    upstream_id = models.TextField()
    type_name = models.TextField()
    outward = models.TextField(help_text="What the first does to the second: blocks.")
    inward = models.TextField(help_text="What the second has from the first: is blocked by.")
    from_upstream_id = models.TextField()
    from_key = models.TextField()
    to_upstream_id = models.TextField()
    to_key = models.TextField()

    class Meta:
        ordering = ["type_name", "id"]
        constraints = [
            # one row a link
            models.UniqueConstraint(fields=["source", "upstream_id"], name="work_link_once"),
        ]
        indexes = [
            # the links of an item, from either end
            models.Index(fields=["from_upstream_id"], name="work_link_from"),
            models.Index(fields=["to_upstream_id"], name="work_link_to"),
        ]

    def __str__(self) -> str:
        return f"{self.from_key} {self.outward} {self.to_key}"


class WorkRemoteLink(models.Model):
    """A link from an item to a page elsewhere."""

    work_item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, related_name="remote_links")
    upstream_id = models.TextField()
    title = models.TextField()
    url = models.TextField()
    summary = models.TextField(blank=True)
    application = models.TextField(blank=True)

    class Meta:
        ordering = ["title", "id"]
        constraints = [
            # one row a link
            models.UniqueConstraint(fields=["work_item", "upstream_id"], name="remote_link_once"),
        ]

    def __str__(self) -> str:
        return self.title


class WorkText(models.Model):
    """The description of an item, as the tracker sent it: a document as JSON, or a text."""

    work_item = models.OneToOneField(
        WorkItem, primary_key=True, on_delete=models.CASCADE, related_name="text"
    )
    document = models.TextField()

    def __str__(self) -> str:
        return f"Description of {self.work_item_id}"


class WorkComment(models.Model):
    """A comment that everybody who sees the item may read."""

    work_item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, related_name="comments")
    upstream_id = models.TextField()
    author_name = models.TextField()
    document = models.TextField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            # upsert by upstream id; also the comments of one item
            models.UniqueConstraint(fields=["work_item", "upstream_id"], name="work_comment_once"),
        ]

    def __str__(self) -> str:
        return f"{self.author_name}, {self.created_at:%d %B %Y}"


class WorkLog(models.Model):
    """Time that somebody wrote down for an item."""

    work_item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, related_name="work_logs")
    upstream_id = models.TextField()
    author_name = models.TextField()
    started_at = models.DateTimeField()
    spent_seconds = models.PositiveBigIntegerField()
    document = models.TextField(blank=True, help_text="What was done.")
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            # upsert by upstream id; also the logs of one item
            models.UniqueConstraint(fields=["work_item", "upstream_id"], name="work_log_once"),
        ]

    def __str__(self) -> str:
        return f"{self.author_name}, {self.started_at:%d %B %Y}"
