"""Spreads, ranks, how firm they are, and what other weights do."""

import math
import statistics
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake import scoring
from intake.scoring import Criterion, Entrant, Scheme, Step
from intake.scoring.ranking import Parts

TEN = tuple(Step(number, str(number)) for number in range(1, 11))


def weighted(**weights):
    return Scheme(
        "weighted",
        tuple(
            Criterion(key, key.capitalize(), steps=TEN, weight=weight)
            for key, weight in weights.items()
        ),
    )


def points(**low_high):
    """Answers whose score under `ONE` is the number given by scorer."""
    return {int(who[1:]): {"a": 1 + value * 0.09, "b": 1} for who, value in low_high.items()}


# a alone counts: a score is the share of a between 1 and 10
ONE = Scheme(
    "weighted",
    (
        Criterion("a", "A", kind="number", low=1, high=10, weight=1),
        Criterion("b", "B", kind="number", low=0, high=10, weight=0),
    ),
)


def spread(*values, is_ratio=False, width=100.0):
    given = dict(enumerate(values))
    return scoring.spread(given, is_ratio=is_ratio, width=None if is_ratio else width)


def test_a_spread_has_the_quartiles_of_a_spreadsheet():
    found = spread(10, 20, 30, 40, 50)
    assert (found.low, found.lower, found.middle, found.upper, found.high) == (10, 20, 30, 40, 50)
    assert spread(0, 10).lower == 2.5
    assert scoring.spread({}, is_ratio=False, width=100) is None


@given(st.lists(st.floats(0, 100), min_size=2, max_size=30))
def test_quartiles_agree_with_the_standard_library(values):
    found = spread(*values)
    expected = statistics.quantiles(values, n=4, method="inclusive")
    assert [found.lower, found.middle, found.upper] == pytest.approx(expected)


def test_a_group_is_apart_past_a_third_of_the_scale_or_a_factor_of_three():
    # the middle half of 0 and 66 is 33 long, of 0 and 68 it is 34
    assert not spread(0, 66).is_apart
    assert spread(0, 68).is_apart
    assert not spread(100, 200, 300, is_ratio=True).is_apart
    assert spread(10, 100, is_ratio=True).is_apart is (77.5 / 32.5 > 3)
    assert spread(10, 10, 100, 100, is_ratio=True).is_apart
    assert spread(0, 0, 0, 50, 50, is_ratio=True).is_apart
    assert not spread(80).is_apart
    assert not spread(0, 0, is_ratio=True).is_apart


def test_outliers_lie_beyond_the_fences_and_need_four_scores():
    assert spread(50, 51, 52, 53, 99).outliers == (4,)
    assert spread(50, 51, 99).outliers == ()
    assert spread(50, 50, 50, 50).outliers == ()
    assert spread(10, 11, 12, 13, 900, is_ratio=True).outliers == (4,)


def test_the_widest_criterion_is_named():
    scheme = weighted(a=1, b=1)
    assert scoring.widest(scheme, [{"a": 1, "b": 5}, {"a": 9, "b": 5}]).key == "a"
    assert scoring.widest(scheme, [{"a": 1, "b": 5}]) is None
    assert scoring.widest(scheme, [{"a": 3, "b": 5}, {"a": 3, "b": 5}]) is None


def test_the_group_score_is_the_median_unless_the_group_settled():
    assert scoring.group_score(ONE, Entrant(1, points(s1=10, s2=50, s3=90))) == pytest.approx(50)
    assert scoring.group_score(ONE, Entrant(1, points(s1=10, s2=90), settled=70)) == 70
    # those who could not judge are left out; of nobody there is no score
    assert scoring.group_score(ONE, Entrant(1, {})) is None


def test_equal_scores_go_by_votes_and_then_by_number():
    rows = [Entrant(3, votes=2), Entrant(2, votes=9), Entrant(1, votes=2), Entrant(4)]
    ranked = scoring.order(rows, {1: 5, 2: 5, 3: 5, 4: None})
    assert [one.key for one in ranked] == [2, 1, 3, 4]


def test_the_line_falls_before_the_first_that_does_not_fit():
    rows = [Entrant(key, weeks=weeks) for key, weeks in ((1, 10), (2, 10), (3, 8), (4, 1))]
    assert scoring.above_line(rows, 26) == 2
    assert scoring.above_line(rows, 28) == 3
    assert scoring.above_line(rows, 100) == 4
    assert scoring.above_line(rows, 0) == 0
    assert scoring.above_line(rows, None) is None
    assert scoring.above_line([Entrant(1)], 10) is None
    # without an effort of its own it takes the middle of the others: 5, 5, 5
    rows = [Entrant(1, weeks=5), Entrant(2), Entrant(3, weeks=5)]
    assert scoring.above_line(rows, 10) == 2


