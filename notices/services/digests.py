"""One mail a day with what waited for it."""

from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from notices import mail
from notices.channels import Undeliverable, Unreachable, channel_of
from notices.models import Delivery, Digest, Notice, Slip
from notices.selectors import digest_cutoff, waiting_for_digest
from notices.services import slips
from notices.services.outbox import in_sight

log = structlog.get_logger(__name__)


@transaction.atomic
def make_digest(*, person_id: int, now: datetime | None = None) -> Digest | None:
    """Gather what waits for a person's digest of today; None when it is not time or nothing does.

    Time is from 8:00 in the person's own zone on a working day, for what was released before
    8:00, outside their pause. Two beats at once make one: the second waits for the first one's
    rows and then finds none.
    """
    now = now or timezone.now()
    person = User.objects.select_related("notice_preference").filter(pk=person_id).first()
    if person is None:
        return None
    cutoff = digest_cutoff(person.zone, now)
    preference = getattr(person, "notice_preference", None)
    today = timezone.localdate(now, person.zone)
    if cutoff is None or (
        preference and preference.paused_until and preference.paused_until > today
    ):
        return None
    locked = list(
        waiting_for_digest()
        .filter(notice__recipient=person, notice__release_at__lt=cutoff)
        .select_for_update(of=("self",))
        .select_related("notice")
    )
    kept = [delivery for delivery in locked if is_news(delivery.notice) and person.is_active]
    dropped = {delivery.pk for delivery in locked} - {delivery.pk for delivery in kept}
    if dropped:
        slips.close(
            Delivery.objects.filter(pk__in=dropped),
            Slip.Status.DROPPED,
            "It was read in the inbox.",
        )
    if not kept:
        return None
    digest, is_new = Digest.objects.get_or_create(
        recipient=person, on=today, defaults={"due_at": now}
    )
    if not is_new:
        return None  # today's is out; what came in late waits for the next
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in kept]).update(digest=digest)
    return digest


def is_news(notice: Notice) -> bool:
    """Whether its reader has not dealt with it yet."""
    return notice.read_at is None and notice.done_at is None


def send_digest(digest_id: int) -> bool:
    """Send one day's mail; False when it is out, not due, in other hands, empty, or failed.

    Claimed for a lease and marked like a single notice, see `outbox.deliver`. Raises Unreachable
    when the mail server is away, after keeping the fault.
    """
    own = Digest.objects.filter(pk=digest_id)
    if not slips.claim(own, timezone.now()):
        return False
    digest = own.select_related("recipient").get()
    person = digest.recipient
    rows = Delivery.objects.filter(digest=digest)
    waiting = [
        delivery.notice
        for delivery in rows.filter(status=Slip.Status.WAITING)
        .select_related("notice")
        .order_by("-notice__release_at", "-notice_id")
    ]
    channel = channel_of("mail")
    may_go = person.is_active and channel is not None and channel.is_available(person)
    notices = in_sight(person, [one for one in waiting if is_news(one)]) if may_go else []
    if not notices:
        with transaction.atomic():
            slips.close(rows, Slip.Status.DROPPED, "Nothing of it was news any more.")
            slips.close(own, Slip.Status.DROPPED, "Nothing of it was news any more.")
        return False
    try:
        mail.send_digest(digest, notices)
    except Exception as error:
        slips.put_off(own, digest.attempts, error)
        if own.filter(status=Slip.Status.FAILED).exists():
            slips.close(rows, Slip.Status.FAILED, "Its digest failed.")
        log.warning("digest_failed", digest_id=digest_id, error=type(error).__name__)
        if isinstance(error, Unreachable):
            raise
        if not isinstance(error, (Undeliverable, OSError)):
            log.exception("digest_fault", digest_id=digest_id)
        return False
    with transaction.atomic():
        told = {notice.pk for notice in notices}
        slips.close(rows.filter(notice_id__in=told), Slip.Status.SENT)
        slips.close(rows.exclude(notice_id__in=told), Slip.Status.DROPPED, "It was no news.")
        slips.close(own, Slip.Status.SENT)
    return True
