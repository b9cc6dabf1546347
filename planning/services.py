"""Write what the tracker says about work, whole pages at a time."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from activity.events import Fact, hand_out_after_commit, handler_names, record_many
from activity.models import EventDispatch
from planning import work_sql
from planning.models import Category, WorkItem, WorkProject, WorkStatus
from planning.tracker import Related, write_related

LABEL_SEPARATOR = "\x1f"
RECOMPUTE_BATCH = 5000


class WorkItemRow(NamedTuple):
    """One work item as its tracker has it. Times are ISO 8601 with offset; no NUL in any text.

    `labels`, `sprint_ids` and `version_ids` are one text each, joined by LABEL_SEPARATOR: copying
    lists to PostgreSQL is slow.
    """

    upstream_id: str
    key: str
    title: str
    type_name: str
    project_id: str
    project_key: str
    project_name: str
    status_id: str
    status_name: str
    status_category: str
    assignee_name: str
    assignee_account_id: str
    assignee_email: str
    parent_key: str
    priority: str
    labels: str
    created: str
    updated: str
    resolved: str | None
    story_points: float | None = None
    sprint_ids: str = ""
    version_ids: str = ""


# One change of status: upstream id of the item, history id, position, ISO time, from id, from
# name, to id, to name, author. A plain tuple: there are ten times as many as items.
Move = tuple[str, str, int, str, str, str, str, str, str]


@dataclass
class Upserted:
    """How many rows a page wrote."""

    created: int = 0
    updated: int = 0
    transitions: int = 0


@transaction.atomic
def upsert_work_items(
    *,
    source: str,
    site_url: str,
    items: Collection[WorkItemRow],
    moves: Iterable[Move],
    complete: Collection[str],
    related: Related | None = None,
    read_links: bool = False,
    at: datetime | None = None,
) -> Upserted:
    """Write a page of items and their status changes; safe to repeat.

    An item older than the one stored is dropped. `complete` holds the upstream ids whose whole
    history has been read. `related` is what stands around the items, None where that was not read;
    with `read_links`, links elsewhere of what is written are due to be read. Events are written for
    items first seen, finished and reopened. Each upstream id may stand in `items` once. Raises
    django.db.DataError when PostgreSQL refuses a value; nothing is written then.
    """
    params: dict[str, Any] = {
        "source": source,
        "site_url": site_url.rstrip("/"),
        "read_links": read_links,
        "at": at or timezone.now(),
    }
    with connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.execute(work_sql.STAGE)
        with cursor.copy(work_sql.COPY_ITEMS) as copy:
            for row in items:
                copy.write_row((*row, row.upstream_id in complete))
        with cursor.copy(work_sql.COPY_MOVES) as copy:
            write_row = copy.write_row
            for move in moves:
                write_row(move)
        cursor.execute(work_sql.ADOPT, params)
        cursor.execute(work_sql.UNKNOWN_STATUSES, params)
        cursor.execute(work_sql.UNKNOWN_PROJECTS, params)
        cursor.execute(work_sql.UPSERT, params)
        created, updated, event_ids = cursor.fetchone()
        cursor.execute(work_sql.TOUCH_STAGED, params)
        cursor.execute(work_sql.ADD_TRANSITIONS, params)
        added = cursor.rowcount
        if related is not None and items:
            write_related(cursor, related)
        _announce([(pk, "work_item.created") for pk in event_ids] + _recompute_touched(cursor))
    return Upserted(created=created, updated=updated, transitions=added)


def _recompute_touched(cursor: Any) -> list[tuple[int, str]]:
    cursor.execute(work_sql.RECOMPUTE_FLOW)
    return cursor.fetchall()


def _announce(events: Sequence[tuple[int, str]]) -> None:
    """Open the receipts of events that were written by SQL."""
    receipts = [
        EventDispatch(event_id=pk, handler=name)
        for pk, kind in events
        for name in handler_names(kind)
    ]
    if receipts:
        EventDispatch.objects.bulk_create(receipts, batch_size=2000)
        hand_out_after_commit(sorted({receipt.event_id for receipt in receipts}))


def recompute_flow(*, project_key: str | None = None) -> int:
    """Apply the flow rules again, to one project or to all; returns how many items were looked at.

    Each batch is its own transaction, so a long recompute holds up no sync. Repeatable.
    """
    todo = WorkItem.objects.order_by("pk")
    if project_key is not None:
        todo = todo.filter(project_key=project_key)
    last, looked_at = 0, 0
    while ids := list(todo.filter(pk__gt=last).values_list("pk", flat=True)[:RECOMPUTE_BATCH]):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(work_sql.STAGE)
            cursor.execute("INSERT INTO stage_touched (id) SELECT unnest(%s::bigint[])", [ids])
            _announce(_recompute_touched(cursor))
        last, looked_at = ids[-1], looked_at + len(ids)
    return looked_at


@transaction.atomic
def mark_deleted(*, source: str, upstream_ids: Collection[str], at: datetime | None = None) -> int:
    """Keep items that are gone upstream as tombstones; returns how many were not marked before."""
    moment = at or timezone.now()
    gone = list(
        WorkItem.objects.select_for_update(of=["self"])
        .filter(source=source, upstream_id__in=upstream_ids, deleted_at__isnull=True)
        .only("pk", "key", "project_key")
        .order_by("pk")
    )
    WorkItem.objects.filter(pk__in=[item.pk for item in gone]).update(deleted_at=moment)
    record_many(
        Fact("work_item.deleted", item, moment, data={"project": item.project_key}) for item in gone
    )
    return len(gone)


def save_statuses(*, source: str, rows: Iterable[tuple[str, str, str]]) -> int:
    """Keep the tracker's statuses as (id, name, category); returns how many were new or changed.

    Items in a changed status follow; where a category changed, cycle times are computed again.
    Unknown categories become Category.UNDEFINED.
    """
    known = {
        pk: (name, category)
        for pk, name, category in WorkStatus.objects.filter(source=source).values_list(
            "upstream_id", "name", "category"
        )
    }
    changed = {}
    for pk, name, category in rows:
        kept = category if category in Category.values else Category.UNDEFINED.value
        if pk and len(pk) <= 64 and known.get(pk) != (name, kept):
            changed[pk] = (name, kept)
    if not changed:
        return 0
    params: dict[str, Any] = {
        "source": source,
        "ids": list(changed),
        "names": [name for name, _ in changed.values()],
        "categories": [category for _, category in changed.values()],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(work_sql.SAVE_STATUSES, params)
        cursor.execute(work_sql.SPREAD_STATUSES, params)
    if any(pk in known and known[pk][1] != kept for pk, (_, kept) in changed.items()):
        recompute_flow()
    return len(changed)


def save_projects(*, source: str, rows: Iterable[tuple[str, str, str]]) -> int:
    """Keep the tracker's projects as (id, key, name); returns how many were new or changed.

    The team of a project is ours and stays.
    """
    known = {
        pk: (key, name)
        for pk, key, name in WorkProject.objects.filter(source=source).values_list(
            "upstream_id", "key", "name"
        )
    }
    changed = {
        pk: (key, name)
        for pk, key, name in rows
        if pk and len(pk) <= 64 and known.get(pk) != (key, name)
    }
    if changed:
        params: dict[str, Any] = {
            "source": source,
            "ids": list(changed),
            "keys": [key for key, _ in changed.values()],
            "names": [name for _, name in changed.values()],
        }
        with connection.cursor() as cursor:
            cursor.execute(work_sql.SAVE_PROJECTS, params)
    return len(changed)


def assign_team(project: WorkProject) -> int:
    """Give the work items of a project to its team; returns how many changed hands."""
    items = WorkItem.objects.filter(source=project.source, project_key=project.key)
    return items.exclude(team=project.team).update(team=project.team)
