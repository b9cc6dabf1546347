"""Scoring sessions: score blind, reveal and talk, decide, close."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import Team, User
from accounts.permissions import is_pm, require
from activity.events import Fact, record, record_many
from intake import scoring
from intake.models import (
    SESSION_NUMBERS,
    Candidate,
    Request,
    Score,
    ScoringModel,
    ScoringSession,
)
from intake.permissions import can_facilitate, can_score
from intake.scoring import Entrant
from intake.services.errors import RequestError
from intake.services.locks import locked, locked_many, refuse_closed
from intake.services.scoring_models import scheme_of
from planning.models import Decision
from producthub.lib.sequences import next_number

Stage = ScoringSession.Stage
MAX_CANDIDATES = 100
MAX_SCORERS = 40
REMIND_HOURS = 4
# What a decision can follow: back from deciding to talking is allowed, back to blind is not.
NEXT_STAGES: Mapping[str, tuple[str, ...]] = {
    Stage.SCORE: (Stage.TALK,),
    Stage.TALK: (Stage.DECIDE, Stage.CLOSED),
    Stage.DECIDE: (Stage.TALK, Stage.CLOSED),
    Stage.CLOSED: (),
}
_DID = {
    Stage.SCORE: "opened this session",
    Stage.TALK: "opened the talk",
    Stage.DECIDE: "began to decide",
    Stage.CLOSED: "closed this session",
}


class SessionMoved(RequestError):
    """The session went on since this page was read."""

    def __init__(self, session: ScoringSession) -> None:
        who = session.moved_by or "The closing time"
        did = _DID[Stage(session.stage)]
        if session.stage == Stage.TALK and session.moved_by is None:
            did = "opened the scores"
        super().__init__(f"{who} {did} a moment ago. The page shows it as it is now.")


class StillBlind(RequestError):
    """Scores are not open yet."""


class SettledFirst(RequestError):
    """Somebody else settled it since this page was read."""

    def __init__(self, candidate: Candidate, words: str) -> None:
        super().__init__(
            f"{candidate.settled_by or 'Somebody'} settled this at {words} first. Change it again"
            " if the group agreed on something else."
        )


def _held(session: ScoringSession) -> ScoringSession:
    """The session as it is now, locked until the transaction ends."""
    return (
        ScoringSession.objects.select_for_update(of=("self",))
        .select_related("version__model", "moved_by")
        .get(pk=session.pk)
    )


def _candidate(session: ScoringSession, item: Request) -> Candidate:
    found = (
        Candidate.objects.select_for_update(of=("self",))
        .select_related("settled_by")
        .filter(session=session, request=item, dropped_at__isnull=True)
        .first()
    )
    if found is None:
        raise RequestError(f"{item.reference} is not on this agenda any more.")
    return found


def _require_facilitator(actor: User, session: ScoringSession) -> None:
    require(
        can_facilitate(actor, session),
        "Only the facilitator or Product Ops runs the session.",
    )


def _refuse_over(session: ScoringSession) -> None:
    if session.is_closed:
        raise SessionMoved(session)


# --- Opening, agenda, people --------------------------------------------------------------------
@transaction.atomic
def open_session(
    *,
    title: str,
    model: ScoringModel,
    actor: User,
    items: Sequence[Request],
    scorers: Iterable[User],
    team: Team | None = None,
    capacity: Decimal | float | None = None,
    closes_at: datetime | None = None,
    clock_minutes: int = 8,
    at: datetime | None = None,
) -> ScoringSession:
    """Open a session, put requests on its agenda and ask the scorers.

    The actor facilitates, and scores only when among the scorers. Raises RequestError when
    nobody scores, nothing is on the agenda, the closing time has passed or the model is not in
    use; PermissionDenied for non-PMs.
    """
    require(can_score(actor), "Only product managers open scoring sessions.")
    now = at or timezone.now()
    people = {person.pk: person for person in scorers}
    if not people:
        raise RequestError("Choose at least one scorer.")
    if len(people) > MAX_SCORERS:
        raise RequestError(f"Keep it to {MAX_SCORERS} scorers.")
    for person in people.values():
        require(can_score(person), f"{person} is not a product manager.")
    if not items:
        raise RequestError("Put at least one request on the agenda.")
    if closes_at is not None and closes_at <= now:
        raise RequestError("Choose a closing time that is still to come.")
    if not model.is_active or model.version is None:
        raise RequestError("This model is not in use any more. Choose another one.")
    session = ScoringSession.objects.create(
        number=next_number(SESSION_NUMBERS),
        title=title,
        version=model.version,
        team=team,
        facilitator=actor,
        closes_at=closes_at,
        capacity=capacity,
        clock_minutes=clock_minutes,
        created_at=now,
        moved_at=now,
        moved_by=actor,
    )
    session.scorers.set(people)
    _table(session, items, actor, now)
    data = {"model": model.pk, "version": model.version.pk, "team": team.pk if team else None}
    record("session.opened", session, actor=actor, at=now, data=data)
    return session


@transaction.atomic
def add_candidates(
    *, session: ScoringSession, items: Sequence[Request], actor: User, at: datetime | None = None
) -> int:
    """Put more requests on the agenda, while scores are blind; returns how many are new."""
    session = _held(session)
    _require_facilitator(actor, session)
    if not session.blind_at(at or timezone.now()):
        raise RequestError("The scores are open: what comes now goes into the next session.")
    return _table(session, items, actor, at or timezone.now())


def _table(session: ScoringSession, items: Sequence[Request], actor: User, now: datetime) -> int:
    held = locked_many([item.pk for item in items])
    for item in held.values():
        refuse_closed(item)
    known = {one.request_id: one for one in session.candidates.select_for_update()}
    back = [one for one in known.values() if one.request_id in held and one.dropped_at]
    fresh = [item for item in dict.fromkeys(items) if item.pk not in known]
    if sum(one.dropped_at is None for one in known.values()) + len(fresh) > MAX_CANDIDATES:
        raise RequestError(f"Keep the agenda to {MAX_CANDIDATES} requests.")
    last = session.candidates.aggregate(last=Max("position"))["last"] or 0
    Candidate.objects.filter(pk__in=[one.pk for one in back]).update(dropped_at=None)
    Candidate.objects.bulk_create(
        Candidate(session=session, request=held[item.pk], position=last + number)
        for number, item in enumerate(fresh, 1)
    )
    new = [*(held[one.request_id] for one in back), *(held[item.pk] for item in fresh)]
    record_many(
        Fact("request.tabled", item, now, actor.pk, data={"session": session.pk}) for item in new
    )
    return len(new)


@transaction.atomic
def drop_candidate(
    *, session: ScoringSession, item: Request, actor: User, at: datetime | None = None
) -> None:
    """Take a request off the agenda; its scores stay, unseen. Repeatable."""
    session = _held(session)
    _require_facilitator(actor, session)
    _refuse_over(session)
    now = at or timezone.now()
    gone = session.candidates.filter(request=item, dropped_at__isnull=True)
    if gone.update(dropped_at=now, talk_started_at=None):
        record("request.untabled", item, actor=actor, at=now, data={"session": session.pk})


@transaction.atomic
def add_scorer(
    *, session: ScoringSession, person: User, actor: User, at: datetime | None = None
) -> bool:
    """Ask one more person; they score blind like everyone. False when they were asked already.

    Raises RequestError once scores are open: a score given then would not be blind.
    """
    session = _held(session)
    _require_facilitator(actor, session)
    require(can_score(person), f"{person} is not a product manager.")
    if not session.blind_at(at or timezone.now()):
        raise RequestError(
            f"The scores are open, so {person} can talk and read, but not score blind any more."
        )
    if session.scorers.filter(pk=person.pk).exists():
        return False
    if session.scorers.count() >= MAX_SCORERS:
        raise RequestError(f"Keep it to {MAX_SCORERS} scorers.")
    session.scorers.add(person)
    record("session.joined", session, actor=actor, at=at, data={"person": person.pk})
    return True


@transaction.atomic
def remove_scorer(
    *, session: ScoringSession, person: User, actor: User, at: datetime | None = None
) -> bool:
    """Wait for somebody no longer; the scores they gave still count. Repeatable.

    A scorer may leave by themselves. Raises RequestError for the last one.
    """
    session = _held(session)
    require(
        actor.pk == person.pk or can_facilitate(actor, session),
        "Only the facilitator or Product Ops runs the session.",
    )
    _refuse_over(session)
    if not session.scorers.filter(pk=person.pk).exists():
        return False
    if session.scorers.count() == 1:
        raise RequestError("Somebody must score. Add another scorer first.")
    session.scorers.remove(person)
    record("session.left", session, actor=actor, at=at, data={"person": person.pk})
    return True


@transaction.atomic
def hand_over_session(
    *, session: ScoringSession, to: User, actor: User, at: datetime | None = None
) -> ScoringSession:
    """Let somebody else facilitate. Repeatable."""
    session = _held(session)
    _require_facilitator(actor, session)
    require(can_score(to), f"{to} is not a product manager.")
    _refuse_over(session)
    if session.facilitator_id != to.pk:
        session.facilitator = to
        session.save(update_fields=["facilitator"])
        record("session.handed_over", session, actor=actor, at=at, data={"to": to.pk})
    return session


@transaction.atomic
def change_session(
    *,
    session: ScoringSession,
    actor: User,
    capacity: Decimal | float | None,
    closes_at: datetime | None,
    clock_minutes: int,
    at: datetime | None = None,
) -> ScoringSession:
    """Other weeks, another closing time, another clock. Repeatable.

    Raises RequestError for a closing time that has passed.
    """
    session = _held(session)
    _require_facilitator(actor, session)
    _refuse_over(session)
    now = at or timezone.now()
    if session.blind_at(now) and closes_at is not None and closes_at <= now:
        raise RequestError("Choose a closing time that is still to come.")
    if session.blind_at(now) and closes_at != session.closes_at:
        session.closes_at = closes_at
        session.reminded_at = None
    session.capacity = None if capacity is None else Decimal(str(capacity))
    session.clock_minutes = clock_minutes
    session.save(update_fields=["capacity", "closes_at", "clock_minutes", "reminded_at"])
    record("session.changed", session, actor=actor, at=now)
    return session


# --- Scoring ------------------------------------------------------------------------------------
@transaction.atomic
def save_score(
    *,
    session: ScoringSession,
    item: Request,
    scorer: User,
    answers: Mapping[str, float] | None,
    at: datetime | None = None,
) -> Score:
    """One person's score, or (None) that they cannot judge it. Repeatable.

    It may be changed until the reveal; what it was before is kept once others' were to be seen.
    Raises SessionMoved when the scores are open, RequestError for people who are not asked or
    answers that make no score, AlreadyDecided and AlreadyMerged when the request went meanwhile.
    """
    session = _held(session)
    now = at or timezone.now()
    if not session.blind_at(now):
        if session.stage != Stage.SCORE:
            raise SessionMoved(session)
        raise RequestError("Blind scoring closed a moment ago, so this score does not count.")
    if not session.scorers.filter(pk=scorer.pk).exists():
        raise RequestError("You are not among the scorers. Ask the facilitator to add you.")
    refuse_closed(locked(item))
    candidate = _candidate(session, item)
    value: Decimal | None = None
    if answers is not None:
        made = scoring.score(scheme_of(session.version), answers)
        if made is None:
            raise RequestError("These answers make no score. Answer every criterion.")
        value = as_stored(made)
    known = Score.objects.filter(candidate=candidate, scorer=scorer).first()
    if known is not None and (known.values, known.value) == (dict(answers or {}), value):
        return known
    row = known or Score(candidate=candidate, scorer=scorer)
    if known is not None and known.value is not None and known.first_value is None:
        others = Score.objects.filter(candidate=candidate).exclude(pk=known.pk)
        if known.value != value and others.exists():
            row.first_value = known.value
    row.version, row.values, row.value = session.version, dict(answers or {}), value
    row.saved_at = now
    row.save()
    record("score.saved", item, actor=scorer, at=now, data={"session": session.pk})
    return row


def as_stored(value: float) -> Decimal:
    """A score as the table keeps it, to three digits."""
    return Decimal(f"{value:.3f}")


# --- Stages -------------------------------------------------------------------------------------
@transaction.atomic
def move_session(
    *,
    session: ScoringSession,
    to: str,
    actor: User | None,
    seen: str,
    at: datetime | None = None,
) -> ScoringSession:
    """Reveal the scores, begin to decide, go back to talking, or close.

    `seen` is the stage that was on the page: when somebody else moved it since, SessionMoved says
    who. `actor` is None when the closing time opens the scores. Closing keeps each request's
    score and takes what is undecided off the agenda.
    """
    session = _held(session)
    now = at or timezone.now()
    if actor is not None:
        _require_facilitator(actor, session)
    elif session.blind_at(now):
        raise StillBlind("Blind scoring still runs.")
    was = session.stage
    _open_if_due(session, now)
    if actor is None and was == seen == Stage.SCORE:
        return session
    if session.stage != seen:
        raise SessionMoved(session)
    if to not in NEXT_STAGES[session.stage]:
        raise RequestError("Reveal the scores first, then talk and decide.")
    was_blind = session.stage == Stage.SCORE
    session.stage, session.moved_at, session.moved_by = to, now, actor
    fields = ["stage", "moved_at", "moved_by"]
    if was_blind:
        session.revealed_at = now
        fields.append("revealed_at")
    if to == Stage.CLOSED:
        session.closed_at = now
        fields.append("closed_at")
    session.save(update_fields=fields)
    if to != Stage.TALK:
        _stop_clocks(session, now)
    if to == Stage.CLOSED:
        _keep_scores(session, actor, now)
    kinds = {Stage.TALK: "session.revealed", Stage.CLOSED: "session.closed"}
    kind = kinds.get(Stage(to), "session.moved")
    if to == Stage.TALK and not was_blind:
        kind = "session.moved"
    record(kind, session, actor=actor, at=now, data={"stage": to})
    return session


def _open_if_due(session: ScoringSession, now: datetime) -> None:
    """Write down that the closing time opened the scores, if the clock has not yet."""
    if session.stage == Stage.SCORE and not session.blind_at(now):
        closed_at = session.closes_at
        session.stage, session.revealed_at = Stage.TALK, closed_at
        session.moved_at, session.moved_by = closed_at, None
        session.save(update_fields=["stage", "revealed_at", "moved_at", "moved_by"])
        record("session.revealed", session, at=closed_at, data={"stage": Stage.TALK})


def _keep_scores(session: ScoringSession, actor: User | None, now: datetime) -> None:
    """Each request keeps the group's score with its version; the undecided leave the agenda."""
    candidates = list(session.candidates.filter(dropped_at__isnull=True))
    held = locked_many([one.request_id for one in candidates])
    made = entrants_of(session, candidates, held)
    scheme = scheme_of(session.version)
    scored = []
    for one in made:
        value = scoring.group_score(scheme, one)
        if value is not None and held[one.key].merged_into_id is None:
            item = held[one.key]
            item.score, item.score_version = as_stored(value), session.version
            scored.append(item)
    Request.objects.bulk_update(scored, ["score", "score_version"], batch_size=100)
    record_many(
        Fact(
            "request.untabled", item, now, actor.pk if actor else None, data={"session": session.pk}
        )
        for item in held.values()
        if item.is_open
    )


