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


def can_edit(user: Any, item: Request) -> bool:
    """Mend its words: who asked or sent it, and PMs."""
    return bool(user.is_active) and (user.pk in (item.requester_id, item.sent_by_id) or is_pm(user))


def can_answer(user: Any, item: Request) -> bool:
    """Answer an open question: who asked or sent it, or the PM who hears it elsewhere."""
    return bool(user.is_active) and (user.pk in (item.requester_id, item.sent_by_id) or is_pm(user))


def can_comment(user: Any, item: Request) -> bool:
    """Everyone who sees a request may speak."""
    return bool(user.is_active)
