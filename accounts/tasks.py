"""Tidy up after people, and keep calendars true."""

from celery import shared_task

from accounts import calendars, unsent


@shared_task
def forget_unsent_forms() -> None:
    """Erase kept forms that nobody came back for within the hour."""
    unsent.forget_old()


@shared_task(soft_time_limit=50, time_limit=60)
def add_coming_holidays() -> None:
    """Add next year's public holidays before it begins."""
    calendars.add_coming_holidays()
