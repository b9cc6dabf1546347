"""Medians where some have not ended yet, by hand and against a plain computation."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from metrics.survival import quantile


def plain_kaplan_meier(ended, running, share):
    """The textbook: at each time of an end, multiply by the part that did not end."""
    survival = Fraction(1)
    for moment in sorted(set(ended)):
        at_risk = sum(t >= moment for t in ended) + sum(t >= moment for t in running)
        survival *= Fraction(at_risk - ended.count(moment), at_risk)
        if survival <= 1 - Fraction(share):
            return moment
    return None


def test_it_is_the_lower_median_when_all_have_ended():
    assert quantile([1, 2, 3], [], 0.5) == 2
    assert quantile([1, 2, 3, 4], [], 0.5) == 2


def test_open_ones_push_the_median_up():
    # S(1) = 4/5, S(2) = 3/5, S(3) = 2/5: two of five are open and were last seen at 10.
    assert quantile([1, 2, 3], [10, 10], 0.5) == 3
    assert quantile([1, 2, 3], [], 0.5) == 2


def test_a_worked_example_with_losses_in_between():
    # At risk 7, 6, 4, 3, 1: S = 6/7, 5/7, 15/28, 5/14, 0.
    ended, running = [6, 10, 15, 22, 30], [12, 25]
    assert quantile(ended, running, 0.5) == 22
    assert quantile(ended, running, 0.9) == 30


def test_it_cannot_tell_when_most_are_open():
    assert quantile([1, 2], [5, 5, 5, 5], 0.5) is None


def test_an_end_at_the_moment_of_a_loss_counts_first():
    # S(4) = 1/2 of two at risk; had the loss come first, one would have been at risk.
    assert quantile([4], [4], 0.5) == 4


def test_nothing_gives_nothing():
    assert quantile([], [], 0.5) is None
    assert quantile([], [3], 0.5) is None


times = st.lists(st.integers(0, 12), max_size=25)


@given(times, times, st.sampled_from(["0.5", "0.9", "0.25"]))
def test_it_equals_the_textbook(ended, running, share):
    ended, running = sorted(ended), sorted(running)
    expected = plain_kaplan_meier(ended, running, share)
    assert quantile(ended, running, float(share)) == expected
