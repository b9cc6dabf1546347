"""New request, my requests, one request, the triage queue."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import (
    Http404,
    HttpResponse,
    HttpResponsePermanentRedirect,
    QueryDict,
)
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.models import Team
from intake import selectors, services
from intake.forms import (
    AnswerForm,
    AskForm,
    CommentForm,
    DecisionForm,
    RequestForm,
    TriageForm,
)
from intake.models import Affected, Comment, Kind, Request
from intake.permissions import can_answer, can_decide, can_triage
from producthub.lib.forms import HubForm
from producthub.lib.htmx import page, see_other
from producthub.lib.input import whole_number

PAGE_SIZE = 50


@require_http_methods(["GET", "HEAD", "POST"])
def request_new(request: SignedInRequest) -> HttpResponse:
    """The form; what was typed stays when something needs a change."""
    if request.method == "POST":
        form = RequestForm(request.POST)
        if form.is_valid():
            data = form.cleaned_data
            item = services.submit_request(requester=request.user, **data)
            return _said(request, f"Request sent. Its number is {item.reference}.", to=item)
        return render(request, "intake/new.html", {"form": form}, status=422)
    known = {
        name: request.GET[name] for name in ("kind", "title", "problem") if name in request.GET
    }
    if known.get("kind") not in Kind.values:
        known.pop("kind", None)
    return render(request, "intake/new.html", {"form": RequestForm(initial=known)})


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


def request_by_reference(request: SignedInRequest, number: str) -> HttpResponse:
    """REQ-142 is what people say: lead to the page."""
    return HttpResponsePermanentRedirect(reverse("intake:request", args=[int(number)]))


@require_safe
def request_detail(request: SignedInRequest, number: int) -> HttpResponse:
    """One request: its way, the problem, the decision with its reason, everything said."""
    item = _visible(request, number)
    return page(request, "intake/request.html", "intake/_request.html", _detail(request, item))


@require_safe
def request_form(request: SignedInRequest, number: int, name: str) -> HttpResponse:
    """One form of the queue's preview, fetched when it is opened: it costs the queue nothing."""
    _require_pm(request)
    item = _visible(request, number)
    forms = _forms(request, item, None)["forms"]
    if name not in ("triage", "ask"):
        raise Http404
    if name not in forms:
        return see_other(item)
    context = {"item": item, "form": forms[name], "next": _queue_address(request.GET)}
    return render(request, f"intake/_{name}_form.html", context)


@require_POST
def request_triage(request: SignedInRequest, number: int) -> HttpResponse:
    """Route to a team and an owner."""
    _require_pm(request)
    return _act(
        request,
        number,
        TriageForm(request.POST),
        lambda item, data: services.triage_request(item=item, actor=request.user, **data),
        lambda item: f"{item.reference} is with {item.owner}.",
    )


@require_POST
def request_take(request: SignedInRequest, number: int) -> HttpResponse:
    """Assign to me, in one press; the team stays, or becomes mine."""
    _require_pm(request)
    item = _visible(request, number)
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
    return _act(
        request,
        number,
        form,
        lambda item, data: services.triage_request(item=item, actor=request.user, **data),
        lambda item: f"{item.reference} is yours.",
    )


@require_POST
def request_ask(request: SignedInRequest, number: int) -> HttpResponse:
    """Ask the requester."""
    _require_pm(request)
    return _act(
        request,
        number,
        AskForm(request.POST),
        lambda item, data: services.ask_requester(item=item, actor=request.user, **data),
        lambda item: f"{item.requester} is asked.",
    )


@require_POST
def request_answer(request: SignedInRequest, number: int) -> HttpResponse:
    """Answer the open question."""
    return _act(
        request,
        number,
        AnswerForm(request.POST),
        lambda item, data: services.answer_question(item=item, actor=request.user, **data),
        lambda item: "Your answer is sent.",
    )


@require_POST
def request_comment(request: SignedInRequest, number: int) -> HttpResponse:
    """Say something."""
    return _act(
        request,
        number,
        CommentForm(request.POST),
        lambda item, data: services.comment_on_request(item=item, actor=request.user, **data),
        lambda item: "Your comment is here.",
    )


@require_POST
def request_decide(request: SignedInRequest, number: int) -> HttpResponse:
    """Record the decision with its reason."""
    _require_pm(request)
    return _act(
        request,
        number,
        DecisionForm(request.POST),
        lambda item, data: services.decide_request(item=item, actor=request.user, **data),
        lambda item: f"Decision recorded. {item.requester} is told.",
    )


@require_POST
def request_ship(request: SignedInRequest, number: int) -> HttpResponse:
    """Mark as delivered."""
    _require_pm(request)
    return _act(
        request,
        number,
        HubForm(request.POST),
        lambda item, data: services.ship_request(item=item, actor=request.user),
        lambda item: f"{item.reference} is delivered. {item.requester} is told.",
    )


@require_safe
def triage(request: SignedInRequest) -> HttpResponse:
    """The queue by promise, with a preview; all of its state is in the address."""
    _require_pm(request)
    return page(request, "intake/triage.html", "intake/_triage.html", _queue(request, request.GET))


# --- Shared by the views ----------------------------------------------------------------------
def _visible(request: SignedInRequest, number: int) -> Request:
    items = Request.objects.visible_to(request.user).select_related(
        "requester", "owner", "team", "decision", "decision__decided_by", "asked_by"
    )
    items = items.prefetch_related(Prefetch("comments", Comment.objects.select_related("author")))
    return get_object_or_404(items.defer("search_vector"), number=number)


