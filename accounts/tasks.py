"""Tidy up after people."""

from celery import shared_task

from accounts import unsent


@shared_task
def forget_unsent_forms() -> None:
    """Erase kept forms that nobody came back for within the hour."""
    unsent.forget_old()
