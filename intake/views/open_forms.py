"""Forms for people without an account, what waits for review, and how it stands."""

import uuid
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.adapters import client_ip
from accounts.http import SignedInRequest
from intake import open_links, services
from intake.models import FieldType, IntakeForm, MapsTo, OpenSubmission
from intake.permissions import can_triage
from intake.request_forms import BEHALF, VersionForm, form_class
from intake.tasks import mail_submission
from intake.views.acting import PAGE_SIZE, said_and_gone
from intake.visibility import who_may_not_see
from producthub.lib.forms import HubForm, TextArea
from producthub.lib.htmx import see_other
from producthub.lib.throttle import is_allowed

# People and customers are not asked for: their names would be told to whoever tries. Files of
# strangers are not taken.
NOT_ASKED = (FieldType.PERSON, FieldType.CUSTOMER, FieldType.FILE)
# Faster than anybody reads a form; a script is.
MIN_SECONDS = 4
MAX_AGE_SECONDS = 24 * 3600
BEGAN = "intake.open.began"
HOUR, DAY = 3600, 86_400
AN_ADDRESS_AN_HOUR, A_MAILBOX_A_DAY, ALL_AN_HOUR = 10, 5, 200


class SenderForm(HubForm):
    """Who sends it. `website` is for robots: people do not see it."""

    sender_name = forms.CharField(
        label="Your name", max_length=120, error_messages={"required": "Enter your name"}
    )
    sender_email = forms.EmailField(
        label="Your mail address",
        help_text="You get a link to confirm it, and the outcome.",
        error_messages={
            "required": "Enter your mail address",
            "invalid": "Enter a mail address, like name@example.com",
        },
    )
    website = forms.CharField(required=False)
    began = forms.CharField(required=False)


def _open_form(key: uuid.UUID) -> IntakeForm:
    found = IntakeForm.objects.select_related("version", "team")
    return get_object_or_404(
        found, open_key=key, is_open=True, is_active=True, version__isnull=False
    )


