"""Deciding a request, and the one answer to a no."""

from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from accounts.http import SignedInRequest
from intake import services
from intake.forms import DecisionForm, ReopenForm
from intake.models import Request
from intake.services.groups import count_told
from intake.views.acting import act, require_pm, show_again, visible
from producthub.lib.tags import count_of


@require_POST
def request_decide(request: SignedInRequest, number: int) -> HttpResponse:
    """Record the decision with its reason; `add_option` only asks for one more option."""
    require_pm(request)
    if "add_option" in request.POST:
        kept = DecisionForm.keeping(request.POST)
        return show_again(request, visible(request, number), kept, status=200)
    undo = services.window(request.user)

    def decide(item: Request, data: dict[str, Any]) -> None:
        services.decide_requests(
            items=[item, *data.pop("also", [])], actor=request.user, undo=undo, **data
        )

    def said(item: Request) -> str:
        count = count_told(item, request.user)
        if count == 1 and item.requester_id != request.user.pk:
            return f"Decision recorded. {item.requester} is told."
        return f"Decision recorded. {count_of(count, 'person,people')} will be told."

    return act(request, number, DecisionForm(request.POST), decide, said, undo=undo)


@require_POST
def request_reopen(request: SignedInRequest, number: int) -> HttpResponse:
    """Ask once to look again at a no or a not now."""
    return act(
        request,
        number,
        ReopenForm(request.POST),
        lambda item, data: services.reopen_request(item=item, actor=request.user, **data),
        lambda item: "It waits for a new decision. Its product manager is told.",
    )
