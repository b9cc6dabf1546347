"""While somebody writes: saved drafts, requests like theirs, and what they do with those."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from intake import asking, services
from intake.models import PROBLEM_LENGTH, TITLE_LENGTH, Draft, Request
from intake.request_forms import form_class
from intake.suggestions import Suggestions, answers_beside, suggestions_for
from intake.views.acting import said_and_gone
from intake.views.writing import Writing, files_of, writing
from playbook.models import Article
from playbook.selectors import page_rows
from producthub.lib.htmx import see_other, wants_fragment
from producthub.lib.input import whole_number

# Session: requests that this person joined with a draft, so that they can go back to it.
JOINED = "joined_drafts"


@require_POST
def draft_save(request: SignedInRequest) -> HttpResponse:
    """Save what is typed; a quiet line says when. 409 with words where another tab was first."""
    work = writing(request)
    if work is None:
        return HttpResponse(status=204)
    try:
        draft = work.save(overwrite="overwrite" in request.POST)
    except PermissionDenied:
        return HttpResponse(status=204)
    except services.RequestError as error:
        context = {"refused": str(error), "is_stale": isinstance(error, services.StaleDraft)}
        context |= {"saved": request.POST.get("saved", ""), "key": work.key}
        return render(request, "intake/_draft_state.html", context, status=409)
    if draft is None:
        return HttpResponse(status=204)
    context = {"draft": draft, "saved": services.stamp(draft), "key": draft.key}
    return render(request, "intake/_draft_state.html", context)


@require_POST
def request_similar(request: SignedInRequest) -> HttpResponse:
    """At most five requests like what is typed, as a panel."""
    work = writing(request)
    if work is None:
        return HttpResponse(status=204)
    return _panel(request, work)


def _panel(request: SignedInRequest, work: Writing) -> HttpResponse:
    draft = _quietly_kept(work)
    found = suggestions_for(
        request.user,
        title=work.title[: 2 * TITLE_LENGTH],
        body=work.problem[:PROBLEM_LENGTH],
        dismissed=draft.dismissed if draft else (),
    )
    answers = answers_beside(request.user, found, title=work.title, body=work.problem)
    if draft is not None:
        services.note_shown(draft=draft, ids=found.ids)
        services.note_offered(
            draft=draft,
            articles=[page.pk for page in answers.pages],
            decisions=[item.decision_id for item in answers.decided if item.decision_id],
        )
    context = panel_context(work, found) | {"answers": answers}
    return render(request, "intake/_similar.html", context)


def panel_context(work: Writing, found: Suggestions) -> dict[str, Any]:
    """Context of the panel; it speaks only when what it shows has changed."""
    ids = "-".join(str(pk) for pk in found.ids)
    return {
        "found": found,
        "key": work.key,
        "ids": ids,
        "is_news": ids != work.posted.get("panel", ""),
        "has_title": len(work.title) > 5,
        "better": asking.better_form(work.chosen, work.forms, work.title),
    }


def _quietly_kept(work: Writing) -> Draft | None:
    """The draft, for its events; nothing where it cannot be saved, which saving itself says."""
    try:
        draft = work.kept()
    except (services.RequestError, PermissionDenied):
        return None
    return draft if draft is not None and draft.state == Draft.State.OPEN else None


def _item(request: SignedInRequest) -> Request:
    number = whole_number(request.POST.get("number", "")) or 0
    found = Request.objects.visible_to(request.user).select_related("root")
    return get_object_or_404(found.defer("search_vector"), number=number)


@require_POST
def draft_join(request: SignedInRequest) -> HttpResponse:
    """One press: what is typed becomes a vote, with the text as this person's own case."""
    item = _item(request)
    work = writing(request)
    if work is None:
        raise PermissionDenied("No request form is open.")
    try:
        draft = work.kept()
        if draft is None:
            services.vote_for_request(item=item, person=request.user)
            return said_and_gone(request, "Your vote is in.", to=item.root or item)
        top = services.join_request(
            draft=draft,
            item=item,
            person=request.user,
            title=work.title[:TITLE_LENGTH],
            case=work.problem[:PROBLEM_LENGTH] or work.title,
        )
    except services.RequestError as error:
        messages.error(request, str(error))
        return see_other(item)
    joined = request.session.get(JOINED, {})
    request.session[JOINED] = {**joined, str(top.number): str(draft.key)}
    return said_and_gone(request, "Your vote is in, with your case.", to=top)