def _questions(chosen: IntakeForm, posted: QueryDict | None) -> VersionForm:
    """The form's questions that a stranger is asked."""
    assert chosen.version is not None
    form = form_class(chosen.version)(posted)
    asked = {question.key: question.type for question in form.questions}
    for name in (*BEHALF, *(key for key, kind in asked.items() if kind in NOT_ASKED)):
        form.fields.pop(name, None)
    return form


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def open_form(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """A form by its own link. Whatever is sent, the answer is the same: look into your mail."""
    chosen = _open_form(key)
    if request.method != "POST":
        return _page(request, chosen, _questions(chosen, None), SenderForm())
    form, sender = _questions(chosen, request.POST), SenderForm(request.POST)
    # Both are asked: a person sees all that must change at once.
    if not (form.is_valid() & sender.is_valid()):
        return _page(request, chosen, form, sender, status=422)
    data = sender.cleaned_data
    if data["website"] or not _took_time(data["began"]):
        # A robot learns nothing: it gets the page that people get.
        return see_other(reverse("intake:open-sent", args=[key]))
    if not is_allowed(
        (f"open:{client_ip(request)}", AN_ADDRESS_AN_HOUR, HOUR),
        (f"open:mail:{data['sender_email'].lower()}", A_MAILBOX_A_DAY, DAY),
        ("open:all", ALL_AN_HOUR, HOUR),
    ):
        wrong = "Too much was sent from here. Wait an hour, then send it again: your text is kept."
        return _page(request, chosen, form, sender, wrong=wrong, status=429)
    fields = form.request_fields()
    assert chosen.version is not None
    try:
        submission = services.receive_submission(
            version=chosen.version,
            email=data["sender_email"],
            name=data["sender_name"],
            title=fields["title"],
            problem=fields["problem"],
            typed={one.key: request.POST.getlist(one.key) for one in form.questions},
        )
    except services.RequestError as error:
        raise Http404(str(error)) from error
    mail_submission.delay_on_commit(submission.pk, "confirm")
    return see_other(reverse("intake:open-sent", args=[key]))


def _took_time(token: str) -> bool:
    """Whether the form was on the screen for as long as a person needs, and not for days."""
    try:
        began = float(signing.loads(token, salt=BEGAN, max_age=MAX_AGE_SECONDS))
    except (signing.BadSignature, TypeError, ValueError):
        return False
    return timezone.now().timestamp() - began >= MIN_SECONDS


def _page(
    request: HttpRequest,
    chosen: IntakeForm,
    form: VersionForm,
    sender: SenderForm,
    *,
    wrong: str = "",
    status: int = 200,
) -> HttpResponse:
    # Kept when the form comes back with faults: the person need not wait again.
    began = sender["began"].value() if sender.is_bound else None
    context = {
        "chosen": chosen,
        "form": form,
        "sender": sender,
        "wrong": wrong,
        "faults": [*form.faulty, *(one for one in sender.faulty if one.name != "website")],
        "began": began or signing.dumps(timezone.now().timestamp(), salt=BEGAN),
    }
    return render(request, "intake/open_form.html", context, status=status)


@login_not_required
@require_safe
def open_sent(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Look into your mail."""
    return render(request, "intake/open_sent.html", {"chosen": _open_form(key)})


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def open_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm the address by a button: mail scanners open links too."""
    try:
        key = open_links.confirmed_key(token)
        submission = OpenSubmission.objects.filter(key=key).first()
    except signing.BadSignature:
        submission = None
    if submission is None:
        return render(request, "intake/open_gone.html", status=410)
    if request.method == "POST":
        try:
            held = services.confirm_submission(submission=submission)
        except services.RequestError:
            return render(request, "intake/open_gone.html", status=410)
        return see_other(open_links.status_path(held))
    return render(request, "intake/open_confirm.html", {"submission": submission, "token": token})


@login_not_required
@never_cache
@require_safe
def open_status(request: HttpRequest, token: str) -> HttpResponse:
    """How it stands: the state, and the decision with its reason; nothing else."""
    submission, item = open_links.status_subject(token)
    if submission is None and item is None:
        return render(request, "intake/open_gone.html", status=410)
    context: dict[str, Any] = {"title": submission.title if submission else ""}
    if item is not None:
        top = item.root or item
        hidden = bool(who_may_not_see([item.requester], top))
        decision = None if hidden else top.decision
        context |= {"title": item.title, "state": top.state, "decision": decision, "top": top}
    elif submission is not None:
        context |= {"submission": submission}
    return render(request, "intake/open_status.html", context)


# --- Review --------------------------------------------------------------------------------------
def _require_pm(request: SignedInRequest) -> None:
    if not can_triage(request.user):
        raise PermissionDenied("Product managers review what strangers send.")


@require_safe
def held(request: SignedInRequest) -> HttpResponse:
    """What waits for review, oldest first."""
    _require_pm(request)
    return _held_page(request)


def _held_page(
    request: SignedInRequest, *, wrong: str = "", typed: str = "", on: Any = None, status: int = 200
) -> HttpResponse:
    found = OpenSubmission.objects.filter(state=OpenSubmission.State.HELD)
    pages = Paginator(found.select_related("form").order_by("created_at", "id"), PAGE_SIZE)
    context = {
        "page": pages.get_page(request.GET.get("page")),
        "wrong": wrong,
        "typed": typed,
        "on": on,
        "open_forms": IntakeForm.objects.filter(is_open=True, is_active=True),
    }
    return render(request, "intake/held.html", context, status=status)


@require_POST
def held_accept(request: SignedInRequest, key: uuid.UUID) -> HttpResponse:
    """Let it in as a request."""
    _require_pm(request)
    found = OpenSubmission.objects.select_related("version", "form", "form__team")
    submission = get_object_or_404(found, key=key)
    try:
        fields, answers = _as_request(submission)
        item = services.accept_submission(
            submission=submission, actor=request.user, fields=fields, answers=answers
        )
    except services.RequestError as error:
        return _held_page(request, wrong=str(error), on=key, status=409)
    return said_and_gone(request, f"{item.reference} is in triage.", to=reverse("intake:held"))


def _as_request(submission: OpenSubmission) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was sent, as it was checked then; what does not hold any more (a date that has passed,
    an area that is gone) is left out."""
    posted = QueryDict(mutable=True)
    for name, values in submission.data.items():
        posted.setlist(name, values)
    form = form_class(submission.version)(posted)
    for name in BEHALF:
        form.fields.pop(name, None)
    form.is_valid()
    fields = form.request_fields()
    fields |= {"title": submission.title, "problem": submission.problem}
    fields["team"] = fields.get("team") or submission.form.team
    fields |= {"kind": submission.form.kind, "visibility": submission.form.visibility}
    assert MapsTo.CUSTOMER not in fields
    return fields, form.answers()


class RefusalForm(HubForm):
    """Why it is refused."""

    reason = forms.CharField(label="Reason", max_length=500, widget=TextArea(2), required=False)


@require_POST
def held_refuse(request: SignedInRequest, key: uuid.UUID) -> HttpResponse:
    """Refuse it with a reason that is mailed."""
    _require_pm(request)
    submission = get_object_or_404(OpenSubmission, key=key)
    form = RefusalForm(request.POST)
    typed = request.POST.get("reason", "")
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    try:
        services.refuse_submission(submission=submission, actor=request.user, reason=reason)
    except services.AlreadyReviewed as error:
        return _held_page(request, wrong=str(error), typed=typed, on=key, status=409)
    except services.RequestError as error:
        return _held_page(request, wrong=str(error), typed=typed, on=key, status=422)
    mail_submission.delay_on_commit(submission.pk, "refused")
    return said_and_gone(request, "Refused. The sender gets the reason.", to=reverse("intake:held"))
