"""Answers, and what a model's formula makes of them."""

import math
import re
from collections.abc import Mapping

from intake.scoring.criteria import (
    CLASSES,
    MAX_SCORE,
    MOSCOW,
    PERCENT,
    VALUE_EFFORT,
    WEIGHTED,
    WSJF,
    Criterion,
    Scheme,
    Unfit,
    number_words,
)

_DIGITS = re.compile(r"\d{1,12}(?:\.\d{1,6})?|\.\d{1,6}", re.ASCII)


def read_number(text: str) -> float | None:
    """The number that a person typed: “1,240”, “80 %”, “0.5”; None when it is none."""
    plain = re.sub(r"[\s,%]", "", text)
    return float(plain) if _DIGITS.fullmatch(plain) else None


def read_answers(scheme: Scheme, typed: Mapping[str, str]) -> dict[str, float]:
    """Answers by key, as numbers. Raises Unfit with a sentence for each that needs a change."""
    values: dict[str, float] = {}
    errors: dict[str, str] = {}
    for one in scheme.criteria:
        text = str(typed.get(one.key) or "").strip()
        number = read_number(text)
        if not text:
            verb = "Choose" if one.is_picked else "Enter"
            errors[one.key] = f"{verb} a value for {one.name.lower()}"
        elif one.is_picked and not any(step.value == number for step in one.steps):
            errors[one.key] = f"Choose a value for {one.name.lower()} from the list"
        elif number is None:
            errors[one.key] = f"Enter {one.name.lower()} as a number, like 4 or 0.5"
        elif one.is_cost and scheme.is_ratio and number <= 0:
            errors[one.key] = f"Enter {one.name.lower()} above 0: the score is divided by it"
        elif not one.bounds[0] <= number <= one.bounds[1]:
            low, high = map(number_words, one.bounds)
            errors[one.key] = f"Enter {one.name.lower()} from {low} to {high}"
        else:
            values[one.key] = number
    if errors:
        raise Unfit(errors)
    return values


def score(scheme: Scheme, values: Mapping[str, float]) -> float | None:
    """What the formula makes of one person's answers; None when one is missing or divides by
    nothing."""
    if any(values.get(one.key) is None for one in scheme.counted):
        return None
    if scheme.method == MOSCOW:
        return float(values["class"])
    if scheme.method == WEIGHTED:
        total = sum(one.weight for one in scheme.criteria)
        if total <= 0:
            return None
        return 100 * sum(one.weight * one.share(values[one.key]) for one in scheme.criteria) / total
    above = 0.0 if scheme.method == WSJF else 1.0
    below = 1.0
    for one in scheme.criteria:
        amount = values[one.key] / 100 if one.kind == PERCENT else values[one.key]
        if one.is_cost:
            if amount <= 0:
                return None
            below *= amount**one.weight
        elif scheme.method == WSJF:
            above += one.weight * amount
        else:
            above *= amount**one.weight
    return min(above / below, MAX_SCORE)


def formula(scheme: Scheme) -> str:
    """The formula in words."""
    # Costs count the other way round; with numbers, that is done already.
    inverted = scheme.method == WEIGHTED
    return _formula(
        scheme,
        {
            one.key: f"(100 − {one.name})" if inverted and one.is_cost else one.name
            for one in scheme.criteria
        },
    )


def formula_with(scheme: Scheme, values: Mapping[str, float]) -> str:
    """The formula with the numbers filled in, and what they make."""
    made = score(scheme, values)
    if made is None:
        return formula(scheme)
    if scheme.method == MOSCOW:
        return f"{CLASSES.get(round(values['class']), '')} = {number_words(made)}"
    if scheme.method == WEIGHTED:
        shown = {one.key: number_words(100 * one.share(values[one.key])) for one in scheme.criteria}
    else:
        shown = {one.key: one.in_formula(values[one.key]) for one in scheme.criteria}
    return f"{_formula(scheme, shown)} = {score_words(scheme, made)}"


def _formula(scheme: Scheme, words: Mapping[str, str]) -> str:
    if scheme.method == MOSCOW:
        return "Must 4, should 3, could 2, not now 1; ties by votes"
    if scheme.method == WEIGHTED:
        total = sum(one.weight for one in scheme.criteria) or 1
        return " + ".join(
            f"{number_words(round(100 * one.weight / total, 1))}% × {words[one.key]}"
            for one in scheme.criteria
        )
    benefits = [one for one in scheme.criteria if not one.is_cost]
    costs = [one for one in scheme.criteria if one.is_cost]

    def powered(one: Criterion) -> str:
        power = "" if one.weight == 1 else f"^{number_words(one.weight)}"
        return f"{words[one.key]}{power}"

    if scheme.method == WSJF:
        parts = [
            words[one.key] if one.weight == 1 else f"{number_words(one.weight)} × {words[one.key]}"
            for one in benefits
        ]
        above = f"({' + '.join(parts)})"
    else:
        above = " × ".join(map(powered, benefits))
    return " ÷ ".join([above, *map(powered, costs)])


def score_words(scheme: Scheme, value: float) -> str:
    """A score as people read it: a class for MoSCoW, a whole number from 100 on."""
    if scheme.method == MOSCOW:
        low, high = math.floor(value), math.ceil(value)
        if low == high:
            return CLASSES.get(low, number_words(value))
        return f"{CLASSES.get(low, '')} to {CLASSES.get(high, '').lower()}"
    if scheme.method == WEIGHTED:
        return f"{value:.0f}"
    return number_words(value if value < 100 else round(value))


QUADRANTS = {
    (True, False): ("Quick win", "good"),
    (True, True): ("Big bet", "idea"),
    (False, False): ("Fill-in", ""),
    (False, True): ("Time sink", "warn"),
}


def quadrant(scheme: Scheme, values: Mapping[str, float]) -> tuple[str, str] | None:
    """(words, tone) of where value and effort meet; None for other methods."""
    if scheme.method != VALUE_EFFORT:
        return None
    by_key = {one.key: one for one in scheme.criteria}
    if values.get("value") is None or values.get("effort") is None:
        return None
    is_big = values["effort"] > by_key["effort"].centre
    return QUADRANTS[values["value"] >= by_key["value"].centre, is_big]
