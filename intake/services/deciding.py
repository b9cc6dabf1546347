"""The decision on a request, and its delivery."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.permissions import is_pm, require
from activity.events import record
from intake.models import Request, Status
from intake.permissions import can_decide
from intake.services import groups
from intake.services.errors import RequestError
from intake.services.locks import locked, refuse_closed
from intake.services.requests import acknowledge
from intake.services.undo import Window, remember, snapshot
from planning.decisions import record_decision
from planning.models import Decision, Outcome


@transaction.atomic
def decide_request(
    *,
    item: Request,
    actor: User,
    outcome: str,
    reason: str,
    revisit_on: Any = None,
    undo: Window | None = None,
    at: datetime | None = None,
) -> Decision:
    """Record the decision on a request, for everything that joined it too, and announce it.

    Raises AlreadyDecided if someone got there first, AlreadyMerged when another request stands
    for it, PermissionDenied for non-PMs.
    """
    require(can_decide(actor, item), "Only product managers decide requests.")
    item = locked(item)
    refuse_closed(item)
    now = at or timezone.now()
    before = snapshot(item)
    before["events"] = acknowledge(item, actor, now)
    decision = record_decision(
        title=item.title,
        outcome=outcome,
        reason=reason,
        team=item.team,
        actor=actor,
        revisit_on=revisit_on,
        at=now,
    )
    item.decision = decision
    item.status = Status.DECIDED
    item.outcome = decision.outcome
    item.decided_at = item.changed_at = now
    item.triaged_at = item.triaged_at or now
    item.owner = item.owner or actor
    item.asked_at = item.asked_by = item.due_at = item.snoozed_until = None
    item.save(
        update_fields=[
            "decision",
            "status",
            "outcome",
            "decided_at",
            "changed_at",
            "triaged_at",
            "owner",
            "asked_at",
            "asked_by",
            "due_at",
            "snoozed_until",
        ]
    )
    groups.decided(item, now)
    event = record(
        "request.decided",
        item,
        actor=actor,
        at=now,
        data={"outcome": decision.outcome, "decision": decision.pk, "team": item.team_id},
    )
    remember(undo, event, item, before)
    return decision


@transaction.atomic
def ship_request(*, item: Request, actor: User | None, at: datetime | None = None) -> Request:
    """Say that what was wished for is delivered; repeating it changes nothing.

    Raises RequestError unless it was decided to do it, PermissionDenied for non-PMs. `actor` is
    None when finished work says so.
    """
    if actor is not None:
        require(is_pm(actor), "Only product managers mark requests as delivered.")
    item = locked(item)
    if item.status == Status.SHIPPED:
        return item
    if item.status != Status.DECIDED or item.outcome != Outcome.DO:
        raise RequestError("Only a request that was decided to be done can be delivered.")
    now = at or timezone.now()
    item.status = Status.SHIPPED
    item.shipped_at = item.changed_at = now
    item.save(update_fields=["status", "shipped_at", "changed_at"])
    record("request.shipped", item, actor=actor, at=now)
    return item