def entrants_of(
    session: ScoringSession,
    candidates: Collection[Candidate],
    items: Mapping[int, Request],
    scores: Iterable[Score] | None = None,
) -> list[Entrant]:
    """What the ranking needs of these candidates, keyed by the request's id.

    `scores` are those that a reader may see; without them, all are read.
    """
    if scores is None:
        scores = Score.objects.filter(candidate__in=[one.pk for one in candidates])
    answers: dict[int, dict[int, Mapping[str, float]]] = {one.pk: {} for one in candidates}
    for row in scores:
        if row.value is not None and row.candidate_id in answers:
            answers[row.candidate_id][row.scorer_id] = row.values
    scheme = scheme_of(session.version)
    return [
        Entrant(
            key=one.request_id,
            answers=answers[one.pk],
            settled=None if one.settled_value is None else float(one.settled_value),
            votes=items[one.request_id].vote_count,
            weeks=scoring.weeks_of(scheme, answers[one.pk].values()),
        )
        for one in candidates
    ]


# --- Talking ------------------------------------------------------------------------------------
@transaction.atomic
def start_talk(
    *, session: ScoringSession, item: Request, actor: User, at: datetime | None = None
) -> Candidate:
    """Start the clock for one request; a clock that runs for another stops. Repeatable."""
    now = at or timezone.now()
    session = _talked(session, actor, now)
    candidate = _candidate(session, item)
    if candidate.talk_started_at is None:
        _stop_clocks(session, now)
        candidate.talk_started_at = now
        candidate.save(update_fields=["talk_started_at"])
        record("request.discussed", item, actor=actor, at=now, data={"session": session.pk})
    return candidate


