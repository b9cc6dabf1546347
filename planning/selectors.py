"""Read work items: the list and its figures, and one item's history."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.postgres.search import SearchQuery
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from accounts.models import Team, User
from planning.models import (
    Phase,
    SprintStay,
    Transition,
    WorkItem,
    WorkProject,
)
from planning.surroundings import around
from producthub.lib.input import whole_number
from search.queries import parse

PAGE_SIZE = 50
FLOW_WINDOW_DAYS = 28
# Below this many finished items a median is chance.
MIN_SAMPLE = 5
CACHE_SECONDS = 60
MAX_MOVES_SHOWN = 500
MAX_CHOICES = 100
FEW_HITS = 1000
DAY_SECONDS = 86_400
# Keys of some projects hold an underscore, which the search for words would split.
KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*-\d+")

ROW_FIELDS = (
    "key", "title", "team_id", "phase", "status_name", "assignee_name", "assignee_account_id",
    "started_at", "cycle_seconds", "upstream_updated_at",
)  # fmt: skip


@dataclass(frozen=True)
class WorkFilter:
    """What the reader chose, as it stands in the address; unknown values find nothing."""

    team: str = ""
    project: str = ""
    state: str = ""
    owner: str = ""
    sprint: str = ""
    version: str = ""
    q: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "WorkFilter":
        """From a query string, cut to sane lengths."""
        values = {f.name: query.get(f.name, "").replace("\x00", "").strip() for f in fields(cls)}
        return cls(**{name: value[:100] for name, value in values.items()})

    def __bool__(self) -> bool:
        return any(self.__dict__.values())

    def as_query(self, **more: Any) -> str:
        """The query string that leads here, without empty values."""
        values = {**self.__dict__, **more}
        return urlencode({name: value for name, value in values.items() if value})


def visible_work() -> QuerySet[WorkItem]:
    """Everything that still exists upstream; all who are signed in may see it."""
    return WorkItem.objects.filter(deleted_at__isnull=True)


def work_items(chosen: WorkFilter, reader: User) -> QuerySet[WorkItem]:
    """Items of a filter, last changed first."""
    found = visible_work().order_by("-upstream_updated_at", "-id")
    if chosen.team:
        found = found.filter(team__slug=chosen.team)
    if chosen.project:
        found = found.filter(project_key=chosen.project)
    if chosen.state:
        found = found.filter(phase=chosen.state)
    if chosen.owner == "me":
        found = found.filter(assignee=reader)
    elif chosen.owner:
        found = found.filter(assignee__isnull=False, assignee_id=whole_number(chosen.owner) or 0)
    if chosen.sprint:
        stays = SprintStay.objects.filter(sprint__upstream_id=chosen.sprint, left_at__isnull=True)
        found = found.filter(pk__in=stays.values("work_item"))
    if chosen.version:
        found = found.filter(version_ids__contains=[chosen.version])
    if chosen.q:
        query = parse(chosen.q)
        key = query.key or (query.text.upper() if KEY.fullmatch(query.text) else "")
        found = (
            found.filter(key=key or query.text)
            if key or query.is_empty
            else _with_words(found, query.tsquery)
        )
    return found


def _with_words(found: QuerySet[WorkItem], query: SearchQuery) -> QuerySet[WorkItem]:
    """Narrow to items that hold the words.

    Rare words are looked up first: with an ORDER BY and a LIMIT PostgreSQL expects them to turn
    up soon and walks the whole table by date. Frequent ones do turn up soon.
    """
    hits = WorkItem.objects.order_by().filter(search_text=query).values_list("pk", flat=True)
    ids = list(hits[: FEW_HITS + 1])
    return found.filter(search_text=query) if len(ids) > FEW_HITS else found.filter(pk__in=ids)


@dataclass(frozen=True)
class WorkPage:
    """One page of the list: plain rows, and where it stands."""

    rows: list[dict[str, Any]]
    number: int
    total: int

    @property
    def first(self) -> int:
        return (self.number - 1) * PAGE_SIZE + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.number - 1) * PAGE_SIZE + len(self.rows)

    @property
    def has_next(self) -> bool:
        return self.last < self.total


def work_page(chosen: WorkFilter, reader: User, number: int, known_total: int) -> WorkPage:
    """Rows of page `number` (from 1). `known_total` is used where nothing was filtered."""
    found = work_items(chosen, reader)
    start = (number - 1) * PAGE_SIZE
    if start:
        # The index alone leads to a far page; only its 50 rows are then read.
        ids = found.values("pk")[start : start + PAGE_SIZE]
        rows = WorkItem.objects.filter(pk__in=ids).order_by("-upstream_updated_at", "-id")
    else:
        rows = found[:PAGE_SIZE]
    listed = list(rows.values(*ROW_FIELDS))
    if number == 1 and len(listed) < PAGE_SIZE:
        total = len(listed)
    elif chosen:
        total = _cached_count(chosen, reader)
    else:
        total = max(known_total, start + len(listed))
    return WorkPage(listed, number, total)


def _cached_count(chosen: WorkFilter, reader: User) -> int:
    name = f"planning:count:{chosen.as_query(reader=reader.pk if chosen.owner == 'me' else '')}"
    count = cache.get_or_set(
        name.replace(" ", "+")[:230], lambda: work_items(chosen, reader).count(), CACHE_SECONDS
    )
    return int(count or 0)


@dataclass(frozen=True)
class FlowFigures:
    """Cycle time of items finished in the last FLOW_WINDOW_DAYS days, and what is in hand.

    Unit: days of 24 hours from the first step into work to the step into done. Items whose
    history is not complete are left out and counted in `left_out`. The shares are None below
    MIN_SAMPLE items. Source: WorkItem, computed from Transition by the flow rules.
    """

    finished: int
    left_out: int
    median_days: float | None
    slowest_tenth_days: float | None
    change_days: float | None
    in_progress: int
    total: int
    longest_key: str
    longest_since: datetime | None
    teams: tuple[tuple[int, str, str], ...]
    projects: tuple[tuple[str, str], ...]
    sprints: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    as_of: datetime


FIGURES_SQL = """
SELECT
    count(cycle_seconds) FILTER (WHERE finished_at >= %(middle)s),
    count(*) FILTER (WHERE finished_at >= %(middle)s AND cycle_seconds IS NULL),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY cycle_seconds)
        FILTER (WHERE finished_at >= %(middle)s),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY cycle_seconds)
        FILTER (WHERE finished_at >= %(middle)s),
    count(cycle_seconds) FILTER (WHERE finished_at < %(middle)s),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY cycle_seconds)
        FILTER (WHERE finished_at < %(middle)s),
    (SELECT count(*) FROM planning_workitem WHERE phase = 'active' AND deleted_at IS NULL),
    (SELECT count(*) FROM planning_workitem WHERE deleted_at IS NULL),
    (SELECT min(started_at) FROM planning_workitem
     WHERE phase = 'active' AND deleted_at IS NULL)
