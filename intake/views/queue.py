"""The queue on the screen: the whole page, or the parts that an action changed."""

import json
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.http import SignedInRequest
from intake import pairs, presence
from intake import queue as read
from intake.models import Kind, Priority, Request
from intake.services.undo import UNDO_SECONDS, Window
from producthub.lib.forms import HubForm
from producthub.lib.htmx import see_other, wants_fragment
from producthub.lib.input import whole_number

PAGE_SIZE = 50
HELD = "/requests/held/"


def queue_address(query: QueryDict) -> str:
    """The triage address to go back to, if that is where the form stands; never elsewhere."""
    target = query.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if safe and urlsplit(target).path == reverse("intake:triage") else ""


def query_of(address: str) -> QueryDict:
    return QueryDict(urlsplit(address).query)


def queue_context(
    request: SignedInRequest,
    query: Any,
    *,
    number: int | None = None,
    rather: int | None = None,
    at: int | None = None,
) -> dict[str, Any]:
    """What the page of the queue shows.

    Beside it is the request `number`, else the one of the address (`on`), else `rather` if it is
    in the view, else the row at place `at`, else the first.
    """
    user = request.user
    wanted = read.Wanted.read(query)
    counts = read.queue_counts(user, wanted)
    pages = Paginator(read.queue(user, wanted), PAGE_SIZE)
    pages.count = counts[wanted.view]  # already counted: every view in one query
    shown = pages.get_page(query.get("page"))
    rows = read.queue_rows(shown.object_list)
    if number is None:
        number = whole_number(query.get("on", ""))
    if number is None and any(row.number == rather for row in rows):
        number = rather
    if number is None and rows:
        place = at if at is not None else whole_number(query.get("at", "")) or 0
        number = rows[min(place, len(rows) - 1)].number
    item = read.preview(user, number) if number is not None else None
    if item is None and rows:
        item = read.preview(user, rows[0].number)
    number = item.number if item else 0
    place = next((index for index, row in enumerate(rows) if row.number == number), 0)
    beside = _beside(request, wanted, shown.number, item, place)
    frame = _frame(request, wanted, counts, shown)
    for row in rows:
        row.lookers = ", ".join(beside["looked"].get(row.number, ()))
        row.href = f"?{frame['row_base']}on={row.number}"
        row.is_on = row.number == number
    return {
        **frame,
        "rows": rows,
        **beside,
        **({"week": read.week(user)} if not rows and wanted.view == "triage" else {}),
    }


def _frame(
    request: SignedInRequest, wanted: read.Wanted, counts: dict[str, int], shown: Page[Any]
) -> dict[str, Any]:
    here = reverse("intake:triage")
    base = wanted.query()
    found = read.choices()
    return {
        "wanted": wanted,
        "counts": counts,
        "tabs": [
            (word, counts[key], here + _asked(wanted.query(view=key)), key == wanted.view)
            for key, word in read.VIEWS.items()
        ],
        "held_url": _held(),
        "saved": [
            (view.name, here + _asked(view.query), view.query == base)
            for view in request.user.saved_views.all()
        ],
        "areas": found.areas,
        "labels": found.labels,
        "kinds": Kind.choices,
        "priorities": Priority.choices,
        "sorts": read.SORTS.items(),
        "page": shown,
        "here": here,
        "plain": base,
        "base": f"{base}&" if base else "",
        "row_base": _row_base(base, shown.number),
    }


def _beside(
    request: SignedInRequest,
    wanted: read.Wanted,
    page: int,
    item: Request | None,
    place: int | None,
) -> dict[str, Any]:
    """The request beside the queue: likely duplicates, who else looks at it, where forms lead."""
    looked: dict[int, list[str]] = {}
    if item is not None:
        presence.look(request.user, item.number)
        looked = presence.others(request.user)
    here = reverse("intake:triage")
    query = _row_base(wanted.query(), page).rstrip("&")
    back = f"{query}&at={place}" if query and place else f"at={place}" if place else query
    return {
        "item": item,
        "on": item.number if item else 0,
        "looked": looked,
        "looks": presence.sentence(looked.get(item.number, [])) if item else "",
        "likely": pairs.likely(item, request.user) if item and item.similar_count else [],
        "silent_days": read.silent_days(item.heard_at) if item and item.is_open else 0,
        "is_snoozed": bool(item and wanted.view == "snoozed"),
        "next": here + _asked(back),
        "view_query": query,
    }


def _asked(query: str) -> str:
    return f"?{query}" if query else ""


def _row_base(base: str, number: int) -> str:
    paged = f"page={number}" if number > 1 else ""
    both = "&".join(part for part in (base, paged) if part)
    return f"{both}&" if both else ""


