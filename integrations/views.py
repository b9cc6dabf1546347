"""The integrations page, for Product Ops."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import is_product_ops, require
from integrations import coming_back, selectors, services
from integrations.errors import UpstreamError
from integrations.models import SyncError, SyncRun
from integrations.sources import connector
from producthub.lib.htmx import page, see_other, wants_fragment
from producthub.lib.tags import tag_html
from search.selectors import engine_state

OPS_ONLY = "Integrations are for Product Ops."
RUNS_A_PAGE = 50


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Health, latest runs and bad items; asks for itself again while it is looked at."""
    require(is_product_ops(request.user), OPS_ONLY)
    return _page(request)


def _page(request: HttpRequest, *, said: str = "", trouble: str = "") -> HttpResponse:
    recent = selectors.latest_runs()
    only_problems = request.GET.get("only") == "errors"
    shown = (
        list(selectors.troubled_runs()[: selectors.LATEST_RUNS])
        if only_problems
        else recent[: selectors.LATEST_RUNS]
    )
    errors = list(selectors.open_errors()[: selectors.SHOWN_ERRORS + 1])
    cards = selectors.source_cards(recent)
    context = {
        "cards": cards,
        "engine": engine_state(),
        "unruled": _unruled(cards),
        "runs": [_dressed(run) for run in shown],
        "only_problems": only_problems,
        "address": reverse("integrations:index") + ("?only=errors" if only_problems else ""),
        "errors": errors[: selectors.SHOWN_ERRORS],
        "has_more_errors": len(errors) > selectors.SHOWN_ERRORS,
        "said": said,
        "trouble": trouble,
        "lede": _lede(cards, len(errors)),
    }
    return page(request, "integrations/index.html", "integrations/_sources.html", context)


def _unruled(cards: list[selectors.SourceCard]) -> list[tuple[str, list[str]]]:
    """Names of statuses without a rule, by source."""
    connected = {card.source for card in cards if card.is_connected}
    found = [one.source for one in coming_back.followers() if one.source in connected]
    return [(source.value, [one.name for one in coming_back.unmapped(source)]) for source in found]


def _dressed(run: SyncRun) -> SyncRun:
    run.tag = tag_html(*selectors.run_tag(run))  # type: ignore[attr-defined]
    run.took = f"{run.duration.total_seconds():,.1f} s" if run.duration else "–"  # type: ignore[attr-defined]
    return run


def _lede(cards: list[selectors.SourceCard], errors: int) -> str:
    connected = [card for card in cards if card.is_connected]
    if not connected:
        return "Nothing is connected yet. Jira comes first: it takes three steps."
    states = {
        "good": "{} is current.",
        "info": "{} is being read for the first time.",
        "warn": "{} is behind.",
        "bad": "{} needs someone to act.",
    }
    told = [states.get(card.health.tone, "").format(card.name) for card in connected]
    if errors:
        plural = "One item" if errors == 1 else f"{min(errors, selectors.SHOWN_ERRORS)} items"
        told.append(f"{plural} could not be read in full.")
    return " ".join(sentence for sentence in told if sentence)


@require_POST
def sync_now(request: HttpRequest, source: str) -> HttpResponse:
    """Queue a run of one source."""
    require(is_product_ops(request.user), OPS_ONLY)
    if connector(source) is None:
        raise Http404
    said = trouble = ""
    try:
        started = services.request_sync(source=source, actor=request.user)  # type: ignore[arg-type]
        said = "The sync was started." if started else "A sync is running already."
    except (services.QueueAway, services.SourceIsOff) as error:
        trouble = str(error)
    return _answer(request, said, trouble)


@require_POST
def test_connection(request: HttpRequest, source: str) -> HttpResponse:
    """Call a source now and say what it answered."""
    require(is_product_ops(request.user), OPS_ONLY)
    if connector(source) is None:
        raise Http404
    said = trouble = ""
    try:
        said = services.test_connection(source=source, actor=request.user)  # type: ignore[arg-type]
    except (services.SourceIsOff, UpstreamError) as error:
        trouble = str(error)
    return _answer(request, said, trouble)


@require_POST
def error_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue one bad item to be read again."""
    require(is_product_ops(request.user), OPS_ONLY)
    error = get_object_or_404(SyncError, pk=pk)
    said, trouble = f"{error.label} is read again.", ""
    try:
        if error.resolved_at is None:
            services.request_retry(error=error, actor=request.user)  # type: ignore[arg-type]
        else:
            said = f"{error.label} was read well in the meantime."
    except (services.QueueAway, services.SourceIsOff) as reason:
        said, trouble = "", str(reason)
    return _answer(request, said, trouble)


def _answer(request: HttpRequest, said: str, trouble: str) -> HttpResponse:
    if wants_fragment(request):
        return _page(request, said=said, trouble=trouble)
    if trouble:
        messages.error(request, trouble)
    else:
        messages.success(request, said)
    return see_other("integrations:index")


@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    """All runs, also skipped ones."""
    require(is_product_ops(request.user), OPS_ONLY)
    listed = Paginator(SyncRun.objects.all(), RUNS_A_PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {"listed": listed, "runs": [_dressed(run) for run in listed]}
    return render(request, "integrations/runs.html", context)


@require_safe
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: what it read and what it could not."""
    require(is_product_ops(request.user), OPS_ONLY)
    found = get_object_or_404(SyncRun.objects.select_related("started_by"), pk=pk)
    context = {"run": _dressed(found), "errors": selectors.run_errors(found)}
    return render(request, "integrations/run.html", context)
