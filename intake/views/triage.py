"""The triage queue and what is done in it."""

from django.http import (
    Http404,
    HttpResponse,
)
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.models import Team
from intake import services
from intake.forms import (
    AskForm,
    TriageForm,
)
from intake.views.acting import act, forms_for, queue_address, queue_context, require_pm, visible
from producthub.lib.htmx import page, see_other


@require_safe
def triage(request: SignedInRequest) -> HttpResponse:
    """The queue by promise, with a preview; all of its state is in the address."""
    require_pm(request)
    return page(
        request, "intake/triage.html", "intake/_triage.html", queue_context(request, request.GET)
    )


@require_safe
def request_form(request: SignedInRequest, number: int, name: str) -> HttpResponse:
    """One form of the queue's preview, fetched when it is opened: it costs the queue nothing."""
    require_pm(request)
    item = visible(request, number)
    forms = forms_for(request, item, None)["forms"]
    if name not in ("triage", "ask"):
        raise Http404
    if name not in forms:
        return see_other(item)
    context = {"item": item, "form": forms[name], "next": queue_address(request.GET)}
    return render(request, f"intake/_{name}_form.html", context)


@require_POST
def request_triage(request: SignedInRequest, number: int) -> HttpResponse:
    """Route to a team and an owner."""
    require_pm(request)
    return act(
        request,
        number,
        TriageForm(request.POST),
        lambda item, data: services.triage_request(item=item, actor=request.user, **data),
        lambda item: f"{item.reference} is with {item.owner}.",
    )


@require_POST
def request_take(request: SignedInRequest, number: int) -> HttpResponse:
    """Assign to me, in one press; the team stays, or becomes mine."""
    require_pm(request)
    item = visible(request, number)
    team = (
        item.team or Team.objects.filter(memberships__in=request.user.memberships.current()).first()
    )
    form = TriageForm(
        {
            "team": team.slug if team else "",
            "owner": request.user.pk,
            "owner_seen": request.POST.get("owner_seen", ""),
        }
    )
    return act(
        request,
        number,
        form,
        lambda item, data: services.triage_request(item=item, actor=request.user, **data),
        lambda item: f"{item.reference} is yours.",
    )


@require_POST
def request_ask(request: SignedInRequest, number: int) -> HttpResponse:
    """Ask the requester."""
    require_pm(request)
    return act(
        request,
        number,
        AskForm(request.POST),
        lambda item, data: services.ask_requester(item=item, actor=request.user, **data),
        lambda item: f"{item.requester} is asked.",
    )