def _held() -> str:
    """The page of what waits for review, if this hub has it."""
    try:
        resolve(HELD)
    except Resolver404:
        return ""
    return HELD


def preview_context(request: SignedInRequest, query: Any) -> dict[str, Any] | None:
    """The request beside the queue alone, for a press on its row; None when it is not there."""
    wanted = read.Wanted.read(query)
    number = whole_number(query.get("on", ""))
    item = read.preview(request.user, number) if number is not None else None
    if item is None:
        return None
    return _beside(request, wanted, whole_number(query.get("page", "")) or 1, item, None)


def pulse_context(request: SignedInRequest, query: Any) -> dict[str, Any]:
    """Fresh counts, and who looks at the request that is open: asked for again and again."""
    wanted = read.Wanted.read(query)
    counts = read.queue_counts(request.user, wanted)
    number = whole_number(query.get("on", ""))
    looked: dict[int, list[str]] = {}
    if number is not None:
        presence.look(request.user, number)
        looked = presence.others(request.user)
    seen = whole_number(query.get("n", ""))
    here = reverse("intake:triage")
    return {
        "wanted": wanted,
        "counts": counts,
        "tabs": [
            (word, counts[key], here + _asked(wanted.query(view=key)), key == wanted.view)
            for key, word in read.VIEWS.items()
        ],
        "held_url": _held(),
        "saved": [
            (view.name, here + _asked(view.query), view.query == wanted.query())
            for view in request.user.saved_views.all()
        ],
        "on": number or 0,
        "n": seen,
        "looks": presence.sentence(looked.get(number or 0, [])),
        "has_changed": seen is not None and seen != counts[wanted.view],
        "here": here,
        "view_query": query.urlencode(),
    }


def acted(
    request: SignedInRequest,
    came_from: str,
    said: str,
    *,
    number: int,
    undo: Window | None = None,
    failures: list[str] | None = None,
    stays: bool = False,
) -> HttpResponse:
    """After an action in the queue: rows, counts and the next request in place, one sentence and
    Undo; without scripts, back to the queue with the same.

    A request that is still in the view stays open, else the one that took its place is. `stays`
    opens it although it left the view.
    """
    if not wants_fragment(request):
        leave_word(request, said, undo)
        for failure in failures or []:
            messages.warning(request, failure)
        return see_other(came_from)
    query = query_of(came_from).copy()
    place = whole_number(request.POST.get("at", "")) or whole_number(query.get("at", "")) or 0
    query.pop("at", None)
    query.pop("on", None)
    kept = {"number": number} if stays else {"rather": number, "at": place}
    context = queue_context(request, query, **kept)
    context |= {
        "said": said,
        "undo_key": undo.key if undo else None,
        "undo_seconds": UNDO_SECONDS,
        "failures": failures or [],
    }
    is_empty = not context["rows"]
    context["in_place"] = not is_empty
    template = "intake/_triage.html" if is_empty else "intake/_queue_acted.html"
    response = render(request, template, context)
    response["HX-Retarget"] = "#triage" if is_empty else "#preview"
    response["HX-Reswap"] = "outerHTML show:none"
    address = f"{context['here']}?{context['row_base']}on={context['on']}"
    response["HX-Replace-Url"] = address if context["on"] else context["here"]
    spoken = f"{said} Undo: press u." if undo else said
    response["HX-Trigger-After-Settle"] = json.dumps(
        {"queueActed": {"said": " ".join([spoken, *(failures or [])])}}
    )
    return response


def leave_word(request: SignedInRequest, said: str, undo: Window | None) -> None:
    """A sentence for the next page, which offers Undo while it lasts."""
    messages.success(request, said, extra_tags=f"undo-{undo.key}" if undo else "")


def refused(
    request: SignedInRequest,
    item: Request,
    form: HubForm,
    name: str,
    came_from: str,
    status: int,
) -> HttpResponse:
    """The form of an action again, with what must change or who was first; typed text stays."""
    typed = ""
    is_lost = not item.is_open and status == 409
    if is_lost:
        typed = next((form.data[key] for key in TYPED if form.data.get(key)), "")
    context = {
        "item": item,
        "form": form,
        "name": name,
        "next": came_from,
        "part": f"intake/_{name}_form.html" if name else "",
        "bound": form,
        "is_lost": is_lost,
        "typed": typed,
        "is_part": wants_fragment(request),
    }
    template = "intake/_act.html" if wants_fragment(request) else "intake/act.html"
    response = render(request, template, context, status=status)
    if wants_fragment(request):
        response["HX-Retarget"] = "#act"
        response["HX-Reswap"] = "innerHTML"
    return response


TYPED = ("reason", "answer", "question", "case", "text")
