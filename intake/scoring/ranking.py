"""Who comes first, how far that can be trusted, and what other weights would change."""

import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul
from random import Random

from intake.scoring.criteria import PERCENT, WEIGHTED, WSJF, Scheme
from intake.scoring.formulas import score
from intake.scoring.spreads import median

DRAWS = 1000
WEIGHT_DRAWS = 200
WEIGHT_SHIFT = 0.2
LIKELY = 0.9
FIRM = 0.9
TOP = 10


@dataclass(frozen=True, slots=True)
class Entrant:
    """One thing to rank: who answered what, and what breaks a tie.

    `answers` by scorer; those who could not judge are left out. `settled` is what the group
    agreed on after talking; it stands whatever the scores say. `weeks` is what it takes.
    """

    key: int
    answers: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    settled: float | None = None
    votes: int = 0
    weeks: float | None = None


def group_score(scheme: Scheme, entrant: Entrant) -> float | None:
    """What was settled, else the median of the scores; None when nobody could judge it."""
    if entrant.settled is not None:
        return entrant.settled
    return median(_scores(scheme, entrant).values())


def _scores(scheme: Scheme, entrant: Entrant) -> dict[int, float]:
    made = ((who, score(scheme, values)) for who, values in entrant.answers.items())
    return {who: value for who, value in made if value is not None}


def weeks_of(scheme: Scheme, answers: Iterable[Mapping[str, float]]) -> float | None:
    """The group's median of how many weeks it takes; None when the model does not ask."""
    effort = scheme.effort
    if effort is None:
        return None
    return median(values[effort.key] for values in answers if values.get(effort.key) is not None)


def order(entrants: Iterable[Entrant], scores: Mapping[int, float | None]) -> list[Entrant]:
    """Best first; equal scores by votes, then by key; what has no score comes last."""

    def place(one: Entrant) -> tuple[bool, float, int, int]:
        value = scores.get(one.key)
        # Sums in another order of scorers or criteria differ in the last bits.
        return (value is None, -round(value or 0.0, 9), -one.votes, one.key)

    return sorted(entrants, key=place)


def above_line(ordered: Iterable[Entrant], capacity: float | None) -> int | None:
    """How many of these, from the top, fit into so many weeks; None when nobody can say.

    The line falls before the first one that no longer fits: what stands above is done in full. Of
    what has no effort yet the middle of the others is taken.
    """
    rows = list(ordered)
    known = [one.weeks for one in rows if one.weeks is not None]
    if capacity is None or not known:
        return None
    usual = median(known) or 0.0
    used = 0.0
    for number, one in enumerate(rows):
        used += usual if one.weeks is None else one.weeks
        if used > capacity + 1e-9:
            return number
    return len(rows)


@dataclass(frozen=True, slots=True)
class Firmness:
    """How far a place can be trusted."""

    rank: int
    first: int
    last: int
    holds: float | None
    in_top: float

    @property
    def is_close(self) -> bool:
        """Above the line in some draws and below in others: talk first."""
        return self.holds is not None and 0.2 <= self.holds <= 0.8


def firmness(
    scheme: Scheme,
    entrants: Collection[Entrant],
    *,
    capacity: float | None = None,
    draws: int = DRAWS,
    seed: int = 1,
) -> dict[int, Firmness]:
    """Likely ranks, by drawing the scorers again (bootstrap, seeded: the same every time).

    Each draw takes as many scorers as there are, some twice and some not at all, and ranks by
    their medians. A settled score stands in every draw, and one that no drawn scorer gave keeps
    its median. The likely rank is where it lands in nine of ten draws; `holds` is how often it
    stays above the line.
    """
    rows = [one for one in entrants if group_score(scheme, one) is not None]
    base = {one.key: group_score(scheme, one) or 0.0 for one in rows}
    ordered = order(rows, base)
    scorers = sorted({who for one in rows for who in one.answers})
    places = {one.key: [0] * (len(ordered) + 1) for one in ordered}
    held = dict.fromkeys(places, 0)
    knows_line = above_line(ordered, capacity) is not None
    # Sorted once; a draw then only walks the counts.
    index = {who: number for number, who in enumerate(scorers)}
    given: dict[int, tuple[list[float], list[int]]] = {}
    for one in ordered:
        if one.settled is None:
            pairs = sorted((value, index[who]) for who, value in _scores(scheme, one).items())
            given[one.key] = [value for value, _ in pairs], [who for _, who in pairs]
    random = Random(seed)
    # Decided once a draw, not once a comparison: votes and key break ties.
    tie = {one.key: n for n, one in enumerate(sorted(ordered, key=lambda o: (-o.votes, o.key)))}
    weeks = {one.key: one.weeks for one in ordered}
    usual = median(w for w in weeks.values() if w is not None) or 0.0
    for _ in range(draws):
        counts = [0] * len(scorers)
        for _ in scorers:
            counts[random.randrange(len(scorers))] += 1
        drawn = []
        for key, stays in base.items():
            value = _median_of_draw(*given[key], counts) if key in given else stays
            drawn.append((-round(stays if value is None else value, 9), tie[key], key))
        drawn.sort()
        used, is_above = 0.0, True
        for rank, (_, _, key) in enumerate(drawn, 1):
            places[key][rank] += 1
            if knows_line and capacity is not None and is_above:
                needed = weeks[key]
                used += usual if needed is None else needed
                is_above = used <= capacity + 1e-9
                held[key] += is_above
    return {
        one.key: Firmness(
            rank=rank,
            first=_reached(places[one.key], draws * (1 - LIKELY) / 2),
            last=_reached(places[one.key], draws * (1 + LIKELY) / 2),
            holds=held[one.key] / draws if knows_line else None,
            in_top=sum(places[one.key][: TOP + 1]) / draws,
        )
        for rank, one in enumerate(ordered, 1)
    }


