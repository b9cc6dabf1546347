"""Merging what says the same, parting it again, and saying that it is not the same."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from intake import pairs, services
from intake.models import Request
from intake.triage_forms import MergeForm
from intake.views.acting import act, require_pm, said_and_gone, visible
from intake.views.queue import acted, queue_address
from producthub.lib.htmx import page, see_other
from producthub.lib.input import whole_number
from producthub.lib.tags import count_of


@require_POST
def request_merge(request: SignedInRequest, number: int) -> HttpResponse:
    """Let it join another request."""
    require_pm(request)
    undo = services.window(request.user)
    made: list[Request] = []

    def merge(item: Request, data: dict[str, Request]) -> None:
        made.append(
            services.merge_requests(items=[item], into=data["into"], actor=request.user, undo=undo)
        )

    return act(
        request,
        number,
        MergeForm(request.POST, reader=request.user),
        merge,
        lambda item: (
            f"{item.reference} joined {made[0].reference}, which has"
            f" {count_of(made[0].vote_count, 'vote')} now."
        ),
        undo=undo,
        name="merge",
    )


@require_safe
def request_candidates(request: SignedInRequest, number: int) -> HttpResponse:
    """What it may be merged into, by number or words, while they are typed."""
    require_pm(request)
    item = visible(request, number)
    typed = request.GET.get("into", "")[:120]
    context = {
        "item": item,
        "typed": typed,
        "found": pairs.candidates(item, request.user, typed),
        "next": queue_address(request.GET),
    }
    return render(request, "intake/_candidates.html", context)


@require_safe
def request_compare(request: SignedInRequest, number: int) -> HttpResponse:
    """Two requests side by side, and what merging them either way would do."""
    require_pm(request)
    item = visible(request, number)
    other = get_object_or_404(
        Request.objects.visible_to(request.user),
        number=whole_number(request.GET.get("with", "")),
    )
    there = pairs.partner(item, other, request.user)
    back = pairs.partner(other, item, request.user)
    if there is None or back is None:
        return see_other(item)
    context = {
        "item": item,
        "there": there,
        "back": back,
        "next": queue_address(request.GET) or reverse("intake:triage"),
    }
    return page(request, "intake/compare.html", "intake/_compare.html", context)


@require_POST
def request_not_same(request: SignedInRequest, number: int) -> HttpResponse:
    """Settle that two requests are not the same: the pair is never proposed again."""
    require_pm(request)
    item = visible(request, number)
    other = get_object_or_404(
        Request.objects.visible_to(request.user),
        number=whole_number(request.POST.get("other", "")),
    )
    # The pair was found with a member of the other's group, which may not be its top.
    for one in pairs.members_paired(item, other):
        services.dismiss_pair(one=item, other=one, actor=request.user)
    said = f"Noted: {item.reference} and {other.reference} are not the same."
    came_from = queue_address(request.POST)
    if came_from:
        return acted(request, came_from, said, number=number)
    return said_and_gone(request, said, to=item)


@require_safe
def request_part(request: SignedInRequest, number: int) -> HttpResponse:
    """What parting a merged request restores, before it is done."""
    require_pm(request)
    item = visible(request, number)
    if item.root is None:
        return see_other(item)
    context = {"item": item, "root": item.root, "parting": pairs.parting(item)}
    return page(request, "intake/part.html", "intake/_part.html", context)
