"""The life of a run: one at a time a source, opened, counted, closed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.utils import timezone

from integrations.errors import (
    AlreadyRunning,
    CredentialsRefused,
    RateLimited,
    RetryableUpstreamError,
    UpstreamError,
)
from integrations.models import RawRecord, Source, SourceState, SyncError, SyncRun

log = structlog.get_logger(__name__)

# First half of the advisory lock's key: "sync"; the second half is the source.
LOCK_SPACE = 0x73796E63
GOES_ON = "It reads a lot and goes on in a moment."

STAGE_RAW = """
CREATE TEMP TABLE IF NOT EXISTS stage_raw (upstream_id text, payload text) ON COMMIT DELETE ROWS;
TRUNCATE stage_raw;
"""
KEEP_RAW = """
INSERT INTO integrations_rawrecord AS r (source, kind, upstream_id, payload)
SELECT %s, %s, upstream_id, payload FROM stage_raw
ON CONFLICT (source, kind, upstream_id) DO UPDATE
SET previous = r.payload, previous_at = r.received_at,
    payload = excluded.payload, received_at = now()
WHERE r.payload <> excluded.payload
"""


@contextmanager
def only_one(source: Source) -> Iterator[None]:
    """Hold the source's advisory lock. Raises AlreadyRunning when another session holds it.

    The lock belongs to the database session: it goes with a killed worker, and no clock and no
    clean-up is needed.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [LOCK_SPACE, source.value])
        if not cursor.fetchone()[0]:
            raise AlreadyRunning(f"Another {source.label} sync is running. It was left to finish.")
    try:
        yield
    finally:
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_advisory_unlock(%s, hashtext(%s))", [LOCK_SPACE, source.value]
                )
        except DatabaseError:
            log.warning("lock_lost", source=source.value)  # the session is gone, and the lock too


def is_held(source: str) -> bool:
    """Whether some session is syncing this source right now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
            " AND objid = hashtext(%s)::bigint & 4294967295 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [LOCK_SPACE, source],
        )
        return bool(cursor.fetchone()[0])


@transaction.atomic
def open_run(
    source: Source, *, trigger: str, started_by_id: int | None = None, is_full: bool
) -> SyncRun:
    """Start a run; call it under `only_one`. Runs still open were killed and are marked so."""
    now = timezone.now()
    SyncRun.objects.filter(source=source, status=SyncRun.Status.RUNNING).update(
        status=SyncRun.Status.INTERRUPTED,
        ended_at=now,
        message="It was stopped before its end. The next run went on from its last page.",
    )
    run = SyncRun.objects.create(
        source=source, trigger=trigger, started_by_id=started_by_id, is_full=is_full, started_at=now
    )
    SourceState.objects.filter(source=source).update(last_run=run)
    return run


def note_skipped(source: Source, *, trigger: str, why: str) -> SyncRun:
    """A run that did not start, so that the list of runs shows why."""
    now = timezone.now()
    return SyncRun.objects.create(
        source=source,
        trigger=trigger,
        status=SyncRun.Status.SKIPPED,
        started_at=now,
        ended_at=now,
        message=why,
    )


def close_run(run: SyncRun, status: str, message: str, **state: Any) -> None:
    """End a run with a sentence, and write `state` to its source in the same transaction."""
    with transaction.atomic():
        run.status, run.message, run.ended_at = status, message, timezone.now()
        run.save()
        if state:
            SourceState.objects.filter(source=run.source).update(**state)


def must_rest(state: SourceState, credentials: str) -> bool:
    """Whether a scheduled run has nothing to try: the source asked for a pause, or refused these
    very credentials (their fingerprint)."""
    if state.refused_credentials == credentials:
        return True
    return state.wait_until_at is not None and state.wait_until_at > timezone.now()


@contextmanager
def to_an_end(
    run: SyncRun,
    *,
    refused: Callable[[CredentialsRefused], dict[str, Any]],
    next_time: str = "The next run goes on from here.",
) -> Iterator[None]:
    """Whatever happens inside, the run is closed with a plain sentence; what ends well closes
    itself.

    `refused` notes that credentials are void, and gives what to write to the source's state.
    """
    status = SyncRun.Status
    try:
        yield
    except RateLimited as error:
        until = timezone.now() + timedelta(seconds=error.wait_seconds)
        close_run(run, status.WAITING, f"{error} It goes on by itself.", wait_until_at=until)
    except CredentialsRefused as error:
        close_run(run, status.FAILED, str(error), **refused(error))
    except RetryableUpstreamError as error:
        close_run(run, status.FAILED, f"{error} {next_time}")
    except UpstreamError as error:
        close_run(run, status.FAILED, str(error))
    except (KeyboardInterrupt, SoftTimeLimitExceeded):
        close_run(run, status.INTERRUPTED, f"It was stopped. {next_time}")
        raise
    except Exception:
        close_run(run, status.FAILED, "It met an error of the hub's own; see the log.")
        raise


@transaction.atomic
def keep_part(state: SourceState, **values: Any) -> None:
    """Note where parts of a source stand; what others noted there stays."""
    row = SourceState.objects.select_for_update().get(pk=state.pk)
    state.parts = row.parts = {**row.parts, **values}
    row.save(update_fields=["parts"])


def pause_seconds(source: Source) -> float:
    """How long the source still asks us to wait; 0 when it does not."""
    until = (
        SourceState.objects.filter(source=source).values_list("wait_until_at", flat=True).first()
    )
    return max((until - timezone.now()).total_seconds(), 0.0) if until else 0.0


def keep_raw(source: Source, kind: str, records: dict[str, str]) -> None:
    """Keep the last payload of each upstream id; unchanged ones are not written."""
    if not records:
        return
    with transaction.atomic(), connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.execute(STAGE_RAW)
        with cursor.copy("COPY stage_raw FROM STDIN") as copy:
            for upstream_id, payload in records.items():
                copy.write_row((upstream_id, payload))
        cursor.execute(KEEP_RAW, [source.value, kind])


def drop_raw(source: Source, kind: str, upstream_ids: list[str]) -> None:
    """Forget payloads of records that are gone upstream."""
    RawRecord.objects.filter(source=source, kind=kind, upstream_id__in=upstream_ids).delete()


def note_error(
    source: Source,
    run: SyncRun | None,
    *,
    upstream_id: str,
    label: str,
    stage: str,
    message: str,
    at: datetime | None = None,
) -> None:
    """Remember a bad item; one open row an item, which counts its attempts."""
    values = {
        "run": run,
        "label": label,
        "stage": stage,
        "message": message,
        "last_at": at or timezone.now(),
    }
    known = SyncError.objects.filter(
        source=source, upstream_id=upstream_id, resolved_at__isnull=True
    ).update(attempts=F("attempts") + 1, **values)
    if not known:
        SyncError.objects.create(source=source, upstream_id=upstream_id, **values)


def open_error_ids(source: Source) -> set[str]:
    """Upstream ids that have an open error."""
    return set(
        SyncError.objects.filter(source=source, resolved_at__isnull=True).values_list(
            "upstream_id", flat=True
        )
    )


def resolve_errors(source: Source, upstream_ids: set[str], at: datetime) -> None:
    """Close the errors of items that have been read well."""
    SyncError.objects.filter(
        source=source, upstream_id__in=upstream_ids, resolved_at__isnull=True
    ).update(resolved_at=at)
