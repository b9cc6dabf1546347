"""What the hub does in other systems and what they sent it; retry, skip, play again."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.permissions import is_product_ops, require
from integrations import deliveries, inbox, traffic
from integrations.models import Delivery, InboundMessage, Source
from producthub.lib.htmx import see_other
from producthub.lib.tags import tag_html

OPS_ONLY = "What goes out and comes in is for Product Ops."
ROWS_A_PAGE = 50


@require_safe
def delivery_list(request: HttpRequest) -> HttpResponse:
    """Effects by their state; those given up first, as they need somebody."""
    view, source, frame = _frame(request, Delivery, traffic.DELIVERY_VIEWS)
    listed = Paginator(traffic.deliveries(view, source), ROWS_A_PAGE)
    shown = listed.get_page(request.GET.get("page"))
    rows = [
        (
            row,
            traffic.action_words(row.action),
            tag_html(*traffic.DELIVERY_TAGS[Delivery.State(row.state)]),
            _address(row),
        )
        for row in shown
    ]
    return render(request, "integrations/deliveries.html", {**frame, "page": shown, "rows": rows})


@require_safe
def message_list(request: HttpRequest) -> HttpResponse:
    """Webhooks, events and mails by their state."""
    view, source, frame = _frame(request, InboundMessage, traffic.MESSAGE_VIEWS)
    shown = Paginator(traffic.messages(view, source), ROWS_A_PAGE).get_page(request.GET.get("page"))
    rows = [
        (row, tag_html(*traffic.MESSAGE_TAGS[InboundMessage.State(row.state)])) for row in shown
    ]
    return render(request, "integrations/messages.html", {**frame, "page": shown, "rows": rows})


def _frame(
    request: HttpRequest, model: Any, views: dict[str, tuple[str, list[str]]]
) -> tuple[str, str, dict[str, Any]]:
    require(is_product_ops(request.user), OPS_ONLY)
    tabs = traffic.tabs(model)
    view = request.GET.get("view", "")
    if view not in views:
        # What needs somebody, else what there is.
        view = next((tab.key for tab in tabs if tab.count), tabs[0].key)
    source = request.GET.get("source", "")
    source = source if source in Source.values else ""
    base = f"view={view}&" + (f"source={source}&" if source else "")
    context = {
        "tabs": tabs,
        "view": view,
        "source": source,
        "sources": Source.choices,
        "base": base,
        "here": f"{request.path}?{base.rstrip('&')}",
    }
    return view, source, context


def _address(row: Delivery) -> str:
    """Where the thing of the hub is shown that a delivery is about."""
    if row.subject_type != "intake.request" or not row.subject_label.startswith("REQ-"):
        return ""
    return f"/requests/{row.subject_label}/"


@require_POST
def delivery_retry(request: SignedInRequest, pk: int) -> HttpResponse:
    """Try one again now."""
    row = get_object_or_404(Delivery, pk=pk)
    deliveries.retry(delivery=row, actor=request.user)
    messages.success(request, f"{traffic.action_words(row.action)}: it is tried again.")
    return see_other(_back(request, "integrations:deliveries"))


@require_POST
def delivery_skip(request: SignedInRequest, pk: int) -> HttpResponse:
    """Do without one."""
    row = get_object_or_404(Delivery, pk=pk)
    if deliveries.skip(delivery=row, actor=request.user):
        messages.success(request, f"{traffic.action_words(row.action)}: it is skipped.")
    else:
        messages.error(request, "It went out or was skipped in the meantime.")
    return see_other(_back(request, "integrations:deliveries"))


@require_POST
def message_replay(request: SignedInRequest, pk: int) -> HttpResponse:
    """Work on a message once more."""
    require(is_product_ops(request.user), OPS_ONLY)
    row = get_object_or_404(InboundMessage, pk=pk)
    if row.source == Source.MAIL and not row.body:
        messages.error(request, "This mail was worked on, and its words were not kept here.")
    else:
        inbox.replay(row)
        messages.success(request, "It is worked on again.")
    return see_other(_back(request, "integrations:messages"))


def _back(request: HttpRequest, name: str) -> str:
    """The list as it was filtered."""
    view, source = request.POST.get("view", ""), request.POST.get("source", "")
    known = {**traffic.DELIVERY_VIEWS, **traffic.MESSAGE_VIEWS}
    query = f"?view={view}" if view in known else ""
    if query and source in Source.values:
        query += f"&source={source}"
    return reverse(name) + query
