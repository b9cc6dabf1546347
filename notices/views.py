"""The inbox."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from notices import services
from notices.selectors import inbox_for
from producthub.lib.htmx import page, see_other

PAGE_SIZE = 50


@require_safe
def inbox(request: SignedInRequest) -> HttpResponse:
    """Everything the hub told me, newest first; unread ones stand out."""
    only_unread = request.GET.get("show") == "unread"
    notices = inbox_for(request.user)
    if only_unread:
        notices = notices.filter(read_at__isnull=True)
    pages = Paginator(notices, PAGE_SIZE)
    context = {"page": pages.get_page(request.GET.get("page")), "only_unread": only_unread}
    return page(request, "notices/inbox.html", "notices/_inbox.html", context)


@require_POST
def notice_open(request: SignedInRequest, pk: int) -> HttpResponse:
    """Mark as read and lead to what it is about."""
    notice = get_object_or_404(inbox_for(request.user), pk=pk)
    services.mark_read(user=request.user, notice_ids=[notice.pk])
    return see_other(notice.url)


@require_POST
def read_all(request: SignedInRequest) -> HttpResponse:
    """Mark everything as read."""
    services.mark_read(user=request.user)
    return see_other("notices:inbox")
