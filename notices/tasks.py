"""Send what waits."""

import time

from celery import shared_task
from django.utils import timezone

from notices import services
from notices.channels import Unreachable
from notices.models import Delivery, Digest, Slip
from notices.selectors import digests_due

# Below the soft limit of a task, with time left for one slow mail.
SWEEP_SECONDS = 35
SWEEP_ROWS = 200


@shared_task
def send_delivery(delivery_id: int) -> None:
    """One notice through one channel, at most once."""
    try:
        services.deliver(delivery_id)
    except Unreachable:
        return  # kept on its slip; the sweep tries again


@shared_task
def send_mail(notice_id: int) -> None:
    """What an older release may have left in the broker: a notice's slips."""
    for pk in Delivery.objects.filter(notice=notice_id).values_list("pk", flat=True):
        send_delivery(pk)


@shared_task
def send_waiting_mails() -> None:
    """What was left behind: a crash, an absent broker, a mail server that was away."""
    waiting = (
        Delivery.objects.filter(
            status=Slip.Status.WAITING, in_digest=False, due_at__lte=timezone.now()
        )
        .order_by("due_at", "pk")
        .values_list("pk", "channel")
    )
    ends = time.monotonic() + SWEEP_SECONDS
    away: set[str] = set()
    for pk, channel in waiting[:SWEEP_ROWS]:
        if channel in away:
            continue  # who cannot be reached would cost a time-out for each
        if time.monotonic() > ends:
            return
        try:
            services.deliver(pk)
        except Unreachable:
            away.add(channel)


@shared_task
def send_digests() -> None:
    """Have each digest that is due made and sent, and those that did not get out."""
    now = timezone.now()
    for person_id in digests_due(now):
        digest_for.delay(person_id)
    left = Digest.objects.filter(status=Slip.Status.WAITING, due_at__lte=now)
    for pk in left.order_by("due_at").values_list("pk", flat=True)[:SWEEP_ROWS]:
        send_digest.delay(pk)


@shared_task
def digest_for(person_id: int) -> None:
    """One person's digest of today, once."""
    digest = services.make_digest(person_id=person_id)
    if digest is not None:
        send_digest(digest.pk)


@shared_task
def send_digest(digest_id: int) -> None:
    """One digest, at most once."""
    try:
        services.send_digest(digest_id)
    except Unreachable:
        return  # kept on its slip; the next round tries again
