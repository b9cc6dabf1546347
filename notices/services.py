"""Tell people, once each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import formataddr, parseaddr

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import User
from activity.models import Event
from notices.models import Notice

log = structlog.get_logger(__name__)

MAIL_LEASE_MINUTES = 5
MAIL_ATTEMPTS = 10
LONGEST_COUNTDOWN_SECONDS = 300


@dataclass(frozen=True)
class Message:
    """What a notice says. `url` is a path of the hub.

    `why` says in a few words why this reader hears of it: "You voted for it".
    `guest_url` is a path that opens without an account, for guests.
    """

    title: str
    url: str
    text: str = ""
    is_action: bool = False
    by_mail: bool = True
    why: str = ""
    guest_url: str = ""


@transaction.atomic
def notify(
    *,
    event: Event,
    recipients: Iterable[User],
    message: Message,
    release_at: datetime | None = None,
    channel_kind: str = "",
) -> int:
    """Write one notice a person for an event and have the mails sent; returns how many are new.

    Until `release_at` (aware, by default at once) a notice is neither shown nor mailed, and
    `cancel` takes it back. `channel_kind` is the kind that people set their preferences by.
    Repeating it for the same event writes nothing. People without an open account are left out.
    """
    now = timezone.now()
    people = {person.pk: person for person in recipients if person.is_active}
    known = set(
        Notice.objects.filter(event_id=event.pk, recipient_id__in=people).values_list(
            "recipient_id", flat=True
        )
    )
    Notice.objects.bulk_create(
        [
            Notice(
                recipient=person,
                event_id=event.pk,
                kind=event.kind,
                channel_kind=channel_kind,
                subject_type=event.subject_type,
                subject_id=event.subject_id,
                subject_label=event.subject_label,
                title=message.title[:200],
                text=message.text,
                why=message.why[:120],
                url=message.url,
                guest_url=message.guest_url,
                is_action=message.is_action,
                created_at=event.occurred_at,
                release_at=release_at or now,
                mail_wanted=message.by_mail,
            )
            for person in people.values()
            if person.pk not in known
        ],
        ignore_conflicts=True,
    )
    new = Notice.objects.filter(event_id=event.pk, recipient_id__in=set(people) - known)
    ids = list(new.filter(mail_wanted=True).values_list("pk", flat=True))
    if ids:
        transaction.on_commit(lambda: _enqueue(ids, release_at), robust=True)
    return len(people) - len(known)


@transaction.atomic
def cancel(event_id: int) -> int:
    """Take back the notices of an event that are not released yet; returns how many.

    What is released, or in a sender's hands by another clock, stays: people heard of it.
    """
    waiting = Notice.objects.select_for_update().filter(
        event_id=event_id, release_at__gt=timezone.now(), mail_claimed_at__isnull=True
    )
    ids = [notice.pk for notice in waiting]
    Notice.objects.filter(pk__in=ids).delete()
    return len(ids)


def _enqueue(notice_ids: list[int], release_at: datetime | None) -> None:
    from notices.tasks import send_mail

    wait = (release_at - timezone.now()).total_seconds() if release_at else 0
    if wait > LONGEST_COUNTDOWN_SECONDS:
        return  # the sweep finds them; a broker is no calendar
    # A second more: a worker that looks a moment early would leave it to the sweep.
    countdown = wait + 1 if wait > 0 else None
    try:
        for pk in notice_ids:
            send_mail.apply_async((pk,), countdown=countdown)
    except Exception as error:  # noqa: BLE001  broker clients raise many kinds
        # The slips are stored: the beat task sends them when the broker is back.
        log.warning("mail_not_enqueued", error=type(error).__name__)


def send_notice_mail(notice_id: int) -> bool:
    """Send one notice's mail; False when it is out already, in other hands, or failed.

    The slip is claimed for a lease before the mail server is spoken to, outside any transaction,
    so two workers never send the same one; a worker that dies holding it lets go after the
    lease. The Message-ID follows the notice, so that even a mail sent in that gap is recognised
    as the same one.
    """
    now = timezone.now()
    stale = now - timedelta(minutes=MAIL_LEASE_MINUTES)
    claimed = (
        Notice.objects.filter(
            pk=notice_id, mail_wanted=True, mailed_at__isnull=True, release_at__lte=now
        )
        .filter(Q(mail_claimed_at__isnull=True) | Q(mail_claimed_at__lt=stale))
        .update(mail_claimed_at=now, mail_attempts=F("mail_attempts") + 1)
    )
    if not claimed:
        return False
    notice = Notice.objects.select_related("recipient").get(pk=notice_id)
    try:
        _mail_for(notice).send()
    except OSError as error:  # smtplib's errors are OSErrors
        Notice.objects.filter(pk=notice_id).update(
            mail_error=f"{type(error).__name__}: {error}"[:300]
        )
        log.warning("mail_failed", notice_id=notice_id, error=type(error).__name__)
        return False
    Notice.objects.filter(pk=notice_id).update(mailed_at=timezone.now(), mail_error="")
    return True


def _mail_for(notice: Notice) -> EmailMultiAlternatives:
    context = {
        "notice": notice,
        "person": notice.recipient,
        "link": settings.BASE_URL + notice.url,
        "base_url": settings.BASE_URL,
    }
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "producthub"
    mail = EmailMultiAlternatives(
        subject=" ".join(notice.title.split()),
        body=render_to_string("emails/notice.txt", context),
        to=[formataddr((notice.recipient.name, notice.recipient.email))],
        headers={
            "Message-ID": f"<notice-{notice.pk}-{notice.event_id}@{domain}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(render_to_string("emails/notice.html", context), "text/html")
    return mail


def mark_read(*, user: User, notice_ids: list[int] | None = None) -> int:
    """Mark one's own notices as read, all of them without ids; returns how many changed."""
    unread = Notice.objects.filter(
        recipient=user, read_at__isnull=True, release_at__lte=timezone.now()
    )
    if notice_ids is not None:
        unread = unread.filter(pk__in=notice_ids)
    return unread.update(read_at=timezone.now())
