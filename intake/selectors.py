"""Read requests: rows for lists, the queue, what waits for whom."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import User
from accounts.permissions import is_pm
from activity.events import subject_key
from activity.models import Event
from intake.models import (
    Attachment,
    Comment,
    Kind,
    Request,
    RequestQuerySet,
    RoutingRule,
    Status,
    Vote,
    state_of,
)
from planning.models import Decision
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


# --- Lists ------------------------------------------------------------------------------------
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
    """One line of a request's history; `origin` is the request that it stands on, of a group."""

    icon: str
    text: str
    who: Any
    at: datetime
    said: str = ""
    origin: str = ""
    is_internal: bool = False
    is_comment: bool = False
    files: list[Attachment] = field(default_factory=list)


@dataclass(slots=True)
class Group:
    """A request and what joined it, as far as one reader may see."""

    members: list[Request]
    hidden: int = 0

    @property
    def ids(self) -> list[int]:
        return [member.pk for member in self.members]

    @property
    def joined(self) -> list[Request]:
        """What joined it, by votes."""
        return self.members[1:]


def group(item: Request, reader: User) -> Group:
    """What stands together with a request, itself first; what the reader may not see is counted
    only for PMs, who see everything."""
    if item.merged_into_id is not None:
        return Group([item])
    found = (
        Request.objects.filter(root=item)
        .visible_to(reader)
        .select_related("requester")
        .defer("search_vector")
        .order_by("-vote_count", "number")
    )
    return Group([item, *found])


def history(item: Request, reader: User, seen: Group | None = None) -> list[Entry]:
    """Everything that happened and was said on a request and what joined it, newest first.

    Internal notes are for PMs alone; what was taken back does not show. At most six queries.
    """
    seen = seen or group(item, reader)
    names = {member.pk: member.reference for member in seen.members}
    events = list(
        Event.objects.filter(
            subject_type=subject_key(Request),  # type: ignore[arg-type]
            subject_id__in=names,
            kind__in=(*_WORDS, "request.undone"),
        )
        .select_related("actor")
        .order_by("-occurred_at", "-id")
    )
    undone = {event.data["event"] for event in events if event.kind == "request.undone"}
    comments = Comment.objects.filter(request__in=names).prefetch_related("files")
    said = {comment.pk: comment for comment in comments if is_pm(reader) or not comment.is_internal}
    decisions = Decision.objects.in_bulk(
        [event.data["decision"] for event in events if event.kind == "request.decided"]
    )
    rules = RoutingRule.objects.in_bulk(
        [event.data["rule"] for event in events if event.kind == "request.routed"]
    )
    targets = Request.objects.visible_to(reader).in_bulk(
        {event.data["into"] for event in events if event.kind == "request.merged"}
    )
    entries = []
    for event in events:
        if event.pk in undone or event.kind == "request.undone":
            continue
        entry = _entry(event, said, decisions, rules, targets)
        if entry is not None:
            entry.origin = names[event.subject_id] if event.subject_id != item.pk else ""
            entries.append(entry)
    return entries


_WORDS = {
    "request.submitted": ("mine", "sent this"),
    "request.routed": ("route", "routed this by a rule"),
    "request.triaged": ("route", "read this and routed it"),
    "request.reassigned": ("route", "changed team or owner"),
    "request.asked": ("msg", "asked the requester"),
    "request.answered": ("msg", "answered"),
    "request.commented": ("msg", "commented"),
    "request.edited": ("mine", "changed the words"),
    "request.merged": ("merge", "merged this"),
    "request.unmerged": ("merge", "parted this from the request it had joined"),
    "request.decided": ("gavel", "decided"),
    "request.reopened": ("gavel", "asked to look again"),
    "request.shipped": ("check", "marked this as delivered"),
    "request.begun": ("right", "began work on this"),
    "request.linked": ("link", "linked this"),
    "request.unlinked": ("link", "removed the link"),
}


