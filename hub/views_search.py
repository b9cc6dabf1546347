"""The search page and the palette."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from hub.nav import Entry, navigation
from hub.search import Results, quick_hits
from hub.search import search as find
from intake.models import TITLE_LENGTH
from producthub.lib.htmx import page, wants_fragment
from search.queries import parse

PAGES_IN_PALETTE = 3


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Everything that has the words of `q`, of kind `k` or of all."""
    number = request.GET.get("page", "1")
    results = find(
        request.user,
        request.GET.get("q", ""),
        kind=request.GET.get("k", ""),
        page=int(number) if number.isdecimal() and len(number) < 4 else 1,
    )
    context = {
        "results": results,
        "query": results.query,
        "tabs": _tabs(results),
        "page_query": urlencode({"q": results.query.text, "k": results.kind}),
        "said": _said(results),
        "send_href": "/requests/new/?" + urlencode({"title": results.query.text[:TITLE_LENGTH]}),
        "is_fragment": wants_fragment(request),
    }
    return page(request, "hub/search.html", "hub/_search.html", context)


@require_safe
def palette(request: HttpRequest) -> HttpResponse:
    """The dialog of Ctrl K, and with `q` its list alone; without htmx the search page."""
    text = request.GET.get("q")
    if not wants_fragment(request):
        return redirect("/search/" + ("?" + urlencode({"q": text}) if text else ""))
    query = parse(text or "")
    hits, results = quick_hits(request.user, query.text)
    context = {
        "query": query,
        "hits": hits,
        "results": results,
        "pages": _pages(request, query.text.lower()),
        "q": urlencode({"q": query.text}),
        "title": urlencode({"title": query.text[:TITLE_LENGTH]}),
    }
    template = "hub/_palette.html" if text is None else "hub/_palette_list.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _pages(request: HttpRequest, text: str) -> list[Entry]:
    """Pages of the side bar that this reader sees: all of them, or those named like the text."""
    entries = [entry for group in navigation(request.user, "", {}) for entry in group.entries]
    if not text:
        return entries
    return [
        entry
        for entry in entries
        if any(word.startswith(text) for word in (entry.name.lower(), *entry.name.lower().split()))
    ][:PAGES_IN_PALETTE]


def _tabs(results: Results) -> list[dict[str, Any]]:
    q = results.query.text
    tabs = [("", "All", results.count_in_all)]
    tabs += [(s.key, s.name, s.count) for s in results.all_sections]
    return [
        {
            "name": name,
            "count": count,
            "href": "?" + urlencode({"q": q, "k": key} if key else {"q": q}),
            "is_current": key == results.kind,
        }
        for key, name, count in tabs
    ]


def _said(results: Results) -> str:
    """The outcome as one sentence."""
    if results.query.is_empty:
        return ""
    if not results.found:
        return f"Nothing for “{results.query.text}”."
    noun = "result" if results.count == "1" else "results"
    looked_for = results.corrected or results.query.text
    best = ", best first" if results.found > 1 else ""
    return f"{results.count} {noun} for “{looked_for}”{best}."
