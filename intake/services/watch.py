"""The hub keeps its own promises in view: warnings before one breaks, word when one broke, and a
task where those behind a request have heard nothing for too long.

Each sweep claims its rows in one statement, so that two of them at once say nothing twice. Who
would hear of more than three requests hears of all in one notice.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.calendars import calendar_for
from accounts.models import Role, User
from activity.events import Fact, record_many
from activity.models import Event
from intake.models import OPEN_STATUSES, Promise, Request
from intake.services.promises import HEARD_CEILING_DAYS
from notices.services import Message, notify
from producthub.lib.periods import WORKDAY_SECONDS, working_seconds

# So much of a promise is left when it is warned of: a working day, or a quarter of a short one.
WARN_SECONDS = WORKDAY_SECONDS
WARN_SHARE = 4
# Working time cannot be counted in the query: what falls due later than this is left for later.
LOOK_AHEAD_DAYS = 6
# More than this, and a person gets one notice for all.
FEW = 3
BATCH = 500


@dataclass
class Swept:
    """What one sweep did: promises warned of, promises broken, requests gone quiet."""

    warned: int = 0
    breached: int = 0
    silent: int = 0


@dataclass
class _Case:
    """One request that a sweep speaks of, and the event that says so."""

    item: Request
    event: Event
    kinds: list[str] = field(default_factory=list)


def watch_promises(*, at: datetime | None = None) -> Swept:
    """One look at all running promises and all silence; repeatable, says everything once."""
    now = at or timezone.now()
    return Swept(
        warned=_warn(now),
        breached=_breach(now),
        silent=_silence(now),
    )


def _open_requests() -> Q:
    return Q(request__status__in=OPEN_STATUSES, request__merged_into__isnull=True)


@transaction.atomic
def _warn(now: datetime) -> int:
    near = (
        Promise.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(_open_requests(), met_at__isnull=True, paused_at__isnull=True)
        .filter(warned_at__isnull=True, breached_at__isnull=True, due_at__gt=now)
        .filter(due_at__lte=now + timedelta(days=LOOK_AHEAD_DAYS))
        .select_related("request__team__lead", "request__owner")
        .order_by("due_at")[:BATCH]
    )
    due = [row for row in near if _left(row, now) <= _warn_at(row)]
    Promise.objects.filter(pk__in=[row.pk for row in due]).update(warned_at=now)
    cases = _record("request.warned", due, now)
    _tell(cases, _answerable, _warning)
    return len(due)


def _left(row: Promise, now: datetime) -> int:
    """Working seconds until it falls due."""
    return working_seconds(now, row.due_at, calendar_for(row.request.team))


def _warn_at(row: Promise) -> float:
    return min(WARN_SECONDS, row.days * WORKDAY_SECONDS / WARN_SHARE)


@transaction.atomic
def _breach(now: datetime) -> int:
    late = list(
        Promise.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(_open_requests(), met_at__isnull=True, paused_at__isnull=True)
        .filter(breached_at__isnull=True, due_at__lte=now)
        .select_related("request__team__lead", "request__owner")
        .order_by("due_at")[:BATCH]
    )
    Promise.objects.filter(pk__in=[row.pk for row in late]).update(breached_at=now)
    cases = _record("request.breached", late, now)
    _tell(cases, _in_charge, _breaking)
    return len(late)


_QUIET = """
UPDATE intake_request SET silence_raised_at = %(now)s
WHERE id IN (
    SELECT id FROM intake_request
    WHERE status = ANY(%(open)s) AND merged_into_id IS NULL AND silence_raised_at IS NULL
      AND heard_at < %(since)s
    ORDER BY heard_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


@transaction.atomic
def _silence(now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _QUIET,
            {
                "now": now,
                "since": now - timedelta(days=HEARD_CEILING_DAYS),
                "open": [str(status) for status in OPEN_STATUSES],
                "batch": BATCH,
            },
        )
        ids = [row[0] for row in cursor.fetchall()]
    items = Request.objects.filter(pk__in=ids).select_related("team__lead", "owner")
    facts = [Fact("request.silent", item, now) for item in items]
    cases = [_Case(item, event) for item, event in zip(items, record_many(facts), strict=True)]
    _tell(cases, _answerable, _quiet)
    return len(cases)


def _record(kind: str, rows: Iterable[Promise], now: datetime) -> list[_Case]:
    """One event a promise; one case a request, by its first."""
    held = list(rows)
    facts = [Fact(kind, row.request, now, data={"promise": str(row.kind)}) for row in held]
    cases: dict[int, _Case] = {}
    for row, event in zip(held, record_many(facts), strict=True):
        case = cases.setdefault(row.request_id, _Case(row.request, event))
        case.kinds.append(str(Promise.Kind(row.kind).label).lower())
    return list(cases.values())


# --- Who hears of it, in which words ----------------------------------------------------------
def _ops() -> list[User]:
    return list(User.objects.filter(role=Role.PRODUCT_OPS, is_active=True))


def _answerable(item: Request, ops: list[User]) -> list[User]:
    """The one person who can act: the owner, else the area's lead, else Product Ops."""
    lead = item.team.lead if item.team else None
    one = next((who for who in (item.owner, lead) if who and who.is_active), None)
    return [one] if one else ops


def _in_charge(item: Request, ops: list[User]) -> list[User]:
    """Whoever answers for it, with the area's lead and Product Ops above them."""
    lead = item.team.lead if item.team else None
    people = [who for who in (item.owner, lead, *ops) if who and who.is_active]
    return list({who.pk: who for who in people}.values())


def _warning(case: _Case) -> Message:
    return Message(
        f"{case.item.reference} is nearly due: {case.item.title}",
        case.item.get_absolute_url(),
        f"Promised: {' and '.join(case.kinds)}. Less than a working day is left.",
        is_action=True,
    )


def _breaking(case: _Case) -> Message:
    return Message(
        f"{case.item.reference} is overdue: {case.item.title}",
        case.item.get_absolute_url(),
        f"The promise is broken: {' and '.join(case.kinds)}. A word to who asked helps more than"
        " silence.",
        is_action=True,
    )


def _quiet(case: _Case) -> Message:
    return Message(
        f"Nobody has heard of {case.item.reference} for {HEARD_CEILING_DAYS} days:"
        f" {case.item.title}",
        f"{case.item.get_absolute_url()}#talk",
        "Tell those behind it how it stands, even when nothing is new: a comment reaches them.",
        is_action=True,
    )


_SEVERAL = {
    _warning: ("{} promises are nearly due", "view=mine"),
    _breaking: ("{} promises are broken", "sort=promise&area=all"),
    _quiet: ("Nobody has heard of {} requests for too long", "view=quiet&area=all"),
}


def _tell(cases: list[_Case], who: object, words: object) -> None:
    """One notice a request, or one for all to those who would get more than a few."""
    assert callable(who) and callable(words)
    ops = _ops() if cases else []
    by_person: dict[int, list[_Case]] = defaultdict(list)
    people: dict[int, User] = {}
    for case in cases:
        for person in who(case.item, ops):
            people[person.pk] = person
            by_person[person.pk].append(case)
    single: dict[int, list[User]] = defaultdict(list)
    for pk, held in by_person.items():
        if len(held) <= FEW:
            for case in held:
                single[case.event.pk].append(people[pk])
            continue
        title, query = _SEVERAL[words]
        lines = [f"{case.item.reference} {case.item.title}" for case in held[:20]]
        more = f"\n… and {len(held) - 20} more" if len(held) > 20 else ""
        notify(
            event=held[0].event,
            recipients=[people[pk]],
            message=Message(
                title.format(len(held)),
                f"{reverse('intake:triage')}?{query}",
                "\n".join(lines) + more,
                is_action=True,
            ),
            channel_kind="promise",
        )
    for case in cases:
        if single[case.event.pk]:
            notify(
                event=case.event,
                recipients=single[case.event.pk],
                message=words(case),
                channel_kind="promise",
            )
