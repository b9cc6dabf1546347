"""What people do with their notices."""

from datetime import datetime

from django.utils import timezone

from accounts.models import User
from notices.selectors import released_for


def mark_read(*, user: User, notice_ids: list[int] | None = None, only_news: bool = False) -> int:
    """Mark one's own notices as read, all of them without ids; returns how many changed."""
    unread = released_for(user).filter(read_at__isnull=True)
    if notice_ids is not None:
        unread = unread.filter(pk__in=notice_ids)
    if only_news:
        unread = unread.filter(is_action=False)
    return unread.update(read_at=timezone.now())


def mark_done(*, user: User, notice_id: int) -> bool:
    """Take one's own notice out of the open ones. Repeatable."""
    now = timezone.now()
    found = released_for(user).filter(pk=notice_id, done_at__isnull=True)
    found.filter(read_at__isnull=True).update(read_at=now)
    return bool(found.update(done_at=now, snoozed_until=None))


def reopen_notice(*, user: User, notice_id: int) -> bool:
    """Put one's own notice back among the open ones. Repeatable."""
    found = released_for(user).filter(pk=notice_id, done_at__isnull=False)
    return bool(found.update(done_at=None, settled_by=None))


def snooze_notice(*, user: User, notice_id: int, until: datetime) -> bool:
    """Hide one's own open notice until a moment (aware, to come); it comes back as new.

    Raises ValueError for a moment that has passed.
    """
    if until <= timezone.now():
        raise ValueError("Choose a moment that is still to come.")
    found = released_for(user).filter(pk=notice_id, done_at__isnull=True)
    return bool(found.update(snoozed_until=until, read_at=None))


def wake_notice(*, user: User, notice_id: int) -> bool:
    """Show a sleeping notice again at once."""
    found = released_for(user).filter(pk=notice_id, snoozed_until__gt=timezone.now())
    return bool(found.update(snoozed_until=None))
