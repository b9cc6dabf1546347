"""A new request: choose the form, answer its questions, send it."""

import uuid
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import SignedInRequest
from accounts.models import User
from accounts.services import guest_for
from intake import asking, questions, services
from intake.models import Customer, Draft, FormVersion, IntakeForm, MapsTo
from intake.request_forms import VersionForm, form_class
from intake.suggestions import (
    ASK_FIRST_CONFIDENCE,
    Answers,
    Suggestions,
    answers_beside,
    suggestions_for,
)
from intake.views.acting import said_and_gone
from intake.views.writing import Writing, as_key, files_of, writing
from producthub.lib.htmx import page, see_other
from producthub.lib.input import whole_number

SUGGESTED_NAMES = 8
EMPTY: tuple[str, str, dict[str, Any]] = ("intake/new.html", "intake/_asking.html", {"forms": []})


@require_http_methods(["GET", "HEAD", "POST"])
def request_new(request: SignedInRequest) -> HttpResponse:
    """The form; what was typed stays when something needs a change or another form is chosen."""
    if request.method != "POST":
        return _opened(request)
    work = writing(request)
    if work is None:
        return page(request, *EMPTY)
    refused = work.take_files(request.FILES) if request.FILES else {}
    if "switch" in request.POST:
        return _show(request, work.forms, work.chosen, _switched(work))
    if "draft" in request.POST or "overwrite" in request.POST:
        return _kept(request, work)
    if "check" in request.POST:
        found, draft = _look(work)
        form = _unchecked(work)
        return _show(request, work.forms, work.chosen, form, found=found, draft=draft)
    return _sent(request, work, refused)


def _opened(request: SignedInRequest) -> HttpResponse:
    """An empty form, one that the address fills in, or a draft where it was left."""
    asked = request.GET
    draft = _draft(request.user, asked.get("draft", ""))
    slug = draft.form.slug if draft else asked.get("form", "")
    forms = asking.offered_forms(request.user, also=slug)
    chosen = asking.form_for(forms, slug=slug, kind=asked.get("kind", ""))
    if chosen is None:
        return page(request, *EMPTY)
    if draft is None:
        return _show(request, forms, chosen, _filled(chosen, asked))
    if draft.state in (Draft.State.SENT, Draft.State.JOINED) and draft.request is not None:
        return see_other(draft.request)
    assert chosen.version is not None
    made = form_class(chosen.version)
    before = questions.read(draft.version.questions) if draft.version else ()
    form = made(initial=_initial(made, questions.carried(before, made.questions, draft.data)))
    form.initial["submission_key"] = draft.key
    return _show(request, forms, chosen, form, draft=draft)


def _draft(user: User, text: str) -> Draft | None:
    """The draft that the address names: one's own, else 404."""
    if not text:
        return None
    if (key := as_key(text)) is None:
        return None
    found = Draft.objects.select_related("form", "version", "request")
    return get_object_or_404(found, key=key, person=user)


def _sent(request: SignedInRequest, work: Writing, refused: dict[str, str]) -> HttpResponse:
    form = work.form()
    is_valid = form.is_valid()
    for key, words in refused.items():
        form.add_error(key, words)
    if is_valid and not refused and (person := _whose(request.user, form)):
        if request.POST.get("send") != "anyway" and (found := _first_look(work)):
            return _show(
                request, work.forms, work.chosen, form, found=found, first=True, draft=work.kept()
            )
        try:
            item = _send(work, person, form)
        except services.RequestError as error:
            form.add_error(None, str(error))
            return _show(request, work.forms, work.chosen, form, status=409)
        return said_and_gone(request, f"Request sent. Its number is {item.reference}.", to=item)
    return _show(request, work.forms, work.chosen, form, status=422)


