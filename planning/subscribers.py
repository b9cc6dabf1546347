"""What follows from events about decisions."""

from collections.abc import Collection

from accounts.models import User
from activity.events import on
from activity.models import Event
from notices.kinds import Pace, register_kind
from notices.settling import register_settling
from notices.subjects import register_sight
from planning import decision_notices
from planning.models import Decision

DECISION = "planning.decision"
LOOKS = ("decision.look_due", "decision.look_overdue")


def subscribe() -> None:
    """Called once from `ready()`."""
    register_kind(
        "look", "Second looks", "A decision of yours is due to be looked at again.", Pace.AT_ONCE
    )
    register_sight(DECISION, still_seen)
    for settling in ("decision.revisited", "decision.superseded"):
        register_settling(settling, LOOKS)
    for kind in LOOKS:
        on(kind, tell)


def tell(event: Event) -> None:
    """Handlers are repeatable: a person hears of an event once."""
    decision_notices.announce(event)


def still_seen(person: User, decision_ids: Collection[int]) -> set[int]:
    """Those of these decisions that a person may read now."""
    found = Decision.objects.visible_to(person).filter(pk__in=decision_ids)
    return set(found.values_list("pk", flat=True))