def test_firmness_is_the_same_every_time_and_certain_where_all_agree():
    rows = [
        Entrant(1, points(s1=90, s2=90, s3=91), weeks=5),
        Entrant(2, points(s1=20, s2=60, s3=70), weeks=5),
        Entrant(3, points(s1=70, s2=55, s3=20), weeks=5),
    ]
    first = scoring.firmness(ONE, rows, capacity=10)
    assert first == scoring.firmness(ONE, rows, capacity=10)
    assert first == scoring.firmness(ONE, list(reversed(rows)), capacity=10)
    assert (first[1].first, first[1].last, first[1].holds) == (1, 1, 1.0)
    assert (first[2].first, first[2].last) == (2, 3)
    assert 0 < first[2].holds < 1
    # two places are above the line, so the three shares add up to two
    assert sum(one.holds for one in first.values()) == pytest.approx(2)
    assert not first[1].is_close


def test_firmness_agrees_with_working_the_bootstrap_out():
    # Two scorers who disagree: of four equally likely draws one has only the first, one only the
    # second and two both, where the medians tie at 50 and votes decide for the second.
    rows = [
        Entrant(1, points(s1=60, s2=40)),
        Entrant(2, points(s1=40, s2=60), votes=5),
    ]
    found = scoring.firmness(ONE, rows, draws=4000)
    assert found[2].rank == 1
    assert (found[1].first, found[1].last) == (1, 2)
    one_week = [Entrant(r.key, r.answers, votes=r.votes, weeks=1) for r in rows]
    held = scoring.firmness(ONE, one_week, capacity=1, draws=4000)
    assert held[1].holds == pytest.approx(0.25, abs=0.03)
    assert held[2].holds == pytest.approx(0.75, abs=0.03)


def test_firmness_stands_one_scorer_abstentions_and_settled_values():
    rows = [
        Entrant(1, points(s1=90)),
        Entrant(2, points(s2=10)),
        Entrant(3, {}),
        Entrant(4, points(s1=0, s2=100), settled=95),
    ]
    found = scoring.firmness(ONE, rows)
    assert set(found) == {1, 2, 4}
    assert (found[4].first, found[4].last) == (1, 1)
    assert found[1].holds is None
    assert scoring.firmness(ONE, []) == {}


def test_sensitivity_tells_firm_places_from_shaky_ones():
    scheme = weighted(a=50, b=50)
    clear = [Entrant(key, {1: {"a": 10, "b": 10}}) for key in range(1, 10)]
    clear += [Entrant(key, {1: {"a": 1, "b": 1}}) for key in range(20, 26)]
    # the tenth place: one good in a, one as good in b; the weights decide
    shaky = [Entrant(10, {1: {"a": 9, "b": 2}}, votes=1), Entrant(11, {1: {"a": 2, "b": 9}})]
    found = scoring.sensitivity(scheme, clear + shaky)
    assert found == scoring.sensitivity(scheme, clear + shaky)
    assert [found.stays[key] for key in range(1, 10)] == [1.0] * 9
    assert 0.35 < found.stays[10] < 0.65
    assert found.firm == 9
    said = scoring.firmness_words(found.stays.values(), why="draws")
    assert said == "Nine of ten stay in the top ten in at least 90 of 100 draws"


def test_sensitivity_says_nothing_where_there_is_nothing_to_say():
    scheme = weighted(a=1, b=1)
    assert (
        scoring.sensitivity(scheme, [Entrant(n, {1: {"a": 1, "b": 2}}) for n in range(10)]) is None
    )
    moscow = Scheme("moscow", (Criterion("class", "Class", kind="choice", steps=TEN[:4]),))
    assert scoring.sensitivity(moscow, [Entrant(n, {1: {"class": 1}}) for n in range(20)]) is None


def test_in_products_the_powers_move_since_factors_would_move_nothing():
    scheme = Scheme(
        "ice",
        tuple(Criterion(k, k, steps=TEN) for k in ("impact", "confidence", "ease")),
    )
    rows = [
        Entrant(n, {1: {"impact": 10 - n % 10, "confidence": 1 + n % 7, "ease": 1 + n % 5}})
        for n in range(40)
    ]
    found = scoring.sensitivity(scheme, rows)
    assert 0 < found.firm < 10


