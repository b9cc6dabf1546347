"""Read requests: rows for lists, the queue, what waits for whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import Role, User
from activity.models import Event
from activity.selectors import timeline_for
from intake.models import Comment, Kind, Request, RequestQuerySet, Status, state_of
from producthub.lib.tags import tag_html


@dataclass(slots=True)
class RequestRow:
    """What one line of a list shows; plain values, because building models is what costs."""

    number: int
    title: str
    kind: str
    status: str
    outcome: str
    asked_at: datetime | None
    due_at: datetime | None
    changed_at: datetime
    submitted_at: datetime
    team: str | None
    requester: str
    department: str
    owner: str | None
    reason: str | None

    @property
    def url(self) -> str:
        return f"/requests/{self.number}/"

    @property
    def reference(self) -> str:
        return f"REQ-{self.number}"

    @property
    def state_html(self) -> SafeString:
        return tag_html(*state_of(self.status, self.outcome, self.asked_at is not None))

    @property
    def due_html(self) -> SafeString | str:
        return due_tag(self.due_at, self.asked_at)

    @property
    def kind_word(self) -> str:
        return KIND_WORDS[self.kind]

    @property
    def byline(self) -> str:
        """Department and name of who asked."""
        return f"{self.department} · {self.requester}" if self.department else self.requester

    @property
    def news(self) -> str:
        """The last news in a few words."""
        if self.status == Status.SHIPPED:
            return "Delivered"
        if self.status == Status.DECIDED:
            return self.reason or "Decided"
        if self.asked_at:
            return "You are asked something"
        if self.status == Status.TRIAGED:
            return f"With {self.owner}" if self.owner else "Routed to a team"
        return "Received, waiting to be read"


KIND_WORDS = dict(Kind.choices)
ROW_FIELDS = (
    "number",
    "title",
    "kind",
    "status",
    "outcome",
    "asked_at",
    "due_at",
    "changed_at",
    "submitted_at",
    "team__name",
    "requester__name",
    "requester__department",
    "owner__name",
    "decision__reason",
)


def rows(requests: Any) -> list[RequestRow]:
    """The lines of a list of requests (a queryset or a slice of one), in one query."""
    return [RequestRow(*values) for values in requests.values_list(*ROW_FIELDS)]


def due_tag(due_at: datetime | None, asked_at: datetime | None = None) -> SafeString | str:
    """How a promise stands: overdue, so much left, or waiting for the requester."""
    if asked_at is not None:
        return tag_html("Asked", "", "msg")
    if due_at is None:
        return ""
    left = (due_at - timezone.now()).total_seconds()
    # Rounded as `spoken` rounds, so that tag and sentence agree.
    days = abs(left) >= 86_400
    size = f"{round(abs(left) / 86_400)} d" if days else f"{max(1, round(abs(left) / 3600))} h"
    if left < 0:
        return tag_html(f"Overdue {size}", "bad")
    return tag_html(f"{size} left", "warn" if left < 86_400 else "")


# --- The queue --------------------------------------------------------------------------------
VIEWS = {
    "triage": "To triage",
    "mine": "Mine",
    "decide": "To decide",
    "reply": "Waiting for a reply",
}
SORTS = {"promise": "Promise first", "new": "Newest first", "old": "Oldest first"}
_ORDER = {"promise": ["due_at", "id"], "new": ["-id"], "old": ["id"]}


def _view_filter(view: str, user: User) -> Q:
    asked = Q(asked_at__isnull=False)
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=Now())
    return {
        "triage": Q(status=Status.NEW) & ~asked & awake,
        "mine": Q(owner=user) & awake,
        "decide": Q(status=Status.TRIAGED) & ~asked & awake,
        "reply": asked & awake,
    }[view]


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


def queue(user: User, *, view: str, area: str = "", kind: str = "", sort: str = "promise") -> Any:
    """One saved view of the queue, ordered."""
    items = in_area(user, area).filter(_view_filter(view, user))
    if kind in Kind.values:
        items = items.filter(kind=kind)
    return items.order_by(*_ORDER.get(sort, _ORDER["promise"]))


_COUNTS = """
SELECT count(*) FILTER (WHERE status = 'new' AND asked_at IS NULL),
    count(*) FILTER (WHERE owner_id = %(user)s),
    count(*) FILTER (WHERE status = 'triaged' AND asked_at IS NULL),
    count(*) FILTER (WHERE asked_at IS NOT NULL),
    count(*) FILTER (WHERE status = 'new' AND asked_at IS NULL AND due_at < %(now)s),
    count(*) FILTER (WHERE status = 'new' AND asked_at IS NULL
        AND due_at >= %(now)s AND due_at < %(evening)s)
FROM intake_request
WHERE status IN ('new', 'triaged') AND merged_into_id IS NULL
    AND (snoozed_until IS NULL OR snoozed_until <= now())
