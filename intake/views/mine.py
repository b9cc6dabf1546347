"""My requests."""

from django.core.paginator import Paginator
from django.http import (
    HttpResponse,
)
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.http import SignedInRequest
from intake import selectors
from intake.views.acting import PAGE_SIZE


@require_safe
def request_mine(request: SignedInRequest) -> HttpResponse:
    """What I asked for, with state, owner and last news."""
    items = selectors.my_requests(request.user)
    pages = Paginator(items, PAGE_SIZE)
    shown = pages.get_page(request.GET.get("page"))
    context = {
        "page": shown,
        "rows": selectors.rows(shown.object_list),
        "open": items.open().count(),
        "asked": selectors.questions_for(request.user).count(),
    }
    return render(request, "intake/mine.html", context)