def _look(work: Writing) -> tuple[Suggestions, Draft | None]:
    """What is there already, for readers without scripts; counted as shown."""
    draft = work.kept()
    found = suggestions_for(
        work.person,
        title=work.title,
        body=work.problem,
        dismissed=draft.dismissed if draft else (),
    )
    if draft is not None:
        services.note_shown(draft=draft, ids=found.ids)
    return found, draft


def _first_look(work: Writing) -> Suggestions | None:
    """Likely duplicates that this person has not been shown, asked about once before sending."""
    draft = Draft.objects.filter(key=work.key, person=work.person).first()
    if draft is not None and draft.state == Draft.State.SENT:
        return None
    found = suggestions_for(
        work.person,
        title=work.title,
        body=work.problem,
        dismissed=draft.dismissed if draft else (),
    )
    sure = found.rows and found.confidence >= ASK_FIRST_CONFIDENCE and not found.rows[0].is_mine
    if not sure or (draft is not None and found.rows[0].item.pk in draft.shown):
        return None
    if (kept := work.kept()) is not None:
        services.note_shown(draft=kept, ids=found.ids)
    return found


def _kept(request: SignedInRequest, work: Writing) -> HttpResponse:
    """Save as a draft, by its button."""
    try:
        draft = work.save(overwrite="overwrite" in request.POST)
    except services.RequestError as error:
        form = _unchecked(work)
        return _show(request, work.forms, work.chosen, form, status=409, refused=str(error))
    if draft is None:
        messages.info(request, "There is nothing to save yet.")
        return see_other(f"{reverse('intake:request-new')}?form={work.chosen.slug}")
    messages.success(request, "Draft saved. It waits under My requests.")
    return see_other(f"{reverse('intake:request-new')}?draft={draft.key}")


