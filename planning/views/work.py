"""Pages of work items."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zlib import crc32

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.permissions import is_pm
from planning import selectors
from planning.freshness import work_freshness
from planning.models import Phase
from planning.origins import work_origin
from planning.selectors import DAY_SECONDS, WorkFilter
from planning.surroundings import surroundings
from producthub.lib.csv import csv_response
from producthub.lib.htmx import page
from producthub.lib.input import whole_number
from producthub.lib.tags import avatar_html, tag_html

MAX_PAGE = 10_000
# Tone and icon of a phase; the word is the tracker's own status.
PHASE_TAGS = {
    Phase.WAITING: ("", "clock"),
    Phase.ACTIVE: ("info", "play"),
    Phase.DONE: ("good", "check"),
    Phase.UNMAPPED: ("warn", "help"),
}


@require_safe
def work(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The list of work items with its figures; `?format=csv` exports the same filter."""
    chosen = WorkFilter.from_query(request.GET)
    reader: Any = request.user
    if request.GET.get("format") == "csv":
        rows = selectors.exported_rows(chosen, reader)
        return csv_response("work-items", CSV_COLUMNS, map(_cells, rows))
    figures = selectors.flow_figures()
    listed = selectors.work_page(chosen, reader, _page_number(request), figures.total)
    teams = {pk: name for pk, _, name in figures.teams}
    now = timezone.now()
    for row in listed.rows:
        _dress(row, teams, now)
    context = {
        "chosen": chosen,
        "figures": figures,
        "listed": listed,
        "fresh": work_freshness(),
        "phases": Phase.choices,
        "query": chosen.as_query(),
        "may_see_links": is_pm(reader),
        "previous": chosen.as_query(page=listed.number - 1) if listed.number > 1 else "",
        "next": chosen.as_query(page=listed.number + 1) if listed.has_next else "",
    }
    return page(request, "planning/work.html", "planning/_work_list.html", context)


def _page_number(request: HttpRequest) -> int:
    number = whole_number(request.GET.get("page", ""), digits=5) or 1
    return min(number, MAX_PAGE)


def _dress(row: dict[str, Any], teams: dict[int, str], now: datetime) -> None:
    """Add what the template shows to a row; fifty times a page, so nothing is looked up."""
    tone, icon = PHASE_TAGS.get(row["phase"], ("", "clock"))
    row["tag"] = tag_html(row["status_name"][:60] or "Unknown", tone, icon)
    row["team"] = teams.get(row["team_id"], "–")
    name = row["assignee_name"]
    row["face"] = avatar_html(name, _face(row["assignee_account_id"])) if name else ""
    row["days"] = _days(row["phase"], row["started_at"], row["cycle_seconds"], now)


def _face(account: str) -> int:
    """The tone of someone's initials; people of the tracker have no number of ours."""
    return crc32(account.encode())


def _days(phase: str, started_at: datetime | None, cycle_seconds: int | None, now: datetime) -> str:
    if cycle_seconds is not None:
        return f"{cycle_seconds / DAY_SECONDS:,.1f}"
    if phase == Phase.ACTIVE and started_at is not None:
        # The tracker's clock may be ahead of ours.
        return f"{max((now - started_at).total_seconds(), 0) / DAY_SECONDS:,.1f}"
    return "–"


CSV_COLUMNS = [
    "Key", "Title", "Type", "Project", "Team", "Status", "State", "Owner", "Created", "Started",
    "Finished", "Cycle time, days", "History complete", "Updated", "Address",
]  # fmt: skip


def _cells(row: dict[str, Any]) -> Iterator[Any]:
    for name, value in row.items():
        is_time = name == "cycle_seconds" and value is not None
        yield f"{value / DAY_SECONDS:.2f}" if is_time else value


@require_safe
def work_item(request: HttpRequest, key: str) -> HttpResponse:
    """One item with its history; an old key leads to the new one."""
    item = selectors.work_item_by_key(key.replace("\x00", "").upper())
    if item is None:
        raise Http404
    if item.key != key:
        return redirect(item)
    now = timezone.now()
    moves = selectors.item_history(item)
    tone, icon = PHASE_TAGS.get(Phase(item.phase), ("", "clock"))
    context = {
        "item": item,
        "tag": tag_html(item.status_name[:60] or "Unknown", tone, icon),
        "moves": moves,
        "is_cut": len(moves) == selectors.MAX_MOVES_SHOWN,
        "stays": selectors.time_in_status(item, moves, now),
        "days": _days(item.phase, item.started_at, item.cycle_seconds, now),
        "around": surroundings(item),
        "face": avatar_html(item.assignee_name, _face(item.assignee_account_id))
        if item.assignee_name
        else "",
        "fresh": work_freshness(),
        "origin": work_origin(item),
    }
    return render(request, "planning/work_item.html", context)
