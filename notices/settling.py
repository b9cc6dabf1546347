"""What was asked of people and is settled by a later event: an answer settles the question."""

from collections.abc import Callable, Collection

from django.utils import timezone

from activity.events import on
from activity.models import Event
from notices.models import Notice

_settled_by: dict[str, tuple[frozenset[str], Callable[[Event], bool]]] = {}


def register_settling(
    event_kind: str,
    settles: Collection[str],
    unless: Callable[[Event], bool] = lambda event: False,
) -> None:
    """After an event of this kind, what earlier events of those kinds asked of people about the
    same thing is done, unless the event was taken back before. Call from `ready()`.
    """
    _settled_by[event_kind] = (frozenset(settles), unless)
    on(event_kind, settle_after)


def settle_after(event: Event) -> None:
    """Take what earlier events asked of people about the same thing off their lists, where this
    event settles it. Repeatable; what comes after this event stays.
    """
    kinds, unless = _settled_by[event.kind]
    if unless(event):
        return
    open_ones = Notice.objects.filter(
        subject_type=event.subject_type,
        subject_id=event.subject_id,
        kind__in=kinds,
        event_id__lt=event.pk,
        is_action=True,
        done_at__isnull=True,
    )
    open_ones.update(done_at=timezone.now(), settled_by=event.pk, snoozed_until=None)


def unsettle(event_id: int) -> int:
    """Open again what an event had settled that is taken back; returns how many notices."""
    settled = Notice.objects.filter(settled_by=event_id)
    return settled.update(done_at=None, settled_by=None)
