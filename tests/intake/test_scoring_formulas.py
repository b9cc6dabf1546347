"""Formulas against values worked out by hand, and laws that hold for any answers."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake import scoring
from intake.scoring import Criterion, Scheme, Step, Unfit

IMPACT = tuple(
    Step(value, label)
    for value, label in ((0.25, "Minimal"), (0.5, "Small"), (1, "Medium"), (2, "Large"))
)
FIVE = tuple(Step(number, f"Step {number}") for number in range(1, 6))


def number(key, **fields):
    return Criterion(
        key, key.capitalize(), kind="number", low=fields.pop("low", 0), high=10_000, **fields
    )


RICE = Scheme(
    "rice",
    (
        number("reach"),
        Criterion("impact", "Impact", kind="choice", steps=IMPACT),
        Criterion("confidence", "Confidence", kind="percent", low=0, high=100),
        number("effort", low=0.5, direction="cost", is_effort=True, unit="weeks"),
    ),
)
ICE = Scheme(
    "ice",
    tuple(
        Criterion(key, key.capitalize(), low=1, high=10, steps=FIVE)
        for key in ("impact", "confidence", "ease")
    ),
)
WSJF = Scheme(
    "wsjf",
    (
        *(Criterion(key, key.capitalize(), steps=FIVE) for key in ("value", "urgency", "risk")),
        Criterion("size", "Size", steps=FIVE, direction="cost"),
    ),
)
MOSCOW = Scheme(
    "moscow",
    (
        Criterion(
            "class",
            "Class",
            kind="choice",
            steps=tuple(
                Step(value, label)
                for value, label in ((4, "Must"), (3, "Should"), (2, "Could"), (1, "Not now"))
            ),
        ),
    ),
)
VALUE_EFFORT = Scheme(
    "value_effort",
    (
        Criterion("value", "Value", steps=FIVE),
        number("effort", low=0.5, direction="cost", middle=4, is_effort=True),
    ),
)
WEIGHTED = Scheme(
    "weighted",
    (
        Criterion("revenue", "Revenue", steps=FIVE, weight=30),
        Criterion("fit", "Fit", steps=FIVE, weight=50),
        Criterion("risk", "Risk", steps=FIVE, weight=20, direction="cost"),
    ),
)
ALL = {
    "rice": RICE,
    "ice": ICE,
    "wsjf": WSJF,
    "moscow": MOSCOW,
    "value_effort": VALUE_EFFORT,
    "weighted": WEIGHTED,
}


@pytest.mark.parametrize(
    ("scheme", "values", "expected"),
    [
        (RICE, {"reach": 1240, "impact": 2, "confidence": 80, "effort": 4}, 496),
        (RICE, {"reach": 0, "impact": 2, "confidence": 80, "effort": 4}, 0),
        (ICE, {"impact": 4, "confidence": 3, "ease": 5}, 60),
        (WSJF, {"value": 5, "urgency": 3, "risk": 1, "size": 2}, 4.5),
        (MOSCOW, {"class": 3}, 3),
        (VALUE_EFFORT, {"value": 4, "effort": 8}, 0.5),
        # 30 × 0.5 + 50 × 1 + 20 × (1 - 0.25) = 80
        (WEIGHTED, {"revenue": 3, "fit": 5, "risk": 2}, 80),
        (WEIGHTED, {"revenue": 1, "fit": 1, "risk": 5}, 0),
        (WEIGHTED, {"revenue": 5, "fit": 5, "risk": 1}, 100),
    ],
)
def test_each_method_gives_what_the_hand_gives(scheme, values, expected):
    assert scoring.score(scheme, values) == pytest.approx(expected)


def test_weights_are_powers_in_products_and_factors_elsewhere():
    answers = {"reach": 100, "impact": 1, "confidence": 100, "effort": 4}
    assert scoring.score(RICE.weighted_by({"reach": 0.5}), answers) == pytest.approx(2.5)
    assert scoring.score(RICE.weighted_by({"effort": 0}), answers) == pytest.approx(100)
    job = {"value": 5, "urgency": 3, "risk": 1, "size": 2}
    assert scoring.score(WSJF.weighted_by({"value": 2}), job) == pytest.approx(7)
    # only their proportion counts, so sums other than 100 are the same
    doubled = WEIGHTED.weighted_by({"revenue": 60, "fit": 100, "risk": 40})
    four = {"revenue": 3, "fit": 5, "risk": 2}
    assert scoring.score(doubled, four) == pytest.approx(scoring.score(WEIGHTED, four))


def test_an_answer_that_is_missing_or_divides_by_nothing_makes_no_score():
    assert scoring.score(RICE, {"reach": 10, "impact": 1, "confidence": 80}) is None
    assert scoring.score(RICE, {"reach": 10, "impact": 1, "confidence": 80, "effort": 0}) is None
    assert scoring.score(WEIGHTED, {}) is None


def test_the_formula_is_said_in_words_and_with_the_numbers():
    values = {"reach": 1240, "impact": 2, "confidence": 80, "effort": 4}
    assert scoring.formula(RICE) == "Reach × Impact × Confidence ÷ Effort"
    assert scoring.formula_with(RICE, values) == "1,240 × 2 × 80% ÷ 4 = 496"
    assert scoring.formula(RICE.weighted_by({"reach": 0.5})).startswith("Reach^0.5 × ")
    assert scoring.formula(WSJF) == "(Value + Urgency + Risk) ÷ Size"
    assert scoring.formula(WEIGHTED) == "30% × Revenue + 50% × Fit + 20% × (100 − Risk)"
    assert (
        scoring.formula_with(WEIGHTED, {"revenue": 3, "fit": 5, "risk": 2})
        == "30% × 50 + 50% × 100 + 20% × 75 = 80"
    )
    assert scoring.formula_with(MOSCOW, {"class": 4}) == "Must = 4"
    assert scoring.formula_with(RICE, {}) == scoring.formula(RICE)
    assert scoring.score_words(MOSCOW, 2.5) == "Could to should"


@pytest.mark.parametrize(
    ("value", "effort", "words"),
    [(5, 1, "Quick win"), (5, 9, "Big bet"), (1, 1, "Fill-in"), (1, 9, "Time sink")],
)
def test_value_and_effort_name_the_quadrant(value, effort, words):
    assert scoring.quadrant(VALUE_EFFORT, {"value": value, "effort": effort})[0] == words
    assert scoring.quadrant(RICE, {"value": 1, "effort": 1}) is None


# --- laws ---
@st.composite
def answers_of(draw, scheme):
    values = {}
    for one in scheme.criteria:
        if one.steps:
            values[one.key] = draw(st.sampled_from([step.value for step in one.steps]))
        else:
            low, high = one.bounds
            values[one.key] = draw(st.floats(low, high).map(lambda x: round(x, 2)))
    return values


@pytest.mark.parametrize("method", ALL)
@given(data=st.data())
@settings(max_examples=60)
def test_more_of_a_benefit_never_lowers_and_more_of_a_cost_never_raises(method, data):
    scheme = ALL[method]
    weights = {
        key: data.draw(st.floats(0.1, 2).map(lambda x: round(x, 2))) for key in scheme.weights
    }
    scheme = scheme.weighted_by(weights)
    values = data.draw(answers_of(scheme))
    one = data.draw(st.sampled_from(scheme.counted))
    if one.steps:
        others = [step.value for step in one.steps if step.value >= values[one.key]]
        more = data.draw(st.sampled_from(others))
    else:
        more = data.draw(st.floats(values[one.key], max(values[one.key], one.bounds[1])))
    was = scoring.score(scheme, values)
    now = scoring.score(scheme, {**values, one.key: more})
    slack = 1e-9 * max(1, abs(was))
    assert now <= was + slack if one.is_cost else now >= was - slack


@pytest.mark.parametrize("method", ALL)
@given(data=st.data())
@settings(max_examples=40)
def test_the_order_of_criteria_does_not_matter(method, data):
    scheme = ALL[method]
    values = data.draw(answers_of(scheme))
    mixed = Scheme(method, tuple(data.draw(st.permutations(scheme.criteria))))
    assert scoring.score(mixed, values) == pytest.approx(scoring.score(scheme, values))


@given(data=st.data())
def test_weighted_scores_stay_between_0_and_100(data):
    assert -1e-9 <= scoring.score(WEIGHTED, data.draw(answers_of(WEIGHTED))) <= 100 + 1e-9


# --- reading and checking ---
@pytest.mark.parametrize("method", ALL)
def test_criteria_come_back_from_json_as_they_were(method):
    scheme = ALL[method]
    text = json.dumps(scoring.write_criteria(scheme.criteria))
    assert scoring.read_criteria(json.loads(text)) == scheme.criteria
    scoring.check_scheme(scheme)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,240", 1240),
        (" 80 % ", 80),
        (".5", 0.5),
        ("0.25", 0.25),
        ("²", None),
        ("١٢", None),
        ("1e9", None),
        ("-4", None),
        ("nan", None),
        ("9" * 30, None),
        ("", None),
        ("four", None),
        ("1.2.3", None),
    ],
)
def test_numbers_are_read_as_people_type_them(text, value):
    assert scoring.read_number(text) == value


def test_answers_say_what_to_mend():
    good = {"reach": "1,240", "impact": "2", "confidence": "80%", "effort": "4"}
    assert scoring.read_answers(RICE, good) == {
        "reach": 1240,
        "impact": 2,
        "confidence": 80,
        "effort": 4,
    }
    with pytest.raises(Unfit) as fault:
        scoring.read_answers(
            RICE, {"reach": "<b>", "impact": "3", "confidence": "140", "effort": "0"}
        )
    assert fault.value.errors == {
        "reach": "Enter reach as a number, like 4 or 0.5",
        "impact": "Choose a value for impact from the list",
        "confidence": "Enter confidence from 0 to 100",
        "effort": "Enter effort above 0: the score is divided by it",
    }
    with pytest.raises(Unfit) as fault:
        scoring.read_answers(RICE, {})
    assert fault.value.errors["reach"] == "Enter a value for reach"
    assert fault.value.errors["impact"] == "Choose a value for impact"


def test_schemes_that_cannot_work_are_refused_with_words():
    def said(scheme):
        with pytest.raises(Unfit) as fault:
            scoring.check_scheme(scheme)
        return fault.value.errors

    assert "needs effort" in said(Scheme("rice", RICE.criteria[:3]))[""]
    assert "two criteria" in said(Scheme("weighted", WEIGHTED.criteria[:1]))[""]
    assert "weight above 0" in said(WEIGHTED.weighted_by(dict.fromkeys(WEIGHTED.weights, 0)))[""]
    zero = number("effort", low=0, direction="cost")
    assert "above 0" in said(Scheme("rice", (*RICE.criteria[:3], zero)))["effort"]
    bare = Criterion("x", "X")
    assert "rubric" in said(Scheme("weighted", (*WEIGHTED.criteria, bare)))["x"]
    twice = Criterion("x", "X", steps=(Step(1, "a"), Step(1, "b")))
    assert "value of its own" in said(Scheme("weighted", (*WEIGHTED.criteria, twice)))["x"]
    wild = Criterion("x", "X", steps=FIVE, weight=math.inf)
    assert "plain numbers" in said(Scheme("weighted", (*WEIGHTED.criteria, wild)))["x"]
    assert "power" in said(RICE.weighted_by({"reach": 9}))["reach"]