"""


def queue_counts(user: User, *, area: str = "", kind: str = "") -> dict[str, int]:
    """How many each view holds, and how many promises of the first are past or near, at once.

    The same filters as `queue`, by hand: on a page that is open all day, building six filtered
    counts through the ORM costs more than counting. A test compares both. For PMs alone.
    """
    where = ""
    if area == "none":
        where = " AND team_id IS NULL"
    elif area and area != "all":
        where = " AND team_id = (SELECT id FROM accounts_team WHERE slug = %(area)s)"
    elif not area and user.role == Role.PM and user.team_ids:
        where = " AND (team_id = ANY(%(teams)s) OR team_id IS NULL OR owner_id = %(user)s)"
    if kind in Kind.values:
        where += " AND kind = %(kind)s"
    now = timezone.now()
    params: dict[str, Any] = {
        "user": user.pk,
        "area": area,
        "kind": kind,
        "teams": user.team_ids if "teams" in where else [],
        "now": now,
        "evening": timezone.localtime(now).replace(hour=23, minute=59, second=59),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS + where, params)
        return dict(zip((*VIEWS, "late", "soon"), cursor.fetchone(), strict=True))


def preview(user: User, number: int) -> Request | None:
    """The request beside the queue, with what its preview shows."""
    found = (
        Request.objects.visible_to(user)
        .filter(number=number)
        .select_related("requester", "owner", "team")
        .only(
            "number",
            "title",
            "problem",
            "kind",
            "status",
            "outcome",
            "asked_at",
            "due_at",
            "submitted_at",
            "needed_on",
            "evidence_url",
            "requester__name",
            "requester__department",
            "owner__name",
            "team__name",
        )
    )
    return next(iter(found[:1]), None)


def my_requests(user: User) -> RequestQuerySet:
    """What a person asked for, newest news first."""
    return Request.objects.filter(requester=user).order_by("-changed_at", "-id")


def questions_for(user: User) -> RequestQuerySet:
    """Requests whose requester is asked something."""
    return Request.objects.filter(requester=user, asked_at__isnull=False).order_by("asked_at")


def owned_open(user: User) -> RequestQuerySet:
    """Requests whose decision this person owes, by promise."""
    return Request.objects.open().filter(owner=user, asked_at__isnull=True).order_by("due_at", "id")


# --- One request ------------------------------------------------------------------------------
@dataclass(slots=True)
class Entry:
    """One line of a request's history."""

    icon: str
    text: str
    who: Any
    at: datetime
    said: str = ""
    tone: str = ""


def history(item: Request) -> list[Entry]:
    """Everything that happened and was said, newest first, in two queries."""
    said = {comment.pk: comment for comment in item.comments.all()}
    return [entry for event in timeline_for(item) if (entry := _entry(event, said, item))]


def open_question(item: Request) -> Comment | None:
    """The question that waits for the requester, if any; reads what `history` has fetched."""
    if item.asked_at is None:
        return None
    asked = [c for c in item.comments.all() if c.kind == Comment.Kind.QUESTION]
    return max(asked, key=lambda comment: comment.created_at, default=None)


_WORDS = {
    "request.submitted": ("mine", "sent this"),
    "request.triaged": ("route", "read this and routed it"),
    "request.reassigned": ("route", "changed team or owner"),
    "request.asked": ("msg", "asked the requester"),
    "request.answered": ("msg", "answered"),
    "request.commented": ("msg", "commented"),
    "request.decided": ("gavel", "decided"),
    "request.shipped": ("check", "marked this as delivered"),
}


def _entry(event: Event, said: dict[int, Comment], item: Request) -> Entry | None:
    if event.kind not in _WORDS:
        return None
    drawn, text = _WORDS[event.kind]
    comment = said.get(event.data.get("comment", 0))
    words = comment.body if comment else ""
    if event.kind == "request.decided" and item.decision is not None:
        text = f"decided: {item.decision.get_outcome_display().lower()}"
        words = item.decision.reason
    return Entry(drawn, text, event.actor, event.occurred_at, words)


@dataclass(slots=True)
class Step:
    """One step of a request's way."""

    name: str
    note: Any
    is_done: bool = False
    is_current: bool = False


def steps(item: Request) -> list[Step]:
    """Received, triaged, decision, delivered: what is done when, and what comes next."""
    way = [Step("Received", item.submitted_at, True)]
    way.append(Step("Triaged", item.triaged_at, item.triaged_at is not None))
    way.append(Step("Decision", item.decided_at, item.decided_at is not None))
    if not item.outcome or item.outcome == "do":
        way.append(Step("Delivered", item.shipped_at, item.shipped_at is not None))
    current = next((step for step in way if not step.is_done), None)
    if current is not None:
        current.is_current = True
        if item.due_at is not None:
            current.note = item.due_at
    return way