@transaction.atomic
def pause_talk(*, session: ScoringSession, actor: User, at: datetime | None = None) -> None:
    """Stop the clock that runs. Repeatable."""
    now = at or timezone.now()
    _stop_clocks(_talked(session, actor, now), now)


def _talked(session: ScoringSession, actor: User, now: datetime) -> ScoringSession:
    session = _held(session)
    _require_facilitator(actor, session)
    if session.blind_at(now):
        raise StillBlind("Reveal the scores first: nobody has seen them yet.")
    _open_if_due(session, now)
    _refuse_over(session)
    return session


def _stop_clocks(session: ScoringSession, now: datetime) -> None:
    for one in session.candidates.select_for_update().filter(talk_started_at__isnull=False):
        assert one.talk_started_at is not None
        spent = max(timedelta(0), now - one.talk_started_at)
        # A clock that somebody forgot overnight is no talk of twelve hours.
        one.talked_seconds += min(int(spent.total_seconds()), session.clock_minutes * 180)
        one.talk_started_at = None
        one.save(update_fields=["talked_seconds", "talk_started_at"])


@transaction.atomic
def settle_candidate(
    *,
    session: ScoringSession,
    item: Request,
    actor: User,
    value: float | None,
    note: str = "",
    seen: Decimal | None = None,
    at: datetime | None = None,
) -> Candidate:
    """Write down what the group agreed on after talking; None takes the median again.

    `seen` is the settled value that was on the page; SettledFirst says who changed it since.
    Raises StillBlind before the reveal, RequestError for a value outside the scale.
    """
    now = at or timezone.now()
    session = _talked(session, actor, now)
    candidate = _candidate(session, item)
    scheme = scheme_of(session.version)
    wanted = None if value is None else as_stored(value)
    if wanted is not None:
        top = scheme.top_score
        lowest = 1 if scheme.method == "moscow" else 0
        highest = top if top is not None else 999_999_999
        if not lowest <= wanted <= highest:
            raise RequestError(f"Settle on a score from {lowest} to {highest:,.0f}.")
    if candidate.settled_value not in (seen, wanted):
        settled = candidate.settled_value
        words = "the median" if settled is None else scoring.score_words(scheme, float(settled))
        raise SettledFirst(candidate, words)
    if (candidate.settled_value, candidate.note) == (wanted, note):
        return candidate
    candidate.settled_value, candidate.note = wanted, note
    candidate.settled_by, candidate.settled_at = actor, now
    candidate.save(update_fields=["settled_value", "note", "settled_by", "settled_at"])
    record("score.settled", item, actor=actor, at=now, data={"session": session.pk})
    return candidate


