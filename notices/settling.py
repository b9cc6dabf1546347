"""What was asked of people and is settled by a later event: an answer settles the question."""

from collections.abc import Collection

from django.db.models import F
from django.utils import timezone

from activity.events import on
from activity.models import Event
from notices.models import Notice

_settled_by: dict[str, frozenset[str]] = {}


def register_settling(event_kind: str, settles: Collection[str]) -> None:
    """After an event of this kind, what earlier events of those kinds asked of people about the
    same thing is done. Call from `ready()`.
    """
    _settled_by[event_kind] = frozenset(settles)
    on(event_kind, settle_after)


def settle_after(event: Event) -> None:
    """Take what earlier events asked of people about the same thing off their lists, where this
    event settles it. Repeatable; what comes after this event stays.
    """
    open_ones = Notice.objects.filter(
        subject_type=event.subject_type,
        subject_id=event.subject_id,
        kind__in=_settled_by.get(event.kind, ()),
        event_id__lt=event.pk,
        is_action=True,
        done_at__isnull=True,
    )
    open_ones.filter(read_at__isnull=True).update(read_at=F("release_at"))
    open_ones.update(done_at=timezone.now(), snoozed_until=None)
