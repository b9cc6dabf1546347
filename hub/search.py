"""The one search over requests, work items, playbook pages, people, teams and tools, and over
whatever kinds the apps beside bring along (`search.kinds`).

Rights come first: what a reader may not see is neither counted, shown nor suggested. A search
takes one query each for requests, for work items and for pages, and one for everything that is
found by name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from django.contrib.postgres.search import SearchRank
from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import Left
from django.utils import timezone
from django.utils.safestring import mark_safe

from hub import spelling
from intake.models import KIND_ICONS, Request, state_of
from planning.models import Phase, WorkItem
from planning.selectors import visible_work
from playbook.models import STATES, Readers, ToolStatus
from playbook.selectors import pages_for
from producthub.lib.markdown import to_text
from producthub.lib.tags import avatar_html, icon_html, spoken, tag_html
from search import kinds as more
from search.kinds import MOST_COUNTED, Hit
from search.queries import Query, fold, parse

PER_PAGE = 50
FEW = 3
# Most problems are shorter; a match further down is found all the same, only not quoted.
QUOTED_LENGTH = 4000

REQUESTS, WORK, PAGES = "requests", "work", "pages"
PEOPLE, TEAMS, TOOLS = "people", "teams", "tools"
KINDS = {
    REQUESTS: ("Requests", "mine", 8),
    WORK: ("Work items", "play", 5),
    PAGES: ("Pages", "book", 5),
    PEOPLE: ("People", "people", 5),
    TEAMS: ("Teams", "flag", 5),
    TOOLS: ("Tools", "tools", 5),
}
PHASE_TAGS = {
    Phase.WAITING: ("Waiting", "", "clock"),
    Phase.ACTIVE: ("In progress", "info", "play"),
    Phase.DONE: ("Done", "good", "check"),
    Phase.UNMAPPED: ("Unmapped", "", "help"),
}


def all_kinds() -> dict[str, tuple[str, str, int]]:
    """Name, icon and how many are shown among the others, by key."""
    return KINDS | {one.key: (one.name, one.icon, one.shown) for one in more.kinds()}


@dataclass(frozen=True)
class Section:
    """The results of one kind: how many there are, and those of the page."""

    key: str
    found: int = 0
    hits: tuple[Hit, ...] = ()

    @property
    def name(self) -> str:
        return all_kinds()[self.key][0]

    @property
    def is_capped(self) -> bool:
        """There are more than anyone counted."""
        return self.found > MOST_COUNTED

    @property
    def count(self) -> str:
        """“31”, or “500+” where counting on would take too long."""
        return f"{MOST_COUNTED}+" if self.is_capped else f"{self.found:,}"

    @property
    def shown(self) -> int:
        return len(self.hits)


@dataclass(frozen=True)
class Results:
    """What a search found. `sections` are those that the reader chose to see."""

    query: Query
    kind: str = ""
    page: int = 1
    exact: tuple[Hit, ...] = ()
    all_sections: tuple[Section, ...] = ()
    # What was looked for instead, since what was typed is nowhere.
    corrected: str = ""
    # What else to try, since what was typed is rare.
    suggestion: str = ""

    @property
    def sections(self) -> list[Section]:
        return [
            section
            for section in self.all_sections
            if section.found and self.kind in ("", section.key)
        ]

    @property
    def found(self) -> int:
        """Results of the chosen kind; a lower bound where `count` ends in a plus."""
        chosen = sum(min(section.found, MOST_COUNTED) for section in self.sections)
        return chosen + (0 if self.kind else len(self.exact))

    @property
    def found_in_all(self) -> int:
        """Results of every kind."""
        return len(self.exact) + sum(min(s.found, MOST_COUNTED) for s in self.all_sections)

    @property
    def is_capped(self) -> bool:
        return any(section.is_capped for section in self.sections)

    @property
    def count(self) -> str:
        return f"{self.found:,}{'+' if self.is_capped else ''}"

    @property
    def count_in_all(self) -> str:
        capped = any(section.is_capped for section in self.all_sections)
        return f"{self.found_in_all:,}{'+' if capped else ''}"

    @property
    def pages(self) -> int:
        """Pages of the chosen kind; all kinds together have one."""
        return -(-self.found // PER_PAGE) if self.kind else 1

    @property
    def first(self) -> int:
        return (self.page - 1) * PER_PAGE + 1

    @property
    def last(self) -> int:
        return min(self.page * PER_PAGE, self.found)


def search(user: Any, text: str, *, kind: str = "", page: int = 1) -> Results:
    """Everything this person may see that has all the words, best first.

    An unknown `kind` means all kinds; a page past the end is the first one. Where the words find
    nothing, spelling is forgiven; where they find little, another spelling is offered.
    """
    query = parse(text)
    kind = kind if kind in all_kinds() else ""
    if query.is_empty:
        return Results(query=query, kind=kind)
    page = max(1, min(page, MOST_COUNTED // PER_PAGE)) if kind else 1
    exact = tuple(_exact(user, query))
    results = Results(query, kind, page, exact, _sections(user, query, kind, page))
    if page > 1 and not results.found:
        return search(user, text, kind=kind)
    if results.found_in_all < FEW and not exact:
        better = spelling.correct(user, query)
        if better and not results.found_in_all:
            found = _sections(user, parse(better), kind, page)
            results = replace(results, corrected=better, all_sections=found)
        elif better:
            results = replace(results, suggestion=better)
    return results


def quick_hits(user: Any, text: str, limit: int = 8) -> tuple[list[Hit], Results]:
    """The few best of every kind for the palette, and all that they were taken from."""
    results = search(user, text)
    share = {REQUESTS: 4, WORK: 2, PAGES: 2, PEOPLE: 2, TEAMS: 1, TOOLS: 1}
    share |= {one.key: one.quick for one in more.kinds()}
    best = [*results.exact]
    for section in results.all_sections:
        best += section.hits[: share[section.key]]
    return best[:limit], results


def _sections(user: Any, query: Query, kind: str, page: int) -> tuple[Section, ...]:
    known = all_kinds()

    def window(key: str) -> slice:
        """The rows that are drawn. Of a kind that is only counted, one row carries the count."""
        if kind == key:
            return slice((page - 1) * PER_PAGE, page * PER_PAGE)
        return slice(0, 1 if kind else known[key][2])

    names = _by_name(query, {key: window(key) for key in (PEOPLE, TEAMS, TOOLS)})
    return (
        _requests(user, query, window(REQUESTS)),
        _work_items(query, window(WORK)),
        _pages(user, query, window(PAGES)),
        *(names[key] for key in (PEOPLE, TEAMS, TOOLS)),
        *(Section(one.key, *one.find(user, query, window(one.key))) for one in more.kinds()),
    )


# --- Exact references -------------------------------------------------------------------------


def _exact(user: Any, query: Query) -> Iterator[Hit]:
    if query.request_number is not None:
        rows = Request.objects.visible_to(user).filter(number=query.request_number)
        yield from _request_hits(query, _request_values(rows))
    elif query.key:
        items = visible_work().filter(Q(key=query.key) | Q(old_keys__contains=[query.key]))
        # Neither order nor limit: with them PostgreSQL walks through all items for this one.
        yield from _work_hits(query, list(items.order_by().values_list(*WORK_COLUMNS))[:1])


# --- Found by words ---------------------------------------------------------------------------

REQUEST_COLUMNS = (
    "number", "kind", "title", "status", "outcome", "asked_at", "submitted_at", "team__name",
    "quoted",
)  # fmt: skip
WORK_COLUMNS = ("key", "title", "type_name", "phase", "assignee_name", "upstream_updated_at")


def _request_values(rows: QuerySet[Request]) -> QuerySet[Any]:
    return rows.annotate(quoted=Left("problem", QUOTED_LENGTH)).values_list(*REQUEST_COLUMNS)


def _requests(user: Any, query: Query, window: slice) -> Section:
    newest = (
        Request.objects.visible_to(user)
        .filter(search_vector=query.tsquery)
        .order_by("-number")
        .values("pk")[: MOST_COUNTED + 1]
    )
    best = Request.objects.filter(pk__in=newest).order_by(
        SearchRank(F("search_vector"), query.tsquery).desc(), "-number"
    )
    if query.request_number is not None:  # stands first already
        best = best.exclude(number=query.request_number)
    rows = list(_request_values(best).annotate(found=Window(Count("*")))[window])
    found = rows[0][-1] if rows else 0
    return Section(REQUESTS, found, tuple(_request_hits(query, [row[:-1] for row in rows])))


def _request_hits(query: Query, rows: Iterable[tuple]) -> Iterator[Hit]:
    now = timezone.now()
    for number, kind, title, status, outcome, asked_at, sent, team, problem in rows:
        about = f"REQ-{number}", team or "no team yet", f"sent {_ago(sent, now)}"
        yield Hit(
            href=f"/requests/{number}/",
            icon=icon_html(KIND_ICONS[kind], "lg"),
            title=query.mark(title),
            meta=query.mark(" · ".join(about)),
            kind="Request",
            snippet=query.snippet(problem),
            tag=tag_html(*state_of(status, outcome, asked_at is not None)),
        )


def _work_items(query: Query, window: slice) -> Section:
    newest = (
        visible_work()
        .filter(search_text=query.tsquery)
        .order_by("-upstream_updated_at", "-id")
        .values("pk")[: MOST_COUNTED + 1]
    )
    best = WorkItem.objects.filter(pk__in=newest).order_by(
        SearchRank(F("search_text"), query.tsquery).desc(), "-upstream_updated_at", "-id"
    )
    if query.key and query.request_number is None:  # stands first already
        best = best.exclude(key=query.key)
    columns = best.annotate(found=Window(Count("*"))).values_list(*WORK_COLUMNS, "found")
    rows = list(columns[window])
    found = rows[0][-1] if rows else 0
    return Section(WORK, found, tuple(_work_hits(query, [row[:-1] for row in rows])))


def _work_hits(query: Query, rows: Iterable[tuple]) -> Iterator[Hit]:
    now = timezone.now()
    for key, title, type_name, phase, assignee, changed in rows:
        about = key, type_name, assignee or "nobody yet", f"changed {_ago(changed, now)}"
        yield Hit(
            href=f"/work/{quote(key)}/",
            icon=icon_html("play", "lg"),
            title=query.mark(title),
            meta=query.mark(" · ".join(part for part in about if part)),
            kind="Work item",
            tag=tag_html(*PHASE_TAGS[phase]),
        )


# The same page is quoted at every letter that someone types.
_read = lru_cache(maxsize=512)(to_text)


def _pages(user: Any, query: Query, window: slice) -> Section:
    columns = (
        pages_for(user, query)
        .annotate(quoted=Left("body", QUOTED_LENGTH), found=Window(Count("*")))
        .values_list("slug", "title", "quoted", "updated_at", "visible_to", "found")
    )
    rows = list(columns[window])
    return Section(PAGES, rows[0][-1] if rows else 0, tuple(_page_hits(query, rows)))


def _page_hits(query: Query, rows: Iterable[tuple]) -> Iterator[Hit]:
    now = timezone.now()
    for slug, title, body, changed, readers, _ in rows:
        is_open = readers == Readers.EVERYONE
        yield Hit(
            href=f"/playbook/{slug}/",
            icon=icon_html("book", "lg"),
            title=query.mark(title),
            meta=query.mark(f"Playbook · changed {_ago(changed, now)}"),
            kind="Playbook",
            snippet=query.snippet(_read(body)),
            tag=mark_safe("") if is_open else tag_html(Readers(readers).label, "", "lock"),
        )


# --- Found by name ----------------------------------------------------------------------------


# Written out, since building these three as querysets costs more than PostgreSQL takes to answer.
# Each is a small table, read whole; accents are ignored. The first column tells the kind.
BY_NAME = """
(SELECT %(people)s, id::text, name, job_title, department, count(*) OVER ()
 FROM accounts_user
 WHERE is_active AND role <> 'guest'
   AND unaccent(concat_ws(' ', name, email, job_title, department)) ILIKE ALL (%(words)s)
 ORDER BY NOT unaccent(name) ILIKE %(first)s, name, id
 LIMIT %(people_limit)s OFFSET %(people_offset)s)
