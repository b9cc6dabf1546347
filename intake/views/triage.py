"""The triage queue and what is done in it, one request at a time."""

import uuid
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.models import Team
from intake import pairs, services
from intake import queue as read
from intake.forms import AskForm, DecisionForm, TriageForm
from intake.models import Request, SavedView
from intake.services.groups import count_told
from intake.triage_forms import LabelForm, MergeForm, SnoozeForm, ViewNameForm
from intake.views.acting import act, require_pm, said_and_gone, visible
from intake.views.queue import (
    acted,
    preview_context,
    pulse_context,
    query_of,
    queue_address,
    queue_context,
)
from producthub.lib.forms import HubForm
from producthub.lib.htmx import page, wants_fragment


@require_safe
def triage(request: SignedInRequest) -> HttpResponse:
    """The queue by promise, with a preview; all of its state is in the address."""
    require_pm(request)
    if wants_fragment(request) and request.headers.get("HX-Target") == "preview":
        context = preview_context(request, request.GET)
        if context is not None:
            response = render(request, "intake/_preview.html", context)
            patch_vary_headers(response, ["HX-Request", "HX-Target"])
            return response
    response = page(
        request, "intake/triage.html", "intake/_triage.html", queue_context(request, request.GET)
    )
    if request.headers.get("HX-Target") == "preview":
        # The request is gone: the whole queue says so instead.
        response["HX-Retarget"] = "#triage"
    patch_vary_headers(response, ["HX-Target"])
    return response


@require_safe
def pulse(request: SignedInRequest) -> HttpResponse:
    """Fresh counts and who else looks at the open request, every few seconds."""
    require_pm(request)
    return render(request, "intake/_queue_pulse.html", pulse_context(request, request.GET))


FORMS = ("triage", "ask", "decide", "snooze", "label", "merge")


@require_safe
def request_form(request: SignedInRequest, number: int, name: str) -> HttpResponse:
    """One form of the queue's preview, fetched when it is opened: it costs the queue nothing.

    Without scripts it is a page of its own.
    """
    require_pm(request)
    if name not in FORMS:
        raise Http404
    item = visible(request, number)
    context = {
        "item": item,
        "name": name,
        "form": _form(request, item, name) if item.is_open else None,
        "part": f"intake/_{name}_form.html",
        "next": queue_address(request.GET) or reverse("intake:triage"),
        "is_part": wants_fragment(request),
    }
    if name == "merge" and request.GET.get("into"):
        context["found"] = pairs.candidates(item, request.user, request.GET["into"])
        context["typed"] = request.GET["into"]
    return page(request, "intake/act.html", "intake/_act.html", context)


def _form(request: SignedInRequest, item: Request, name: str) -> HubForm:
    if name == "triage":
        return TriageForm(
            initial={
                "team": item.team.slug if item.team else "",
                "owner": item.owner_id or request.user.pk,
                "owner_seen": item.owner_id or "none",
            }
        )
    if name == "snooze":
        return SnoozeForm(zone=request.user.zone)
    if name == "label":
        return LabelForm(initial={"labels": ", ".join(item.labels), "priority": item.priority})
    if name == "merge":
        return MergeForm(reader=request.user, initial={"into": request.GET.get("into", "")})
    if name == "ask":
        return AskForm()
    form = DecisionForm(initial={"outcome": ""})
    form.told = count_told(item, request.user)
    return form


@require_POST
def request_triage(request: SignedInRequest, number: int) -> HttpResponse:
    """Route to a team and an owner."""
    require_pm(request)
    undo = services.window(request.user)
    return act(
        request,
        number,
        TriageForm(request.POST),
        lambda item, data: services.triage_request(
            item=item, actor=request.user, undo=undo, **data
        ),
        lambda item: f"{item.reference} is with {item.owner}.",
        undo=undo,
    )


@require_POST
def request_take(request: SignedInRequest, number: int) -> HttpResponse:
    """Assign to me, in one press; the team stays, or becomes mine."""
    require_pm(request)
    item = visible(request, number)
    team = item.team or my_team(request)
    form = TriageForm(
        {
            "team": team.slug if team else "",
            "owner": request.user.pk,
            "owner_seen": request.POST.get("owner_seen", ""),
        }
    )
    undo = services.window(request.user)
    return act(
        request,
        number,
        form,
        lambda item, data: services.triage_request(
            item=item, actor=request.user, undo=undo, **data
        ),
        lambda item: f"{item.reference} is yours.",
        undo=undo,
    )


def my_team(request: SignedInRequest) -> Team | None:
    """The team that a person's requests go to where they have none."""
    return Team.objects.filter(memberships__in=request.user.memberships.current()).first()


@require_POST
def request_ask(request: SignedInRequest, number: int) -> HttpResponse:
    """Ask the requester."""
    require_pm(request)
    undo = services.window(request.user)
    return act(
        request,
        number,
        AskForm(request.POST),
        lambda item, data: services.ask_requester(item=item, actor=request.user, undo=undo, **data),
        lambda item: f"{item.requester} is asked.",
        undo=undo,
    )


