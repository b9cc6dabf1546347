"""What the scores of a group say: the middle, the spread, and whether to talk."""

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from intake.scoring.criteria import MOSCOW, NUMBER, WEIGHTED, Criterion, Scheme

# More than this apart, and the group should talk: the middle half of the scores spans over a
# third of the scale or, where scores are factors, its ends differ by more than three times.
APART_SHARE = 1 / 3
APART_FACTOR = 3.0
APART_WORDS = {
    True: "Talk about it: the upper end of the middle half is over three times its lower end.",
    False: "Talk about it: the middle half of the scores spans over a third of the scale.",
}
# Tukey's fences need a handful of scores to mean anything.
LEAST_FOR_OUTLIERS = 4


def quantile(ordered: Sequence[float], share: float) -> float:
    """Quantile of sorted values, interpolated as spreadsheets do (inclusive)."""
    place = (len(ordered) - 1) * share
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: Iterable[float]) -> float | None:
    """The middle value, or None of none."""
    ordered = sorted(values)
    return quantile(ordered, 0.5) if ordered else None


@dataclass(frozen=True, slots=True)
class Spread:
    """What a group's scores of one thing look like."""

    count: int
    low: float
    lower: float
    middle: float
    upper: float
    high: float
    # How far apart, 1 where talking begins.
    tension: float
    outliers: tuple[Hashable, ...] = ()

    @property
    def is_apart(self) -> bool:
        """Too little agreement to take the median at its word."""
        return self.count > 1 and self.tension > 1


def spread(
    given: Mapping[Hashable, float], *, is_ratio: bool, width: float | None = None
) -> Spread | None:
    """Median, quartiles, ends, outliers and agreement of scores by scorer; None of none.

    `width` is the length of the scale (100 points, three classes), None where scores are factors.
    Outliers are beyond one and a half middle halves from it (Tukey), by factor for ratios, from
    four scores on.
    """
    ordered = sorted(given.values())
    if not ordered:
        return None
    lower, upper = quantile(ordered, 0.25), quantile(ordered, 0.75)
    if is_ratio:
        tension = _factor_tension(lower, upper)
    else:
        tension = (upper - lower) / (APART_SHARE * width) if width else 0.0
    outliers: tuple[Hashable, ...] = ()
    if len(ordered) >= LEAST_FOR_OUTLIERS:
        shown = {key: _log(value) if is_ratio else value for key, value in given.items()}
        on_scale = sorted(shown.values())
        first, third = quantile(on_scale, 0.25), quantile(on_scale, 0.75)
        reach = 1.5 * (third - first)
        outliers = tuple(
            key
            for key, value in shown.items()
            if value < first - reach - 1e-9 or value > third + reach + 1e-9
        )
    return Spread(
        len(ordered),
        ordered[0],
        lower,
        quantile(ordered, 0.5),
        upper,
        ordered[-1],
        tension,
        outliers,
    )


def _factor_tension(lower: float, upper: float) -> float:
    if upper <= lower:
        return 0.0
    if lower <= 0:
        return math.inf
    return math.log(upper / lower) / math.log(APART_FACTOR)


def _log(value: float) -> float:
    return math.log(max(value, 1e-6))


def spread_of(scheme: Scheme, given: Mapping[Hashable, float]) -> Spread | None:
    """The spread of scores under a scheme."""
    width = {MOSCOW: 3.0, WEIGHTED: 100.0}.get(scheme.method)
    return spread(given, is_ratio=scheme.is_ratio, width=width)


def widest(scheme: Scheme, answers: Collection[Mapping[str, float]]) -> Criterion | None:
    """The criterion on which the answers differ most, where they differ at all."""
    found: tuple[float, Criterion] | None = None
    for one in scheme.criteria:
        ordered = sorted(values[one.key] for values in answers if values.get(one.key) is not None)
        if len(ordered) < 2:
            continue
        lower, upper = quantile(ordered, 0.25), quantile(ordered, 0.75)
        if one.kind == NUMBER:
            apart = _factor_tension(lower, upper)
        else:
            low, high = one.bounds
            apart = (upper - lower) / (APART_SHARE * (high - low))
        if apart > 0 and (found is None or apart > found[0]):
            found = (apart, one)
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Axis:
    """Where a score stands on a strip, 0–100: by factor for ratios, by points else."""

    low: float
    high: float
    is_ratio: bool

    def at(self, value: float) -> float:
        """Percent from the left."""
        low, high, here = self.low, self.high, value
        if self.is_ratio:
            low, high, here = _log(max(low, 1e-3)), _log(max(high, 2e-3)), _log(max(value, 1e-3))
        if high <= low:
            return 50.0
        return round(min(98.0, max(2.0, 2 + 96 * (here - low) / (high - low))), 1)


def axis_for(scheme: Scheme, values: Iterable[float]) -> Axis:
    """One axis for all strips of a page."""
    if scheme.method == WEIGHTED:
        return Axis(0, 100, False)
    if scheme.method == MOSCOW:
        return Axis(1, 4, False)
    held = list(values)
    return Axis(min(held, default=0), max(held, default=1), True)
