"""What a person asked for, sent for others, voted for and follows; where it stands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import User
from intake.models import Request, RequestQuerySet, Status, state_of
from planning.models import Outcome
from producthub.lib.tags import day, tag_html

VIEWS = {
    "sent": "Sent",
    "for": "Sent for others",
    "voted": "Voted for",
    "followed": "Followed",
}
# Of a request, then the same of the one that stands for it once it has joined another.
_STANDING = (
    "number", "title", "status", "outcome", "asked_at", "due_at", "vote_count", "changed_at",
    "owner__name", "team__name", "decision__reason", "decision__revisit_on",
)  # fmt: skip


@dataclass(slots=True)
class Standing:
    """Where a request stands."""

    number: int
    title: str
    status: str
    outcome: str
    asked_at: datetime | None
    due_at: datetime | None
    votes: int
    changed_at: datetime
    owner: str | None
    team: str | None
    reason: str | None
    revisit_on: date | None


@dataclass(slots=True)
class MineRow:
    """One line. `now` is where the request stands, as part of what it joined if it did."""

    number: int
    title: str
    requester_id: int
    requester: str
    sent_by: str | None
    submitted_at: datetime
    now: Standing
    joined: str
    is_mine: bool

    @property
    def url(self) -> str:
        return f"/requests/{self.number}/"

    @property
    def reference(self) -> str:
        return f"REQ-{self.number}"

    @property
    def state(self) -> tuple[str, str, str]:
        return state_of(self.now.status, self.now.outcome, self.now.asked_at is not None)

    @property
    def state_html(self) -> SafeString:
        return tag_html(*self.state)

    @property
    def changed_at(self) -> datetime:
        return self.now.changed_at

    @property
    def news(self) -> str:
        """The last news in a few words."""
        now = self.now
        if now.status == Status.SHIPPED:
            return "Delivered"
        if now.status == Status.DECIDED:
            return now.reason or "Decided"
        if now.asked_at:
            return "You are asked something" if self.is_mine else "Its requester is asked something"
        if now.status == Status.TRIAGED:
            return f"With {now.owner}" if now.owner else "Routed to a team"
        return "Received, waiting to be read"

    @property
    def next_words(self) -> str:
        """What happens next."""
        now = self.now
        if now.status == Status.SHIPPED:
            return "Nothing more: it is there"
        if now.status == Status.DECIDED:
            return {
                Outcome.DO: "It is built, and you hear when it is there",
                Outcome.LATER: "Looked at again",
            }.get(Outcome(now.outcome), "Nothing more, unless somebody asks to look again")
        if now.asked_at:
            return "Your answer" if self.is_mine else "Its requester answers"
        return "Decision" if now.status == Status.TRIAGED else "Somebody reads it"

    @property
    def next_on(self) -> date | None:
        """By when it happens."""
        if self.now.status == Status.DECIDED:
            return self.now.revisit_on if self.now.outcome == Outcome.LATER else None
        if self.now.status == Status.SHIPPED or self.now.asked_at or self.now.due_at is None:
            return None
        return timezone.localdate(self.now.due_at)

    @property
    def is_late(self) -> bool:
        due = self.now.due_at
        return self.next_on is not None and due is not None and due < timezone.now()

    @property
    def by_html(self) -> SafeString | str:
        return day(self.next_on) if self.next_on else ""


def items_of(user: User, view: str) -> RequestQuerySet:
    """The requests of one tab, last news first. What the person may not see any more is gone."""
    of_view: dict[str, Any] = {
        "sent": {"requester": user},
        "for": {"sent_by": user},
        "voted": {"votes__person": user},
        "followed": {"follows__person": user, "follows__is_muted": False},
    }
    return Request.objects.visible_to(user).filter(**of_view[view]).order_by("-changed_at", "-id")


_COUNTS = """
SELECT
    count(*) FILTER (WHERE requester_id = %(user)s) AS sent,
    count(*) FILTER (WHERE sent_by_id = %(user)s) AS for_others,
    count(*) FILTER (WHERE requester_id = %(user)s AND status IN ('new', 'triaged')
        AND merged_into_id IS NULL) AS open,
    count(*) FILTER (WHERE requester_id = %(user)s AND asked_at IS NOT NULL) AS asked
