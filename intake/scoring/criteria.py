"""What a scoring model asks: its criteria, their rubrics, and whether a formula can use them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

BENEFIT, COST = "benefit", "cost"
NUMBER, SCALE, PERCENT, CHOICE = "number", "scale", "percent", "choice"
KINDS = {
    NUMBER: "A number",
    SCALE: "A scale with words",
    PERCENT: "A percentage",
    CHOICE: "A choice with values",
}
RICE, ICE, WSJF, MOSCOW, VALUE_EFFORT, WEIGHTED = (
    "rice",
    "ice",
    "wsjf",
    "moscow",
    "value_effort",
    "weighted",
)
PRODUCTS = frozenset({RICE, ICE, VALUE_EFFORT})
# Scores of these span factors, not steps: they are compared, and drawn, by factor.
RATIOS = PRODUCTS | {WSJF}
# What a method cannot do without; a weighted model has whatever it likes.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    RICE: ("reach", "impact", "confidence", "effort"),
    ICE: ("impact", "confidence", "ease"),
    WSJF: ("value", "urgency", "risk", "size"),
    MOSCOW: ("class",),
    VALUE_EFFORT: ("value", "effort"),
    WEIGHTED: (),
}
CLASSES = {4: "Must", 3: "Should", 2: "Could", 1: "Not now"}

MAX_CRITERIA = 12
MAX_STEPS = 11
MAX_NUMBER = 1_000_000.0
# `Score.value` has nine digits before the point.
MAX_SCORE = 999_999_999.0
MAX_POWER = 3.0


class Unfit(ValueError):
    """Criteria or answers that cannot be used; the sentences say how to mend them."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__(" ".join(self.errors.values()))


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a rubric: the value, its name, and what it means."""

    value: float
    label: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question of a model. `is_effort` marks the answer in weeks that fills the capacity."""

    key: str
    name: str
    kind: str = SCALE
    help: str = ""
    low: float = 1.0
    high: float = 5.0
    unit: str = ""
    steps: tuple[Step, ...] = ()
    weight: float = 1.0
    direction: str = BENEFIT
    is_effort: bool = False
    middle: float | None = None
    objective: str = ""
    objective_id: int | None = None

    @property
    def is_cost(self) -> bool:
        return self.direction == COST

    @property
    def is_picked(self) -> bool:
        """Answered by choosing a line of its rubric."""
        return bool(self.steps)

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest answer."""
        if self.steps:
            values = [step.value for step in self.steps]
            return min(values), max(values)
        return self.low, self.high

    @property
    def centre(self) -> float:
        """Where high begins, for quadrants."""
        low, high = self.bounds
        return self.middle if self.middle is not None else (low + high) / 2

    def shown(self, value: float) -> str:
        """An answer in words: “1,240”, “80%”, “Large”, “4 weeks”."""
        for step in self.steps:
            if math.isclose(step.value, value):
                return step.label
        if self.kind == PERCENT:
            return f"{number_words(value)}%"
        return f"{number_words(value)} {self.unit}".strip()

    def in_formula(self, value: float) -> str:
        """An answer as the formula takes it."""
        return f"{number_words(value)}%" if self.kind == PERCENT else number_words(value)

    def share(self, value: float) -> float:
        """0–1 on its own scale, the other way round for costs."""
        low, high = self.bounds
        part = 0.0 if high <= low else min(1.0, max(0.0, (value - low) / (high - low)))
        return 1 - part if self.is_cost else part


def number_words(value: float) -> str:
    """1,240 or 0.25, without noughts that say nothing."""
    if value >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Scheme:
    """A method with its criteria: one version of a scoring model."""

    method: str
    criteria: tuple[Criterion, ...]

    @property
    def is_ratio(self) -> bool:
        """Scores are compared by factor."""
        return self.method in RATIOS

    @property
    def has_weights(self) -> bool:
        return self.method != MOSCOW

    @property
    def effort(self) -> Criterion | None:
        """The criterion that says how many weeks it takes."""
        return next((one for one in self.criteria if one.is_effort), None)

    @property
    def weights(self) -> dict[str, float]:
        return {one.key: one.weight for one in self.counted}

    @property
    def counted(self) -> tuple[Criterion, ...]:
        """The criteria that the score is made of; MoSCoW's effort only fills the capacity."""
        if self.method == MOSCOW:
            return tuple(one for one in self.criteria if one.key == "class")
        return self.criteria

    def weighted_by(self, weights: Mapping[str, float]) -> "Scheme":
        """The same with other weights; keys it does not know are left out."""
        return Scheme(
            self.method,
            tuple(replace(one, weight=weights.get(one.key, one.weight)) for one in self.criteria),
        )

    @property
    def top_score(self) -> float | None:
        """The end of the scale; None where scores are open-ended."""
        return {MOSCOW: 4.0, WEIGHTED: 100.0}.get(self.method)


