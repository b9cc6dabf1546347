"""Read the queue: its views, filters, rows and counts, and the request beside it."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.cache import cache
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from accounts.models import Role, Team, User
from intake.models import Kind, Priority, Request, RequestQuerySet, Status
from intake.selectors import KIND_WORDS, due_tag
from intake.services.promises import HEARD_CEILING_DAYS
from producthub.lib.tags import tag_html

VIEWS = {
    "triage": "To triage",
    "mine": "Mine",
    "decide": "To decide",
    "reply": "Waiting for a reply",
    "dup": "Likely duplicates",
    "snoozed": "Snoozed",
    "quiet": "Gone quiet",
}
SORTS = {"promise": "Promise first", "votes": "Votes first", "new": "Newest first"}
_ORDER = {
    "promise": ["due_at", "id"],
    "votes": ["-vote_count", "due_at", "id"],
    "new": ["-id"],
}
PRIORITY_TONES = {Priority.URGENT: "bad", Priority.HIGH: "warn"}
CHOICES_SECONDS = 60


@dataclass(frozen=True)
class Wanted:
    """One view of the queue with its filters, as an address says it."""

    view: str = "triage"
    area: str = ""
    kind: str = ""
    priority: str = ""
    label: str = ""
    sort: str = "promise"

    @classmethod
    def read(cls, query: Any) -> "Wanted":
        """From a query string; what makes no sense is left out."""
        given = {name: query.get(name, "")[:100] for name in _WANTED}
        known = {
            "view": VIEWS,
            "kind": Kind.values,
            "priority": Priority.values,
            "sort": SORTS,
        }
        for name, values in known.items():
            if given[name] not in values:
                given.pop(name)
        return cls(**given)

    def query(self, **changes: str) -> str:
        """The query string, only with what differs from the plain queue."""
        now = {name: changes.get(name, getattr(self, name)) for name in _WANTED}
        return urlencode({name: now[name] for name in now if now[name] != _WANTED[name]})

    @property
    def is_filtered(self) -> bool:
        return bool(self.area or self.kind or self.priority or self.label)


# The plain queue, part by part.
_WANTED: dict[str, str] = asdict(Wanted())


def _view_filter(view: str, user: User) -> Q:
    asked = Q(asked_at__isnull=False)
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=Now())
    return {
        "triage": Q(status=Status.NEW) & ~asked & awake,
        "mine": Q(owner=user) & awake,
        "decide": Q(status=Status.TRIAGED) & ~asked & awake,
        "reply": asked & awake,
        "dup": Q(similar_count__gt=0) & awake,
        "snoozed": Q(snoozed_until__gt=Now()),
        # Who waits for news does not know that somebody snoozed it.
        "quiet": Q(heard_at__lt=quiet_since()),
    }[view]


def quiet_since() -> datetime:
    """Whoever last heard before this has waited too long."""
    return timezone.now() - timedelta(days=HEARD_CEILING_DAYS)


def in_area(user: User, area: str) -> RequestQuerySet:
    """Open requests that a person triages: one team's, all, or (empty) those of their own teams.

    Requests without a team belong to everyone; Product Ops looks after all teams.
    """
    items = Request.objects.visible_to(user).open()
    if area == "all" or (not area and user.role != Role.PM):
        return items
    if area == "none":
        return items.filter(team__isnull=True)
    if area:
        return items.filter(team__slug=area)
    mine = user.team_ids
    return (
        items.filter(Q(team_id__in=mine) | Q(team__isnull=True) | Q(owner=user)) if mine else items
    )


def queue(user: User, wanted: Wanted) -> RequestQuerySet:
    """One view of the queue, filtered and ordered."""
    items = in_area(user, wanted.area).filter(_view_filter(wanted.view, user))
    if wanted.kind:
        items = items.filter(kind=wanted.kind)
    if wanted.priority:
        items = items.filter(priority=wanted.priority)
    if wanted.label:
        items = items.filter(labels__contains=[wanted.label])
    return items.order_by(*_ORDER[wanted.sort])


_COUNTS = """
SELECT count(*) FILTER (WHERE awake AND status = 'new' AND asked_at IS NULL),
    count(*) FILTER (WHERE awake AND owner_id = %(user)s),
    count(*) FILTER (WHERE awake AND status = 'triaged' AND asked_at IS NULL),
    count(*) FILTER (WHERE awake AND asked_at IS NOT NULL),
    count(*) FILTER (WHERE awake AND similar_count > 0),
    count(*) FILTER (WHERE NOT awake),
    count(*) FILTER (WHERE heard_at < %(quiet)s),
    count(*) FILTER (WHERE awake AND status = 'new' AND asked_at IS NULL AND due_at < %(now)s),
    count(*) FILTER (WHERE awake AND status = 'new' AND asked_at IS NULL
        AND due_at >= %(now)s AND due_at < %(evening)s)
