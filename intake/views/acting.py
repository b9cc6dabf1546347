"""What the pages about requests share: finding one, acting on it, going back."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from accounts.http import SignedInRequest
from intake import asking, elsewhere, selectors, services
from intake.decided import decision_panel
from intake.forms import (
    AnswerForm,
    AskForm,
    CommentForm,
    DecisionForm,
    ReopenForm,
    TriageForm,
    VoteForm,
)
from intake.models import Affected, Attachment, Request
from intake.permissions import can_answer, can_decide, can_edit, can_triage
from intake.scoreboard import score_context, was_tabled
from intake.services.groups import count_told
from intake.views.queue import TYPED, acted, leave_word, queue_address, refused
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
        "decision__reason_code",
        "asked_by",
        "sent_by",
        "customer",
        "root",
        "routed_by",
        "form_version",
    )
    # Most have no files: told here, they cost the page no query of their own.
    own = Attachment.objects.filter(request=OuterRef("pk"))
    joined = Attachment.objects.filter(request__root=OuterRef("pk"))
    items = items.annotate(has_files=Q(Exists(own)) | Q(Exists(joined)))
    items = items.annotate(was_tabled=was_tabled())  # most were not, and ask no more
    items = items.annotate(**elsewhere.known())
    return get_object_or_404(items.defer("search_vector"), number=number)


def require_pm(request: SignedInRequest) -> None:
    if not can_triage(request.user):
        raise PermissionDenied("Triage is for product managers. You see your own requests instead.")


def said_and_gone(
    request: SignedInRequest, text: str, *, to: Any, undo: services.Window | None = None
) -> HttpResponse:
    leave_word(request, text, undo)
    return see_other(to)


def act(
    request: SignedInRequest,
    number: int,
    form: HubForm,
    call: Callable[[Request, dict[str, Any]], Any],
    said: Callable[[Request], str],
    *,
    undo: services.Window | None = None,
    name: str = "",
) -> HttpResponse:
    """One change: run it, go back to where it was asked for, or show what must change there.

    422 when the form needs a change, 409 when somebody was first; typed text stays in both.
    `undo` is what `call` hands to its service: the answer offers to take the action back. `name`
    is the form's, for one that is not of the request's page.
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
            text = said(visible(request, number))
            if came_from:
                return acted(request, came_from, text, number=number, undo=undo)
            return said_and_gone(request, text, to=item, undo=undo)
    return show_again(request, item, form, status=status, name=name)


def show_again(
    request: SignedInRequest, item: Request, form: HubForm, *, status: int, name: str = ""
) -> HttpResponse:
    """Where a form stands, beside the queue or on the request's page, with what was typed."""
    came_from = queue_address(request.POST)
    if isinstance(form, DecisionForm):
        form.told = count_told(item, request.user)
    if came_from or name:
        name = name or _FORM_NAMES.get(type(form), "")
        return refused(request, item, form, name, came_from, status)
    context = detail_context(request, item, bound=form)
    return page(request, "intake/request.html", "intake/_request.html", context, status=status)


_FORM_NAMES: dict[type[HubForm], str] = {
    CommentForm: "comment",
    AnswerForm: "answer",
    AskForm: "ask",
    TriageForm: "triage",
    VoteForm: "vote",
    DecisionForm: "decide",
    ReopenForm: "reopen",
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


def forms_for(
    request: SignedInRequest, item: Request, bound: HubForm | None, *, may_reopen: bool = False
) -> dict[str, Any]:
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
    if may_reopen:
        forms["reopen"] = ReopenForm()
    if bound is not None:
        name = _FORM_NAMES.get(type(bound), "")
        if name in forms:
            forms[name] = bound
        else:
            # Somebody was first and the form is gone: what was typed waits as a comment.
            typed = next((bound.data[key] for key in TYPED if bound.data.get(key)), "")
            forms["comment"] = CommentForm(initial={"body": typed})
    if isinstance(asked := forms.get("decide"), DecisionForm):
        asked.told = count_told(item, user)
    return {"forms": forms, "bound": bound}


def detail_context(
    request: SignedInRequest, item: Request, bound: HubForm | None = None
) -> dict[str, Any]:
    user = request.user
    seen = selectors.group(item, user)
    voices = selectors.voices(item, user, seen)
    panel = decision_panel(item, user, seen)
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
        "panel": panel,
        "elsewhere": elsewhere.panels(item, user),
        "affected": [str(Affected(value).label) for value in item.affected],
        "due_html": selectors.due_tag(item.due_at, item.asked_at),
        **asking.answers_context(item),
        **asking.files_context(
            user, [one.pk for one in seen.members] if getattr(item, "has_files", True) else []
        ),
        **score_context(item, user),
        **forms_for(request, item, bound, may_reopen=panel.may_reopen),
    }