FROM planning_workitem
WHERE finished_at >= %(start)s AND finished_at <= %(now)s AND deleted_at IS NULL
"""


CHOICES_SQL = """
(SELECT 'sprint', upstream_id, name FROM planning_sprint
 WHERE deleted_at IS NULL AND state <> 'unknown'
 ORDER BY state, starts_at DESC NULLS FIRST, id DESC LIMIT %(most)s)
UNION ALL
(SELECT 'version', upstream_id, name FROM planning_version
 WHERE deleted_at IS NULL AND NOT is_archived
 ORDER BY is_released, name, id LIMIT %(most)s)
"""


def flow_figures() -> FlowFigures:
    """The figures and filter choices of the work page, at most CACHE_SECONDS old.

    An empty page is not kept: the first items show at once.
    """
    known: FlowFigures | None = cache.get("planning:flow-figures")
    if known is None:
        known = _flow_figures()
        if known.total:
            cache.set("planning:flow-figures", known, CACHE_SECONDS)
    return known


def _flow_figures() -> FlowFigures:
    now = timezone.now()
    window = timedelta(days=FLOW_WINDOW_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(FIGURES_SQL, {"now": now, "middle": now - window, "start": now - 2 * window})
        (
            finished, left_out, median, slowest, before, median_before, in_progress, total, oldest
        ) = cursor.fetchone()  # fmt: skip
    enough = finished >= MIN_SAMPLE
    longest = visible_work().filter(phase=Phase.ACTIVE, started_at=oldest) if oldest else None
    choices = _sprints_and_versions()
    return FlowFigures(
        finished=finished,
        left_out=left_out,
        median_days=median / DAY_SECONDS if enough else None,
        slowest_tenth_days=slowest / DAY_SECONDS if enough else None,
        change_days=(
            (median - median_before) / DAY_SECONDS if enough and before >= MIN_SAMPLE else None
        ),
        in_progress=in_progress,
        total=total,
        longest_key=(longest.values_list("key", flat=True).first() or "") if longest else "",
        longest_since=oldest,
        teams=tuple(Team.objects.filter(is_active=True).values_list("pk", "slug", "name")),
        projects=tuple(
            WorkProject.objects.order_by("key").values_list("key", "name").distinct()[:500]
        ),
        sprints=tuple((pk, name) for kind, pk, name in choices if kind == "sprint"),
        versions=tuple((pk, name) for kind, pk, name in choices if kind == "version"),
        as_of=now,
    )


def _sprints_and_versions() -> list[tuple[str, str, str]]:
    """(kind, upstream id, name) of what the list may be narrowed to, likeliest first."""
    with connection.cursor() as cursor:
        cursor.execute(CHOICES_SQL, {"most": MAX_CHOICES})
        return cursor.fetchall()


def exported_rows(chosen: WorkFilter, reader: User) -> Iterator[Any]:
    """All items of a filter for an export, read in parts."""
    return (
        work_items(chosen, reader)
        .values(
            "key", "title", "type_name", "project_key", "team__name", "status_name", "phase",
            "assignee_name", "upstream_created_at", "started_at", "finished_at", "cycle_seconds",
            "is_history_complete", "upstream_updated_at", "url",
        )
        .iterator(chunk_size=2000)
    )  # fmt: skip


def work_item_by_key(key: str) -> WorkItem | None:
    """The item that has this key, or had it before a move; also one that is gone upstream.

    With what stands around it, for `surroundings`.
    """
    known = WorkItem.objects.select_related("team", "assignee").defer("search_text")
    known = known.annotate(around=around())
    exact = known.filter(key=key).order_by("-deleted_at", "-upstream_updated_at")
    return exact.first() or known.filter(old_keys__contains=[key]).first()


@dataclass(frozen=True)
class Stay:
    """All the time an item spent in one status. `share` is of 100."""

    name: str
    seconds: float
    start: float
    share: float
    is_current: bool

    @property
    def days(self) -> float:
        return self.seconds / DAY_SECONDS


def item_history(item: WorkItem) -> list[Transition]:
    """Status changes of one item, newest first, at most MAX_MOVES_SHOWN."""
    moves = item.transitions.order_by("-occurred_at", "-id")
    return list(moves[:MAX_MOVES_SHOWN])


def time_in_status(item: WorkItem, moves: list[Transition], now: datetime) -> list[Stay]:
    """How long the item stood in each status, in order of first entry, by elapsed time.

    `moves` are newest first. Time after the finish does not count; `now` ends what is open.
    """
    end = item.finished_at or now
    spent: dict[str, float] = {}
    name = moves[-1].from_name if moves else item.status_name
    since = item.upstream_created_at
    for move in reversed(moves):
        _spend(spent, name, since, min(move.occurred_at, end))
        name, since = move.to_name, move.occurred_at
    if item.finished_at is None or since < end:
        _spend(spent, name, since, end)
    whole = sum(spent.values())
    stays, start = [], 0.0
    for status, seconds in spent.items():
        share = 100 * seconds / whole if whole else 0.0
        current = item.finished_at is None and status == name
        stays.append(Stay(status or "Unknown", seconds, round(start, 2), round(share, 2), current))
        start += share
    return stays


def _spend(spent: dict[str, float], name: str, start: datetime, end: datetime) -> None:
    seconds = (end - start).total_seconds()
    if seconds > 0:
        spent[name] = spent.get(name, 0.0) + seconds


def work_totals() -> tuple[int, int]:
    """How many work items there are, and how many stand in a status that nobody placed.

    Unmapped are those whose status neither its category nor a flow rule knows. At most
    CACHE_SECONDS old.
    """
    known: tuple[int, int] | None = cache.get("planning:work-totals")
    if known is None:
        known = _work_totals()
        if known[0]:
            cache.set("planning:work-totals", known, CACHE_SECONDS)
    return known


def _work_totals() -> tuple[int, int]:
    counted = visible_work().aggregate(
        total=Count("pk"), unmapped=Count("pk", filter=Q(phase=Phase.UNMAPPED))
    )
    return counted["total"], counted["unmapped"]
