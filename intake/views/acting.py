"""What the pages about requests share: finding one, acting on it, going back."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import (
    HttpResponse,
    QueryDict,
)
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.http import SignedInRequest
from accounts.models import Team
from intake import selectors, services
from intake.forms import (
    AnswerForm,
    AskForm,
    CommentForm,
    DecisionForm,
    TriageForm,
    VoteForm,
)
from intake.models import Affected, Kind, Request
from intake.permissions import can_answer, can_decide, can_edit, can_triage
from producthub.lib.forms import HubForm
from producthub.lib.htmx import page, see_other
from producthub.lib.input import whole_number

PAGE_SIZE = 50


def visible(request: SignedInRequest, number: int) -> Request:
    items = Request.objects.visible_to(request.user).select_related(
        "requester",
        "owner",
        "team",
        "decision",
        "decision__decided_by",
        "asked_by",
        "sent_by",
        "customer",
        "root",
        "routed_by",
    )
    return get_object_or_404(items.defer("search_vector"), number=number)


def require_pm(request: SignedInRequest) -> None:
    if not can_triage(request.user):
        raise PermissionDenied("Triage is for product managers. You see your own requests instead.")


def said_and_gone(request: SignedInRequest, text: str, *, to: Any) -> HttpResponse:
    messages.success(request, text)
    return see_other(to)


def act(
    request: SignedInRequest,
    number: int,
    form: HubForm,
    call: Callable[[Request, dict[str, Any]], Any],
    said: Callable[[Request], str],
) -> HttpResponse:
    """One change: run it, go back to where it was asked for, or show what must change there.

    422 when the form needs a change, 409 when somebody was first; typed text stays in both.
    """
    item = visible(request, number)
    came_from = queue_address(request.POST)
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
            item = visible(request, number)
        else:
            return said_and_gone(request, said(visible(request, number)), to=came_from or item)
    if came_from:
        context = queue_context(request, query_of(came_from), item=item, bound=form)
        return page(request, "intake/triage.html", "intake/_triage.html", context, status=status)
    context = detail_context(request, item, bound=form)
    return page(request, "intake/request.html", "intake/_request.html", context, status=status)


def queue_address(query: QueryDict) -> str:
    """The triage address to go back to, if that is where the form stands; never elsewhere."""
    target = query.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if safe and target.startswith(reverse("intake:triage")) else ""


def query_of(address: str) -> QueryDict:
    return QueryDict(urlsplit(address).query)


_TYPED = ("reason", "answer", "question", "case")
_FORM_NAMES: dict[type[HubForm], str] = {
    CommentForm: "comment",
    AnswerForm: "answer",
    AskForm: "ask",
    TriageForm: "triage",
    VoteForm: "vote",
    DecisionForm: "decide",
}


def _visible_root(request: SignedInRequest, item: Request) -> Request | None:
    """What this request joined, if the reader may see that one."""
    if item.root_id is None:
        return None
    return Request.objects.visible_to(request.user).filter(pk=item.root_id).first()


def _came_from(request: SignedInRequest, seen: selectors.Group) -> Request | None:
    """The merged request whose address led here."""
    number = whole_number(request.GET.get("from", ""))
    return next((one for one in seen.joined if one.number == number), None)


def _silent_days(item: Request) -> int | None:
    """Whole days since those behind an open request last heard something."""
    if not item.is_open or item.heard_at is None:
        return None
    return (timezone.now() - item.heard_at).days


def forms_for(request: SignedInRequest, item: Request, bound: HubForm | None) -> dict[str, Any]:
    """The forms this reader may use on this request, the posted one with its errors."""
    user = request.user
    forms: dict[str, HubForm] = {"comment": CommentForm(), "vote": VoteForm()}
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


def detail_context(
    request: SignedInRequest, item: Request, bound: HubForm | None = None
) -> dict[str, Any]:
    user = request.user
    seen = selectors.group(item, user)
    voices = selectors.voices(item, user, seen)
    shown = request.GET.get("show", "")
    shown = shown if shown in ("comments", "notes") else ""

    def show(entry: selectors.Entry) -> bool:
        if shown == "notes":
            return entry.is_internal
        return entry.is_comment if shown == "comments" else True

    return {
        "item": item,
        "steps": selectors.steps(item),
        "shown": shown,
        "history": [one for one in selectors.history(item, user, seen) if show(one)],
        "group": seen,
        "voices": voices,
        "root": _visible_root(request, item),
        "came_from": _came_from(request, seen),
        "revisions": voices.revisions,
        "can_edit": item.is_open and can_edit(user, item),
        "is_pm": can_triage(user),
        "is_mine": user.pk in (item.requester_id, item.sent_by_id),
        "silent_days": _silent_days(item),
        "open_question": selectors.open_question(item),
        "affected": [str(Affected(value).label) for value in item.affected],
        "due_html": selectors.due_tag(item.due_at, item.asked_at),
        **forms_for(request, item, bound),
    }


def queue_context(
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
        **(forms_for(request, item, bound) if item and bound else {}),
    }
