"""Scoring models, and the score of one request."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import SignedInRequest
from accounts.models import User
from intake import scoreboard, scoring, services
from intake.forms_scoring import (
    AnswersForm,
    CriterionForm,
    ModelForm,
    ReasonForm,
    criterion_rows,
    plain,
    read_rows,
    weights_in,
)
from intake.models import Request, ScoringModel, ScoringSession
from intake.permissions import can_facilitate, can_keep_models, can_score
from intake.scoring import Criterion, Scheme
from intake.services import RequestError
from producthub.lib.htmx import page, see_other
from producthub.lib.input import whole_number

MOVES_SHOWN = 50


@require_safe
def model_list(request: SignedInRequest) -> HttpResponse:
    """Every way to score: formula, criteria, who uses it. Open to all: a score that decides over
    a request is no secret."""
    keeps = can_keep_models(request.user)
    models = scoreboard.scoring_models(all_of_them=keeps).filter(version__isnull=False)
    rows = [(model, scoring.formula(_scheme(model)), _scheme(model)) for model in models]
    return render(request, "intake/scoring_models.html", {"rows": rows, "keeps": keeps})


def _scheme(model: ScoringModel) -> Scheme:
    assert model.version is not None
    return Scheme(model.method, scoring.read_criteria(model.version.criteria))


def _model(slug: str) -> ScoringModel:
    return get_object_or_404(
        ScoringModel.objects.select_related("version").filter(version__isnull=False), slug=slug
    )


@require_http_methods(["GET", "HEAD", "POST"])
def model_detail(request: SignedInRequest, slug: str) -> HttpResponse:
    """One model: formula, rubrics, versions; try other weights, see what moves, then save."""
    model = _model(slug)
    scheme = _scheme(model)
    query: Any = request.POST if request.method == "POST" else request.GET
    session = _session_of(request.user, model, query.get("session", ""))
    may_save = can_keep_models(request.user) or session is not None
    weights, faults = weights_in(query, scheme)
    tried = scheme.weighted_by(weights)
    form = ReasonForm(initial={"seen": model.version.number if model.version else 0})
    status = 200
    if request.method == "POST":
        if not may_save:
            raise PermissionDenied("Only Product Ops, or a session’s facilitator, saves weights.")
        form = ReasonForm(request.POST)
        status = 422
        if form.is_valid() and not faults:
            try:
                version = services.save_model_version(
                    model=model,
                    criteria=tried.criteria,
                    note=form.cleaned_data["note"],
                    seen=form.cleaned_data["seen"],
                    session=session,
                    actor=request.user,
                )
            except RequestError as error:
                form.add_error(None, str(error))
                status = 409
            else:
                messages.success(request, f"Saved as version {version.number}.")
                return see_other(session or reverse("intake:scoring-model", args=[model.slug]))
    is_tried = tried.weights != scheme.weights
    context = {
        "model": model,
        "scheme": scheme,
        "formula": scoring.formula(scheme),
        "tried_formula": scoring.formula(tried),
        "is_tried": is_tried,
        "weights": [
            (one, query.get(f"w_{one.key}", "") or plain(one.weight), faults.get(one.key))
            for one in scheme.counted
        ]
        if scheme.has_weights
        else [],
        "versions": _versions(model),
        "keeps": can_keep_models(request.user),
        "may_save": may_save and is_tried and not faults,
        "session": session,
        "form": form,
        **_moves(request.user, model, scheme, tried),
    }
    return page(
        request,
        "intake/scoring_model.html",
        "intake/_scoring_model.html",
        context,
        status=status if form.errors or faults else 200,
    )


def _session_of(user: User, model: ScoringModel, number: str) -> ScoringSession | None:
    """The running session that goes on with the new version, if this person may move it there.

    Not while it is blind: a facilitator who scores would change scores that nobody has seen."""
    found = ScoringSession.objects.filter(
        number=whole_number(number) or 0, version__model=model
    ).select_related("version__model")
    session = found.first()
    if session is None or session.is_closed or session.is_blind:
        return None
    return session if can_facilitate(user, session) else None


def _versions(model: ScoringModel) -> list[tuple[Any, list[tuple[str, str]]]]:
    """(version, [(criterion, weight)]) newest first."""
    return [
        (
            version,
            [
                (one.name, scoring.number_words(one.weight))
                for one in scoring.read_criteria(version.criteria)
            ],
        )
        for version in scoreboard.versions_of(model)
    ]


def _moves(user: User, model: ScoringModel, before: Scheme, after: Scheme) -> dict[str, Any]:
    """The ranking before and after, of open requests with scores of this model."""
    entrants, items = scoreboard.scored_by(model, user)
    found = scoring.moves(before, entrants, after)
    return {
        "moves": [
            (
                one,
                items[one.key],
                "–" if one.was is None else scoring.score_words(before, one.was),
                "–" if one.now is None else scoring.score_words(after, one.now),
            )
            for one in found[:MOVES_SHOWN]
        ],
        "moves_words": scoring.moves_words(found),
        "moves_left": max(0, len(found) - MOVES_SHOWN),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def model_new(request: SignedInRequest) -> HttpResponse:
    """A model of one's own: weighted criteria with rubrics."""
    if not can_keep_models(request.user):
        raise PermissionDenied("Only Product Ops makes scoring models.")
    form = ModelForm(request.POST or None, is_new=True)
    rows = criterion_rows([], request.POST if request.method == "POST" else None)
    if request.method == "POST":
        criteria = read_rows(rows, [])
        if form.is_valid() and criteria is not None:
            data = form.cleaned_data
            try:
                model = services.create_scoring_model(
                    name=data["name"],
                    purpose=data["purpose"],
                    teams=data["teams"],
                    criteria=criteria,
                    actor=request.user,
                )
            except scoring.Unfit as fault:
                _mark(form, rows, fault, criteria)
            except RequestError as error:
                form.add_error("name", str(error))
            else:
                messages.success(request, f"{model.name} is ready to score by.")
                return see_other(reverse("intake:scoring-model", args=[model.slug]))
    context = {"form": form, "rows": rows, "is_new": True}
    status = 422 if request.method == "POST" else 200
    return render(request, "intake/scoring_model_edit.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def model_edit(request: SignedInRequest, slug: str) -> HttpResponse:
    """Change criteria, rubrics and use: look at what moves, then save as a new version."""
    if not can_keep_models(request.user):
        raise PermissionDenied("Only Product Ops changes scoring models.")
    model = _model(slug)
    scheme = _scheme(model)
    assert model.version is not None
    fixed = model.method != "weighted"
    if request.method != "POST":
        form = ModelForm(
            initial={
                "purpose": model.purpose,
                "teams": [team.slug for team in model.teams.all()],
                "is_active": model.is_active,
            }
        )
        context = {
            "model": model,
            "form": form,
            "rows": criterion_rows(scheme.criteria, fixed=fixed),
            "reason": ReasonForm(initial={"seen": model.version.number}),
        }
        return render(request, "intake/scoring_model_edit.html", context)
    form = ModelForm(request.POST)
    rows = criterion_rows(scheme.criteria, request.POST, fixed=fixed)
    saves = "save" in request.POST
    reason = ReasonForm(request.POST if saves else None, initial={"seen": model.version.number})
    if not saves:
        reason = ReasonForm(
            initial={
                "seen": whole_number(request.POST.get("seen", "")) or model.version.number,
                "note": request.POST.get("note", "")[:300],
            }
        )
    criteria = read_rows(rows, scheme.criteria)
    context = {"model": model, "form": form, "rows": rows, "reason": reason}
    status = 422
    if form.is_valid() and criteria is not None:
        try:
            scoring.check_scheme(Scheme(model.method, tuple(criteria)))
            if not saves:
                status = 200
                after = Scheme(model.method, tuple(criteria))
                context |= {
                    "is_preview": True,
                    "after_formula": scoring.formula(after),
                    **_moves(request.user, model, scheme, after),
                }
            else:
                done = _save(request, model, form, criteria, reason, scheme)
                if done is not None:
                    return done
        except scoring.Unfit as fault:
            _mark(form, rows, fault, criteria)
        except RequestError as error:
            (reason if reason.is_bound else form).add_error(None, str(error))
            status = 409
    return render(request, "intake/scoring_model_edit.html", context, status=status)


def _save(
    request: SignedInRequest,
    model: ScoringModel,
    form: ModelForm,
    criteria: list[Criterion],
    reason: ReasonForm,
    scheme: Scheme,
) -> HttpResponse | None:
    """Use and criteria as they were posted; None when the reason needs a change."""
    changes = tuple(criteria) != scheme.criteria
    if changes and not reason.is_valid():
        return None
    services.change_scoring_model(model=model, actor=request.user, **form.cleaned_data)
    said = "Saved."
    if changes:
        version = services.save_model_version(
            model=model, criteria=criteria, actor=request.user, **reason.cleaned_data
        )
        said = f"Saved as version {version.number}. Scores given before keep theirs."
    messages.success(request, said)
    return see_other(reverse("intake:scoring-model", args=[model.slug]))


def _mark(
    form: ModelForm, rows: list[CriterionForm], fault: scoring.Unfit, criteria: list[Criterion]
) -> None:
    """Say each fault where it is."""
    filled = [row for row in rows if not row.is_blank]
    by_key = {one.key: row for one, row in zip(criteria, filled, strict=True)}
    for key, said in fault.errors.items():
        if key in by_key:
            about_rubric = "rubric" in said
            by_key[key].add_error("rubric" if about_rubric else "name", said)
        else:
            form.add_error(None, said)


# --- One request --------------------------------------------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
def request_score(request: SignedInRequest, number: int) -> HttpResponse:
    """Score one request alone, by a model of its team: it says everywhere that one person did."""
    if not can_score(request.user):
        raise PermissionDenied("Scoring is for product managers. You see the score on the request.")
    items = Request.objects.visible_to(request.user).select_related("team", "requester")
    item = get_object_or_404(items.defer("search_vector"), number=number)
    query: Any = request.POST if request.method == "POST" else request.GET
    models = list(scoreboard.models_for(item.team))
    wanted = query.get("model", "")
    model = next((one for one in models if one.slug == wanted), None) or next(iter(models), None)
    context: dict[str, Any] = {"item": item, "models": models, "model": model}
    context |= scoreboard.score_context(item, request.user)
    status = 200
    if model is not None:
        scheme = _scheme(model)
        form = AnswersForm(request.POST or None, scheme=scheme)
        context |= {
            "form": form,
            "formula": scoring.formula(scheme),
            "evidence": scoreboard.evidence(item),
        }
        if request.method == "POST":
            status = 422
            if form.is_valid():
                try:
                    row = services.score_alone(
                        item=item,
                        model=model,
                        scorer=request.user,
                        answers=form.cleaned_data["answers"],
                    )
                except RequestError as error:
                    form.add_error(None, str(error))
                    status = 409
                else:
                    words = scoring.score_words(scheme, float(row.value or 0))
                    messages.success(request, f"{item.reference} is scored: {words}.")
                    return see_other(item)
    context["models_query"] = urlencode({"model": model.slug}) if model else ""
    return render(request, "intake/request_score.html", context, status=status)
