"""Plain functions that make work items and runs with minimal defaults."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.db import connection
from django.utils import timezone

from integrations.models import Source, SourceState, SyncRun
from integrations.runs import LOCK_SPACE
from planning import services
from planning.models import Transition, WorkItem, WorkStatus
from planning.services import Move, WorkItemRow

_numbers = count(1)
CREATED_AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
STATUSES = {
    "todo": ("1", "To Do", "new"),
    "building": ("2", "In Progress", "indeterminate"),
    "review": ("3", "In Review", "indeterminate"),
    "done": ("4", "Done", "done"),
}


def make_statuses(source: str = "jira") -> None:
    services.save_statuses(source=source, rows=STATUSES.values())


def make_row(number: int = 0, status: str = "todo", **fields: Any) -> WorkItemRow:
    """An upstream item as the mapping gives it; `updated` and `created` may be datetimes."""
    number = number or next(_numbers)
    pk, name, category = STATUSES[status]
    values: dict[str, Any] = {
        "upstream_id": str(number), "key": f"PLT-{number}", "title": f"Work {number}",
        "type_name": "Story", "project_id": "20001", "project_key": "PLT",
        "project_name": "Platform", "status_id": pk, "status_name": name,
        "status_category": category, "assignee_name": "", "assignee_account_id": "",
        "assignee_email": "", "parent_key": "", "priority": "Medium", "labels": "",
        "created": CREATED_AT, "updated": CREATED_AT, "resolved": None, **fields,
    }  # fmt: skip
    for name in ("created", "updated", "resolved"):
        if isinstance(values[name], datetime):
            values[name] = values[name].isoformat()
    return WorkItemRow(**values)


def make_moves(
    upstream_id: str, *steps: str, hours: float = 24, start: datetime = CREATED_AT
) -> list[Move]:
    """Status changes from "todo" through the named steps, `hours` apart."""
    moves: list[Move] = []
    before = "todo"
    for index, step in enumerate(steps):
        at = start + timedelta(hours=hours * (index + 1))
        (from_id, from_name, _), (to_id, to_name, _) = STATUSES[before], STATUSES[step]
        moves.append(
            (upstream_id, f"{upstream_id}{index}", 0, at.isoformat(), from_id, from_name, to_id,
             to_name, "Ruben de Vries")
        )  # fmt: skip
        before = step
    return moves


def upsert(
    *rows: WorkItemRow, moves: list[Move] | None = None, complete: bool = True
) -> services.Upserted:
    """Write rows as a sync would."""
    if not WorkStatus.objects.exists():
        make_statuses()
    return services.upsert_work_items(
        source="jira",
        site_url="https://harbourline.example",
        items=rows,
        moves=moves or [],
        complete={row.upstream_id for row in rows} if complete else (),
    )


def make_work_item(*steps: str, moved_hours: float = 24, **fields: Any) -> WorkItem:
    """A stored work item that went through the named steps."""
    row = make_row(status=steps[-1] if steps else "todo", **fields)
    start = datetime.fromisoformat(row.created)
    upsert(row, moves=make_moves(row.upstream_id, *steps, hours=moved_hours, start=start))
    return WorkItem.objects.get(upstream_id=row.upstream_id)


def make_run(status: str = "done", **fields: Any) -> SyncRun:
    """A run that ended just now, and its source's state."""
    now = timezone.now()
    values = {"started_at": now, "ended_at": now, "trigger": "schedule", **fields}
    run = SyncRun.objects.create(source=Source.JIRA, status=status, **values)
    success = {"last_success_at": run.ended_at} if status == "done" else {}
    SourceState.objects.update_or_create(source=Source.JIRA, defaults={"last_run": run, **success})
    return run


def stored_rows() -> list[tuple[Any, ...]]:
    """What the hub holds of work items, in a form to compare with the source."""
    return list(
        WorkItem.objects.filter(deleted_at__isnull=True)
        .order_by("upstream_id")
        .values_list("upstream_id", "key", "title", "status_id", "upstream_updated_at")
    )


def stored_moves() -> list[tuple[Any, ...]]:
    """What the hub holds of status changes, in a form to compare with the source."""
    return list(
        Transition.objects.filter(work_item__deleted_at__isnull=True)
        .order_by("work_item__upstream_id", "history_id")
        .values_list(
            "work_item__upstream_id", "history_id", "from_status_id", "to_status_id", "occurred_at"
        )
    )


@contextmanager
def held_elsewhere() -> Iterator[None]:
    """Another session holds Jira's lock, as a running worker does."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, hashtext('jira'))", [LOCK_SPACE])
            yield
            cursor.execute("SELECT pg_advisory_unlock_all()")
    finally:
        other.close()
