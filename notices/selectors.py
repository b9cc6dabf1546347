"""Read the inbox, and who heard what."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max, QuerySet
from django.utils import timezone

from accounts.models import User
from notices.models import Notice


def inbox_for(user: User) -> QuerySet[Notice]:
    """A person's notices, newest first; what waits for its release is not among them."""
    return Notice.objects.filter(recipient=user, release_at__lte=timezone.now()).order_by(
        "-release_at", "-id"
    )


def last_heard(subject_type: str, subject_ids: Iterable[int]) -> dict[tuple[int, int], datetime]:
    """When each person last heard of each of these things, by (subject id, person id).

    Unit: aware times of release. Who never heard is not in it; nor is what still waits.
    `subject_type` as events write it: "intake.request".
    """
    rows = (
        Notice.objects.filter(
            subject_type=subject_type,
            subject_id__in=list(subject_ids),
            release_at__lte=timezone.now(),
        )
        .values_list("subject_id", "recipient_id")
        .order_by()
        .annotate(at=Max("release_at"))
    )
    return {(subject_id, person_id): at for subject_id, person_id, at in rows}