def _median_of_draw(
    values: Sequence[float], scorers: Sequence[int], counts: Sequence[int]
) -> float | None:
    """Median of sorted values, each as often as its scorer was drawn."""
    seen = list(accumulate(map(counts.__getitem__, scorers)))
    total = seen[-1] if seen else 0
    if total == 0:
        return None
    lower = values[bisect_left(seen, (total + 1) // 2)]
    return lower if total % 2 else (lower + values[bisect_left(seen, total // 2 + 1)]) / 2


def _reached(places: Sequence[int], wanted: float) -> int:
    """The first place by which so many draws have landed."""
    seen = 0
    for rank, number in enumerate(places):
        seen += number
        if seen and seen >= wanted:
            return rank
    return len(places) - 1


def rescored(scheme: Scheme, entrants: Iterable[Entrant], other: Scheme) -> dict[int, float | None]:
    """Scores of the group under another scheme, by key. What was settled moves by as much as the
    median of its scores does."""
    made: dict[int, float | None] = {}
    for one in entrants:
        was = median(_scores(scheme, one).values()) if one.settled is not None else None
        made[one.key] = _moved(one, was, median(_scores(other, one).values()))
    return made


def _moved(one: Entrant, was: float | None, now: float | None) -> float | None:
    """A settled score in proportion to its scores; without them, or from nought, as it is."""
    if one.settled is None:
        return now
    return one.settled if now is None or not was else one.settled * now / was


def _judged(scheme: Scheme, one: Entrant) -> list[Mapping[str, float]]:
    return [values for values in one.answers.values() if score(scheme, values) is not None]


@dataclass(frozen=True, slots=True)
class Parts:
    """One person's answers, made ready to be weighed many times; `score` is the slow truth, and
    a test compares them. Weighted criteria and WSJF's benefits add up, the rest are logarithms."""

    method: str
    added: tuple[float, ...]
    logs: tuple[float, ...]

    @classmethod
    def of(cls, scheme: Scheme, values: Mapping[str, float]) -> "Parts":
        added, logs = [], []
        for one in scheme.counted:
            amount = values[one.key] / 100 if one.kind == PERCENT else values[one.key]
            adds = scheme.method == WEIGHTED or (scheme.method == WSJF and not one.is_cost)
            if scheme.method == WEIGHTED:
                amount = 100 * one.share(values[one.key])
            added.append(amount if adds else 0.0)
            # A weight of 0 leaves a criterion out, also where the answer is 0.
            is_power = not adds and one.weight != 0
            log = 0.0 if not is_power else math.log(amount) if amount > 0 else -math.inf
            logs.append(-log if one.is_cost else log)
        return cls(scheme.method, tuple(added), tuple(logs))

    def score(self, weights: Sequence[float]) -> float:
        """The score under these weights, in the order of the criteria."""
        if self.method == WEIGHTED:
            return sum(map(mul, weights, self.added)) / sum(weights)
        power = math.exp(sum(map(mul, weights, self.logs)))
        return power * sum(map(mul, weights, self.added)) if self.method == WSJF else power


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How often each of the top stays there when the weights move."""

    stays: dict[int, float]
    draws: int

    @property
    def firm(self) -> int:
        """How many stay in nine of ten draws."""
        return sum(share >= FIRM for share in self.stays.values())


def sensitivity(
    scheme: Scheme,
    entrants: Collection[Entrant],
    *,
    top: int = TOP,
    shift: float = WEIGHT_SHIFT,
    draws: int = WEIGHT_DRAWS,
    seed: int = 1,
) -> Sensitivity | None:
    """Move all weights by up to `shift` either way, and see who stays in the top.

    In products the weights are the powers that criteria are taken to: multiplying a criterion
    would change every score alike and no rank. The draws are a Latin hypercube (each weight's
    range is cut into as many slices as there are draws, and each slice used once), seeded. None
    when the method has no weights or nothing would be left out of the top.
    """
    base = rescored(scheme, entrants, scheme)
    rows = [one for one in entrants if base[one.key] is not None]
    if not scheme.has_weights or len(rows) <= top:
        return None
    leaders = [one.key for one in order(rows, base)[:top]]
    random = Random(seed)
    columns: dict[str, list[int]] = {}
    for key in scheme.weights:
        slices = list(range(draws))
        random.shuffle(slices)
        columns[key] = slices
    stayed = dict.fromkeys(leaders, 0)
    prepared = {
        one.key: [Parts.of(scheme, values) for values in _judged(scheme, one)] for one in rows
    }
    medians = {one.key: median(_scores(scheme, one).values()) for one in rows}
    for number in range(draws):
        moved = [
            weight * (1 - shift + 2 * shift * (columns[key][number] + random.random()) / draws)
            for key, weight in scheme.weights.items()
        ]
        scores: dict[int, float | None] = {}
        for one in rows:
            now = median([parts.score(moved) for parts in prepared[one.key]])
            scores[one.key] = _moved(one, medians[one.key], now)
        for one in order(rows, scores)[:top]:
            if one.key in stayed:
                stayed[one.key] += 1
    return Sensitivity({key: count / draws for key, count in stayed.items()}, draws)


def firmness_words(shares: Collection[float], *, top: int = TOP, why: str) -> str:
    """“Eight of ten stay in the top ten in at least 90 of 100 draws.”"""
    firm = sum(share >= FIRM for share in shares)
    count = len(shares)
    words = "No one two three four five six seven eight nine ten".split()

    def said(number: int) -> str:
        return words[number] if number < len(words) else str(number)

    if firm == count:
        lead = f"All {said(count).lower()} stay"
    else:
        verb = "stays" if firm == 1 else "stay"
        lead = f"{'None' if firm == 0 else said(firm).capitalize()} of {said(count).lower()} {verb}"
    return f"{lead} in the top {said(top).lower()} in at least 90 of 100 {why}"


@dataclass(frozen=True, slots=True)
class Move:
    """Where one thing stood and stands."""

    key: int
    before: int | None
    after: int | None
    was: float | None = None
    now: float | None = None

    @property
    def places(self) -> int:
        """Places up (positive) or down."""
        return 0 if self.before is None or self.after is None else self.before - self.after

    @property
    def words(self) -> str:
        """“Up 3, from 5 to 2”."""
        if self.after is None:
            return "Has no score under the new version: a new criterion was never answered"
        if self.before is None:
            return f"New, at {self.after}"
        if not self.places:
            return f"Stays at {self.after}"
        way = "Up" if self.places > 0 else "Down"
        return f"{way} {abs(self.places)}, from {self.before} to {self.after}"


def moves(before: Scheme, entrants: Collection[Entrant], after: Scheme) -> list[Move]:
    """The ranking before and after, in the order after."""
    was = rescored(before, entrants, before)
    now = rescored(before, entrants, after)
    rank_was = _ranks(entrants, was)
    rank_now = _ranks(entrants, now)
    return [
        Move(one.key, rank_was.get(one.key), rank_now.get(one.key), was[one.key], now[one.key])
        for one in order(entrants, now)
        if was[one.key] is not None or now[one.key] is not None
    ]


def _ranks(entrants: Collection[Entrant], scores: Mapping[int, float | None]) -> dict[int, int]:
    ranked = [one for one in order(entrants, scores) if scores[one.key] is not None]
    return {one.key: rank for rank, one in enumerate(ranked, 1)}


def moves_words(found: Collection[Move], noun: str = "request") -> str:
    """One sentence on a change of ranking."""
    if not found:
        return f"No open {noun} has scores of this model yet, so nothing moves."
    changed = [one for one in found if one.places or one.before is None or one.after is None]
    total = f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"
    if not changed:
        return f"The order of all {total} stays as it is."
    far = max(found, key=lambda one: abs(one.places))
    top_was = {one.key for one in found if one.before is not None and one.before <= TOP}
    top_now = {one.key for one in found if one.after is not None and one.after <= TOP}
    said = f"{len(changed)} of {total} {'moves' if len(changed) == 1 else 'move'}"
    if far.places:
        steps = abs(far.places)
        said += f", the furthest by {steps} {'place' if steps == 1 else 'places'}"
    left = len(top_was - top_now)
    if len(found) > TOP:
        said += (
            ". The top ten keeps the same members"
            if not left
            else f". {left} of the top ten {'leaves' if left == 1 else 'leave'} it"
        )
    return f"{said}."
