"""Weights from examples: two small convex fits, so the same examples give the same weights.

Order: a softmax over the groups that were near (which one was right?). Confidence: a logistic
regression on the best group (was it a duplicate at all?). Both are pulled towards their priors:
each prior counts as known to within its own size.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from search.ranking import FEATURES, Weights

STEPS = 25
# How far the confidence may move: as if the prior were known to within this much.
EVEN_WITHIN, TOTAL_WITHIN = 3.0, 0.5

Array = np.ndarray[Any, Any]
# (was it a duplicate, {"rows": features of the nearest groups, "right": which one})
Example = tuple[bool, dict[str, Any]]


def fit(examples: Sequence[Example], prior: Weights, *, alone_for_each_merge: float) -> Weights:
    """Weights for examples like these. `alone_for_each_merge`: how rare duplicates truly are."""
    features = _order(examples, prior)
    return _confidence(examples, prior, features, alone_for_each_merge)


def _order(examples: Sequence[Example], prior: Weights) -> Array:
    start = np.array(prior.features)
    # A weight whose prior is nothing stays so: its feature is not measured.
    pull = 1 / np.maximum(np.abs(start), 1e-6) ** 2
    cases = [(np.array(e["rows"]), e["right"]) for _, e in examples if e["right"] is not None]
    weights = start.copy()
    for _ in range(STEPS):
        slope, bend = pull * (weights - start), np.diag(pull)
        for rows, right in cases:
            totals = rows @ weights
            shares = np.exp(totals - totals.max())
            shares /= shares.sum()
            mean = shares @ rows
            slope = slope + mean - rows[right]
            bend = bend + (rows * shares[:, None]).T @ rows - np.outer(mean, mean)
        step = np.linalg.solve(bend, slope)
        weights = weights - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-9))
        if np.abs(step).max() < 1e-6:
            break
    return weights


def _confidence(
    examples: Sequence[Example], prior: Weights, features: Array, alone_for_each_merge: float
) -> Weights:
    best, is_merged = [], []
    for merged, example in examples:
        rows = np.array(example["rows"])
        totals = rows @ features
        place = int(totals.argmax())
        best.append([totals[place], *rows[place], -1.0])
        is_merged.append(merged)
    x, y = np.array(best), np.array(is_merged, dtype=float)
    merges, alone = y.sum(), len(y) - y.sum()
    # Lessons hold as many of both as can be had; the hub does not.
    share = alone_for_each_merge * merges / alone if alone else 1.0
    count = np.where(y > 0, 1.0, share)
    start = np.array([prior.total, *prior.of_best, prior.even])
    within = np.array([TOTAL_WITHIN, *(max(abs(w) / 2, 1e-6) for w in prior.features), EVEN_WITHIN])
    pull = 1 / within**2
    weights = start.copy()
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = pull * (weights - start) + ((chance - y) * count) @ x
        bend = np.diag(pull) + (x * (chance * (1 - chance) * count)[:, None]).T @ x
        step = np.linalg.solve(bend, slope)
        weights = weights - step * min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-9))
        if np.abs(step).max() < 1e-6:
            break
    size = len(FEATURES)
    return Weights(
        tuple(map(float, features)),
        float(weights[size + 1]),
        float(weights[0]),
        tuple(map(float, weights[1 : size + 1])),
    )
