"""Who may do what with a request."""

from collections.abc import Iterable
from typing import Any

from accounts.permissions import is_pm, is_product_ops
from intake.models import Attachment, Request, ScoringSession


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


# --- Scoring ---
def can_score(user: Any) -> bool:
    """See sessions, score, and open a session."""
    return is_pm(user)


def can_facilitate(user: Any, session: ScoringSession) -> bool:
    """Reveal, run the clock, settle, close: its facilitator, or Product Ops."""
    return is_pm(user) and (user.pk == session.facilitator_id or is_product_ops(user))


def can_keep_models(user: Any) -> bool:
    """Make and change scoring models."""
    return is_product_ops(user)


def can_see_file(user: Any, attachment: Attachment) -> bool:
    """Who sees its request sees a file; internal ones are for PMs, a draft's for its author."""
    if attachment.request_id is None:
        draft = attachment.draft
        return draft is not None and draft.person_id == user.pk
    comment = attachment.comment
    is_internal = attachment.is_internal or (comment is not None and comment.is_internal)
    if is_internal and not is_pm(user):
        return False
    return Request.objects.visible_to(user).filter(pk=attachment.request_id).exists()


def can_reopen(user: Any, group: Iterable[Request]) -> bool:
    """Ask to look again at a no: who asked, or sent it, of the request or of what joined it."""
    return bool(user.is_active) and any(
        user.pk in (item.requester_id, item.sent_by_id) for item in group
    )