UNION ALL
(SELECT %(teams)s, slug, name, mission, channel, count(*) OVER ()
 FROM accounts_team
 WHERE is_active AND unaccent(concat_ws(' ', name, mission, channel)) ILIKE ALL (%(words)s)
 ORDER BY NOT unaccent(name) ILIKE %(first)s, name
 LIMIT %(teams_limit)s OFFSET %(teams_offset)s)
UNION ALL
(SELECT %(tools)s, slug, name, purpose, status, count(*) OVER ()
 FROM playbook_tool
 WHERE unaccent(concat_ws(' ', name, purpose)) ILIKE ALL (%(words)s)
 ORDER BY NOT unaccent(name) ILIKE %(first)s, "order", name
 LIMIT %(tools_limit)s OFFSET %(tools_offset)s)
"""


def _by_name(query: Query, windows: dict[str, slice]) -> dict[str, Section]:
    """People, teams and tools in one query, those whose name begins like the first word first."""
    words = [fold(word) for word in query.words]  # letters and digits, so nothing to escape
    values: dict[str, Any] = {key: key for key in windows}
    values |= {"words": [f"%{word}%" for word in words], "first": f"{words[0]}%"}
    for key, window in windows.items():
        values |= {f"{key}_limit": window.stop - window.start, f"{key}_offset": window.start}
    with connection.cursor() as cursor:
        cursor.execute(BY_NAME, values)
        rows = cursor.fetchall()
    sections = {key: Section(key) for key in windows}
    for key, ident, name, about, extra, found in rows:
        hit = _name_hit(query, key, ident, name, about, extra)
        sections[key] = Section(key, found, (*sections[key].hits, hit))
    return sections


def _name_hit(query: Query, key: str, ident: str, name: str, about: str, extra: str) -> Hit:
    tag = mark_safe("")
    if key == PEOPLE:
        href, drawn, kind = f"/people/{ident}/", avatar_html(name, int(ident)), "Person"
    elif key == TEAMS:
        href, drawn, kind = f"/teams/{ident}/", icon_html("people", "lg"), "Team"
    else:
        href, drawn, kind = f"/tools/{ident}/", icon_html("tools", "lg"), "Tool"
        if extra != ToolStatus.IN_USE:
            tag = tag_html(*STATES[ToolStatus(extra)])
        extra = ""
    meta = " · ".join(part for part in (kind, about, extra) if part)
    return Hit(href, drawn, query.mark(name), query.mark(meta), kind, tag=tag)


def _ago(moment: datetime, now: datetime) -> str:
    return spoken(moment, now)
