"""Read scoring sessions: what each reader may see of them, ranked."""

import hashlib
import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from accounts.permissions import is_pm
from intake import scoring
from intake.models import (
    Candidate,
    Request,
    Score,
    ScoringModel,
    ScoringModelVersion,
    ScoringSession,
)
from intake.scoring import Axis, Entrant, Firmness, Scheme, Spread
from intake.services.scoring_models import scheme_of
from intake.services.sessions import entrants_of, missing_counts

Stage = ScoringSession.Stage
FIRMNESS_SECONDS = 3600


@dataclass(slots=True)
class Line:
    """One candidate as one reader sees it."""

    candidate: Candidate
    item: Request
    scheme: Scheme
    mine: Score | None = None
    is_shown: bool = False
    spread: Spread | None = None
    axis: Axis | None = None
    value: float | None = None
    rank: int | None = None
    firmness: Firmness | None = None
    weeks: float | None = None
    quadrant: tuple[str, str] | None = None
    answers: Mapping[int, Mapping[str, float]] = field(default_factory=dict)

    @property
    def is_passed(self) -> bool:
        """The reader said that they cannot judge it."""
        return self.mine is not None and self.mine.value is None

    @property
    def is_apart(self) -> bool:
        return self.spread is not None and self.spread.is_apart

    @property
    def is_settled(self) -> bool:
        return self.candidate.settled_value is not None

    @property
    def is_gone(self) -> bool:
        """It joined another request: that one is to be scored."""
        return self.item.merged_into_id is not None

    @property
    def is_decided(self) -> bool:
        return bool(self.item.outcome)

    @property
    def mine_value(self) -> float | None:
        return None if self.mine is None or self.mine.value is None else float(self.mine.value)

    @property
    def mine_words(self) -> str:
        if self.is_passed:
            return "Passed"
        value = self.mine_value
        return "–" if value is None else scoring.score_words(self.scheme, value)

    @property
    def value_words(self) -> str:
        return "–" if self.value is None else scoring.score_words(self.scheme, self.value)

    @property
    def median_words(self) -> str:
        return "–" if self.spread is None else self.words(self.spread.middle)

    @property
    def low_words(self) -> str:
        return "–" if self.spread is None else self.words(self.spread.low)

    @property
    def high_words(self) -> str:
        return "–" if self.spread is None else self.words(self.spread.high)

    @property
    def talked(self) -> str:
        """Minutes and seconds that the group has talked about it."""
        seconds = self.candidate.talked_seconds
        return f"{seconds // 60}:{seconds % 60:02d}"

    def words(self, value: float) -> str:
        """A score of this model as people read it."""
        return scoring.score_words(self.scheme, value)

    @property
    def likely(self) -> str:
        """“3” or “2 to 7”."""
        if self.firmness is None:
            return "–"
        first, last = self.firmness.first, self.firmness.last
        return str(first) if first == last else f"{first} to {last}"

    @property
    def holds(self) -> str:
        if self.firmness is None or self.firmness.holds is None:
            return "–"
        return f"{100 * self.firmness.holds:.0f}%"

    @property
    def strip_html(self) -> SafeString:
        """The group's spread on one line, with its numbers for those who do not see it."""
        if self.spread is None or self.axis is None:
            return mark_safe("")
        found, at = self.spread, self.axis.at
        mine = self.mine_value
        label = f"Group from {self.words(found.low)} to {self.words(found.high)}, middle"
        label += f" {self.words(found.middle)}"
        dot = SafeString("")
        if mine is not None:
            label += f", mine {self.words(mine)}"
            dot = format_html('<circle class="me" cx="{}%" cy="10" r="5"/>', at(mine))
        lower, upper = at(found.lower), at(found.upper)
        return format_html(
            '<svg class="strip" width="100%" height="20" role="img" aria-label="{}">'
            '<line class="t" x1="0" x2="100%" y1="10" y2="10"/>'
            '<line class="w" x1="{}%" x2="{}%" y1="10" y2="10"/>'
            '<rect class="q" x="{}%" width="{}%" y="5" height="10" rx="3"/>'
            '<line class="m" x1="{}%" x2="{}%" y1="3" y2="17"/>{}</svg>',
            label,
            at(found.low),
            at(found.high),
            lower,
            round(max(0.8, upper - lower), 1),
            at(found.middle),
            at(found.middle),
            dot,
        )


