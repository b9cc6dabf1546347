"""Read the trail."""

from django.db import connection, models
from django.db.models import QuerySet

from activity.events import subject_key
from activity.models import Event


def timeline_for(subject: models.Model) -> QuerySet[Event]:
    """Everything that happened to one subject, newest first, with its actors."""
    return (
        Event.objects.filter(subject_type=subject_key(subject), subject_id=subject.pk)
        .select_related("actor")
        .order_by("-occurred_at", "-id")
    )


def horizon() -> int:
    """The lowest transaction id that may still be writing: all events below it are visible."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return int(cursor.fetchone()[0])


def committed_since(tx: int, below: int) -> QuerySet[Event]:
    """Events of transactions from `tx` on and below `below`, in the order to follow them.

    Following by id alone would lose events that commit after a later id was already seen.
    """
    return Event.objects.filter(tx__gte=tx, tx__lt=below).order_by("tx", "id")
