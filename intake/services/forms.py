"""Forms that Product Ops builds: published as versions that never change."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.permissions import is_product_ops, require
from activity.events import record
from intake import questions
from intake.models import FieldType, FormField, FormVersion, IntakeForm
from intake.services.errors import RequestError


class FormFaults(RequestError):
    """The questions of a form do not make sense together; `faults` says where."""

    def __init__(self, faults: list[questions.Fault]) -> None:
        self.faults = faults
        super().__init__(faults[0].text)


def questions_of(fields: list[FormField]) -> tuple[questions.Question, ...]:
    """The questions that these fields ask, in order, with conditions as codes."""
    found: list[questions.Question] = []
    for one in fields:
        values = questions.parse_lines(one.show_if_values)
        before = next((earlier for earlier in found if earlier.key == one.show_if), None)
        choices = questions.parse_choices(one.choices)
        found.append(
            questions.Question(
                key=one.key,
                label=one.label,
                type=one.type or FieldType.LINE,
                help=one.help,
                choices=choices,
                is_required=one.is_required,
                section=one.section.strip(),
                show_if=one.show_if.strip(),
                show_if_values=questions.codes_for(before, values) if before else values,
                maps_to=one.maps_to,
                jira_field=one.jira_field.strip(),
            )
        )
    return tuple(found)


@transaction.atomic
def publish_form(
    *, form: IntakeForm, actor: User | None, at: datetime | None = None
) -> FormVersion:
    """Make the questions as they stand the ones that people get.

    A new version is made only where the layout changed; what was sent keeps its own. Raises
    FormFaults, PermissionDenied for others than Product Ops.
    """
    require(actor is None or is_product_ops(actor), "Product Ops builds forms.")
    held = IntakeForm.objects.select_for_update(of=("self",)).get(pk=form.pk)
    fields = list(held.fields.filter(is_active=True).order_by("position", "id"))
    layout = questions_of(fields)
    if faults := questions.faults(layout):
        raise FormFaults(faults)
    current = held.version
    if current is not None and questions.read(current.questions) == layout:
        return current
    last = held.versions.order_by("-number").values_list("number", flat=True).first() or 0
    version = FormVersion.objects.create(
        form=held,
        number=last + 1,
        questions=questions.write(layout),
        created_by=actor,
        created_at=at or timezone.now(),
    )
    held.version = form.version = version
    held.save(update_fields=["version"])
    record("form.published", held, actor=actor, at=at, data={"version": version.pk})
    return version


@transaction.atomic
def copy_form(*, form: IntakeForm, actor: User) -> IntakeForm:
    """A form like this one under another name, switched off, to be changed. It has a link of its
    own and is open to nobody outside. Raises PermissionDenied for others than Product Ops."""
    require(is_product_ops(actor), "Product Ops builds forms.")
    fields = list(form.fields.order_by("position", "id"))
    made = IntakeForm.objects.create(
        slug=_free_slug(form.slug),
        name=f"Copy of {form.name}"[:60],
        summary=form.summary,
        intro=form.intro,
        kind=form.kind,
        team=form.team,
        owner=actor,
        visibility=form.visibility,
        first_answer_days=form.first_answer_days,
        triage_days=form.triage_days,
        decision_days=form.decision_days,
        position=form.position + 1,
        is_active=False,
    )
    for one in fields:
        one.pk, one.form, one._state.adding = None, made, True
    FormField.objects.bulk_create(fields)
    publish_form(form=made, actor=actor)
    return made


def _free_slug(slug: str) -> str:
    taken = set(IntakeForm.objects.values_list("slug", flat=True))
    number = 2
    while (wanted := f"{slug[:34]}-{number}") in taken:
        number += 1
    return wanted