@transaction.atomic
def write_session_notes(
    *,
    session: ScoringSession,
    actor: User,
    notes: str,
    actions: str,
    seen_notes: str,
    seen_actions: str,
    at: datetime | None = None,
) -> ScoringSession:
    """Notes and actions of the meeting; sent to the scorers when it closes.

    Every scorer may write. What somebody else wrote since (`seen_…` differs) is never lost:
    RequestError asks to put both together.
    """
    session = _held(session)
    may = can_facilitate(actor, session) or session.scorers.filter(pk=actor.pk).exists()
    require(may and is_pm(actor), "Only the facilitator and the scorers write notes.")
    _refuse_over(session)
    now_is = (_plain(session.notes), _plain(session.actions))
    if now_is == (_plain(notes), _plain(actions)):
        return session
    if now_is != (_plain(seen_notes), _plain(seen_actions)):
        raise RequestError(
            "Somebody else wrote notes meanwhile. Theirs stand in the session below: add yours"
            " to them and save again."
        )
    session.notes, session.actions = notes, actions
    session.save(update_fields=["notes", "actions"])
    record("session.noted", session, actor=actor, at=at)
    return session


def _plain(text: str) -> str:
    """Browsers send line ends of their own."""
    return text.replace("\r\n", "\n").strip()


