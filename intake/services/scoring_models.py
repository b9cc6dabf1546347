"""Scoring models: a change is a new version, and old scores keep theirs."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import Team, User
from accounts.permissions import require
from activity.events import record
from intake import scoring
from intake.models import ScoringModel, ScoringModelVersion, ScoringSession
from intake.permissions import can_facilitate, can_keep_models
from intake.scoring import Criterion, Scheme
from intake.services.errors import RequestError


class ModelMoved(RequestError):
    """Somebody saved another version since this page was read."""

    def __init__(self, version: ScoringModelVersion) -> None:
        who = version.created_by or "Somebody"
        super().__init__(
            f"{who} saved version {version.number} a moment ago. Look at it, then change that one."
        )


def scheme_of(version: ScoringModelVersion) -> Scheme:
    """What the formulas need of a version; its model must be at hand."""
    return Scheme(version.model.method, scoring.read_criteria(version.criteria))


@transaction.atomic
def create_scoring_model(
    *,
    name: str,
    purpose: str,
    criteria: Sequence[Criterion],
    actor: User,
    method: str = "weighted",
    teams: Iterable[Team] = (),
    at: datetime | None = None,
) -> ScoringModel:
    """A model with its first version.

    Raises scoring.Unfit when the formula cannot work with the criteria, RequestError when the name
    is taken, PermissionDenied for others than Product Ops.
    """
    require(can_keep_models(actor), "Only Product Ops makes scoring models.")
    scoring.check_scheme(Scheme(method, tuple(criteria)))
    now = at or timezone.now()
    try:
        with transaction.atomic():
            model = ScoringModel.objects.create(
                slug=_free_slug(name), name=name, method=method, purpose=purpose
            )
    except IntegrityError as error:
        raise RequestError("There is a model of this name. Choose another name.") from error
    model.teams.set(teams)
    model.version = ScoringModelVersion.objects.create(
        model=model,
        number=1,
        criteria=scoring.write_criteria(criteria),
        note="First version.",
        created_at=now,
        created_by=actor,
    )
    model.save(update_fields=["version"])
    record("scoring_model.created", model, actor=actor, at=now, data={"method": method})
    return model


def _free_slug(name: str) -> str:
    stem = slugify(name)[:34] or "model"
    # The form's own names are pages.
    taken = {*ScoringModel.objects.values_list("slug", flat=True), "new"}
    number, slug = 1, stem
    while slug in taken:
        number += 1
        slug = f"{stem}-{number}"
    return slug


@transaction.atomic
def save_model_version(
    *,
    model: ScoringModel,
    criteria: Sequence[Criterion],
    note: str,
    actor: User,
    seen: int,
    session: ScoringSession | None = None,
    at: datetime | None = None,
) -> ScoringModelVersion:
    """The next version of a model, used from now on; scores given before keep theirs.

    A running `session` goes on with the new version when its answers still fit. `seen` is the
    number of the version that the actor changed. Raises scoring.Unfit, ModelMoved, RequestError
    when nothing changed or the reason is missing, PermissionDenied for others than Product Ops
    and the session's facilitator.
    """
    facilitates = session is not None and (
        can_facilitate(actor, session) and session.version.model_id == model.pk
    )
    require(
        can_keep_models(actor) or facilitates,
        "Only Product Ops, or the facilitator of a session, saves weights for all.",
    )
    if not note.strip():
        raise RequestError("Say why it changes: everyone who scored reads it.")
    model = ScoringModel.objects.select_for_update(of=("self",)).get(pk=model.pk)
    before = model.version
    assert before is not None
    if before.number != seen:
        raise ModelMoved(before)
    scoring.check_scheme(Scheme(model.method, tuple(criteria)))
    if tuple(criteria) == scoring.read_criteria(before.criteria):
        raise RequestError("Nothing is different from the version in use. Change something first.")
    now = at or timezone.now()
    version = ScoringModelVersion.objects.create(
        model=model,
        number=before.number + 1,
        criteria=scoring.write_criteria(criteria),
        note=note.strip(),
        created_at=now,
        created_by=actor,
    )
    model.version = version
    model.save(update_fields=["version"])
    data = {"version": version.pk, "number": version.number}
    if session is not None:
        held = ScoringSession.objects.select_for_update().get(pk=session.pk)
        old = scoring.read_criteria(ScoringModelVersion.objects.get(pk=held.version_id).criteria)
        if not held.is_closed and _answers_fit(old, criteria):
            held.version = version
            held.save(update_fields=["version"])
            data["session"] = held.pk
    record("scoring_model.versioned", model, actor=actor, at=now, data=data)
    return version


def _answers_fit(old: Sequence[Criterion], new: Sequence[Criterion]) -> bool:
    """The same questions with the same values: only weights or words changed."""

    def asked(criteria: Sequence[Criterion]) -> list[tuple[object, ...]]:
        by_key = sorted(criteria, key=lambda one: one.key)
        return [
            (one.key, one.kind, one.low, one.high, [step.value for step in one.steps])
            for one in by_key
        ]

    return asked(old) == asked(new)


@transaction.atomic
def change_scoring_model(
    *,
    model: ScoringModel,
    actor: User,
    purpose: str,
    teams: Iterable[Team],
    is_active: bool,
    at: datetime | None = None,
) -> ScoringModel:
    """When it is used, by whom, and whether it is offered. Repeatable."""
    require(can_keep_models(actor), "Only Product Ops changes scoring models.")
    model = ScoringModel.objects.select_for_update(of=("self",)).get(pk=model.pk)
    wanted = {team.pk for team in teams}
    same = (model.purpose, model.is_active) == (purpose, is_active)
    if same and set(model.teams.values_list("pk", flat=True)) == wanted:
        return model
    model.purpose, model.is_active = purpose, is_active
    model.save(update_fields=["purpose", "is_active"])
    model.teams.set(wanted)
    data = {"is_active": is_active, "teams": sorted(wanted)}
    record("scoring_model.changed", model, actor=actor, at=at, data=data)
    return model
