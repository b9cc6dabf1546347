"""Write what stands around work items: sprints, versions, links, texts, boards, work logs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from planning import related_sql
from planning.models import (
    Board,
    Sprint,
    Version,
    WorkItem,
    WorkLog,
    WorkRemoteLink,
)

Row = tuple[Any, ...]


@dataclass
class Related:
    """What a page of items says about sprints, versions, links and texts.

    For each item of the page it is all that the item has: what is not here any more, goes. Rows
    are plain tuples in the order of the staging tables of `related_sql`; no NUL in any text.
    """

    # sprint id, name, state
    sprints: list[Row] = field(default_factory=list)
    # version id, name, project id
    versions: list[Row] = field(default_factory=list)
    # item, history id, position, ISO time, ids before and after joined by commas, author
    sprint_changes: list[Row] = field(default_factory=list)
    # item, link id, type, outward, inward, first's id and key, second's id and key
    links: list[Row] = field(default_factory=list)
    # item, document
    texts: list[Row] = field(default_factory=list)
    # item, comment id, author, document, created, updated
    comments: list[Row] = field(default_factory=list)

    def of(self, upstream_id: str) -> "Related":
        """The part of one item. Sprints and versions belong to none, so all are in it."""
        owned = {
            name: [row for row in getattr(self, name) if row[0] == upstream_id]
            for name in ("sprint_changes", "links", "texts", "comments")
        }
        return Related(self.sprints, self.versions, **owned)


_TABLES = {
    "sprints": "stage_sprint",
    "versions": "stage_version",
    "sprint_changes": "stage_sprint_change",
    "links": "stage_link",
    "texts": "stage_text",
    "comments": "stage_comment",
}
assert set(_TABLES) == {one.name for one in fields(Related)}


def write_related(cursor: Any, related: Related) -> None:
    """For the items of `stage_touched`, in the transaction that staged them."""
    cursor.execute(related_sql.STAGE)
    for name, table in _TABLES.items():
        rows = getattr(related, name)
        if rows:
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
    cursor.execute(related_sql.MERGE)


def save_boards(*, source: str, rows: Iterable[Mapping[str, Any]], is_all: bool) -> int:
    """Keep boards by `upstream_id`; returns how many rows changed. With `is_all`, others went."""
    return _save(Board, ["name", "kind", "project_key"], source, rows, is_all=is_all)


def save_sprints(*, source: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Keep sprints by `upstream_id`; returns how many rows changed."""
    columns = [
        "name", "state", "goal", "board_upstream_id", "starts_at", "ends_at", "completed_at",
    ]  # fmt: skip
    return _save(Sprint, columns, source, rows)


def mark_sprints_gone(*, source: str, upstream_ids: Collection[str]) -> int:
    """Sprints that were deleted in the tracker stay, marked."""
    gone = Sprint.objects.filter(
        source=source, upstream_id__in=upstream_ids, deleted_at__isnull=True
    )
    return gone.update(deleted_at=timezone.now(), state=Sprint.State.UNKNOWN)


def save_versions(
    *, source: str, rows: Iterable[Mapping[str, Any]], projects: Collection[str]
) -> int:
    """Keep versions by `upstream_id`; returns how many rows changed.

    `projects` are the upstream ids of projects whose versions are all here: others of them went.
    """
    columns = [
        "project_upstream_id", "name", "description", "is_released", "is_archived", "starts_on",
        "released_on",
    ]  # fmt: skip
    listed = {row["upstream_id"]: row for row in rows}
    changed = _save(Version, columns, source, listed.values())
    gone = Version.objects.filter(
        source=source, project_upstream_id__in=projects, deleted_at__isnull=True
    ).exclude(upstream_id__in=list(listed))
    return changed + gone.update(deleted_at=timezone.now())


@transaction.atomic
def _save(
    model: type[models.Model],
    columns: Sequence[str],
    source: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    is_all: bool = False,
) -> int:
    """Insert and update what differs, by upstream id."""
    manager: Any = model._default_manager
    known = {
        row["upstream_id"]: row
        for row in manager.filter(source=source).values("upstream_id", "deleted_at", *columns)
    }
    listed = {
        row["upstream_id"]: row for row in rows if row["upstream_id"] and _fits(row["upstream_id"])
    }
    changed = [
        model(source=source, deleted_at=None, **row)
        for pk, row in listed.items()
        if pk not in known
        or known[pk]["deleted_at"] is not None
        or any(known[pk][name] != row[name] for name in columns)
    ]
    manager.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["source", "upstream_id"],
        update_fields=[*columns, "deleted_at"],
    )
    gone = 0
    if is_all:
        missing = [
            pk for pk, row in known.items() if pk not in listed and row["deleted_at"] is None
        ]
        gone = manager.filter(source=source, upstream_id__in=missing).update(
            deleted_at=timezone.now()
        )
    return len(changed) + gone