def read_criteria(rows: Iterable[Mapping[str, Any]]) -> tuple[Criterion, ...]:
    """Criteria from a version's JSON; what is missing has its default."""
    return tuple(_read_one(row) for row in rows)


def _read_one(row: Mapping[str, Any]) -> Criterion:
    low, high = row.get("range") or (1, 5)
    return Criterion(
        key=str(row["key"]),
        name=str(row["name"]),
        kind=row.get("type", SCALE),
        help=row.get("help", ""),
        low=float(low),
        high=float(high),
        unit=row.get("unit", ""),
        steps=tuple(
            Step(float(step["value"]), str(step["label"]), str(step.get("meaning", "")))
            for step in row.get("rubric") or ()
        ),
        weight=float(row.get("weight", 1)),
        direction=row.get("direction", BENEFIT),
        is_effort=bool(row.get("is_effort")),
        middle=None if row.get("middle") is None else float(row["middle"]),
        objective=row.get("objective", ""),
        objective_id=row.get("objective_id"),
    )


def write_criteria(criteria: Iterable[Criterion]) -> list[dict[str, Any]]:
    """The JSON of a version; `read_criteria` reads it back unchanged."""
    return [_write_one(one) for one in criteria]


def _write_one(one: Criterion) -> dict[str, Any]:
    row = asdict(one)
    row["type"] = row.pop("kind")
    row["range"] = [row.pop("low"), row.pop("high")]
    row["rubric"] = [asdict(step) for step in one.steps]
    del row["steps"]
    return row


def check_scheme(scheme: Scheme) -> None:
    """Raise Unfit, by criterion key ("" for the whole), unless the formula can work with it."""
    errors: dict[str, str] = {}
    keys = [one.key for one in scheme.criteria]
    if len(keys) != len(set(keys)):
        errors[""] = "Two criteria have the same name. Rename one."
    missing = [key for key in REQUIRED[scheme.method] if key not in keys]
    if missing:
        errors[""] = f"The formula needs {' and '.join(missing)}. Add it back."
    if scheme.method == WEIGHTED and len(keys) < 2:
        errors[""] = "Give at least two criteria: one alone needs no weights."
    if len(keys) > MAX_CRITERIA:
        errors[""] = f"Keep it to {MAX_CRITERIA} criteria; nobody weighs more with care."
    if sum(one.is_effort for one in scheme.criteria) > 1:
        errors[""] = "Only one criterion can say how many weeks it takes."
    if scheme.method == WEIGHTED and keys and not sum(one.weight for one in scheme.criteria) > 0:
        errors[""] = "Give at least one criterion a weight above 0."
    for one in scheme.criteria:
        if said := _fault(one, scheme.method):
            errors[one.key] = said
    if errors:
        raise Unfit(errors)


def _fault(one: Criterion, method: str) -> str:
    low, high = one.bounds
    if not one.name.strip():
        return "Name the criterion."
    if one.kind not in KINDS or one.direction not in (BENEFIT, COST):
        return "Choose how it is answered and which way it counts."
    if not all(map(math.isfinite, (low, high, one.weight))):
        return "Use plain numbers."
    if one.weight < 0 or one.weight > 1000:
        return "Give a weight from 0 to 1,000."
    if method in PRODUCTS and one.weight > MAX_POWER:
        return f"Keep the power to {MAX_POWER:g} or less: 1 counts as the formula says."
    if one.kind in (SCALE, CHOICE) and len(one.steps) < 2:
        return "Write at least two lines of the rubric: what does each value mean?"
    if len(one.steps) > MAX_STEPS:
        return f"Keep the rubric to {MAX_STEPS} lines."
    if len({step.value for step in one.steps}) != len(one.steps):
        return "Each line of the rubric needs a value of its own."
    if any(not step.label.strip() for step in one.steps):
        return "Name each line of the rubric."
    if high <= low:
        return "The highest answer must be above the lowest."
    if low < 0 or high > MAX_NUMBER:
        return f"Keep answers between 0 and {MAX_NUMBER:,.0f}."
    if method in RATIOS and one.is_cost and low <= 0:
        return "Its lowest answer must be above 0: the formula divides by it."
    return ""
