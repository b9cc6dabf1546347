"""Write notices, and send them once each."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from activity.models import Event
from notices.channels import MAIL, Undeliverable, Unreachable, channel_of, outward_channels
from notices.kinds import Kind, Pace, kind_of
from notices.models import Delivery, Notice, Preference, Slip
from notices.services import slips
from notices.settling import unsettle
from notices.subjects import sight_of

log = structlog.get_logger(__name__)

LONGEST_COUNTDOWN_SECONDS = 300


@dataclass(frozen=True)
class Message:
    """What a notice says. `url` is a path of the hub.

    `by_mail` off keeps it in the inbox, whatever the reader's preferences. `why` says in a few
    words why this reader hears of it: "You voted for it". `guest_url` is a path that opens
    without an account, for guests.
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
    whys: Mapping[int, str] | None = None,
) -> int:
    """Write one notice a person for an event and have them sent as each person wants; returns
    how many are new.

    Until `release_at` (aware, by default at once) a notice is neither shown nor sent, and
    `cancel` takes it back. `channel_kind` is the kind that people set their preferences by.
    `whys` says by a person's id why they in particular hear of it, before the message's own.
    Repeating it for the same event writes nothing. People without an open account are left out.
    """
    now = timezone.now()
    people = {person.pk: person for person in recipients if person.is_active}
    known = set(
        Notice.objects.filter(event_id=event.pk, recipient_id__in=people).values_list(
            "recipient_id", flat=True
        )
    )
    new = {pk: person for pk, person in people.items() if pk not in known}
    if not new:
        return 0
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
                why=((whys or {}).get(person.pk) or message.why)[:120],
                url=message.url,
                guest_url=message.guest_url,
                is_action=message.is_action,
                created_at=event.occurred_at,
                release_at=release_at or now,
            )
            for person in new.values()
        ],
        ignore_conflicts=True,
    )
    if message.by_mail:
        _send_out(event.pk, new, kind_of(channel_kind), release_at or now)
    return len(new)


