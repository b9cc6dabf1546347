"""What a request's page shows of the decisions on it: the one that stands, and all before."""

from dataclasses import dataclass, field

from accounts.models import User
from intake.models import Request, Status
from intake.permissions import can_reopen
from intake.selectors import Group
from intake.services.deciding import REQUEST
from planning.decision_log import decisions_about
from planning.models import Decision, Outcome


@dataclass(slots=True)
class Panel:
    """The decisions of a request and what joined it, as far as one reader may see.

    `current` answers the request now. `earlier` did once, for it or for what joined it, `beside`
    only touch it; both as (decision, whether another took its place), newest first.
    """

    current: Decision | None
    may_reopen: bool = False
    earlier: list[tuple[Decision, bool]] = field(default_factory=list)
    beside: list[tuple[Decision, bool]] = field(default_factory=list)
    is_linkable: bool = False


def decision_panel(item: Request, reader: User, seen: Group) -> Panel:
    """For `intake/_decision.html`; one query. `item.decision` is loaded with who took it."""
    about = decisions_about([(REQUEST, pk) for pk in seen.ids], reader)
    panel = Panel(item.decision, may_reopen=may_reopen(item, reader, seen))
    for decision, is_settled, is_replaced in about:
        if decision.pk == item.decision_id:
            # A decision that also answers what this reader may not see has no page for them.
            panel.is_linkable = True
        elif is_settled:
            panel.earlier.append((decision, is_replaced))
        else:
            panel.beside.append((decision, is_replaced))
    return panel


def may_reopen(item: Request, reader: User, seen: Group) -> bool:
    """Whether this person may answer the no once: who asked or sent it, or what joined it."""
    return (
        item.status == Status.DECIDED
        and item.outcome in (Outcome.LATER, Outcome.NO)
        and item.reopened_at is None
        and not item.is_merged
        and can_reopen(reader, seen.members)
    )
