"""Hand events to their handlers."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from activity import events
from activity.models import EventDispatch

STRAGGLER_SECONDS = 30


@shared_task
def dispatch_events(event_ids: list[int]) -> None:
    """Run what is still open for these events."""
    for event_id in event_ids:
        events.dispatch(event_id)


@shared_task
def dispatch_missed_events() -> None:
    """Re-dispatch events whose handlers did not finish; give up after `MAX_ATTEMPTS`."""
    before = timezone.now() - timedelta(seconds=STRAGGLER_SECONDS)
    missed = (
        EventDispatch.objects.filter(
            done_at__isnull=True, created_at__lt=before, attempts__lt=events.MAX_ATTEMPTS
        )
        .order_by("created_at")
        .values_list("event_id", flat=True)[:500]
    )
    for event_id in dict.fromkeys(missed):
        events.dispatch(event_id)
