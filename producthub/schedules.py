"""From the one dictionary of schedules to django-celery-beat's tables."""

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from producthub.celery import SCHEDULES


def fill_schedules() -> int:
    """Add the schedules that are missing; what an admin changed or switched off stays.

    Returns how many were added. A row is recognised by its name.
    """
    known = set(PeriodicTask.objects.filter(name__in=SCHEDULES).values_list("name", flat=True))
    for name, (task, seconds, sentence) in SCHEDULES.items():
        if name in known:
            continue
        # Not get_or_create: nothing stops an admin from making the same interval twice.
        interval = IntervalSchedule.objects.filter(
            every=seconds, period=IntervalSchedule.SECONDS
        ).first() or IntervalSchedule.objects.create(every=seconds, period=IntervalSchedule.SECONDS)
        PeriodicTask.objects.get_or_create(
            name=name, defaults={"task": task, "interval": interval, "description": sentence}
        )
    return len(SCHEDULES.keys() - known)