@require_POST
def request_snooze(request: SignedInRequest, number: int) -> HttpResponse:
    """Put it out of sight until a morning."""
    require_pm(request)
    undo = services.window(request.user)
    form = SnoozeForm(request.POST, zone=request.user.zone)

    def said(item: Request) -> str:
        assert item.snoozed_until is not None
        day = item.snoozed_until.astimezone(request.user.zone)
        return f"{item.reference} comes back on {day:%A}, {day.day} {day:%B}."

    return act(
        request,
        number,
        form,
        lambda item, data: services.snooze_request(
            item=item, actor=request.user, undo=undo, until=data["until"]
        ),
        said,
        undo=undo,
        name="snooze",
    )


@require_POST
def request_wake(request: SignedInRequest, number: int) -> HttpResponse:
    """Bring it back into the queue now."""
    require_pm(request)
    return act(
        request,
        number,
        HubForm(request.POST),
        lambda item, data: services.wake_request(item=item, actor=request.user),
        lambda item: f"{item.reference} is back in the queue.",
    )


@require_POST
def request_label(request: SignedInRequest, number: int) -> HttpResponse:
    """Set labels and priority."""
    require_pm(request)
    undo = services.window(request.user)
    return act(
        request,
        number,
        LabelForm(request.POST),
        lambda item, data: services.label_request(item=item, actor=request.user, undo=undo, **data),
        lambda item: f"{item.reference} is labelled.",
        undo=undo,
        name="label",
    )


@require_POST
def undo(request: SignedInRequest) -> HttpResponse:
    """Take the last action back, from the queue or a request's page."""
    require_pm(request)
    came_from = queue_address(request.POST)
    try:
        key = uuid.UUID(request.POST.get("key", ""))
        items = services.undo_action(key=key, actor=request.user)
    except ValueError as error:
        raise Http404 from error
    except services.CannotUndo as error:
        context: dict[str, Any] = {"error": str(error), "next": came_from}
        response = page(
            request, "intake/cannot_undo.html", "intake/_cannot_undo.html", context, status=409
        )
        response["HX-Retarget"] = "#said"
        response["HX-Reswap"] = "innerHTML show:none"
        return response
    names = ", ".join(item.reference for item in items[:3])
    more = f" and {len(items) - 3} more" if len(items) > 3 else ""
    verb = "is as it was" if len(items) == 1 else "are as they were"
    said = f"Undone: {names}{more} {verb}. Nobody was told."
    if came_from:
        return acted(request, came_from, said, number=items[0].number, stays=True)
    return said_and_gone(request, said, to=items[0])


# --- Saved views ------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def saved_views(request: SignedInRequest) -> HttpResponse:
    """Name the view that the address holds; rename and remove those that are named."""
    require_pm(request)
    asked = request.POST if request.method == "POST" else request.GET
    wanted = read.Wanted.read(query_of(f"?{asked.get('query', '')}"))
    form = ViewNameForm(request.POST or None, auto_id="id_view_%s")
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                view = services.save_view(
                    person=request.user, name=form.cleaned_data["name"], query=wanted.query()
                )
            except services.RequestError as error:
                form.add_error("name", str(error))
            else:
                to = f"{reverse('intake:triage')}?{view.query}"
                return said_and_gone(request, f"The view {view.name} is kept.", to=to)
    return _views_page(request, wanted, form, status=status)


def _views_page(
    request: SignedInRequest,
    wanted: read.Wanted,
    form: HubForm,
    *,
    status: int = 200,
    renamed: tuple[int, HubForm] | None = None,
) -> HttpResponse:
    views = []
    for view in request.user.saved_views.all():
        own = ViewNameForm(initial={"name": view.name}, auto_id=f"id_view{view.pk}_%s")
        bound = renamed[1] if renamed and renamed[0] == view.pk else own
        views.append((view, _spoken(read.Wanted.read(query_of(f"?{view.query}"))), bound))
    context = {
        "form": form,
        "bound": renamed[1] if renamed else form,
        "query": wanted.query(),
        "spoken": _spoken(wanted),
        "views": views,
    }
    return render(request, "intake/saved_views.html", context, status=status)


def _spoken(wanted: read.Wanted) -> str:
    """What a view holds, in words."""
    parts = [read.VIEWS[wanted.view]]
    if wanted.area:
        words = {"all": "all areas", "none": "not routed yet"}
        names = dict(read.choices().areas)
        parts.append(words.get(wanted.area) or names.get(wanted.area, "an area that is gone"))
    parts += [value for value in (wanted.kind, wanted.priority, wanted.label) if value]
    parts.append(read.SORTS[wanted.sort].lower())
    return ", ".join(parts)


@require_POST
def saved_view_change(request: SignedInRequest, pk: int) -> HttpResponse:
    """Rename one's own view, or remove it."""
    require_pm(request)
    view = get_object_or_404(SavedView, pk=pk, person=request.user)
    to = reverse("intake:saved-views")
    if request.POST.get("do") == "remove":
        services.remove_view(view=view, person=request.user)
        return said_and_gone(request, f"The view {view.name} is removed.", to=to)
    form = ViewNameForm(request.POST, auto_id=f"id_view{view.pk}_%s")
    if form.is_valid():
        try:
            services.rename_view(view=view, person=request.user, name=form.cleaned_data["name"])
        except services.RequestError as error:
            form.add_error("name", str(error))
        else:
            return said_and_gone(request, "The view has its new name.", to=to)
    empty = ViewNameForm(auto_id="id_view_%s")
    return _views_page(request, read.Wanted(), empty, status=422, renamed=(view.pk, form))