# --- By the clock -------------------------------------------------------------------------------
def reveal_due_sessions(*, at: datetime | None = None) -> int:
    """Open the scores of sessions whose closing time has passed; returns how many."""
    now = at or timezone.now()
    due = ScoringSession.objects.filter(stage=Stage.SCORE, closes_at__lte=now)
    count = 0
    for session in due:
        try:
            move_session(session=session, to=Stage.TALK, actor=None, seen=Stage.SCORE, at=at)
        except (SessionMoved, StillBlind):
            continue  # a person was first, or moved the time
        count += 1
    return count


@transaction.atomic
def remind_scorers(*, session: ScoringSession, at: datetime | None = None) -> bool:
    """Once, in the last hours before closing: have those reminded who miss scores."""
    session = _held(session)
    now = at or timezone.now()
    if session.closes_at is None or session.reminded_at or not session.blind_at(now):
        return False
    if session.closes_at - now > timedelta(hours=REMIND_HOURS):
        return False
    session.reminded_at = now
    session.save(update_fields=["reminded_at"])
    # Opened within the last hours: the invitation was reminder enough.
    if session.closes_at - session.created_at > timedelta(hours=REMIND_HOURS):
        record("session.reminded", session, at=now)
    return True


def missing_counts(session: ScoringSession) -> dict[int, int]:
    """How many candidates each scorer has neither scored nor passed, by person; open ones only."""
    open_ids = set(
        session.candidates.filter(
            dropped_at__isnull=True,
            request__in=Request.objects.open(),
        ).values_list("pk", flat=True)
    )
    given: dict[int, int] = {}
    for scorer in Score.objects.filter(candidate__in=open_ids).values_list("scorer_id", flat=True):
        given[scorer] = given.get(scorer, 0) + 1
    people = session.scorers.filter(is_active=True).values_list("pk", flat=True)
    return {pk: len(open_ids) - given.get(pk, 0) for pk in people}