FROM intake_request WHERE requester_id = %(user)s OR sent_by_id = %(user)s
"""
# Through the rights of the reader: `{seen}` selects the ids that they may see.
_JOINED = """
SELECT
    (SELECT count(*) FROM intake_vote WHERE person_id = %s AND request_id IN ({seen})),
    (SELECT count(*) FROM intake_follow
        WHERE person_id = %s AND NOT is_muted AND request_id IN ({seen}))
"""


def counts_of(user: User) -> dict[str, int]:
    """How many each tab holds, how many of one's own are open and how many wait for an answer.

    In two queries.
    """
    seen, given = Request.objects.visible_to(user).order_by().values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"user": user.pk})
        sent, others, is_open, asked = cursor.fetchone()
        cursor.execute(_JOINED.format(seen=seen), [user.pk, *given, user.pk, *given])
        voted, followed = cursor.fetchone()
    return {
        "sent": sent,
        "for": others,
        "voted": voted,
        "followed": followed,
        "open": is_open,
        "asked": asked,
    }


def rows_of(user: User, items: Any) -> list[MineRow]:
    """The lines of a list (a queryset or a slice of one), in at most three queries."""
    return list(_rows(user, list(items.values_list(*_COLUMNS))))


def all_rows(user: User, items: Any) -> Iterator[MineRow]:
    """The lines of a whole list, for a download, a lot at a time."""
    values = items.values_list(*_COLUMNS)
    for start in range(0, values.count(), 500):
        yield from _rows(user, list(values[start : start + 500]))


_OWN = ("requester_id", "requester__name", "sent_by__name", "submitted_at", "root_id")
_COLUMNS = (*_STANDING, *_OWN)


def _rows(user: User, values: Iterable[tuple[Any, ...]]) -> Iterator[MineRow]:
    held = list(values)
    # Its state is told to everyone behind it; its name only to those who may see it.
    tops: dict[int, Standing] = {}
    named: set[int] = set()
    if roots := {row[-1] for row in held} - {None}:
        tops = _standings(Request.objects.visible_to(user).filter(pk__in=roots))
        named = set(tops)
        if hidden := roots - named:
            tops |= _standings(Request.objects.filter(pk__in=hidden))
    for row in held:
        own = Standing(*row[: len(_STANDING)])
        requester_id, requester, sent_by, submitted_at, root_id = row[len(_STANDING) :]
        now = tops[root_id] if root_id else own
        joined = ""
        if root_id:
            joined = f"Joined REQ-{now.number}" if root_id in named else "Joined another request"
        yield MineRow(
            number=own.number,
            title=own.title,
            requester_id=requester_id,
            requester=requester,
            sent_by=sent_by,
            submitted_at=submitted_at,
            now=now,
            joined=joined,
            is_mine=requester_id == user.pk,
        )


def _standings(items: RequestQuerySet) -> dict[int, Standing]:
    found = items.order_by().values_list("pk", *_STANDING)
    return {pk: Standing(*rest) for pk, *rest in found}


CSV_HEADER = (
    "Request", "Title", "State", "Requester", "Sent by", "Team", "Owner", "Votes", "Sent",
    "Last change", "Last news", "What happens next", "By", "Joined",
)  # fmt: skip


def csv_rows(user: User, items: Any) -> Iterator[tuple[Any, ...]]:
    """A tab as lines of a file, columns as CSV_HEADER."""
    for row in all_rows(user, items):
        yield (
            row.reference, row.title, row.state[0], row.requester, row.sent_by, row.now.team,
            row.now.owner, row.now.votes, row.submitted_at, row.changed_at, row.news,
            row.next_words, row.next_on, row.joined,
        )  # fmt: skip
