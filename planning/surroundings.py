"""Read what stands around one work item: sprints, versions, links, its text, what people said."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import JSONField
from django.db.models.expressions import RawSQL
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString

from planning.models import Phase, Sprint, SprintStay, WorkItem
from producthub.lib import adf

MAX_SHOWN = 200


@dataclass(frozen=True)
class LinkLine:
    """A link as its item has it: “is blocked by”, and the other end. `title` is empty where the
    hub does not have the other item."""

    words: str
    key: str
    title: str
    is_done: bool


@dataclass(frozen=True)
class Remark:
    """A comment, or a piece of work that was written down, then with its time."""

    author: str
    at: datetime
    html: SafeString
    spent_seconds: int

    @property
    def hours(self) -> float:
        return self.spent_seconds / 3600


@dataclass(frozen=True)
class Surroundings:
    """All of it, at most MAX_SHOWN of a kind."""

    text: SafeString
    stays: tuple[SprintStay, ...]
    versions: tuple[dict[str, Any], ...]
    links: tuple[LinkLine, ...]
    remote_links: tuple[dict[str, str], ...]
    comments: tuple[Remark, ...]
    work_logs: tuple[Remark, ...]
    has_parent: bool

    @property
    def hours(self) -> float:
        """Of the work that was written down."""
        return sum(one.hours for one in self.work_logs)


# Seven tables in the query of the item itself: a query each would double those of the page.
AROUND_SQL = """
(SELECT jsonb_build_object(
    'text', (SELECT document FROM planning_worktext WHERE work_item_id = planning_workitem.id),
    'has_parent', EXISTS (
        SELECT 1 FROM planning_workitem p
        WHERE p.key = planning_workitem.parent_key AND p.deleted_at IS NULL
            AND planning_workitem.parent_key <> ''),
    'stays', (SELECT json_agg(x) FROM (
        SELECT s.upstream_id, s.name, s.state, s.starts_at, s.completed_at, s.deleted_at,
            t.entered_at, t.left_at
        FROM planning_sprintstay t JOIN planning_sprint s ON s.id = t.sprint_id
        WHERE t.work_item_id = planning_workitem.id
        ORDER BY t.entered_at DESC, t.id DESC LIMIT %s) x),
    'versions', (SELECT json_agg(x) FROM (
        SELECT v.upstream_id, v.name, v.is_released, v.deleted_at
        FROM planning_version v
        WHERE v.source = planning_workitem.source
            AND v.upstream_id = ANY(planning_workitem.version_ids)
        ORDER BY v.name, v.id LIMIT %s) x),
    'links', (SELECT json_agg(x) FROM (
        SELECT l.words, coalesce(o.key, l.key) AS key, o.title, o.phase
        FROM (
            SELECT id, outward AS words, to_upstream_id AS pk, to_key AS key
            FROM planning_worklink
            WHERE source = planning_workitem.source
                AND from_upstream_id = planning_workitem.upstream_id
            UNION ALL
            SELECT id, inward, from_upstream_id, from_key
            FROM planning_worklink
            WHERE source = planning_workitem.source
                AND to_upstream_id = planning_workitem.upstream_id
        ) l
        LEFT JOIN planning_workitem o
            ON o.source = planning_workitem.source AND o.upstream_id = l.pk
        WHERE o.deleted_at IS NULL
        ORDER BY l.words, l.id LIMIT %s) x),
    'remote', (SELECT json_agg(x) FROM (
        SELECT title, url, summary, application
        FROM planning_workremotelink WHERE work_item_id = planning_workitem.id
        ORDER BY title, id LIMIT %s) x),
    'comments', (SELECT json_agg(x) FROM (
        SELECT author_name, created_at AS at, document, 0 AS seconds
        FROM planning_workcomment WHERE work_item_id = planning_workitem.id
        ORDER BY created_at, id LIMIT %s) x),
    'logs', (SELECT json_agg(x) FROM (
        SELECT author_name, started_at AS at, document, spent_seconds AS seconds
        FROM planning_worklog WHERE work_item_id = planning_workitem.id
        ORDER BY started_at DESC, id DESC LIMIT %s) x)
))
"""


def around() -> RawSQL:
    """To be annotated to a query of items as `around`, for `surroundings`."""
    return RawSQL(AROUND_SQL, [MAX_SHOWN] * AROUND_SQL.count("%s"), output_field=JSONField())


def surroundings(item: WorkItem) -> Surroundings:
    """What the item's query brought along; costs no further one."""
    told: dict[str, Any] = getattr(item, "around", None) or {}
    return Surroundings(
        text=adf.to_html(told.get("text") or ""),
        stays=tuple(_stay(row) for row in told.get("stays") or ()),
        versions=tuple(told.get("versions") or ()),
        links=tuple(
            LinkLine(row["words"], row["key"], row["title"] or "", row["phase"] == Phase.DONE)
            for row in told.get("links") or ()
        ),
        remote_links=tuple(
            row
            for row in told.get("remote") or ()
            # Somebody typed it: a script is no page.
            if row["url"].lower().startswith(("https://", "http://"))
        ),
        comments=tuple(map(_remark, told.get("comments") or ())),
        work_logs=tuple(map(_remark, told.get("logs") or ())),
        has_parent=bool(told.get("has_parent")),
    )


def _stay(row: dict[str, Any]) -> SprintStay:
    sprint = Sprint(
        upstream_id=row["upstream_id"],
        name=row["name"],
        state=row["state"],
        starts_at=_time(row["starts_at"]),
        completed_at=_time(row["completed_at"]),
        deleted_at=_time(row["deleted_at"]),
    )
    return SprintStay(
        sprint=sprint,
        entered_at=datetime.fromisoformat(row["entered_at"]),
        left_at=_time(row["left_at"]),
    )


def _remark(row: dict[str, Any]) -> Remark:
    at = datetime.fromisoformat(row["at"])
    return Remark(row["author_name"], at, adf.to_html(row["document"]), row["seconds"])


def _time(value: str | None) -> datetime | None:
    return parse_datetime(value) if value else None
