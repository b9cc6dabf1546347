"""Background work of the integrations."""

import time
from typing import Any

from celery import shared_task

from integrations import deliveries, inbox, runs
from integrations.errors import AlreadyRunning, NotConfigured, UpstreamError
from integrations.models import Source, SyncError, SyncRun
from integrations.slack import digest, reading
from integrations.sources import connector

# A long first sync works in parts, each well under the broker's visibility time-out.
PART_SECONDS = 1200
MIN_PAUSE_SECONDS = 1.0
# A countdown above the broker's visibility time-out would be delivered twice. Of a longer pause
# the schedule takes care.
MAX_PAUSE_SECONDS = 1500.0


def sync_source(
    source: Source | str,
    *,
    full: bool = False,
    trigger: str = SyncRun.Trigger.SCHEDULE.value,
    started_by_id: int | None = None,
) -> float | None:
    """Read what changed in a source; after how many seconds to go on, None where it is done."""
    found = connector(source)
    if found is None:
        return None
    try:
        run = found.sync(
            trigger=trigger, full=full, started_by_id=started_by_id, max_seconds=PART_SECONDS
        )
    except NotConfigured:
        return None
    except AlreadyRunning as busy:
        runs.note_skipped(found.source, trigger=trigger, why=str(busy))
        return None
    if run is None or run.status != SyncRun.Status.WAITING:
        return None
    return min(max(runs.pause_seconds(found.source), MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS)


def _sync_task(source: Source) -> Any:
    """The task that reads one source; it queues itself again when the source asks for a pause."""

    @shared_task(
        bind=True,
        name=f"integrations.tasks.sync_{source.value}",
        acks_late=True,
        soft_time_limit=1500,
        time_limit=1560,
    )
    def sync(
        self: Any,
        full: bool = False,
        trigger: str = SyncRun.Trigger.SCHEDULE.value,
        started_by_id: int | None = None,
    ) -> None:
        pause = sync_source(source, full=full, trigger=trigger, started_by_id=started_by_id)
        if pause is not None:
            self.apply_async(countdown=pause)

    return sync


SYNC_TASKS = {source: _sync_task(source) for source in Source}
sync_jira = SYNC_TASKS[Source.JIRA]
sync_productboard = SYNC_TASKS[Source.PRODUCTBOARD]
sync_slack = SYNC_TASKS[Source.SLACK]
sync_mail = SYNC_TASKS[Source.MAIL]


@shared_task(soft_time_limit=300, time_limit=330)
def forget_old_messages() -> None:
    """Delete what is older than its channel in Slack keeps."""
    reading.forget_old()


@shared_task
def send_slack_digests() -> None:
    """Today's digest of each channel whose time has come."""
    digest.plan_due()


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
