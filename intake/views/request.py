"""One request."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.permissions import require
from intake import services
from intake.forms import (
    AnswerForm,
    CommentForm,
    EditForm,
    VoteForm,
    VoteForOtherForm,
)
from intake.models import Request
from intake.permissions import can_edit, can_triage
from intake.views.acting import (
    act,
    detail_context,
    require_pm,
    said_and_gone,
    visible,
)
from intake.views.drafting import joined_draft
from producthub.lib.forms import HubForm
from producthub.lib.htmx import page, see_other


def request_by_reference(request: SignedInRequest, number: str) -> HttpResponse:
    """REQ-142 is what people say: lead to the page."""
    return HttpResponsePermanentRedirect(reverse("intake:request", args=[int(number)]))


@require_safe
def request_detail(request: SignedInRequest, number: int) -> HttpResponse:
    """One request: its way, the problem, the decision with its reason, everything said."""
    item = visible(request, number)
    if item.root is not None and "stay" not in request.GET:
        root = Request.objects.visible_to(request.user).filter(pk=item.root.pk).first()
        if root is not None:
            return redirect(f"{root.get_absolute_url()}?from={item.number}")
    context = detail_context(request, item) | {"joined": joined_draft(request, item)}
    return page(request, "intake/request.html", "intake/_request.html", context)


@require_POST
def request_vote(request: SignedInRequest, number: int) -> HttpResponse:
    """Add my voice, or my case to it; or take it back."""
    if request.POST.get("do") == "withdraw":
        return act(
            request,
            number,
            HubForm(request.POST),
            lambda item, data: services.withdraw_vote(item=item, person=request.user),
            lambda item: "Your vote is taken back.",
        )
    return act(
        request,
        number,
        VoteForm(request.POST),
        lambda item, data: services.vote_for_request(item=item, person=request.user, **data),
        lambda item: "Your vote is in. You hear of each step.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def request_vote_for(request: SignedInRequest, number: int) -> HttpResponse:
    """Add a voice that a PM heard elsewhere; a page of its own without scripts."""
    require_pm(request)
    item = visible(request, number)
    form = VoteForOtherForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            data = form.cleaned_data
            assert form.person is not None
            try:
                services.vote_for_request(
                    item=item,
                    person=form.person,
                    actor=request.user,
                    case=data["case"],
                    customer=data["customer"],
                )
            except (services.RequestError, PermissionDenied) as error:
                form.add_error(None, str(error))
            else:
                return said_and_gone(request, f"The vote of {form.person} is in.", to=item)
    context = {"item": item, "form": form}
    return page(
        request, "intake/vote_for.html", "intake/_vote_for_form.html", context, status=status
    )


@require_POST
def request_follow(request: SignedInRequest, number: int) -> HttpResponse:
    """Hear of it, or hear nothing more of it."""
    stop = request.POST.get("do") == "stop"
    call = services.unfollow_request if stop else services.follow_request
    said = "You hear nothing more of this." if stop else "You hear of each step."
    return act(
        request,
        number,
        HubForm(request.POST),
        lambda item, data: call(item=item, person=request.user),
        lambda item: said,
    )


@require_POST
def request_unmerge(request: SignedInRequest, number: int) -> HttpResponse:
    """Part it from the request that it had joined."""
    require_pm(request)
    return act(
        request,
        number,
        HubForm(request.POST),
        lambda item, data: services.unmerge_request(item=item, actor=request.user),
        lambda item: f"{item.reference} stands for itself again, with its votes and comments.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def request_edit(request: SignedInRequest, number: int) -> HttpResponse:
    """Mend the words; of two who do so at once, the second sees what the first wrote."""
    item = visible(request, number)
    require(can_edit(request.user, item), "Only who asked and product managers change a request.")
    pm = can_triage(request.user)
    if not item.is_open:
        messages.warning(request, "It is closed, so its words stay as they were decided on.")
        return see_other(item)
    status = 200
    if request.method == "POST":
        form = EditForm(request.POST, is_pm=pm)
        status = 422
        if form.is_valid():
            try:
                services.edit_request(item=item, actor=request.user, **form.cleaned_data)
            except services.RequestError as error:
                form.add_error(None, str(error))
                status = 409
            else:
                return said_and_gone(request, "The request is changed.", to=item)
    else:
        fields = ("title", "problem", "evidence_url", "needed_on", "visibility")
        initial = {name: getattr(item, name) for name in fields}
        form = EditForm(initial={**initial, "seen": item.revisions.count()}, is_pm=pm)
    context = {"item": item, "form": form, "is_pm": pm, "theirs": status == 409}
    return render(request, "intake/edit.html", context, status=status)


@require_safe
def request_revisions(request: SignedInRequest, number: int) -> HttpResponse:
    """What the request said before, newest first."""
    item = visible(request, number)
    found = item.revisions.select_related("replaced_by")
    return render(request, "intake/revisions.html", {"item": item, "revisions": found})


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
        CommentForm(request.POST, request.FILES),
        lambda item, data: services.comment_with_files(item=item, actor=request.user, **data),
        lambda item: "Your comment is here.",
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
