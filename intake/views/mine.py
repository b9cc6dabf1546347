"""My requests."""

from django.core.paginator import Paginator
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.http import SignedInRequest
from intake import asking, mine
from producthub.lib.csv import csv_response

# Rows of four lines each on a phone.
PAGE_SIZE = 30


@require_safe
def request_mine(request: SignedInRequest) -> HttpResponseBase:
    """What I asked for, sent for others, voted for and follow, with what happens next."""
    view = request.GET.get("view", "")
    view = view if view in mine.VIEWS else "sent"
    items = mine.items_of(request.user, view)
    if request.GET.get("format") == "csv":
        rows = mine.csv_rows(request.user, items)
        return csv_response(f"my-requests-{view}", mine.CSV_HEADER, rows)
    counts = mine.counts_of(request.user)
    pages = Paginator(items, PAGE_SIZE)
    pages.count = counts[view]  # already counted with the other tabs
    shown = pages.get_page(request.GET.get("page"))
    here = reverse("intake:request-mine")
    context = {
        "view": view,
        "tabs": [
            (word, counts[key], here if key == "sent" else f"{here}?view={key}", key == view)
            for key, word in mine.VIEWS.items()
        ],
        "counts": counts,
        "page": shown,
        "rows": mine.rows_of(request.user, shown.object_list),
        "base": "" if view == "sent" else f"view={view}&",
        "drafts": asking.my_drafts(request.user, limit=20) if view == "sent" else [],
    }
    return render(request, "intake/mine.html", context)