def joined_draft(request: SignedInRequest, item: Request) -> str:
    """The key of the draft that became this person's vote here, in this session."""
    return str(request.session.get(JOINED, {}).get(str(item.number), ""))


@require_POST
def draft_dismiss(request: SignedInRequest) -> HttpResponse:
    """Not the same."""
    item = _item(request)
    work = writing(request)
    if work is None:
        return HttpResponse(status=204)
    if (draft := _quietly_kept(work)) is not None:
        services.dismiss_suggestion(draft=draft, item=item)
    if wants_fragment(request):
        return _panel(request, work)
    return see_other(f"{reverse('intake:request-new')}?draft={work.key}")


@require_POST
def draft_accept(request: SignedInRequest) -> HttpResponse:
    """This answers it: nothing is sent."""
    work = writing(request)
    draft = _quietly_kept(work) if work else None
    if draft is None:
        messages.info(request, "There is nothing to answer yet.")
        return see_other("intake:request-new")
    try:
        answer = request.POST.get("answer", "")
        services.accept_answer(draft=draft, person=request.user, answer=answer)
    except services.RequestError as error:
        messages.error(request, str(error))
        return see_other(f"{reverse('intake:request-new')}?draft={draft.key}")
    return see_other(reverse("intake:draft-answered", args=[draft.key]))


@require_safe
def draft_answered(request: SignedInRequest, key: uuid.UUID) -> HttpResponse:
    """Thanks, where the answer is, and the way back to the draft."""
    draft = _mine(request, key)
    if draft.state != Draft.State.ANSWERED:
        return see_other(f"{reverse('intake:request-new')}?draft={key}")
    what, _, pk = str(draft.data.get("_answer", "")).partition(":")
    page = item = None
    if what == "article":
        page = next(iter(page_rows(Article.objects.visible_to(request.user).filter(pk=pk))), None)
    elif what == "decision":
        seen = Request.objects.visible_to(request.user).filter(decision_id=pk)
        item = seen.select_related("decision").first()
    context = {"draft": draft, "page": page, "item": item}
    return render(request, "intake/answered.html", context)


@require_POST
def draft_files(request: SignedInRequest, field: str) -> HttpResponse:
    """Files of one question, as they are chosen; the control with what the draft holds."""
    work = writing(request)
    asked = next((one for one in work.asked if one.key == field), None) if work else None
    if work is None or asked is None:
        return HttpResponse(status=204)
    refused = work.take_files(request.FILES).get(field, "")
    context = {"asked": file_control(work, field), "refused": refused}
    return render(request, "intake/_file_field.html", context, status=422 if refused else 200)


def file_control(work: Writing, field: str) -> Any:
    """The control of one file question with the files that the draft holds."""
    made = form_class(work.version)()
    made.keep(files_of(work.person, work.key))
    return next(one for block in made.blocks for one in block.asked if one.question.key == field)


def _mine(request: SignedInRequest, key: uuid.UUID) -> Draft:
    return get_object_or_404(Draft.objects.select_related("request"), key=key, person=request.user)


@require_safe
def draft_open(request: SignedInRequest, key: uuid.UUID, number: int) -> HttpResponse:
    """To a suggested request, noting that it was looked at."""
    item = get_object_or_404(Request.objects.visible_to(request.user), number=number)
    if (draft := Draft.objects.filter(key=key, person=request.user).first()) is not None:
        services.open_suggestion(draft=draft, item=item)
    return see_other(item)


@require_POST
def draft_back(request: SignedInRequest, key: uuid.UUID) -> HttpResponse:
    """That was not it: back to the draft, without the vote."""
    draft = _mine(request, key)
    joined = request.session.get(JOINED, {})
    try:
        services.reopen_draft(draft=draft, person=request.user)
    except services.RequestError as error:
        messages.error(request, str(error))
        return see_other(draft.request or reverse("intake:request-mine"))
    request.session[JOINED] = {n: held for n, held in joined.items() if held != str(key)}
    to = f"{reverse('intake:request-new')}?draft={key}"
    return said_and_gone(request, "Your draft is as it was.", to=to)


@require_POST
def draft_discard(request: SignedInRequest, key: uuid.UUID) -> HttpResponse:
    """Throw it away."""
    services.discard_draft(draft=_mine(request, key), person=request.user)
    return said_and_gone(request, "The draft is thrown away.", to=reverse("intake:request-mine"))