FROM (
    SELECT *, (snoozed_until IS NULL OR snoozed_until <= now()) AS awake FROM intake_request
    WHERE status IN ('new', 'triaged') AND merged_into_id IS NULL
) r WHERE TRUE
"""


def queue_counts(user: User, wanted: Wanted | None = None) -> dict[str, int]:
    """How many each view holds, and how many promises of the first are past or near, at once.

    The same filters as `queue`, by hand: on a page that is open all day, building nine filtered
    counts through the ORM costs more than counting. A test compares both. For PMs alone.
    """
    wanted = wanted or Wanted()
    where = ""
    if wanted.area == "none":
        where = " AND team_id IS NULL"
    elif wanted.area and wanted.area != "all":
        where = " AND team_id = (SELECT id FROM accounts_team WHERE slug = %(area)s)"
    elif not wanted.area and user.role == Role.PM and user.team_ids:
        where = " AND (team_id = ANY(%(teams)s) OR team_id IS NULL OR owner_id = %(user)s)"
    if wanted.kind:
        where += " AND kind = %(kind)s"
    if wanted.priority:
        where += " AND priority = %(priority)s"
    if wanted.label:
        where += " AND labels @> ARRAY[%(label)s]::varchar[]"
    now = timezone.now()
    params: dict[str, Any] = {
        "user": user.pk,
        "area": wanted.area,
        "kind": wanted.kind,
        "priority": wanted.priority,
        "label": wanted.label,
        "teams": user.team_ids if "teams" in where else [],
        "now": now,
        "quiet": quiet_since(),
        "evening": timezone.localtime(now).replace(hour=23, minute=59, second=59),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS + where, params)
        return dict(zip((*VIEWS, "late", "soon"), cursor.fetchone(), strict=True))


@dataclass(slots=True)
class Choices:
    """What the filters offer."""

    areas: list[tuple[str, str]]
    labels: list[str]


_LABELS = """
SELECT DISTINCT unnest(labels) AS label FROM intake_request
WHERE status IN ('new', 'triaged') AND merged_into_id IS NULL AND labels <> '{}'
ORDER BY label LIMIT 100
"""


def choices() -> Choices:
    """Areas, and the labels of open requests; up to a minute old."""
    known = cache.get("queue:choices")
    if known is None:
        areas = list(Team.objects.filter(is_active=True).values_list("slug", "name"))
        with connection.cursor() as cursor:
            cursor.execute(_LABELS)
            known = (areas, [label for (label,) in cursor.fetchall()])
        cache.set("queue:choices", known, CHOICES_SECONDS)
    return Choices(*known)


@dataclass(slots=True)
class QueueRow:
    """One line of the queue; plain values and ready markup, as fifty of them are written."""

    number: int
    title: str
    kind: str
    priority: str
    asked_at: datetime | None
    due_at: datetime | None
    snoozed_until: datetime | None
    heard_at: datetime | None
    votes: int
    similar: int
    team: str | None
    requester: str
    department: str
    owner: str | None
    lookers: str = ""
    href: str = ""
    is_on: bool = False

    @property
    def html(self) -> SafeString:
        """The line. Written here, since a template takes three times as long for fifty of them."""
        on, current = (' class="on"', ' aria-current="true"') if self.is_on else ("", "")
        href = escape(self.href)
        return mark_safe(
            f'<li{on}><input type="checkbox" name="id" value="{self.number}"'
            f' aria-label="Select REQ-{self.number}"><div><a class="q-t" href="{href}#preview"'
            f' hx-get="/triage/{href}"{current}>{escape(self.title)}</a>'
            f'<p class="meta">{self.meta_html}</p></div>'
            f'<div class="q-side">{self.side_html}</div></li>'
        )

    @property
    def meta_html(self) -> SafeString:
        """Number, kind, who asked, who owns it, likely duplicates, silence."""
        by = f"{self.department} · {self.requester}" if self.department else self.requester
        parts = [f'<span class="num">REQ-{self.number}</span><span>{KIND_WORDS[self.kind]}</span>']
        parts.append(f"<span>{escape(by)}</span>")
        if self.owner:
            parts.append(f'<span class="nowrap">with {escape(self.owner)}</span>')
        if self.similar == 1:
            parts.append('<span class="strong">Perhaps a duplicate</span>')
        elif self.similar:
            parts.append(f'<span class="strong">{self.similar} similar</span>')
        if days := silent_days(self.heard_at):
            parts.append(f'<span class="strong">silent {days} d</span>')
        if self.lookers:
            parts.append(f'<span class="lookers">{escape(self.lookers)} is here</span>')
        return mark_safe("".join(parts))

    @property
    def side_html(self) -> SafeString:
        """The promise, an unusual priority, and votes."""
        tone = PRIORITY_TONES.get(Priority(self.priority))
        drawn = tag_html(str(Priority(self.priority).label), tone, "up") if tone else ""
        votes = f"{self.votes:,} vote{'' if self.votes == 1 else 's'}"
        now = timezone.now()
        if self.snoozed_until is not None and self.snoozed_until > now:
            day = timezone.localtime(self.snoozed_until)
            due: str = tag_html(f"Until {day.day} {day:%b}", "", "snooze")
        else:
            due = due_tag(self.due_at, self.asked_at)
        return mark_safe(f'{due}{drawn}<span class="xs muted num">{votes}</span>')


ROW_FIELDS = (
    "number",
    "title",
    "kind",
    "priority",
    "asked_at",
    "due_at",
    "snoozed_until",
    "heard_at",
    "vote_count",
    "similar_count",
    "team__name",
    "requester__name",
    "requester__department",
    "owner__name",
)


def queue_rows(items: Any) -> list[QueueRow]:
    """The lines of a queue (a queryset or a slice of one), in one query."""
    return [QueueRow(*values) for values in items.values_list(*ROW_FIELDS)]


def silent_days(heard_at: datetime | None) -> int:
    """Whole days since those behind a request last heard something; 0 below half the ceiling."""
    if heard_at is None:
        return 0
    days = (timezone.now() - heard_at).days
    return days if days * 2 > HEARD_CEILING_DAYS else 0


PREVIEW_FIELDS = (
    "number",
    "title",
    "problem",
    "kind",
    "status",
    "outcome",
    "priority",
    "labels",
    "asked_at",
    "due_at",
    "snoozed_until",
    "heard_at",
    "submitted_at",
    "needed_on",
    "evidence_url",
    "source",
    "vote_count",
    "similar_count",
    "merged_into_id",
    "root_id",
    "requester__name",
    "requester__department",
    "owner__name",
    "team__name",
    "team__slug",
    "customer__name",
    "routed_by__name",
)


def preview(user: User, number: int) -> Request | None:
    """The request beside the queue, with what its preview shows."""
    found = (
        Request.objects.visible_to(user)
        .filter(number=number)
        .select_related("requester", "owner", "team", "customer", "routed_by")
        .only(*PREVIEW_FIELDS)
    )
    return next(iter(found[:1]), None)


# --- When nothing waits -----------------------------------------------------------------------
@dataclass(slots=True)
class Week:
    """What happened since Monday, and what comes next."""

    answered: int
    promised: int
    kept: int
    merged: int
    busiest: datetime | None
    busiest_count: int
    next_due: datetime | None
    next_from: str | None


_WEEK = """
WITH mine AS (
    SELECT r.* FROM intake_request r
    WHERE %(all)s OR r.team_id = ANY(%(teams)s) OR r.team_id IS NULL OR r.owner_id = %(user)s
), answers AS (
    SELECT p.met_at <= p.due_at AS kept FROM intake_promise p JOIN mine r ON r.id = p.request_id
    WHERE p.kind = 'first_answer' AND p.met_at >= %(monday)s AND r.acknowledged_at IS NOT NULL
), hours AS (
    SELECT date_trunc('hour', submitted_at) AS hour, count(*) AS n FROM mine
    WHERE submitted_at >= %(monday)s GROUP BY 1 ORDER BY n DESC, hour DESC LIMIT 1
), coming AS (
    SELECT r.due_at, u.name FROM mine r JOIN accounts_user u ON u.id = r.requester_id
    WHERE r.status IN ('new', 'triaged') AND r.merged_into_id IS NULL AND r.due_at > now()
      AND r.asked_at IS NULL
    ORDER BY r.due_at LIMIT 1
)
SELECT (SELECT count(*) FROM mine WHERE acknowledged_at >= %(monday)s),
    (SELECT count(*) FROM answers), (SELECT count(*) FROM answers WHERE kept),
    (SELECT count(*) FROM mine WHERE merged_at >= %(monday)s),
    (SELECT hour FROM hours), coalesce((SELECT n FROM hours), 0),
    (SELECT due_at FROM coming), (SELECT name FROM coming)
"""


def week(user: User) -> Week:
    """What a PM's area did since Monday 0:00 of the house, in one query. For PMs alone."""
    local = timezone.localtime()
    monday = (local - timedelta(days=local.weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    sees_all = user.role != Role.PM or not user.team_ids
    params: dict[str, Any] = {
        "all": sees_all,
        "teams": [] if sees_all else user.team_ids,
        "user": user.pk,
        "monday": monday,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WEEK, params)
        return Week(*cursor.fetchone())