def _require_pm(request: SignedInRequest) -> None:
    if not can_triage(request.user):
        raise PermissionDenied("Triage is for product managers. You see your own requests instead.")


def _said(request: SignedInRequest, text: str, *, to: Any) -> HttpResponse:
    messages.success(request, text)
    return see_other(to)


def _act(
    request: SignedInRequest,
    number: int,
    form: HubForm,
    call: Callable[[Request, dict[str, Any]], Any],
    said: Callable[[Request], str],
) -> HttpResponse:
    """One change: run it, go back to where it was asked for, or show what must change there.

    422 when the form needs a change, 409 when somebody was first; typed text stays in both.
    """
    item = _visible(request, number)
    came_from = _queue_address(request.POST)
    status = 422
    if form.is_valid():
        data = {
            key: value
            for key, value in form.cleaned_data.items()
            if value is not None or key in ("team", "owner", "owner_seen", "revisit_on")
        }
        try:
            call(item, data)
        except services.RequestError as error:
            form.add_error(None, str(error))
            status = 409
            item = _visible(request, number)
        else:
            return _said(request, said(_visible(request, number)), to=came_from or item)
    if came_from:
        context = _queue(request, _query_of(came_from), item=item, bound=form)
        return page(request, "intake/triage.html", "intake/_triage.html", context, status=status)
    context = _detail(request, item, bound=form)
    return page(request, "intake/request.html", "intake/_request.html", context, status=status)


def _queue_address(query: QueryDict) -> str:
    """The triage address to go back to, if that is where the form stands; never elsewhere."""
    target = query.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if safe and target.startswith(reverse("intake:triage")) else ""


def _query_of(address: str) -> QueryDict:
    return QueryDict(urlsplit(address).query)


_TYPED = ("reason", "answer", "question")
_FORM_NAMES: dict[type[HubForm], str] = {
    CommentForm: "comment",
    AnswerForm: "answer",
    AskForm: "ask",
    TriageForm: "triage",
    DecisionForm: "decide",
}


def _forms(request: SignedInRequest, item: Request, bound: HubForm | None) -> dict[str, Any]:
    """The forms this reader may use on this request, the posted one with its errors."""
    user = request.user
    forms: dict[str, HubForm] = {"comment": CommentForm()}
    if item.asked_at is not None and can_answer(user, item):
        forms["answer"] = AnswerForm()
    if can_triage(user) and item.is_open:
        forms["triage"] = TriageForm(
            initial={
                "team": item.team.slug if item.team else "",
                "owner": item.owner_id or user.pk,
                "owner_seen": item.owner_id or "none",
            }
        )
        forms["ask"] = AskForm()
    if can_decide(user, item) and item.is_open:
        forms["decide"] = DecisionForm(initial={"outcome": ""})
    if bound is not None:
        name = _FORM_NAMES.get(type(bound), "")
        if name in forms:
            forms[name] = bound
        else:
            # Somebody was first and the form is gone: what was typed waits as a comment.
            typed = next((bound.data[key] for key in _TYPED if bound.data.get(key)), "")
            forms["comment"] = CommentForm(initial={"body": typed})
    return {"forms": forms, "bound": bound}


def _detail(
    request: SignedInRequest, item: Request, bound: HubForm | None = None
) -> dict[str, Any]:
    return {
        "item": item,
        "steps": selectors.steps(item),
        "history": selectors.history(item),
        "is_pm": can_triage(request.user),
        "is_mine": item.requester_id == request.user.pk,
        "open_question": selectors.open_question(item),
        "affected": [str(Affected(value).label) for value in item.affected],
        "due_html": selectors.due_tag(item.due_at, item.asked_at),
        **_forms(request, item, bound),
    }


def _queue(
    request: SignedInRequest,
    query: Any,
    *,
    item: Request | None = None,
    bound: HubForm | None = None,
) -> dict[str, Any]:
    view = query.get("view", "")
    view = view if view in selectors.VIEWS else "triage"
    chosen = {name: query.get(name, "") for name in ("area", "kind", "sort")}
    items = selectors.queue(request.user, view=view, **chosen)
    counts = selectors.queue_counts(request.user, area=chosen["area"], kind=chosen["kind"])
    pages = Paginator(items, PAGE_SIZE)
    pages.count = counts[view]  # already counted: every view in one query
    shown = pages.get_page(query.get("page"))
    rows = selectors.rows(shown.object_list)
    if item is None and rows:
        item = selectors.preview(request.user, whole_number(query.get("on", "")) or rows[0].number)
    kept = {name: value for name, value in (("view", view), *chosen.items()) if value}
    kept.pop("view") if view == "triage" else None
    base = urlencode(kept)
    here = reverse("intake:triage")
    return {
        "view": view,
        "tabs": [
            (word, counts[key], here + (f"?{urlencode({**kept, 'view': key})}"), key == view)
            for key, word in selectors.VIEWS.items()
        ],
        "counts": counts,
        "chosen": chosen,
        "areas": Team.objects.filter(is_active=True).values_list("slug", "name"),
        "kinds": Kind.choices,
        "sorts": selectors.SORTS.items(),
        "page": shown,
        "rows": rows,
        "others": view != "triage",
        "base": f"{base}&" if base else "",
        "item": item,
        "on": item.number if item else 0,
        "next": f"{here}?{base}" if base else here,
        "is_pm": True,
        **(_forms(request, item, bound) if item and bound else {}),
    }
