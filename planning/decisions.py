"""The decision log: what was decided is written down here, once."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Team, User
from accounts.permissions import is_pm, require
from activity.events import record
from planning.models import DECISION_NUMBERS, Decision, Outcome
from producthub.lib.sequences import next_number


@transaction.atomic
def record_decision(
    *,
    title: str,
    outcome: str,
    reason: str,
    team: Team | None,
    actor: User,
    revisit_on: Any = None,
    at: datetime | None = None,
) -> Decision:
    """Write a decision down; `at` defaults to now. Raises PermissionDenied for non-PMs."""
    require(is_pm(actor), "Only product managers record decisions.")
    decision = Decision.objects.create(
        number=next_number(DECISION_NUMBERS),
        title=title,
        outcome=Outcome(outcome),
        reason=reason,
        team=team,
        decided_by=actor,
        decided_at=at or timezone.now(),
        revisit_on=revisit_on,
    )
    record(
        "decision.recorded",
        decision,
        actor=actor,
        at=decision.decided_at,
        data={"outcome": decision.outcome, "team": decision.team_id},
    )
    return decision


@transaction.atomic
def withdraw_decision(*, decision: Decision, actor: User, at: datetime | None = None) -> Decision:
    """Take a decision back before anyone was told; the row stays, marked. Repeatable."""
    decision = Decision.objects.select_for_update().get(pk=decision.pk)
    if decision.withdrawn_at is None:
        decision.withdrawn_at = at or timezone.now()
        decision.save(update_fields=["withdrawn_at"])
        record("decision.withdrawn", decision, actor=actor, at=decision.withdrawn_at)
    return decision