@dataclass(slots=True)
class Voice:
    """One person's score of one candidate, opened."""

    person: User
    score: Score
    words: str
    answers: list[tuple[str, str]]
    formula: str
    is_outlier: bool
    was: str


@dataclass(slots=True)
class Board:
    """A session as one reader sees it."""

    session: ScoringSession
    scheme: Scheme
    lines: list[Line]
    is_scorer: bool
    is_trial: bool
    line_after: int | None
    stays: scoring.Sensitivity | None

    @property
    def ranked(self) -> list[Line]:
        """Those with a score that the reader may see, best first."""
        return [line for line in self.lines if line.rank is not None]

    @property
    def to_score(self) -> list[Line]:
        """What the reader has neither scored nor passed, in their own order."""
        return [
            line
            for line in self.lines
            if line.mine is None and not line.is_gone and not line.is_decided
        ]

    @property
    def passed(self) -> list[Line]:
        """What the reader left to others, while it is blind."""
        return [line for line in self.lines if line.is_passed and line.rank is None]

    @property
    def gone(self) -> list[Line]:
        """Merged or decided meanwhile, and not scored."""
        return [
            line
            for line in self.lines
            if line.rank is None and line.mine is None and (line.is_gone or line.is_decided)
        ]

    @property
    def apart(self) -> list[Line]:
        """What the group should talk about, the widest first."""
        found = [line for line in self.ranked if line.is_apart]
        return sorted(found, key=lambda line: -tension_of(line))

    @property
    def mine_count(self) -> int:
        return sum(line.mine is not None for line in self.lines)

    @property
    def above(self) -> list[Line]:
        """What fits into the weeks that the team has."""
        return self.ranked[: self.line_after] if self.line_after is not None else []

    @property
    def undecided(self) -> list[Line]:
        return [line for line in self.lines if line.item.is_open]

    @property
    def firm_words(self) -> str:
        """How many of the top ten are sure, when scorers are drawn again."""
        ranked = self.ranked
        if len(ranked) <= scoring.TOP:
            return ""
        shares = [line.firmness.in_top for line in ranked[: scoring.TOP] if line.firmness]
        return scoring.firmness_words(shares, why="redraws of the scorers")

    @property
    def stays_words(self) -> str:
        """How many of the top ten stay when the weights move."""
        if self.stays is None:
            return ""
        return scoring.firmness_words(
            self.stays.stays.values(), why="draws of other weights, each up to 20% off"
        )

    @property
    def firm_share(self) -> int:
        """Percent of the top ten that are sure, for the bar."""
        top = [line.firmness for line in self.ranked[: scoring.TOP] if line.firmness]
        firm = sum(one.in_top >= scoring.FIRM for one in top)
        return round(100 * firm / len(top)) if top else 0

    @property
    def close_words(self) -> str:
        """Which places mean little, said once."""
        rivals = [
            line
            for line in self.ranked
            if line.firmness is not None and 0.1 < line.firmness.in_top < scoring.FIRM
        ]
        shaky = [line for line in rivals if line.rank is not None and line.rank <= scoring.TOP]
        if not shaky or len(rivals) == len(shaky):
            return ""
        places = [str(line.rank) for line in shaky]
        named = places[0] if len(places) == 1 else f"{', '.join(places[:-1])} and {places[-1]}"
        word = "Place" if len(places) == 1 else "Places"
        return (
            f"{word} {named} could go to any of {len(rivals)} requests: their order means little."
        )


def tension_of(line: Line) -> float:
    if line.spread is None:
        return -1.0
    return 1e9 if math.isinf(line.spread.tension) else line.spread.tension


# --- Lists --------------------------------------------------------------------------------------
def sessions_for(user: User) -> QuerySet[ScoringSession]:
    """Meetings, the running ones first; with counts of candidates and of the reader's scores."""
    if not is_pm(user):
        return ScoringSession.objects.none()
    mine = Q(
        candidates__scores__scorer=user,
        candidates__dropped_at__isnull=True,
    )
    return (
        ScoringSession.objects.filter(is_solo=False)
        .select_related("version__model", "team", "facilitator")
        .annotate(
            candidate_count=Count(
                "candidates", filter=Q(candidates__dropped_at__isnull=True), distinct=True
            ),
            mine_count=Count("candidates", filter=mine, distinct=True),
            is_mine=Exists(
                ScoringSession.scorers.through.objects.filter(
                    scoringsession_id=OuterRef("pk"), user_id=user.pk
                )
            ),
        )
        .order_by("-created_at", "-id")
    )


