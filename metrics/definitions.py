"""Every measure: what it says, how it is made, where it comes from."""

from dataclasses import dataclass

from producthub.lib.periods import WORKDAY_SECONDS

# Below this many decisions a median would be chance: the figure is “not enough data”.
MIN_SAMPLE = 10


@dataclass(frozen=True)
class Definition:
    """One measure. `target` is in `unit`, None where none was set; lower is better."""

    key: str
    name: str
    unit: str
    summary: str
    formula: str
    source: str
    ends_with: str  # what ends it: "decided", "on the roadmap"
    target: float | None = None
    has_stages: bool = False

    @property
    def target_seconds(self) -> float | None:
        """The target on the working clock."""
        return None if self.target is None else self.target * WORKDAY_SECONDS


@dataclass(frozen=True)
class Stage:
    """One step on the way of a request; `phrase` completes "half of them are …"."""

    key: str
    name: str
    phrase: str
    is_for_accepted: bool = False


# In the order in which a request comes through; spans keep them in this order.
STAGES = (
    Stage("acknowledged", "First word", "acknowledged"),
    Stage("triaged", "Routed", "routed"),
    Stage("decided", "Decided", "decided"),
    Stage("planned", "On the roadmap", "on the roadmap", is_for_accepted=True),
    Stage("shipped", "Delivered", "delivered", is_for_accepted=True),
)

_CLOCK = (
    "Working time is counted on the calendar of the request's team: its hours, weekdays and "
    "holidays; eight hours are a day. "
)
_MERGED = (
    "A merged request follows the one it joined. What was taken back within its undo time does "
    "not count. "
)

TIME_TO_DECISION = Definition(
    key="time_to_decision",
    name="To decision",
    unit="working days",
    summary="How long a request waits from the day it is sent to its first decision.",
    formula=(
        "Median working time from sending to the first decision, whatever it is, of the requests "
        "sent in the period. Those still open count with the time they have waited so far "
        "(Kaplan–Meier estimate), so that a backlog cannot hide. " + _CLOCK + _MERGED
    ).strip(),
    source=(
        "The hub's own event trail: sent, first word, routed, asked, answered, tabled for a "
        "session, merged, decided, planned, delivered, undone."
    ),
    ends_with="decided",
    target=9,
    has_stages=True,
)

TIME_TO_COMMITMENT = Definition(
    key="time_to_commitment",
    name="To commitment",
    unit="working days",
    summary="How long an accepted request waits from being sent until it is on the roadmap.",
    formula=(
        "Median working time from sending to its place on the roadmap, of the requests sent in "
        "the period whose decision is to do it. Those not on the roadmap yet count with the time "
        "so far (Kaplan–Meier estimate). Undecided and declined ones do not count, nor those "
        "delivered without ever being on the roadmap. " + _CLOCK + _MERGED
    ).strip(),
    source="The hub's own event trail, as for the time to decision.",
    ends_with="on the roadmap",
)

DEFINITIONS = {definition.key: definition for definition in (TIME_TO_DECISION, TIME_TO_COMMITMENT)}
