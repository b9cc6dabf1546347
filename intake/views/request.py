"""One request."""

from django.http import (
    HttpResponse,
    HttpResponsePermanentRedirect,
)
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from intake import services
from intake.forms import (
    AnswerForm,
    CommentForm,
    DecisionForm,
)
from intake.views.acting import act, detail_context, require_pm, visible
from producthub.lib.forms import HubForm
from producthub.lib.htmx import page


def request_by_reference(request: SignedInRequest, number: str) -> HttpResponse:
    """REQ-142 is what people say: lead to the page."""
    return HttpResponsePermanentRedirect(reverse("intake:request", args=[int(number)]))


@require_safe
def request_detail(request: SignedInRequest, number: int) -> HttpResponse:
    """One request: its way, the problem, the decision with its reason, everything said."""
    item = visible(request, number)
    return page(
        request, "intake/request.html", "intake/_request.html", detail_context(request, item)
    )


@require_POST
def request_answer(request: SignedInRequest, number: int) -> HttpResponse:
    """Answer the open question."""
    return act(
        request,
        number,
        AnswerForm(request.POST),
        lambda item, data: services.answer_question(item=item, actor=request.user, **data),
        lambda item: "Your answer is sent.",
    )


@require_POST
def request_comment(request: SignedInRequest, number: int) -> HttpResponse:
    """Say something."""
    return act(
        request,
        number,
        CommentForm(request.POST),
        lambda item, data: services.comment_on_request(item=item, actor=request.user, **data),
        lambda item: "Your comment is here.",
    )


@require_POST
def request_decide(request: SignedInRequest, number: int) -> HttpResponse:
    """Record the decision with its reason."""
    require_pm(request)
    return act(
        request,
        number,
        DecisionForm(request.POST),
        lambda item, data: services.decide_request(item=item, actor=request.user, **data),
        lambda item: f"Decision recorded. {item.requester} is told.",
    )


@require_POST
def request_ship(request: SignedInRequest, number: int) -> HttpResponse:
    """Mark as delivered."""
    require_pm(request)
    return act(
        request,
        number,
        HubForm(request.POST),
        lambda item, data: services.ship_request(item=item, actor=request.user),
        lambda item: f"{item.reference} is delivered. {item.requester} is told.",
    )
