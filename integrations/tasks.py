"""Background work of the integrations."""

import time

from celery import shared_task

from integrations import deliveries, inbox, runs
from integrations.errors import AlreadyRunning, NotConfigured, UpstreamError
from integrations.jira import sync as jira
from integrations.mail import sync as mailbox
from integrations.models import Source, SyncError, SyncRun
from integrations.productboard import sync as productboard
from integrations.slack import sync as slack
from integrations.sources import connector

# A long first sync works in parts, each well under the broker's visibility time-out.
JIRA_PART_SECONDS = 1200
MIN_PAUSE_SECONDS = 1.0
# A countdown above the broker's visibility time-out would be delivered twice. Of a longer pause
# the schedule takes care.
MAX_PAUSE_SECONDS = 1500.0


@shared_task(acks_late=True, soft_time_limit=1500, time_limit=1560)
def sync_jira(
    full: bool = False,
    trigger: str = SyncRun.Trigger.SCHEDULE.value,
    started_by_id: int | None = None,
) -> None:
    """Read what changed in Jira. Queues itself again when Jira asks for a pause."""
    try:
        run = jira.sync_jira(
            trigger=trigger,
            full=full,
            started_by_id=started_by_id,
            max_seconds=JIRA_PART_SECONDS,
        )
    except NotConfigured:
        return
    except AlreadyRunning as busy:
        runs.note_skipped(Source.JIRA, trigger=trigger, why=str(busy))
        return
    if run is not None and run.status == SyncRun.Status.WAITING:
        pause = runs.pause_seconds(Source.JIRA)
        sync_jira.apply_async(countdown=min(max(pause, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS))


PRODUCTBOARD_PART_SECONDS = 1200


@shared_task(acks_late=True, soft_time_limit=1500, time_limit=1560)
def sync_productboard(
    full: bool = False,
    trigger: str = SyncRun.Trigger.SCHEDULE.value,
    started_by_id: int | None = None,
) -> None:
    """Read what changed in Productboard. Queues itself again when it asks for a pause."""
    try:
        run = productboard.sync_productboard(
            trigger=trigger,
            full=full,
            started_by_id=started_by_id,
            max_seconds=PRODUCTBOARD_PART_SECONDS,
        )
    except NotConfigured:
        return
    except AlreadyRunning as busy:
        runs.note_skipped(Source.PRODUCTBOARD, trigger=trigger, why=str(busy))
        return
    if run is not None and run.status == SyncRun.Status.WAITING:
        pause = runs.pause_seconds(Source.PRODUCTBOARD)
        sync_productboard.apply_async(
            countdown=min(max(pause, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS)
        )


@shared_task(acks_late=True, soft_time_limit=600, time_limit=660)
def sync_slack(
    full: bool = False,
    trigger: str = SyncRun.Trigger.SCHEDULE.value,
    started_by_id: int | None = None,
) -> None:
    """Read the accounts of the workspace. After a pause the schedule goes on."""
    try:
        slack.sync_slack(trigger=trigger, full=full, started_by_id=started_by_id)
    except NotConfigured:
        return
    except AlreadyRunning as busy:
        runs.note_skipped(Source.SLACK, trigger=trigger, why=str(busy))


@shared_task(acks_late=True)
def retry_item(error_id: int) -> None:
    """Read one bad item again."""
    error = SyncError.objects.filter(pk=error_id, resolved_at__isnull=True).first()
    if error is None:
        return
    found = connector(error.source)
    if found is None or found.retry is None:
        return
    try:
        found.retry(error)
    except (NotConfigured, UpstreamError) as reason:
        runs.note_error(
            Source(error.source),
            error.run,
            upstream_id=error.upstream_id,
            label=error.label,
            stage=error.stage,
            message=str(reason),
        )


# Below the soft limit of a task, with time left for one slow call.
SWEEP_SECONDS = 40


@shared_task(acks_late=True, soft_time_limit=100, time_limit=120)
def send_delivery(delivery_id: int) -> None:
    """One effect in another system, at most once."""
    deliveries.deliver(delivery_id)


@shared_task
def send_waiting_deliveries() -> None:
    """What is due and was left behind: a crash, a pause, an absent broker."""
    ends = time.monotonic() + SWEEP_SECONDS
    for pk in deliveries.due_ids():
        if time.monotonic() > ends:
            return
        deliveries.deliver(pk)


@shared_task(acks_late=True, soft_time_limit=100, time_limit=120)
def handle_message(message_id: int) -> None:
    """One message that a source sent us."""
    inbox.handle(message_id)


@shared_task
def handle_waiting_messages() -> None:
    """Messages that were left behind, and those that are old and done."""
    ends = time.monotonic() + SWEEP_SECONDS
    for pk in inbox.waiting_ids():
        if time.monotonic() > ends:
            return
        inbox.handle(pk)
    inbox.forget_old()


@shared_task(acks_late=True, soft_time_limit=300, time_limit=330)
def sync_mail(
    trigger: str = SyncRun.Trigger.SCHEDULE.value, started_by_id: int | None = None
) -> None:
    """Take what is new in the mailbox."""
    try:
        mailbox.sync_mail(trigger=trigger, started_by_id=started_by_id)
    except (NotConfigured, AlreadyRunning):
        return
