"""What a person may ask of the integrations."""

import structlog

from accounts.models import User
from accounts.permissions import is_product_ops, require
from integrations import circuit, runs, tasks
from integrations.errors import CredentialsRefused
from integrations.models import Source, SourceState, SyncError, SyncRun
from integrations.sources import Connector, connector

log = structlog.get_logger(__name__)


class QueueAway(Exception):
    """The broker cannot be reached, so nothing was started."""


class SourceIsOff(Exception):
    """The source has no credentials."""


def request_sync(*, source: str, actor: User) -> bool:
    """Have a worker sync now; False when a run is under way already.

    Raises PermissionDenied, SourceIsOff and QueueAway.
    """
    require(is_product_ops(actor), "Only Product Ops may start a sync.")
    found = _connected(source)
    if SourceState.objects.filter(
        source=source, last_run__status=SyncRun.Status.RUNNING
    ).exists() and runs.is_held(source):
        return False
    task = tasks.SYNC_TASKS[found.source]
    _enqueue(task, trigger=SyncRun.Trigger.PERSON.value, started_by_id=actor.pk)
    return True


def test_connection(*, source: str, actor: User) -> str:
    """Call a source once; what it said, in a sentence. Closes or opens its circuit.

    Raises PermissionDenied, SourceIsOff and UpstreamError.
    """
    require(is_product_ops(actor), "Only Product Ops may test a connection.")
    found = _connected(source)
    try:
        said = found.test()
    except CredentialsRefused as error:
        circuit.refused(found.source, str(error))
        raise
    circuit.accepted(found.source)
    return f"{found.source.label} answers. {said}"


def request_retry(*, error: SyncError, actor: User) -> None:
    """Have a worker read one bad item again. Raises PermissionDenied, SourceIsOff, QueueAway."""
    require(is_product_ops(actor), "Only Product Ops may retry.")
    _connected(error.source)
    _enqueue(tasks.retry_item, error_id=error.pk)


def _connected(source: str) -> Connector:
    found = connector(source)
    if found is None or not found.is_connected():
        raise SourceIsOff(f"{Source(source).label} is not connected yet.")
    return found


def _enqueue(task: object, **arguments: object) -> None:
    try:
        task.apply_async(kwargs=arguments)  # type: ignore[attr-defined]
    except Exception as error:  # broker clients raise many kinds
        log.warning("task_not_enqueued", error=type(error).__name__)
        raise QueueAway(
            "The job queue is away, so nothing was started. Try again in a moment."
        ) from error
