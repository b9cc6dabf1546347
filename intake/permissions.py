"""Who may do what with a request."""

from typing import Any

from accounts.permissions import is_pm
from intake.models import Request


def can_triage(user: Any) -> bool:
    """See the queue, route, assign and ask."""
    return is_pm(user)


def can_decide(user: Any, item: Request) -> bool:
    """Record the decision: any PM, for requests not decided yet."""
    return is_pm(user)


def can_answer(user: Any, item: Request) -> bool:
    """Answer an open question: the requester, or the PM who hears it elsewhere."""
    return bool(user.is_active) and (user.pk == item.requester_id or is_pm(user))


def can_comment(user: Any, item: Request) -> bool:
    """Everyone who sees a request may speak."""
    return bool(user.is_active)
