"""Scoring sessions with minimal defaults."""

from accounts.models import Role
from intake import scoring, services
from intake.models import ScoringModel
from tests.factories import make_request, make_user

POINTS = tuple(scoring.Step(value, f"{value} points") for value in range(0, 11))
CRITERIA = (
    scoring.Criterion("gain", "Gain", steps=POINTS, weight=100),
    scoring.Criterion("joy", "Joy", steps=POINTS, weight=0),
    scoring.Criterion(
        "effort",
        "Effort",
        kind="number",
        low=1,
        high=50,
        weight=0,
        direction="cost",
        is_effort=True,
        unit="weeks",
    ),
)


def make_model(name="Points", criteria=CRITERIA, method="weighted") -> ScoringModel:
    """A model whose score is ten times the gain, until its weights change."""
    ops = make_user(role=Role.PRODUCT_OPS)
    return services.create_scoring_model(
        name=name, purpose="For tests.", criteria=criteria, actor=ops, method=method
    )


def make_candidates(count, pm, team=None, ada=None):
    """Triaged requests, titled by number."""
    ada = ada or make_user()
    return [
        services.triage_request(
            item=make_request(ada, title=f"Wish {number}", team=team),
            actor=pm,
            team=team,
            owner=pm,
        )
        for number in range(count)
    ]


def gain(points, effort=2, joy=5):
    """Answers that score ten times `points`."""
    return {"gain": float(points), "joy": float(joy), "effort": float(effort)}


def make_session(facilitator, scorers, items, model=None, **fields):
    return services.open_session(
        title=fields.pop("title", "December scoring"),
        model=model or make_model(),
        actor=facilitator,
        scorers=scorers,
        items=items,
        **fields,
    )