def candidates_to_choose(
    user: User, *, team: Any = None, sort: str = "votes", words: str = ""
) -> QuerySet[Request]:
    """Triaged requests that a session could score: one team's or all, by votes or age."""
    items = Request.objects.visible_to(user).open().filter(status="triaged")
    if team is not None:
        items = items.filter(team=team)
    if words:
        items = items.filter(title__icontains=words)
    order = {"votes": ["-vote_count", "id"], "old": ["submitted_at"], "new": ["-submitted_at"]}
    return items.select_related("team").order_by(*order.get(sort, order["votes"]))


# --- One session --------------------------------------------------------------------------------
def board(
    session: ScoringSession, user: User, *, weights: Mapping[str, float] | None = None
) -> Board:
    """The session ranked from what this reader may see, and from nothing else: while it is blind,
    places are counted among the candidates whose scores are open to them."""
    candidates = list(
        session.candidates.filter(dropped_at__isnull=True)
        .select_related("request__team", "request__requester", "settled_by")
        .defer("request__search_vector")
    )
    scheme = scheme_of(session.version)
    tried = scheme.weighted_by(weights) if weights else scheme
    scores = list(Score.objects.visible_to(user).filter(candidate__session=session))
    mine = {row.candidate_id: row for row in scores if row.scorer_id == user.pk}
    blind = session.is_blind
    shown = {
        one.pk
        for one in candidates
        if not blind or (one.pk in mine and mine[one.pk].value is not None)
    }
    items = {one.request_id: one.request for one in candidates}
    opened = [one for one in candidates if one.pk in shown and one.request.merged_into_id is None]
    entrants = entrants_of(session, opened, items, scores)
    by_key = {one.key: one for one in entrants}
    values = scoring.rescored(scheme, entrants, tried)
    in_order = [one for one in scoring.order(entrants, values) if values[one.key] is not None]
    ranks = {one.key: rank for rank, one in enumerate(in_order, 1)}
    capacity = None if session.capacity is None else float(session.capacity)
    firm, stays = _firmness(
        tried, entrants if tried is scheme else _as_tried(entrants, values), capacity
    )
    lines = []
    spreads: dict[int, Spread | None] = {}
    for one in entrants:
        given: dict[Hashable, float] = {
            who: made
            for who, answer in one.answers.items()
            if (made := scoring.score(tried, answer)) is not None
        }
        spreads[one.key] = scoring.spread_of(tried, given)
    ends = [end for found in spreads.values() if found for end in (found.low, found.high)]
    axis = scoring.axis_for(tried, ends)
    for candidate in candidates:
        entrant = by_key.get(candidate.request_id)
        answers = entrant.answers if entrant else {}
        lines.append(
            Line(
                candidate=candidate,
                item=candidate.request,
                scheme=tried,
                mine=mine.get(candidate.pk),
                is_shown=entrant is not None,
                spread=spreads.get(candidate.request_id),
                axis=axis,
                value=values.get(candidate.request_id),
                rank=ranks.get(candidate.request_id),
                firmness=firm.get(candidate.request_id),
                weeks=entrant.weeks if entrant else None,
                quadrant=scoring.quadrant(tried, _middle(tried, answers.values())),
                answers=answers,
            )
        )
    lines.sort(key=lambda line: (line.rank is None, line.rank or 0, shuffled(session, user, line)))
    return Board(
        session=session,
        scheme=tried,
        lines=lines,
        is_scorer=session.scorers.filter(pk=user.pk).exists(),
        is_trial=tried is not scheme and tried.weights != scheme.weights,
        line_after=scoring.above_line(in_order, capacity),
        stays=stays,
    )


def _as_tried(entrants: Iterable[Entrant], values: Mapping[int, float | None]) -> list[Entrant]:
    """With what was settled moved as the scores did."""
    return [
        replace(one, settled=values[one.key]) if one.settled is not None else one
        for one in entrants
    ]


def _middle(scheme: Scheme, answers: Collection[Mapping[str, float]]) -> dict[str, float]:
    """The group's median answer to each criterion."""
    middle = {}
    for one in scheme.criteria:
        found = scoring.median(row[one.key] for row in answers if row.get(one.key) is not None)
        if found is not None:
            middle[one.key] = found
    return middle