# --- One person ---------------------------------------------------------------------------------
@transaction.atomic
def score_alone(
    *,
    item: Request,
    model: ScoringModel,
    scorer: User,
    answers: Mapping[str, float],
    at: datetime | None = None,
) -> Score:
    """Score one request outside any session: a one-person score, and said so wherever it shows.

    It is kept as a session of one. Raises RequestError while the request is on the agenda of a
    running session (a score seen there would not be blind) or when a group has scored it.
    """
    require(can_score(scorer), "Only product managers score requests.")
    item = locked(item)
    refuse_closed(item)
    running = ScoringSession.objects.exclude(stage=Stage.CLOSED).filter(
        candidates__request=item, candidates__dropped_at__isnull=True
    )
    if (session := running.first()) is not None:
        raise RequestError(f"It is on the agenda of “{session.title}”. Score it there.")
    if by_group(item) is not None:
        raise RequestError("A group has scored this. Put it on the agenda of a new session.")
    version = model.version
    if version is None or not model.is_active:
        raise RequestError("This model is not in use any more. Choose another one.")
    made = scoring.score(scheme_of(version), answers)
    if made is None:
        raise RequestError("These answers make no score. Answer every criterion.")
    now = at or timezone.now()
    session = ScoringSession.objects.create(
        number=next_number(SESSION_NUMBERS),
        title=f"{item.reference} scored by {scorer}"[:120],
        version=version,
        team=item.team,
        facilitator=scorer,
        stage=Stage.CLOSED,
        is_solo=True,
        created_at=now,
        revealed_at=now,
        closed_at=now,
        moved_at=now,
        moved_by=scorer,
    )
    session.scorers.add(scorer)
    candidate = Candidate.objects.create(session=session, request=item, position=1)
    row = Score.objects.create(
        candidate=candidate,
        scorer=scorer,
        version=version,
        values=dict(answers),
        value=as_stored(made),
        saved_at=now,
    )
    item.score, item.score_version = row.value, version
    item.save(update_fields=["score", "score_version"])
    record("score.saved", item, actor=scorer, at=now, data={"session": session.pk, "solo": True})
    return row


def by_group(item: Request) -> Candidate | None:
    """The latest closed session in which a group scored this request."""
    found = Candidate.objects.filter(
        request=item,
        dropped_at__isnull=True,
        session__stage=Stage.CLOSED,
        session__is_solo=False,
        scores__value__isnull=False,
    )
    return found.select_related("session").order_by("-session__closed_at").first()


def decided_in(session: ScoringSession) -> list[Decision]:
    """Decisions on its candidates that were taken since the scores were opened."""
    since = session.revealed_at or session.created_at
    found = Decision.objects.filter(
        requests__candidacies__session=session,
        requests__candidacies__dropped_at__isnull=True,
        decided_at__gte=since,
    )
    if session.closed_at is not None:
        found = found.filter(decided_at__lte=session.closed_at)
    return list(found.select_related("decided_by").order_by("decided_at"))