def _fits(upstream_id: str) -> bool:
    return len(upstream_id) <= 64


@transaction.atomic
def save_remote_links(
    item: WorkItem, rows: Collection[Mapping[str, Any]], *, read_at: datetime
) -> int:
    """Keep the links elsewhere of one item; returns how many changed.

    They stay due when the item was written again after `read_at`, the moment before they were
    read.
    """
    WorkItem.objects.filter(pk=item.pk, synced_at__lte=read_at).update(are_remote_links_due=False)
    columns = ["title", "url", "summary", "application"]
    return _save_below(WorkRemoteLink, columns, {item.pk: rows})


@transaction.atomic
def save_work_logs(*, source: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Keep work logs, each with the `item` (upstream id) it is for; returns how many changed.

    Those of items that the hub does not have are left out.
    """
    listed = {row["upstream_id"]: row for row in rows}
    items = dict(
        WorkItem.objects.filter(
            source=source, upstream_id__in={row["item"] for row in listed.values()}
        ).values_list("upstream_id", "pk")
    )
    found = [
        WorkLog(
            work_item_id=items[row["item"]],
            **{name: value for name, value in row.items() if name != "item"},
        )
        for row in listed.values()
        if row["item"] in items
    ]
    columns = ["author_name", "started_at", "spent_seconds", "document", "updated_at"]
    held = {
        (row["work_item_id"], row["upstream_id"]): row
        for row in WorkLog.objects.filter(
            upstream_id__in=list(listed), work_item_id__in=items.values()
        ).values("work_item_id", "upstream_id", *columns)
    }
    changed = [
        row
        for row in found
        if (row.work_item_id, row.upstream_id) not in held
        or any(
            held[row.work_item_id, row.upstream_id][name] != getattr(row, name) for name in columns
        )
    ]
    WorkLog.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["work_item", "upstream_id"],
        update_fields=columns,
    )
    return len(changed)


def drop_work_logs(*, source: str, upstream_ids: Collection[str]) -> int:
    """Work logs that were deleted in the tracker."""
    gone = WorkLog.objects.filter(work_item__source=source, upstream_id__in=upstream_ids)
    return gone.delete()[0]


def _save_below(
    model: type[models.Model],
    columns: Sequence[str],
    by_item: Mapping[int, Collection[Mapping[str, Any]]],
) -> int:
    """Rows of items: insert and update what differs, delete what is not there any more."""
    manager: Any = model._default_manager
    held = {
        (row["work_item_id"], row["upstream_id"]): row
        for row in manager.filter(work_item_id__in=by_item).values(
            "pk", "work_item_id", "upstream_id", *columns
        )
    }
    listed = {(pk, row["upstream_id"]): row for pk, rows in by_item.items() for row in rows}
    changed = [
        model(work_item_id=pk, **row)
        for (pk, upstream_id), row in listed.items()
        if (pk, upstream_id) not in held
        or any(held[pk, upstream_id][name] != row[name] for name in columns)
    ]
    manager.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["work_item", "upstream_id"],
        update_fields=columns,
    )
    gone = [row["pk"] for key, row in held.items() if key not in listed]
    manager.filter(pk__in=gone).delete()
    return len(changed) + len(gone)


def match_assignees(*, source: str, people: Mapping[str, int]) -> int:
    """Give items to the people behind their assignees' accounts, where no mail address told.

    `people` leads from account ids to users. Returns how many items changed.
    """
    if not people:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE planning_workitem w SET assignee_id = p.person"
            " FROM unnest(%(accounts)s::text[], %(people)s::bigint[]) p(account, person)"
            " WHERE w.source = %(source)s AND w.assignee_id IS NULL"
            " AND w.assignee_account_id = p.account",
            {"source": source, "accounts": list(people), "people": list(people.values())},
        )
        return cursor.rowcount