def shuffled(session: ScoringSession, user: User, line: Line) -> str:
    """The place of a candidate in this person's own random order, the same at every visit: the
    first on the agenda would else be scored freshest by everyone."""
    return hashlib.sha256(f"{session.pk}:{user.pk}:{line.candidate.pk}".encode()).hexdigest()


def _firmness(
    scheme: Scheme, entrants: Sequence[Entrant], capacity: float | None
) -> tuple[dict[int, Firmness], scoring.Sensitivity | None]:
    """A thousand draws are half a second for a large session: kept as long as nothing changes."""
    known = repr((scheme, sorted(entrants, key=lambda one: one.key), capacity))
    key = f"scoring:{hashlib.sha256(known.encode()).hexdigest()}"
    found = cache.get(key)
    if found is None:
        found = (
            scoring.firmness(scheme, entrants, capacity=capacity),
            scoring.sensitivity(scheme, entrants),
        )
        cache.set(key, found, FIRMNESS_SECONDS)
    return found


def voices(session: ScoringSession, user: User, line: Line) -> list[Voice]:
    """Who gave one candidate what, and how; nobody before the reveal."""
    if session.is_blind:
        return []
    rows = (
        Score.objects.visible_to(user)
        .filter(candidate=line.candidate)
        .select_related("scorer")
        .order_by("-value", "id")
    )
    outliers = set(line.spread.outliers) if line.spread else set()
    found = []
    for row in rows:
        value = None if row.value is None else scoring.score(line.scheme, row.values)
        answers = [
            (one.name, one.shown(row.values[one.key]))
            for one in line.scheme.criteria
            if row.values.get(one.key) is not None
        ]
        found.append(
            Voice(
                person=row.scorer,
                score=row,
                words="Could not judge it" if value is None else line.words(value),
                answers=answers,
                formula="" if value is None else scoring.formula_with(line.scheme, row.values),
                is_outlier=row.scorer_id in outliers,
                was="" if row.first_value is None else line.words(float(row.first_value)),
            )
        )
    return found


@dataclass(slots=True)
class Progress:
    """How far one scorer is; never what they gave."""

    person: User
    missing: int
    total: int

    @property
    def words(self) -> str:
        return "Done" if self.missing <= 0 else f"{self.total - self.missing} of {self.total}"


def progress(session: ScoringSession) -> list[Progress]:
    """How many candidates each scorer has answered, in three queries."""
    people = list(session.scorers.filter(is_active=True).order_by("name", "id"))
    missing = missing_counts(session)
    total = session.candidates.filter(
        dropped_at__isnull=True, request__in=Request.objects.open()
    ).count()
    return [Progress(person, missing.get(person.pk, 0), total) for person in people]


def evidence(item: Request) -> list[tuple[str, str]]:
    """What there is beside opinion: votes, and the departments they come from."""
    counted = (
        Request.objects.group_of(item)
        .filter(votes__isnull=False)
        .values_list("votes__person__department")
        .annotate(number=Count("votes__person", distinct=True))
        .order_by("-number", "votes__person__department")
    )
    found = [(name or "No department", number) for name, number in counted]
    rows = [("Votes", str(item.vote_count))]
    if found:
        rows.append(("From", ", ".join(f"{name} {number}" for name, number in found[:4])))
    rows.append(("Asked", f"{(timezone.now() - item.submitted_at).days} days ago"))
    return rows


# --- Models -------------------------------------------------------------------------------------
def scoring_models(*, all_of_them: bool = False) -> QuerySet[ScoringModel]:
    """Models in use, with their version and teams."""
    models = ScoringModel.objects.select_related("version").prefetch_related("teams")
    return models if all_of_them else models.filter(is_active=True, version__isnull=False)


def models_for(team: Any) -> QuerySet[ScoringModel]:
    """What a team may score by: its own models, and those of every team."""
    models = scoring_models()
    if team is None:
        return models
    return models.filter(Q(teams=team) | Q(teams__isnull=True)).distinct()


