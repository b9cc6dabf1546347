"""A new request: choose the form, answer its questions, send it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import SignedInRequest
from accounts.models import User
from accounts.services import guest_for
from intake import asking, questions, services
from intake.models import Customer, FormVersion, IntakeForm
from intake.request_forms import VersionForm, form_class
from intake.views.acting import said_and_gone
from producthub.lib.htmx import page
from producthub.lib.input import whole_number

SUGGESTED_NAMES = 8


@require_http_methods(["GET", "HEAD", "POST"])
def request_new(request: SignedInRequest) -> HttpResponse:
    """The form; what was typed stays when something needs a change or another form is chosen."""
    asked = request.POST if request.method == "POST" else request.GET
    slug = asked.get("form", "")
    forms = asking.offered_forms(request.user, also=slug)
    chosen = asking.form_for(forms, slug=slug, kind=asked.get("kind", ""))
    if chosen is None:
        return page(request, "intake/new.html", "intake/_asking.html", {"forms": []})
    if request.method != "POST":
        form = _filled(chosen, request.GET)
        return _show(request, forms, chosen, form)
    if "switch" in request.POST:
        return _show(request, forms, chosen, _switched(request.POST, chosen))
    version = _version(request.POST, chosen)
    form = form_class(version)(request.POST)
    if form.is_valid() and (person := _whose(request.user, form)):
        item = _send(request.user, person, chosen, version, form)
        return said_and_gone(request, f"Request sent. Its number is {item.reference}.", to=item)
    return _show(request, forms, chosen, form, status=422)


def _show(
    request: SignedInRequest,
    forms: list[IntakeForm],
    chosen: IntakeForm,
    form: VersionForm,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "forms": forms,
        "chosen": chosen,
        "form": form,
        "version": form.version_id,
        "title": form[_title_key(form)].value() or "",
    }
    return page(request, "intake/new.html", "intake/_asking.html", context, status=status)


def _title_key(form: VersionForm) -> str:
    return next(one.key for one in form.questions if one.maps_to == "title")


def _filled(chosen: IntakeForm, query: QueryDict) -> VersionForm:
    """The empty form, with what the address brings along."""
    assert chosen.version is not None
    made = form_class(chosen.version)
    initial: dict[str, Any] = {}
    for question in made.questions:
        # “title” and “problem” mean those parts of a request, whatever a form calls them.
        name = question.key if question.key in query else question.maps_to
        if name in query:
            several = question.type == "multi"
            initial[question.key] = query.getlist(name) if several else query[name]
    return made(initial=initial)


def _version(posted: QueryDict, chosen: IntakeForm) -> FormVersion:
    """The version that the person answered: theirs, though a newer one is out by now."""
    assert chosen.version is not None
    number = whole_number(posted.get("version", ""), digits=18)
    if number is None or number == chosen.version_id:
        return chosen.version
    return chosen.versions.filter(pk=number).first() or chosen.version


def _switched(posted: QueryDict, chosen: IntakeForm) -> VersionForm:
    """The chosen form with what was typed into another one, unchecked."""
    assert chosen.version is not None
    made = form_class(chosen.version)
    number = whole_number(posted.get("version", ""), digits=18)
    was = FormVersion.objects.filter(pk=number).first() if number else None
    before = questions.read(was.questions) if was else ()
    typed: dict[str, Any] = {name: posted.getlist(name) for name in posted}
    kept = questions.carried(before, made.questions, typed)
    initial: dict[str, Any] = {
        name: values[-1] for name, values in kept.items() if values and name != "form"
    }
    for question in made.questions:
        if question.type == "multi" and question.key in kept:
            initial[question.key] = kept[question.key]
    return made(initial=initial)


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


def _send(
    user: User, person: User, chosen: IntakeForm, version: FormVersion, form: VersionForm
) -> Any:
    fields = form.request_fields()
    fields["team"] = fields.get("team") or chosen.team
    return services.submit_request(
        requester=person,
        sent_by=user,
        kind=chosen.kind,
        visibility=chosen.visibility,
        submission_key=form.cleaned_data["submission_key"],
        form_version=version,
        answers=form.answers(),
        **fields,
    )


@require_safe
def suggest_people(request: SignedInRequest) -> HttpResponse:
    """Names for a person field, as options of its list."""
    typed = _typed(request.GET)
    found = User.objects.inside().filter(name__icontains=typed) if typed else ()
    rows = [(f"{one.name} <{one.email}>", "") for one in found[:SUGGESTED_NAMES]]
    return _options(request, rows)


@require_safe
def suggest_customers(request: SignedInRequest) -> HttpResponse:
    """Names for a customer field, as options of its list."""
    typed = _typed(request.GET)
    found = Customer.objects.filter(is_active=True, name__icontains=typed) if typed else ()
    return _options(request, [(one.name, one.segment) for one in found[:SUGGESTED_NAMES]])


def _typed(query: QueryDict) -> str:
    """What is typed in the field that asks, whatever its name; from two letters on."""
    typed = next((str(value).strip() for value in query.values()), "")[:80]
    return typed if len(typed) > 1 else ""


def _options(request: SignedInRequest, rows: list[tuple[str, str]]) -> HttpResponse:
    return render(request, "intake/_options.html", {"rows": rows})
