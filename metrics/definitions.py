"""Every measure: what it says, how it is made, where it comes from."""

from dataclasses import dataclass

from producthub.lib.periods import WORKDAY_SECONDS

# Below this many decisions a median would be chance: the figure is “not enough data”.
MIN_SAMPLE = 10


@dataclass(frozen=True)
class Definition:
    """One measure. `target` is in `unit`; lower is better where `is_lower_better`."""

    key: str
    name: str
    unit: str
    summary: str
    formula: str
    source: str
    target: float
    is_lower_better: bool = True

    @property
    def target_seconds(self) -> float:
        """The target on the working clock."""
        return self.target * WORKDAY_SECONDS


TIME_TO_DECISION = Definition(
    key="time_to_decision",
    name="Time to decision",
    unit="working days",
    summary="How long a request waits from the day it is sent to its first decision.",
    formula=(
        "Median working time (Monday to Friday, 9 to 17, in the team's time zone) from sending to "
        "the first decision, of the requests sent in the period. Those still open count with the "
        "time they have waited so far (Kaplan–Meier estimate), so that a backlog cannot hide. "
        "Waiting for an answer of the requester is part of it and is shown apart."
    ),
    source=(
        "The hub's own event trail: request sent, triaged, reassigned, asked, answered, decided."
    ),
    target=9,
)

DEFINITIONS = {definition.key: definition for definition in (TIME_TO_DECISION,)}
