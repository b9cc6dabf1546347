"""From features of merged groups to an order and a confidence: a few weights, all explained.

A group is described by five numbers: how much of what is asked its best member says in the same
words (1: all of it), how near that member is in meaning (cosine), how near the group's mean is,
how large the group is (ln of its members) and how long nothing came to it (ln of 1 + days). The
priors below hold until a hub has merged enough for `learning.py` to move them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FEATURES = ("words", "meaning", "group_meaning", "size", "age")
WORDS, MEANING, GROUP_MEANING, SIZE, AGE = range(len(FEATURES))

# Same words, same meaning and the same meaning as the group count alike. What was merged often is
# merged again (a group of seven: +0.5), and the same wish comes in bursts: a request of today is
# ahead by 1.4 of one of a month ago, which is as much as 28 points of common words.
PRIOR = (5.0, 5.0, 5.0, 0.25, -0.4)
# Without vectors words stand for meaning too.
PRIOR_WORDS_ALONE = (10.0, 0.0, 0.0, 0.25, -0.4)
# The total at which it is as likely as not that the best group is the right one.
EVEN = 5.0
EVEN_WORDS_ALONE = 3.0


@dataclass(frozen=True)
class Weights:
    """How features make a total; how the best group's total and features make a confidence."""

    features: tuple[float, ...]
    even: float
    # Of the best group: its total, then its features. Zero and one: the total alone decides.
    total: float = 1.0
    of_best: tuple[float, ...] = (0.0,) * len(FEATURES)

    def totals(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """One number a group; higher is better."""
        return [_dot(self.features, row) for row in rows]

    def confidence(self, best: Sequence[float]) -> float:
        """How sure that the best group, with these features, is the right one: 0 to 1."""
        total = _dot(self.features, best)
        return logistic(self.total * total + _dot(self.of_best, best) - self.even)

    def score(self, total: float) -> float:
        """A group's total on the scale 0 to 1."""
        return logistic(total - self.even)


def prior(*, has_vectors: bool) -> Weights:
    """What holds before anything was learnt."""
    if has_vectors:
        return Weights(PRIOR, EVEN)
    return Weights(PRIOR_WORDS_ALONE, EVEN_WORDS_ALONE)


def logistic(value: float) -> float:
    """Any number to 0..1, without overflow."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))
