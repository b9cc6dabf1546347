"""What was promised and what was kept; who has heard nothing for too long. To read."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import User
from intake.models import Promise, Request
from intake.services.promises import HEARD_CEILING_DAYS, promised_days
from notices.selectors import last_heard

KIND_ORDER = [str(kind) for kind in Promise.Kind]


@dataclass(frozen=True)
class Kept:
    """Of the promises of one form and kind that fell due in a span: how many there were, how
    many were kept. A promise that is late and still open counts as broken."""

    form: str
    kind: str
    due: int
    kept: int

    @property
    def kind_word(self) -> str:
        return str(Promise.Kind(self.kind).label)

    @property
    def percent(self) -> int | None:
        """Rounded down, so that 100 means all; None where nothing fell due."""
        return 100 * self.kept // self.due if self.due else None


_KEPT = """
SELECT coalesce(f.name, 'Other ways'), p.kind, count(*),
    count(*) FILTER (WHERE p.met_at <= p.due_at)
FROM intake_promise p
JOIN intake_request r ON r.id = p.request_id
LEFT JOIN intake_formversion v ON v.id = r.form_version_id
LEFT JOIN intake_intakeform f ON f.id = v.form_id
WHERE p.due_at >= %(start)s AND p.due_at < %(end)s
  AND (p.met_at IS NOT NULL OR (p.paused_at IS NULL AND p.due_at <= now()))
GROUP BY 1, 2
"""


def promise_record(start: datetime, end: datetime) -> list[Kept]:
    """How promises that fell due from `start` (inclusive) to `end` (exclusive) were kept, by
    form and kind. Source: the promises themselves. What waits for the requester is left out."""
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, {"start": start, "end": end})
        rows = [Kept(*row) for row in cursor.fetchall()]
    return sorted(rows, key=lambda row: (row.form, KIND_ORDER.index(row.kind)))


@dataclass(frozen=True)
class Span:
    """A quarter, by the company's days."""

    key: str
    name: str
    start: datetime
    end: datetime


def quarter(day: date, back: int = 0) -> Span:
    """The quarter of a day, or one so many quarters before."""
    index = day.year * 4 + (day.month - 1) // 3 - back
    year, place = divmod(index, 4)
    next_year, next_place = divmod(index + 1, 4)
    zone = timezone.get_current_timezone()
    return Span(
        f"{year}-q{place + 1}",
        f"{['first', 'second', 'third', 'fourth'][place]} quarter of {year}",
        datetime(year, 3 * place + 1, 1, tzinfo=zone),
        datetime(next_year, 3 * next_place + 1, 1, tzinfo=zone),
    )


def house_promises() -> list[tuple[str, int]]:
    """(what, working days) that hold where no form says otherwise."""
    return [(str(Promise.Kind(kind).label), days) for kind, days in promised_days(None).items()]


@dataclass(frozen=True)
class Unheard:
    """One person behind one open request who has heard nothing for too long."""

    item: Request
    person: User
    since: datetime

    @property
    def days(self) -> int:
        return (timezone.now() - self.since).days


_BEHIND = """
WITH roots AS (
    SELECT id FROM intake_request WHERE id = ANY(%(roots)s)
), members AS (
    SELECT m.id, coalesce(m.root_id, m.id) AS root, m.requester_id, m.sent_by_id, m.submitted_at
    FROM intake_request m JOIN roots ON roots.id = coalesce(m.root_id, m.id)
), people AS (
    SELECT root, id AS member, requester_id AS person, submitted_at AS since FROM members
    UNION ALL SELECT root, id, sent_by_id, submitted_at FROM members WHERE sent_by_id IS NOT NULL
    UNION ALL SELECT m.root, m.id, v.person_id, v.created_at
        FROM intake_vote v JOIN members m ON m.id = v.request_id
    UNION ALL SELECT m.root, m.id, f.person_id, f.created_at
        FROM intake_follow f JOIN members m ON m.id = f.request_id WHERE NOT f.is_muted
)
SELECT root, person, max(since), array_agg(DISTINCT member) FROM people
WHERE NOT EXISTS (SELECT FROM intake_follow f JOIN members m ON m.id = f.request_id
                  WHERE m.root = people.root AND f.person_id = people.person AND f.is_muted)
GROUP BY root, person
"""
MOST_QUIET = 500


def unheard(user: User, *, at: datetime | None = None) -> list[Unheard]:
    """Everybody behind an open request who has heard nothing of it for longer than the ceiling,
    longest first; who muted it is left out. Trimmed to what `user` may see. Four queries.

    A vote counts as hearing: whoever gives one has just read how it stands.
    """
    since = (at or timezone.now()) - timedelta(days=HEARD_CEILING_DAYS)
    # A request whose people all heard lately cannot have a silent one who was there before.
    items = {
        item.pk: item
        for item in Request.objects.visible_to(user)
        .open()
        .filter(submitted_at__lt=since)
        .select_related("owner", "team")
        .defer("search_vector")
        .order_by("heard_at")[:MOST_QUIET]
    }
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"roots": list(items)})
        rows: list[tuple[int, int, datetime, list[int]]] = cursor.fetchall()
    heard = last_heard("intake.request", {pk for *_, ids in rows for pk in ids} | set(items))
    people = User.objects.filter(is_active=True).in_bulk({person for _, person, *_ in rows})
    found = []
    for root, person, joined, members in rows:
        times = [heard.get((pk, person)) for pk in {root, *members}]
        latest = max([joined, *[one for one in times if one is not None]])
        if latest < since and person in people:
            found.append(Unheard(items[root], people[person], latest))
    return sorted(found, key=lambda one: (one.since, one.item.pk, one.person.pk))


def totals(rows: list[Kept]) -> dict[str, Any]:
    """All of them together, for the sentence on top."""
    due, kept = sum(row.due for row in rows), sum(row.kept for row in rows)
    return {"due": due, "kept": kept, "percent": 100 * kept // due if due else None}