def _show(
    request: SignedInRequest,
    forms: list[IntakeForm],
    chosen: IntakeForm,
    form: VersionForm,
    *,
    draft: Draft | None = None,
    found: Suggestions | None = None,
    first: bool = False,
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    key = as_key(form["submission_key"].value()) or uuid.uuid4()
    form.keep(files_of(request.user, key))
    context: dict[str, Any] = {
        "forms": forms,
        "chosen": chosen,
        "form": form,
        "version": form.version_id,
        "key": key,
        "draft": draft,
        "saved": services.stamp(draft) if draft else request.POST.get("saved", ""),
        "tab": request.POST.get("tab", "")[:40] or get_random_string(12),
        "found": found,
        "has_title": bool(request.method == "POST" and found is not None),
        "ids": "-".join(str(pk) for pk in found.ids) if found else "",
        "answers": _answers(request, draft, found),
        "first": first,
        "refused": refused,
        "others": (
            asking.my_drafts(request.user, but=draft.key if draft else None)
            if request.method != "POST"
            else []
        ),
    }
    return page(request, "intake/new.html", "intake/_asking.html", context, status=status)


def _answers(
    request: SignedInRequest, draft: Draft | None, found: Suggestions | None
) -> Answers | None:
    """Pages that may answer it, for readers without scripts; counted as offered."""
    if found is None or draft is None:
        return None
    title = asking.part_of(draft, MapsTo.TITLE)
    body = asking.part_of(draft, MapsTo.PROBLEM)
    answers = answers_beside(request.user, found, title=title, body=body)
    services.note_offered(
        draft=draft,
        articles=[one.pk for one in answers.pages],
        decisions=[item.decision_id for item in answers.decided if item.decision_id],
    )
    return answers


def _filled(chosen: IntakeForm, query: QueryDict) -> VersionForm:
    """The empty form, with what the address brings along."""
    assert chosen.version is not None
    made = form_class(chosen.version)
    typed: dict[str, list[str]] = {}
    for question in made.questions:
        # “title” and “problem” mean those parts of a request, whatever a form calls them.
        name = question.key if question.key in query else question.maps_to
        if name and name in query:
            typed[question.key] = query.getlist(name)
    return made(initial=_initial(made, typed))


def _initial(made: type[VersionForm], typed: dict[str, Any]) -> dict[str, Any]:
    """Typed values as a form's initial ones: lists where several can be chosen."""
    several = {question.key for question in made.questions if question.type == "multi"}
    return {
        name: values if name in several else values[-1]
        for name, values in typed.items()
        if isinstance(values, list) and values
    }


def _switched(work: Writing) -> VersionForm:
    """The chosen form with what was typed into another one, unchecked; and what was typed into
    it before, if it was open already."""
    assert work.chosen.version is not None
    made = form_class(work.chosen.version)
    number = whole_number(work.posted.get("version", ""), digits=18)
    was = FormVersion.objects.filter(pk=number).first() if number else None
    before = questions.read(was.questions) if was else ()
    if was is not None and was.form_id != work.chosen.pk:
        _keep_before(work, was)
    draft = Draft.objects.filter(key=work.key, person=work.person).first()
    kept = {name: value for name, value in (draft.data if draft else {}).items() if name[0] != "_"}
    typed = {name: work.posted.getlist(name) for name in work.posted}
    form = made(initial=_initial(made, questions.carried(before, made.questions, kept | typed)))
    form.initial["submission_key"] = work.key
    return form


def _keep_before(work: Writing, was: FormVersion) -> None:
    """What only the other form asks is kept in the draft, and comes back with that form."""
    left = replace(work, version=was)
    try:
        left.save()
    except (services.RequestError, PermissionDenied):
        # Not worth a word here: what fills the same parts moves along in any case.
        return


def _unchecked(work: Writing) -> VersionForm:
    """What is typed, on the same form, without a word about faults."""
    made = form_class(work.version)
    form = made(initial=_initial(made, dict(work.typed)))
    form.initial["submission_key"] = work.key
    return form


def _whose(user: User, form: VersionForm) -> User | None:
    """Whose request it is; None with an error on the form when they cannot have one."""
    data = form.cleaned_data
    if not data.get("for_email"):
        return data.get("for_whom") or user
    try:
        person = guest_for(data["for_email"], data["for_name"])
    except ValidationError as error:
        form.add_error("for_email", error)
        return None
    if not person.is_active:
        form.add_error("for_email", "This person has left. Choose somebody else")
        return None
    return person


def _send(work: Writing, person: User, form: VersionForm) -> Any:
    fields = form.request_fields()
    fields["team"] = fields.get("team") or work.chosen.team
    fields |= {"kind": work.chosen.kind, "visibility": work.chosen.visibility}
    key = work.key
    if Draft.objects.filter(key=key).exclude(person=work.person).exists():
        key = uuid.uuid4()  # somebody else's key gives nothing away
    try:
        return services.send_draft(
            author=work.person,
            requester=person,
            key=key,
            version=work.version,
            typed=work.typed,
            fields=fields,
            answers=form.answers(),
        )
    except PermissionDenied as error:
        raise services.RequestError(str(error)) from error


@require_safe
def suggest_people(request: SignedInRequest) -> HttpResponse:
    """Names for a person field, as options of its list."""
    typed = _typed(request.GET)
    found = User.objects.inside().filter(name__icontains=typed) if typed else ()
    rows = [(f"{one.name} <{one.email}>", "") for one in found[:SUGGESTED_NAMES]]
    return render(request, "intake/_options.html", {"rows": rows})


@require_safe
def suggest_customers(request: SignedInRequest) -> HttpResponse:
    """Names for a customer field, as options of its list."""
    typed = _typed(request.GET)
    found = Customer.objects.filter(is_active=True, name__icontains=typed) if typed else ()
    rows = [(one.name, one.segment) for one in found[:SUGGESTED_NAMES]]
    return render(request, "intake/_options.html", {"rows": rows})


def _typed(query: QueryDict) -> str:
    """What is typed in the field that asks, whatever its name; from two letters on."""
    typed = next((str(value).strip() for value in query.values()), "")[:80]
    return typed if len(typed) > 1 else ""
