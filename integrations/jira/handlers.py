"""What the hub does when Jira says that something changed: it reads that again.

A message may come twice, late, before an older one, or not at all, and its issue is in an older
shape; so nothing of it is stored as a fact. What is missed, the next run finds.
"""

from django.core.cache import cache
from django.utils import timezone

from intake import elsewhere
from integrations import inbox, runs
from integrations.errors import NotFound
from integrations.jira import (  # noqa: F401  they register what is done in Jira
    around,
    outgoing,
    shared_fields,
    webhooks,
)
from integrations.jira.config import jira_config
from integrations.jira.requests import has_issues, panel
from integrations.jira.session import jira_client
from integrations.jira.sync import read_issues
from integrations.models import InboundMessage, Source, SyncRun
from planning import services
from planning.models import WorkItem

# Sprints, boards, projects and versions change in bursts: one run reads them all.
RUN_EVERY_SECONDS = 30
ISSUE_KINDS = ("jira:issue_", "comment_", "issuelink_", "worklog_", "attachment_")
PARTS = {"sprint_": "boards", "board_": "boards", "jira:version_": "versions", "user_": "people"}
SURROUNDING_KINDS = ("sprint_", "board_", "project_", "jira:version_", "issue_property_", "user_")


@inbox.hears(Source.JIRA)
def ignore(message: InboundMessage) -> str:
    """Everything that concerns no work item."""
    return ""


def read_again(message: InboundMessage) -> str:
    """Read the issue that a message is about; says what became of it."""
    hint = webhooks.read_hint(message.body)
    if not hint.issue_id or not _concerns_us(hint):
        return ""
    known = WorkItem.objects.filter(source=Source.JIRA, upstream_id=hint.issue_id)
    if known.filter(synced_at__gt=message.received_at, deleted_at__isnull=True).exists():
        return f"{hint.key or hint.issue_id} was read in the meantime."
    if hint.issue_id in read_issues([hint.issue_id]):
        return f"{hint.key or hint.issue_id} was read again."
    # No proof that it is gone: the token may have lost sight of it. A full run looks by id.
    return f"Jira does not show {hint.key or hint.issue_id} any more. The next full run decides."


@inbox.hears(Source.JIRA, "jira:issue_deleted")
def bury(message: InboundMessage) -> str:
    """Mark a deleted issue, once Jira itself says that its id leads nowhere."""
    hint = webhooks.read_hint(message.body)
    stored = WorkItem.objects.filter(
        source=Source.JIRA, upstream_id=hint.issue_id, deleted_at__isnull=True
    )
    if not hint.issue_id or not stored.exists():
        return ""
    with jira_client() as client:
        try:
            client.issue(hint.issue_id, fields=["status"])
        except NotFound:
            pass
        else:
            read_issues([hint.issue_id])
            return f"{hint.key or hint.issue_id} is still there and was read again."
    services.mark_deleted(source=Source.JIRA, upstream_ids=[hint.issue_id])
    runs.drop_raw(Source.JIRA, "issue", [hint.issue_id])
    runs.resolve_errors(Source.JIRA, {hint.issue_id}, timezone.now())
    return f"{hint.key or hint.issue_id} was deleted."


def run_soon(message: InboundMessage) -> str:
    """Have a run read what stands around the issues."""
    from integrations.tasks import sync_jira

    for kind, part in PARTS.items():
        if message.kind.startswith(kind):
            around.make_due(part)
    if jira_config() is None:
        return ""
    if not cache.add("jira:run-asked", 1, RUN_EVERY_SECONDS):
        return "A run was asked for a moment ago."
    sync_jira.delay(trigger=SyncRun.Trigger.SCHEDULE.value)
    return "A run was asked for."


elsewhere.register("jira", panel, has_issues)
for _kind in ISSUE_KINDS:
    inbox.hears(Source.JIRA, _kind)(read_again)
for _kind in SURROUNDING_KINDS:
    inbox.hears(Source.JIRA, _kind)(run_soon)


def _concerns_us(hint: webhooks.Hint) -> bool:
    """Whether Jira is on, and the issue is in a project that is read, or stored already."""
    config = jira_config()
    if config is None:
        return False
    return (
        not config.projects
        or hint.project_key in config.projects
        or WorkItem.objects.filter(source=Source.JIRA, upstream_id=hint.issue_id).exists()
    )
