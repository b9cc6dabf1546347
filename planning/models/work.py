"""Work in the tracker, as the hub holds it."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.urls import reverse

from accounts.models import Team


class Category(models.TextChoices):
    """What kind of status it is, by Jira's own keys: the same on every site, in every language."""

    NEW = "new", "To do"
    INDETERMINATE = "indeterminate", "In progress"
    DONE = "done", "Done"
    UNDEFINED = "undefined", "Unmapped"


class Phase(models.TextChoices):
    """Where a work item stands, after the flow rules were applied to its status."""

    WAITING = "waiting", "Waiting"
    ACTIVE = "active", "In progress"
    DONE = "done", "Done"
    UNMAPPED = "unmapped", "Unmapped"


class WorkProject(models.Model):
    """A project of the tracker, and the team here that works in it. Only `team` is ours."""

    source = models.CharField(max_length=20)
    upstream_id = models.CharField(max_length=64)
    key = models.TextField()
    name = models.TextField()
    team = models.ForeignKey(
        Team,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="work_projects",
        help_text="Its work items belong to this team.",
    )

    class Meta:
        ordering = ["key"]
        constraints = [
            # upsert by upstream id
            models.UniqueConstraint(fields=["source", "upstream_id"], name="work_project_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.key})"


class WorkStatus(models.Model):
    """A status of the tracker, by id: names repeat across projects and change."""

    source = models.CharField(max_length=20)
    upstream_id = models.CharField(max_length=64)
    name = models.TextField()
    category = models.CharField(max_length=20, choices=Category.choices, default=Category.UNDEFINED)

    class Meta:
        ordering = ["name", "upstream_id"]
        verbose_name_plural = "work statuses"
        constraints = [
            # upsert by upstream id
            models.UniqueConstraint(fields=["source", "upstream_id"], name="work_status_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.upstream_id})"


class FlowRule(models.Model):
    """How a status counts when work is timed.

    Without a rule the status's category decides: to do waits, in progress is active, done is
    done. A rule of a project wins over one for all projects.
    """

    PHASES = [choice for choice in Phase.choices if choice[0] != Phase.UNMAPPED]

    project = models.ForeignKey(
        WorkProject,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="flow_rules",
        help_text="Leave empty for all projects.",
    )
    status = models.ForeignKey(WorkStatus, on_delete=models.CASCADE, related_name="flow_rules")
    phase = models.CharField(
        "counts as",
        max_length=10,
        choices=PHASES,
        help_text="The clock starts with the first step into “In progress” and stops with the "
        "step into “Done”.",
    )

    class Meta:
        ordering = ["project__key", "status__name"]
        constraints = [
            # one answer a status and project; two rules for all projects clash as well
            models.UniqueConstraint(
                fields=["project", "status"], name="flow_rule_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        where = self.project.key if self.project else "all projects"
        return f"{self.status.name} in {where}: {self.get_phase_display()}"


class WorkItem(models.Model):
    """A piece of work in the tracker. The tracker owns it: nothing here is edited by hand.

    `started_at`, `finished_at`, `cycle_seconds` and `phase` follow from the history and the flow
    rules; `services.upsert_work_items` and `services.recompute_flow` keep them.
    """

    source = models.CharField(max_length=20)
    upstream_id = models.TextField()
    key = models.TextField()
    old_keys = ArrayField(models.TextField(), default=list, db_default=[], blank=True)
    title = models.TextField()
    type_name = models.TextField()
    project_key = models.TextField()
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="work_items"
    )
    status_id = models.TextField()
    status_name = models.TextField()
    status_category = models.CharField(max_length=20, choices=Category.choices)
    assignee_name = models.TextField()
    assignee_account_id = models.TextField()
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="work_items",
    )
    parent_key = models.TextField()
    priority = models.TextField()
    labels = ArrayField(models.TextField(), default=list, db_default=[], blank=True)
    story_points = models.FloatField(null=True, blank=True)
    sprint_ids = ArrayField(models.TextField(), default=list, db_default=[], blank=True)
    version_ids = ArrayField(models.TextField(), default=list, db_default=[], blank=True)
    url = models.TextField()
    upstream_created_at = models.DateTimeField()
    upstream_updated_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(help_text="When the hub last wrote it.")
    deleted_at = models.DateTimeField(null=True, blank=True, db_default=None)
    is_history_complete = models.BooleanField(
        help_text="Every change of status is known. Cycle time is only given where it is."
    )
    is_sprint_history_complete = models.BooleanField(
        default=True,
        db_default=True,
        help_text="The changes of its sprints lead to those that it has now.",
    )
    are_remote_links_due = models.BooleanField(
        default=False, db_default=False, help_text="Its links elsewhere are to be read again."
    )
    phase = models.CharField(max_length=10, choices=Phase.choices, db_default=Phase.UNMAPPED)
    started_at = models.DateTimeField(null=True, blank=True, db_default=None)
    finished_at = models.DateTimeField(null=True, blank=True, db_default=None)
    cycle_seconds = models.BigIntegerField(null=True, blank=True, db_default=None)
    search_text = models.GeneratedField(
        expression=SearchVector("title", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        ordering = ["-upstream_updated_at", "-id"]
        constraints = [
            # upsert by upstream id
            models.UniqueConstraint(fields=["source", "upstream_id"], name="work_item_once"),
        ]
        indexes = [
            # /work/<key>/ and exact hits of search
            models.Index(fields=["key"], name="work_item_key"),
            # /work/<old key>/ after a move
            GinIndex(fields=["old_keys"], name="work_item_old_keys"),
            # words of a title, for the list's filter and for search
            GinIndex(fields=["search_text"], name="work_item_words"),
            # the list without filters, newest change first
            models.Index(
                fields=["-upstream_updated_at", "-id"],
                name="work_item_recent",
                condition=models.Q(deleted_at__isnull=True),
            ),
            # the list by team and phase
            models.Index(
                fields=["team", "phase", "-upstream_updated_at", "-id"],
                name="work_item_team",
                condition=models.Q(deleted_at__isnull=True),
            ),
            # the list by project and phase
            models.Index(
                fields=["project_key", "phase", "-upstream_updated_at", "-id"],
                name="work_item_project",
                condition=models.Q(deleted_at__isnull=True),
            ),
            # the list by phase, and how many are in progress
            models.Index(
                fields=["phase", "-upstream_updated_at", "-id"],
                name="work_item_phase",
                condition=models.Q(deleted_at__isnull=True),
            ),
            # what has been in hand longest
            models.Index(
                fields=["started_at"],
                name="work_item_oldest",
                condition=models.Q(phase="active", deleted_at__isnull=True),
            ),
            # the list of one version
            GinIndex(fields=["version_ids"], name="work_item_versions"),
            # whose links elsewhere the next run reads
            models.Index(
                fields=["upstream_updated_at"],
                name="work_item_links_due",
                condition=models.Q(are_remote_links_due=True),
            ),
            # the list of one person
            models.Index(
                fields=["assignee", "-upstream_updated_at"],
                name="work_item_assignee",
                condition=models.Q(deleted_at__isnull=True, assignee__isnull=False),
            ),
            # cycle time of what finished in the last weeks
            models.Index(
                fields=["finished_at", "cycle_seconds"],
                name="work_item_finished",
                condition=models.Q(finished_at__isnull=False, deleted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.key})"

    def get_absolute_url(self) -> str:
        return reverse("planning:work-item", args=[self.key])

    @property
    def reference(self) -> str:
        return self.key


class Transition(models.Model):
    """One change of status, as the tracker recorded it."""

    work_item = models.ForeignKey(WorkItem, on_delete=models.CASCADE, related_name="transitions")
    history_id = models.TextField(help_text="The tracker's id of the change.")
    position = models.PositiveSmallIntegerField(help_text="Its place among items of that change.")
    occurred_at = models.DateTimeField()
    from_status_id = models.TextField()
    from_name = models.TextField()
    to_status_id = models.TextField()
    to_name = models.TextField()
    author_name = models.TextField()

    class Meta:
        ordering = ["occurred_at", "id"]
        constraints = [
            # reading the same history twice adds nothing; also the history of one item
            models.UniqueConstraint(
                fields=["work_item", "history_id", "position"], name="transition_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_name} → {self.to_name}"