def scored_by(model: ScoringModel, user: User) -> tuple[list[Entrant], dict[int, Request]]:
    """Open requests with scores of this model, from the latest session of each whose scores are
    open, and those requests by id."""
    found = (
        Candidate.objects.filter(
            session__version__model=model,
            dropped_at__isnull=True,
            request__in=Request.objects.visible_to(user).open(),
        )
        .exclude(session__stage=Stage.SCORE)
        .select_related("request__team")
        .defer("request__search_vector")
        .order_by("request_id", "-session__created_at", "-id")
        .distinct("request_id")
    )
    candidates = list(found)
    items = {one.request_id: one.request for one in candidates}
    answers: dict[int, dict[int, Mapping[str, float]]] = {one.pk: {} for one in candidates}
    scores = Score.objects.filter(candidate__in=answers, value__isnull=False)
    for row in scores:
        answers[row.candidate_id][row.scorer_id] = row.values
    assert model.version is not None
    scheme = Scheme(model.method, scoring.read_criteria(model.version.criteria))
    entrants = [
        Entrant(
            key=one.request_id,
            answers=answers[one.pk],
            settled=None if one.settled_value is None else float(one.settled_value),
            votes=one.request.vote_count,
            weeks=scoring.weeks_of(scheme, answers[one.pk].values()),
        )
        for one in candidates
        if answers[one.pk] or one.settled_value is not None
    ]
    return entrants, items


def versions_of(model: ScoringModel) -> QuerySet[ScoringModelVersion]:
    """All versions, newest first, with how many scores each has."""
    return (
        model.versions.select_related("created_by")
        .annotate(session_count=Count("sessions", distinct=True), last=Max("sessions__created_at"))
        .order_by("-number")
    )


# --- A request's score --------------------------------------------------------------------------
@dataclass(slots=True)
class ScoreOf:
    """What a request page says of its score."""

    item: Request
    session: ScoringSession | None = None
    running: ScoringSession | None = None
    scheme: Scheme | None = None
    version: ScoringModelVersion | None = None
    words: str = ""
    formula: str = ""
    rank: int | None = None
    total: int = 0
    scorers: int = 0
    is_settled: bool = False
    may_score: bool = False
    sees_sessions: bool = False

    @property
    def is_solo(self) -> bool:
        return self.session is not None and self.session.is_solo


def was_tabled() -> Exists:
    """Annotation of requests: it is or was on an agenda, or was scored alone."""
    return Exists(Candidate.objects.filter(request=OuterRef("pk")))


def score_context(item: Request, user: User) -> dict[str, ScoreOf]:
    """Context of `intake/_score.html`: the agreed score, its formula with the group's numbers,
    and its rank in its session. While it is scored blind again, the former score is hidden, so
    that it does not lead anyone. Five queries at most, none for what `was_tabled` says was never
    on an agenda."""
    top = item
    candidates: list[Candidate] = []
    if getattr(item, "was_tabled", True):
        candidates = list(
            Candidate.objects.filter(request=top, dropped_at__isnull=True)
            .select_related("session__version__model")
            .order_by("-session__created_at", "-id")
        )
    running = next((one.session for one in candidates if not one.session.is_closed), None)
    found = ScoreOf(item=top, running=running, sees_sessions=is_pm(user))
    found.may_score = is_pm(user) and top.is_open and running is None
    last = next((one for one in candidates if one.session.is_closed), None)
    if (running is not None and running.is_blind) or last is None or top.score is None:
        return {"score_of": found}
    found.session, found.version = last.session, last.session.version
    scheme = found.scheme = scheme_of(last.session.version)
    found.words = scoring.score_words(scheme, float(top.score))
    found.is_settled = last.settled_value is not None
    rows = list(Score.objects.filter(candidate__session=last.session, value__isnull=False))
    others = list(last.session.candidates.filter(dropped_at__isnull=True).select_related("request"))
    entrants = entrants_of(
        last.session, others, {one.request_id: one.request for one in others}, rows
    )
    mine = next((one for one in entrants if one.key == top.pk), None)
    if mine is not None:
        found.scorers = len(mine.answers)
        found.formula = scoring.formula_with(scheme, _middle(scheme, mine.answers.values()))
    values = {one.key: scoring.group_score(scheme, one) for one in entrants}
    in_order = [one for one in scoring.order(entrants, values) if values[one.key] is not None]
    found.total = len(in_order)
    found.rank = next((n for n, one in enumerate(in_order, 1) if one.key == top.pk), None)
    if not last.session.is_solo and found.scorers:
        found.may_score = False  # one person does not replace what a group agreed on
    return {"score_of": found}
