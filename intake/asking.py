"""Which forms people are offered, and what a request's answers say."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Team, User
from accounts.permissions import is_pm, is_product_ops
from intake import questions
from intake.models import Attachment, Customer, Draft, FieldType, IntakeForm, Kind, MapsTo, Request

# Words that tell a kind: a person who chose another form is asked whether it is the right one.
_TELLING: dict[str, frozenset[str]] = {
    Kind.DATA: frozenset(
        "report reports dashboard figure figures statistic statistics metric metrics numbers"
        " percentage breakdown query dataset kpi kpis".split()
    ),
    Kind.HELP: frozenset(
        "access licence license login password permission permissions template training onboarding"
        " account seat".split()
    ),
    Kind.PROBLEM: frozenset(
        "bug broken crash crashes error errors fails failing freezes hangs wrong lost missing"
        " stopped".split()
    ),
}


def offered_forms(user: User, *, also: str = "") -> list[IntakeForm]:
    """The forms on the choice cards, with their versions; Product Ops also sees the one that
    they name, to try it before it is switched on."""
    found = IntakeForm.objects.filter(version__isnull=False).select_related("version", "team")
    preview = also if is_product_ops(user) else ""
    return [form for form in found if form.is_active or form.slug == preview]


def form_for(forms: Sequence[IntakeForm], *, slug: str = "", kind: str = "") -> IntakeForm | None:
    """The form with this slug, else the first of this kind, else the first of all."""
    by_slug = {form.slug: form for form in forms}
    if slug in by_slug:
        return by_slug[slug]
    if kind in by_slug:
        return by_slug[kind]
    of_kind = (form for form in forms if kind and form.kind == kind)
    return next(of_kind, forms[0] if forms else None)


def better_form(chosen: IntakeForm, forms: Sequence[IntakeForm], title: str) -> IntakeForm | None:
    """Another form that the line seems to be for, None where the chosen one fits as well."""
    words = {word.strip(".,;:!?“”\"'()").lower() for word in title.split()}
    if len(words) < 3 or words & _TELLING.get(chosen.kind, frozenset()):
        return None
    scores = {kind: len(words & telling) for kind, telling in _TELLING.items()}
    best = max(scores, key=lambda kind: scores[kind])
    if not scores[best] or best == chosen.kind:
        return None
    return next((form for form in forms if form.kind == best and form.is_active), None)


@dataclass(frozen=True)
class MyDraft:
    """One draft in a list."""

    key: uuid.UUID
    title: str
    form: str
    saved_at: datetime


def my_drafts(user: User, *, but: uuid.UUID | None = None, limit: int = 5) -> list[MyDraft]:
    """What a person has begun and not sent, last touched first."""
    found = (
        Draft.objects.filter(person=user, state__in=[Draft.State.OPEN, Draft.State.ABANDONED])
        .exclude(data={})
        .order_by("-saved_at", "-id")
        .values_list("key", "data", "version__questions", "form__name", "saved_at")
    )
    return [
        MyDraft(key, _part(data, asked, MapsTo.TITLE), form, saved_at)
        for key, data, asked, form, saved_at in (found.exclude(key=but) if but else found)[:limit]
    ]


def part_of(draft: Draft, part: str) -> str:
    """What a draft says for one part of the request."""
    return _part(draft.data, draft.version.questions if draft.version else None, part)


def _part(data: dict[str, Any], asked: Any, part: str) -> str:
    read = questions.read(asked) if asked else ()
    key = next((one.key for one in read if one.maps_to == part), "")
    return ", ".join(questions.as_texts(data.get(key)))


@dataclass(frozen=True)
class Answered:
    """One answer as people read it."""

    label: str
    text: str
    is_link: bool = False


def answers_of(item: Request) -> list[Answered]:
    """What a request's own questions were answered with, in the words of its version.

    People, teams and customers are read in at most one query each.
    """
    if not item.answers or item.form_version is None:
        return []
    asked = [
        question
        for question in questions.read(item.form_version.questions)
        if question.key in item.answers
    ]
    names = _names(asked, item.answers)
    return [_answered(question, item.answers[question.key], names) for question in asked]


def _names(
    asked: Sequence[questions.Question], answers: Mapping[str, Any]
) -> dict[tuple[str, Any], str]:
    wanted: dict[str, list[Any]] = {}
    for question in asked:
        wanted.setdefault(question.type, []).append(answers[question.key])
    found: dict[tuple[str, Any], str] = {}
    if people := wanted.get(FieldType.PERSON):
        for pk, name in User.objects.filter(pk__in=people).values_list("pk", "name"):
            found[FieldType.PERSON, pk] = name
    if teams := wanted.get(FieldType.TEAM):
        for slug, name in Team.objects.filter(slug__in=teams).values_list("slug", "name"):
            found[FieldType.TEAM, slug] = name
    if customers := wanted.get(FieldType.CUSTOMER):
        for pk, name in Customer.objects.filter(pk__in=customers).values_list("pk", "name"):
            found[FieldType.CUSTOMER, pk] = name
    return found


def _answered(
    question: questions.Question, answer: Any, names: Mapping[tuple[str, Any], str]
) -> Answered:
    if question.type in (FieldType.PERSON, FieldType.TEAM, FieldType.CUSTOMER):
        return Answered(question.label, names.get((question.type, answer), "Not here any more"))
    words = [question.word(one) for one in questions.as_texts(answer)]
    return Answered(question.label, ", ".join(words), question.type == FieldType.URL)


def answers_context(item: Request) -> dict[str, Any]:
    """Context of `intake/_answers.html`."""
    return {"answers": answers_of(item)}


def files_of(user: User, items: Collection[int]) -> list[Attachment]:
    """The files of these requests that a reader may see, oldest first; one query. The requests
    are those of a group that the reader sees already."""
    found = Attachment.objects.filter(request__in=items).select_related("uploaded_by")
    if not is_pm(user):
        found = found.filter(is_internal=False).exclude(comment__is_internal=True)
    return list(found)


def files_context(user: User, items: Collection[int]) -> dict[str, Any]:
    """Context of `intake/_files.html`."""
    return {"files": files_of(user, items) if items else []}