def _send_out(event_id: int, people: dict[int, User], kind: Kind, release_at: datetime) -> None:
    preferences = {row.person_id: row for row in Preference.objects.filter(person_id__in=people)}
    notices = Notice.objects.filter(event_id=event_id, recipient_id__in=people)
    waiting = [
        Delivery(notice=notice, channel=channel, in_digest=in_digest, due_at=release_at)
        for notice in notices
        for channel, in_digest in routes(
            people[notice.recipient_id],
            preferences.get(notice.recipient_id),
            kind,
            is_action=notice.is_action,
        )
    ]
    if not waiting:
        return
    Delivery.objects.bulk_create(waiting, ignore_conflicts=True)
    ids = list(
        Delivery.objects.filter(notice__in=notices, in_digest=False)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if ids:
        transaction.on_commit(lambda: _enqueue(ids, release_at), robust=True)


def routes(
    person: User, preference: Preference | None, kind: Kind, *, is_action: bool
) -> list[tuple[str, bool]]:
    """Channels that a notice of a kind takes to a person, each with whether it waits for the
    digest; empty for the inbox alone. Pure but for what channels ask of the person.

    Whoever chose nothing gets the kind's default, and at once what needs them. A pause turns
    what would go at once into one digest afterwards. Guests have no inbox and no digest.
    """
    paces = preference.paces if preference else {}
    chosen = paces.get(kind.key)
    if person.is_guest:
        return [] if chosen == Pace.INBOX else [(MAIL, False)]
    pace = chosen or (Pace.AT_ONCE if is_action else kind.default)
    if pace == Pace.AT_ONCE and preference and is_paused(preference, person):
        pace = Pace.DIGEST
    if pace == Pace.INBOX:
        return []
    switches = preference.channels if preference else {}
    on = [
        channel.key
        for channel in outward_channels()
        if switches.get(channel.key, channel.is_default)
        and (pace == Pace.AT_ONCE or channel.key == MAIL)
        and channel.is_available(person)
    ]
    return [(key, pace == Pace.DIGEST) for key in on]


def is_paused(preference: Preference, person: User, now: datetime | None = None) -> bool:
    """Whether nothing may leave the inbox today, in the person's own time zone."""
    today = timezone.localdate(now, person.zone)
    return preference.paused_until is not None and preference.paused_until > today


@transaction.atomic
def cancel(event_id: int) -> int:
    """Take back the notices of an event that are not released yet; returns how many.

    What is released, or in a sender's hands by another machine's clock, stays: people heard.
    What the event had settled is open again.
    """
    waiting = Notice.objects.filter(event_id=event_id, release_at__gt=timezone.now())
    ids = list(waiting.select_for_update().values_list("pk", flat=True))
    held = {
        delivery.notice_id
        # Locked, so that a sender's claim comes either before this look or finds no row.
        for delivery in Delivery.objects.select_for_update().filter(notice_id__in=ids)
        if delivery.claimed_at is not None or delivery.status == Slip.Status.SENT
    }
    gone = [pk for pk in ids if pk not in held]
    Notice.objects.filter(pk__in=gone).delete()
    unsettle(event_id)
    return len(gone)


def _enqueue(delivery_ids: list[int], release_at: datetime) -> None:
    from notices.tasks import send_delivery

    wait = (release_at - timezone.now()).total_seconds()
    if wait > LONGEST_COUNTDOWN_SECONDS:
        return  # the sweep finds them; a broker is no calendar
    # A second more: a worker that looks a moment early would leave it to the sweep.
    countdown = wait + 1 if wait > 0 else None
    try:
        for pk in delivery_ids:
            send_delivery.apply_async((pk,), countdown=countdown)
    except Exception as error:  # noqa: BLE001  broker clients raise many kinds
        # The slips are stored: the beat task sends them when the broker is back.
        log.warning("delivery_not_enqueued", error=type(error).__name__)


def deliver(delivery_id: int) -> bool:
    """Send one notice through one channel; False when it is out already, not due, in other
    hands, not wanted any more, or failed.

    The slip is claimed for a lease before the other side is spoken to, outside any transaction.
    A mail's Message-ID follows the notice, so that even one sent twice, by a worker that died
    between sending and noting it, is recognised as the same. Raises Unreachable when the other
    side is away, after keeping the fault.
    """
    own = Delivery.objects.filter(pk=delivery_id, in_digest=False)
    if not slips.claim(own, timezone.now()):
        return False
    delivery = own.select_related("notice__recipient").first()
    if delivery is None:  # taken back between the claim and here
        return False
    if reason := _why_not(delivery):
        slips.close(own, Slip.Status.DROPPED, reason)
        return False
    channel = channel_of(delivery.channel)
    assert channel is not None  # `_why_not` looked
    try:
        channel.deliver(delivery.notice)
    except Exception as error:
        slips.put_off(own, delivery.attempts, error)
        log.warning(
            "delivery_failed",
            delivery_id=delivery_id,
            channel=delivery.channel,
            error=type(error).__name__,
        )
        if isinstance(error, Unreachable):
            raise
        if not isinstance(error, (Undeliverable, OSError)):
            log.exception("delivery_fault", delivery_id=delivery_id)
        return False
    slips.close(own, Slip.Status.SENT)
    return True


def _why_not(delivery: Delivery) -> str:
    """Why a notice is not sent after all, or an empty text."""
    notice = delivery.notice
    person = notice.recipient
    channel = channel_of(delivery.channel)
    if channel is None:
        return f"There is no channel {delivery.channel}."
    if not person.is_active:
        return "The account is closed."
    if not channel.is_available(person):
        return f"{channel.name} does not reach this person any more."
    if notice.done_at is not None and notice.settled_by is None:
        return "Its reader marked it as done before it went out."
    if notice not in in_sight(person, [notice]):
        return "The person may not see it any more."
    return ""


def in_sight(person: User, notices: Collection[Notice]) -> list[Notice]:
    """Those about things that their reader may still see; one query a type of thing."""
    ids: dict[str, set[int]] = {}
    for notice in notices:
        if notice.subject_id is not None and sight_of(notice.subject_type):
            ids.setdefault(notice.subject_type, set()).add(notice.subject_id)
    seen = {
        (subject_type, pk)
        for subject_type, wanted in ids.items()
        if (sight := sight_of(subject_type)) is not None
        for pk in sight(person, wanted)
    }
    return [
        notice
        for notice in notices
        if notice.subject_type not in ids or (notice.subject_type, notice.subject_id) in seen
    ]


def send_again(*, delivery_ids: Iterable[int]) -> int:
    """Have failed deliveries tried anew, from the first attempt; returns how many."""
    return Delivery.objects.filter(
        pk__in=list(delivery_ids), status=Slip.Status.FAILED, digest__isnull=True
    ).update(status=Slip.Status.WAITING, attempts=0, due_at=timezone.now(), claimed_at=None)