def test_a_settled_score_moves_as_its_scores_do():
    before, after = weighted(a=50, b=50), weighted(a=100, b=0)
    one = Entrant(1, {1: {"a": 10, "b": 1}}, settled=80)
    # its own median goes from 50 to 100
    assert scoring.rescored(before, [one], after)[1] == pytest.approx(160)
    assert scoring.rescored(before, [one], before)[1] == 80


def test_moves_tell_the_ranking_before_and_after():
    before, after = weighted(a=90, b=10), weighted(a=10, b=90)
    rows = [
        Entrant(1, {1: {"a": 10, "b": 1}}),
        Entrant(2, {1: {"a": 1, "b": 10}}),
        Entrant(3, {}),
    ]
    found = scoring.moves(before, rows, after)
    assert [(one.key, one.before, one.after, one.places) for one in found] == [
        (2, 2, 1, 1),
        (1, 1, 2, -1),
    ]
    assert [one.words for one in found] == ["Up 1, from 2 to 1", "Down 1, from 1 to 2"]
    assert scoring.moves_words(found) == "2 of 2 requests move, the furthest by 1 place."
    same = scoring.moves(before, rows, before)
    assert scoring.moves_words(same) == "The order of all 2 requests stays as it is."
    new = Scheme("weighted", (*before.criteria, Criterion("c", "C", steps=TEN, weight=5)))
    lost = scoring.moves(before, rows, new)
    assert {one.after for one in lost} == {None}
    assert "never answered" in lost[0].words
    assert "nothing moves" in scoring.moves_words([])


@given(
    st.lists(
        st.lists(st.floats(1, 10).map(lambda x: round(x, 1)), min_size=1, max_size=5),
        min_size=1,
        max_size=8,
    ),
    st.randoms(),
)
@settings(max_examples=40)
def test_ranks_do_not_depend_on_the_order_of_scorers_or_entrants(table, random):
    rows = [
        Entrant(key, {who: {"a": value, "b": 1} for who, value in enumerate(values)})
        for key, values in enumerate(table)
    ]
    mixed = []
    for one in rows:
        answers = list(one.answers.items())
        random.shuffle(answers)
        mixed.append(Entrant(one.key, dict(answers)))
    random.shuffle(mixed)

    def ranked(entrants):
        scores = {one.key: scoring.group_score(ONE, one) for one in entrants}
        return [one.key for one in scoring.order(entrants, scores)]

    assert ranked(rows) == ranked(mixed)
    found = scoring.firmness(ONE, rows, draws=50)
    for one in found.values():
        assert 1 <= one.first <= one.last <= len(rows)


def test_strips_run_by_points_or_by_factors():
    axis = scoring.axis_for(ONE, [20, 90])
    assert (axis.at(0), axis.at(50), axis.at(100)) == (2, 50, 98)
    ice = Scheme("ice", ())
    axis = scoring.axis_for(ice, [1, 10, 100])
    assert (axis.at(1), axis.at(10), axis.at(100)) == (2, 50, 98)
    assert scoring.axis_for(ice, [5]).at(5) == 50
    assert not math.isnan(scoring.axis_for(ice, []).at(0))


@pytest.mark.parametrize("method", ["rice", "wsjf", "weighted", "ice", "value_effort"])
def test_the_quick_score_of_many_draws_is_the_true_one(method):
    from tests.intake.test_scoring_formulas import ALL

    scheme = ALL[method].weighted_by({"impact": 0.7, "value": 1.3, "fit": 12})
    for number in range(1, 6):
        values = {
            one.key: one.steps[number % len(one.steps)].value if one.steps else number * 7 % 5 or 3
            for one in scheme.criteria
        }
        quick = Parts.of(scheme, values).score(list(scheme.weights.values()))
        assert quick == pytest.approx(scoring.score(scheme, values))


def test_sixty_things_by_twelve_people_are_quick_enough_for_a_page():
    scheme = weighted(a=40, b=35, c=25)
    rows = [
        Entrant(
            key,
            {
                who: {name: 1 + (key * 7 + who * 3 + n * key) % 10 for n, name in enumerate("abc")}
                for who in range(12)
            },
            weeks=1 + key % 5,
        )
        for key in range(60)
    ]
    begun = time.perf_counter()
    scoring.firmness(scheme, rows, capacity=60)
    scoring.sensitivity(scheme, rows)
    # An order of magnitude above what it takes: this is no test of the machine.
    assert time.perf_counter() - begun < 8