def _entry(
    event: Event,
    said: dict[int, Comment],
    decisions: dict[int, Decision],
    rules: dict[int, RoutingRule],
    targets: dict[int, Request],
) -> Entry | None:
    drawn, text = _WORDS[event.kind]
    entry = Entry(drawn, text, event.actor, event.occurred_at)
    if "comment" in event.data:
        comment = said.get(event.data["comment"])
        if comment is None:
            return None  # internal, or taken back
        entry.said, entry.is_internal = comment.body, comment.is_internal
        entry.is_comment = True
        entry.files = [one for one in comment.files.all() if one.is_internal <= comment.is_internal]
        if comment.is_internal:
            entry.icon, entry.text = "lock", "left an internal note"
    if event.kind == "request.decided" and event.data["decision"] in decisions:
        decision = decisions[event.data["decision"]]
        entry.text = f"decided: {decision.get_outcome_display().lower()}"
        entry.said = decision.reason
    if event.kind == "request.routed" and event.data["rule"] in rules:
        entry.text = f"routed this by the rule “{rules[event.data['rule']]}”"
    if event.kind == "request.merged" and event.data["into"] in targets:
        target = targets[event.data["into"]]
        entry.text = f"merged this into {target.reference}, {target.title}"
    if event.kind in ("request.linked", "request.unlinked") and event.data.get("key"):
        entry.text = f"{text} to {event.data['key']}"
    if event.kind == "request.edited" and event.data.get("source"):
        entry.text = f"took the title from {event.data['source'].capitalize()}"
    elif event.kind == "request.edited" and "title" not in event.data["fields"]:
        entry.text = "changed the details"
    return entry


def open_question(item: Request) -> Comment | None:
    """The question that waits for the requester, if any."""
    if item.asked_at is None:
        return None
    asked = Comment.objects.filter(request=item, kind=Comment.Kind.QUESTION)
    return asked.select_related("author").order_by("-created_at", "-id").first()


@dataclass(slots=True)
class Voices:
    """Who stands behind a request."""

    count: int
    teams: int
    last_week: int
    people: list[User]
    cases: list[Vote]
    mine: Vote | None
    is_following: bool
    is_muted: bool
    revisions: int

    @property
    def more(self) -> int:
        """People whose faces are not shown."""
        return max(0, self.count - len(self.people))


_VOICES = """
WITH members AS (
    SELECT id FROM intake_request WHERE id = %(root)s OR root_id = %(root)s
), top AS (
    SELECT requester_id FROM intake_request WHERE id = %(root)s
), votes AS (
    SELECT v.person_id, v.created_at, u.department FROM intake_vote v
    JOIN accounts_user u ON u.id = v.person_id
    WHERE v.request_id IN (SELECT id FROM members)
      AND v.person_id <> (SELECT requester_id FROM top)
), follows AS (
    SELECT is_muted FROM intake_follow
    WHERE request_id IN (SELECT id FROM members) AND person_id = %(reader)s
)
SELECT count(DISTINCT nullif(department, '')),
    count(DISTINCT person_id) FILTER (WHERE created_at > now() - interval '7 days'),
    EXISTS (SELECT FROM follows), EXISTS (SELECT FROM follows WHERE is_muted),
    (SELECT count(*) FROM intake_revision WHERE request_id = %(item)s)
FROM votes
"""
FACES = 5
CASES = 20


def voices(item: Request, reader: User, seen: Group) -> Voices:
    """The votes of a request and what joined it, and how the reader stands to it.

    Cases and faces come from what the reader may see; the count is the whole group's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _VOICES, {"root": item.root_id or item.pk, "item": item.pk, "reader": reader.pk}
        )
        teams, last_week, follows, muted, revisions = cursor.fetchone()
    shown = list(
        Vote.objects.filter(request__in=seen.ids)
        .select_related("person", "customer")
        .order_by("-created_at", "-id")[:200]
    )
    involved = any(reader.pk in (member.requester_id, member.sent_by_id) for member in seen.members)
    mine = next((vote for vote in shown if vote.person_id == reader.pk), None)
    faces = {vote.person_id: vote.person for vote in shown if vote.person_id != item.requester_id}
    for member in seen.joined:
        if member.requester_id != item.requester_id:
            faces.setdefault(member.requester_id, member.requester)
    return Voices(
        count=item.vote_count,
        teams=teams,
        last_week=last_week,
        people=list(faces.values())[:FACES],
        cases=[vote for vote in shown if vote.case][:CASES],
        mine=mine,
        is_following=not muted and (follows or involved or mine is not None),
        is_muted=muted,
        revisions=revisions,
    )


@dataclass(slots=True)
class Step:
    """One step of a request's way."""

    name: str
    note: Any
    is_done: bool = False
    is_current: bool = False


def steps(item: Request) -> list[Step]:
    """Received, triaged, scored, decision, delivered: what is done when, and what comes next."""
    way = [Step("Received", item.submitted_at, True)]
    way.append(Step("Triaged", item.triaged_at, item.triaged_at is not None))
    if item.score is not None:
        way.append(Step("Scored", None, True))
    way.append(Step("Decision", item.decided_at, item.decided_at is not None))
    if not item.outcome or item.outcome == "do":
        way.append(Step("Delivered", item.shipped_at, item.shipped_at is not None))
    current = next((step for step in way if not step.is_done), None)
    if current is not None and item.merged_into_id is None:
        current.is_current = True
        if item.due_at is not None:
            current.note = item.due_at
    return way
