"""Two scoring sessions of Harbourline: one that is over, with its decisions, and one that runs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random

from django.utils import timezone

from accounts.models import Role, User
from intake import scoreboard, services
from intake.models import Request, ScoringModel, ScoringSession, Status
from intake.scoring import Criterion
from planning.models import ReasonCode

# What the demonstration's product manager has scored of the running session.
MINE = 9
OPEN_CANDIDATES = 24
PAST_CANDIDATES = 8
REASONS = {
    "do": "It came out on top, the numbers are measured, and the team has the weeks for it.",
    "later": "Worth doing, but it does not fit into this quarter’s weeks. We score it again in"
    " the next session.",
}


def build(now: datetime) -> int:
    """Write both sessions through the services, with their true past times; call inside
    `activity.events.replaying`. Returns how many were written."""
    pms = list(User.objects.filter(role__in=[Role.PM, Role.PRODUCT_OPS], is_active=True))
    pms.sort(key=lambda person: person.email)
    if len(pms) < 3 or not ScoringModel.objects.filter(slug="weighted").exists():
        return 0
    ops = next((one for one in pms if one.role == Role.PRODUCT_OPS), pms[0])
    waiting = Request.objects.open().filter(status=Status.TRIAGED).defer("search_vector")
    past = _closed(now, ops, pms, _some(waiting, now - timedelta(days=6), PAST_CANDIDATES))
    opened_at = now - timedelta(days=1, hours=20)
    return past + _running(now, ops, pms, _some(waiting, opened_at, OPEN_CANDIDATES))


def _some(waiting: object, before: datetime, count: int) -> list[Request]:
    """Requests that had been triaged by then, in an order that their words decide."""
    found = waiting.filter(triaged_at__lt=before)  # type: ignore[attr-defined]
    return sorted(found, key=lambda item: sha256(item.title.encode()).hexdigest())[:count]


def _answers(criteria: Sequence[Criterion], item: Request, scorer: User) -> dict[str, float]:
    """What somebody thinks: near what the request is worth, further off for some requests."""
    worth = Random(f"worth {item.title}").random()
    unclear = Random(f"unclear {item.title}").random() > 0.75
    mood = Random(f"{item.title} {scorer.email}")
    # On an unclear request people differ in everything at once, as they do.
    shift = 1.5 * (mood.random() - 0.5) if unclear else 0.0
    given = {}
    for one in criteria:
        place = min(1.0, max(0.0, worth + shift + 0.3 * (mood.random() - 0.5)))
        if one.is_cost:
            place = Random(f"{one.key} {item.title}").random() * 0.7 + 0.25 * mood.random()
        if one.steps:
            steps = sorted(step.value for step in one.steps)
            given[one.key] = steps[min(len(steps) - 1, int(place * len(steps)))]
        elif one.key == "reach":
            given[one.key] = float(round(40 + place**2 * 2400, -1))
        else:
            given[one.key] = float(max(1, round(1 + place * 9)))
    return given


def _score(session: ScoringSession, items: Sequence[Request], scorer: User, at: datetime) -> None:
    criteria = services.scheme_of(session.version).criteria
    for number, item in enumerate(items):
        passes = Random(f"pass {item.title} {scorer.email}").random() < 0.03
        services.save_score(
            session=session,
            item=item,
            scorer=scorer,
            answers=None if passes else _answers(criteria, item, scorer),
            at=at + timedelta(minutes=2 * number),
        )


def _closed(now: datetime, ops: User, pms: Sequence[User], items: list[Request]) -> int:
    if len(items) < 4:
        return 0
    opened = now - timedelta(days=6)
    talk = now - timedelta(days=5)
    session = services.open_session(
        title=f"{timezone.localtime(opened):%B} warm-up",
        model=ScoringModel.objects.select_related("version").get(slug="rice"),
        actor=ops,
        scorers=pms[:6],
        items=items,
        capacity=18,
        at=opened,
    )
    for hours, person in enumerate(pms[:6], 1):
        _score(session, items, person, opened + timedelta(hours=hours))
    services.move_session(session=session, to="talk", actor=ops, seen="score", at=talk)
    services.start_talk(session=session, item=items[0], actor=ops, at=talk)
    services.pause_talk(session=session, actor=ops, at=talk + timedelta(minutes=6))
    deciding = talk + timedelta(minutes=40)
    services.move_session(session=session, to="decide", actor=ops, seen="talk", at=deciding)
    board = scoreboard.board(ScoringSession.objects.get(pk=session.pk), ops)
    best, last = board.ranked[0].item, board.ranked[-1].item
    for number, (item, outcome) in enumerate(((best, "do"), (last, "later"))):
        owner = item.owner or ops
        services.decide_request(
            item=item,
            actor=owner,
            outcome=outcome,
            reason=REASONS[outcome],
            reason_code=ReasonCode.objects.filter(code="wrong-time").first(),
            at=deciding + timedelta(minutes=4 * number),
        )
    services.write_session_notes(
        session=session,
        actor=ops,
        notes="Reach is a guess for half of these. Next time we bring the counts from Insights.",
        actions="Priya Raman brings reach from the gate log by Friday\n"
        "Noor Haddad asks Finance what a late invoice costs",
        seen_notes="",
        seen_actions="",
        at=deciding + timedelta(minutes=10),
    )
    services.move_session(
        session=session,
        to="closed",
        actor=ops,
        seen="decide",
        at=deciding + timedelta(minutes=15),
    )
    return 1


def _running(now: datetime, ops: User, pms: Sequence[User], items: list[Request]) -> int:
    items = [item for item in items if Request.objects.open().filter(pk=item.pk).exists()]
    if len(items) < 4:
        return 0
    opened = now - timedelta(days=1, hours=20)
    session = services.open_session(
        title=f"{timezone.localtime(now + timedelta(days=20)):%B} scoring",
        model=ScoringModel.objects.select_related("version").get(slug="weighted"),
        actor=ops,
        scorers=pms,
        items=items,
        capacity=26,
        closes_at=now + timedelta(hours=20),
        at=opened,
    )
    for number, person in enumerate(pms):
        begun = opened + timedelta(hours=1 + number)
        share = MINE if person.email.startswith("pm@") else (len(items), 18, 21)[number % 3]
        _score(session, items[:share], person, begun)
    return 1
