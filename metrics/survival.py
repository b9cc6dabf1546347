"""Quantiles of waiting times of which some have not ended yet; pure."""

from bisect import bisect_right
from collections.abc import Sequence
from math import ceil

# Products of many fractions miss exact halves by a few bits; far below one request in a million.
TOLERANCE = 1e-9


def quantile(ended: Sequence[int], running: Sequence[int], share: float) -> int | None:
    """The shortest time by which at least `share` of all have ended, by Kaplan and Meier.

    `ended` are sorted durations, `running` sorted durations so far of those still open. None
    when so many are open that the estimate does not come that far. With nothing running it is
    the lower quantile of `ended`.

    Between two censored times the estimate's fractions cancel out, so only those times are
    walked through: cheap also for a long history with few open.
    """
    at_risk, survival, position = len(ended) + len(running), 1.0, 0
    target = 1.0 - share
    for index in range(len(running) + 1):
        # Who ends at the very moment another is last seen counts as before it.
        upto = bisect_right(ended, running[index]) if index < len(running) else len(ended)
        count = upto - position
        if count:
            needed = max(1, ceil(at_risk * (1 - target / survival) - TOLERANCE * at_risk))
            if needed <= count:
                return ended[position + needed - 1]
            survival *= (at_risk - count) / at_risk
            at_risk -= count
            position = upto
        at_risk -= 1
    return None
