"""Read the inbox, who heard what, and whose digest is due."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, F, Max, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, TruncWeek
from django.utils import timezone

from accounts.calendars import calendar_for
from accounts.models import Role, User
from notices.models import Delivery, Digest, Notice, Preference, Slip

DIGEST_HOUR = 8
TABS = ("open", "new", "snoozed", "done")


def released_for(user: User) -> QuerySet[Notice]:
    """Everything the hub told a person; what waits for its release is not among it."""
    return Notice.objects.filter(recipient=user, release_at__lte=timezone.now())


def inbox_for(user: User, tab: str = "open") -> QuerySet[Notice]:
    """One tab of a person's inbox: what needs them first, then the newest.

    Each notice carries `needs`: whether it stands under "Needs you".
    """
    now = timezone.now()
    is_asleep = Q(snoozed_until__gt=now)
    found = released_for(user)
    if tab == "done":
        return found.filter(done_at__isnull=False).order_by("-done_at", "-id")
    found = found.filter(done_at__isnull=True)
    if tab == "snoozed":
        return found.filter(is_asleep).order_by("snoozed_until", "id")
    found = found.exclude(is_asleep)
    if tab == "new":
        found = found.filter(read_at__isnull=True)
    needs = Case(When(is_action=True, then=Value(1)), default=Value(0))
    # A notice that slept comes back on top, as if it had just come.
    came = Coalesce(F("snoozed_until"), F("release_at"))
    return found.annotate(needs=needs, came_at=came).order_by("-needs", "-came_at", "-id")


@dataclass(frozen=True)
class InboxCounts:
    """How many notices each part of the inbox holds."""

    open: int
    needs: int
    new: int
    news: int
    snoozed: int


def inbox_counts(user: User) -> InboxCounts:
    """One query: open ones, those that need the reader, unread ones, unread news, sleeping ones."""
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=timezone.now())
    is_new = awake & Q(read_at__isnull=True)
    return InboxCounts(
        **released_for(user)
        .filter(done_at__isnull=True)
        .aggregate(
            open=Count("pk", filter=awake),
            needs=Count("pk", filter=awake & Q(is_action=True)),
            new=Count("pk", filter=is_new),
            news=Count("pk", filter=is_new & Q(is_action=False)),
            snoozed=Count("pk", filter=~awake),
        )
    )


def last_heard(subject_type: str, subject_ids: Iterable[int]) -> dict[tuple[int, int], datetime]:
    """When each person last heard of each of these things, by (subject id, person id).

    Unit: aware times; of release, for guests of the sent mail, since they have no inbox. Who
    never heard is not in it; nor is what still waits. `subject_type` as events write it:
    "intake.request".
    """
    sent = Max("deliveries__sent_at", filter=Q(deliveries__status=Slip.Status.SENT))
    rows = (
        Notice.objects.filter(
            subject_type=subject_type,
            subject_id__in=list(subject_ids),
            release_at__lte=timezone.now(),
        )
        .values_list("subject_id", "recipient_id", "recipient__role")
        .order_by()
        .annotate(at=Max("release_at"), sent=sent)
    )
    heard = {
        (subject_id, person_id): sent if role == Role.GUEST else at
        for subject_id, person_id, role, at, sent in rows
    }
    return {key: at for key, at in heard.items() if at is not None}


def preference_of(user: User) -> Preference:
    """How a person wants to hear; an unsaved empty one for who never chose."""
    return Preference.objects.filter(person=user).first() or Preference(person=user)


def digest_cutoff(zone: ZoneInfo, now: datetime) -> datetime | None:
    """Today's 8:00 in a zone once it has passed on a working day of the company, else None.

    The same wall clock on days when clocks change.
    """
    local = now.astimezone(zone)
    if not calendar_for(None).is_working_day(local.date()) or local.hour < DIGEST_HOUR:
        return None
    return datetime.combine(local.date(), time(DIGEST_HOUR), tzinfo=zone)


def waiting_for_digest() -> QuerySet[Delivery]:
    """Deliveries that no digest has gathered yet."""
    return Delivery.objects.filter(status=Slip.Status.WAITING, in_digest=True, digest__isnull=True)


def digests_due(now: datetime) -> list[int]:
    """People whose digest of today is due and not made yet; two queries.

    Pauses and read notices are looked at again, under a lock, by `make_digest`.
    """
    zones = (
        waiting_for_digest()
        .order_by()
        .values_list("notice__recipient__time_zone", flat=True)
        .distinct()
    )
    due = Q(pk__in=[])
    for name in zones:
        zone = ZoneInfo(name)
        if cutoff := digest_cutoff(zone, now):
            today = timezone.localdate(now, zone)
            due |= Q(
                Q(notice__recipient__notice_preference__paused_until__isnull=True)
                | Q(notice__recipient__notice_preference__paused_until__lte=today),
                notice__recipient__time_zone=name,
                notice__release_at__lt=cutoff,
            ) & ~Q(notice__recipient__in=Digest.objects.filter(on=today).values("recipient"))
    return list(
        waiting_for_digest()
        .filter(due)
        .order_by("notice__recipient")
        .values_list("notice__recipient", flat=True)
        .distinct()
    )


def label_of(person: User, subject_type: str, subject_id: int | None) -> str:
    """The reference of a thing as a person was last told of it: "REQ-142"; else empty."""
    told = Notice.objects.filter(
        recipient=person, subject_type=subject_type, subject_id=subject_id
    ).order_by("-release_at")
    return told.values_list("subject_label", flat=True).first() or ""


@dataclass(frozen=True)
class WeekOfPings:
    """What reached some people outside the hub in one week, begun on Monday `on`."""

    on: date
    at_once: int
    digests: int
    people: int

    @property
    def per_person(self) -> float:
        """Messages that interrupt: those at once and the digests, by person."""
        return (self.at_once + self.digests) / self.people if self.people else 0.0


def pings_by_week(people: QuerySet[User], *, weeks: int = 8) -> list[WeekOfPings]:
    """How often people were written to in each of the last full weeks, newest first.

    Counted are messages that went out (mail, Slack) by the company's weeks; a digest is one,
    whatever it gathers. `people` are those asked about, as they are today. Three queries.
    """
    monday = timezone.localdate() - timedelta(days=timezone.localdate().weekday())
    first = datetime.combine(
        monday - timedelta(weeks=weeks), time(), tzinfo=timezone.get_default_timezone()
    )
    week = TruncWeek("sent_at", tzinfo=timezone.get_default_timezone())
    sent = {"status": Slip.Status.SENT, "sent_at__gte": first}
    at_once = dict(
        Delivery.objects.filter(notice__recipient__in=people, in_digest=False, **sent)
        .order_by()
        .values_list(week)
        .annotate(Count("pk"))
    )
    digests = dict(
        Digest.objects.filter(recipient__in=people, **sent)
        .order_by()
        .values_list(week)
        .annotate(Count("pk"))
    )
    by_day = [
        {timezone.localdate(at): n for at, n in found.items()} for found in (at_once, digests)
    ]
    count = people.count()
    days = [monday - timedelta(weeks=back) for back in range(1, weeks + 1)]
    return [WeekOfPings(day, by_day[0].get(day, 0), by_day[1].get(day, 0), count) for day in days]
