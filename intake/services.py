"""Every change of a request: one call, one transaction, one event."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Team, User
from accounts.permissions import is_pm, require
from activity.events import record
from intake.models import (
    REQUEST_NUMBERS,
    Comment,
    Kind,
    Request,
    Status,
    Visibility,
)
from intake.permissions import can_answer, can_comment, can_decide, can_triage
from planning.decisions import record_decision
from planning.models import Decision, Outcome
from producthub.lib.periods import add_working_days
from producthub.lib.sequences import next_number

# What the hub promises a requester, in working days of the team's calendar.
TRIAGE_PROMISE_DAYS = 2
DECISION_PROMISE_DAYS = 9


class RequestError(Exception):
    """A change that came too late or makes no sense; the text is for the person."""


class AlreadyDecided(RequestError):
    """Someone got there first."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        super().__init__(
            f"{decision.decided_by} decided this first: {decision.get_outcome_display()}."
        )


class AlreadyTaken(RequestError):
    """Someone else was made the owner since this page was read."""

    def __init__(self, owner: User) -> None:
        self.owner = owner
        super().__init__(f"{owner} took this first. Assign it again if it should change hands.")


class NothingAsked(RequestError):
    """There is no open question to answer."""


def _locked(item: Request) -> Request:
    return Request.objects.select_for_update(of=("self",)).get(pk=item.pk)


def promise(start: datetime, days: int, team: Team | None) -> datetime:
    """When a promise of `days` working days falls due, in UTC; the team's calendar counts."""
    zone = team.zone if team else ZoneInfo(settings.TIME_ZONE)
    return add_working_days(start, days, zone)


@transaction.atomic
def submit_request(
    *,
    requester: User,
    kind: str = Kind.IDEA,
    title: str,
    problem: str,
    team: Team | None = None,
    affected: list[str] | None = None,
    evidence_url: str = "",
    needed_on: Any = None,
    visibility: str = Visibility.COMPANY,
    submission_key: uuid.UUID | None = None,
    source: str = "web",
    at: datetime | None = None,
) -> Request:
    """Write a request down and promise its triage.

    The same `submission_key` with the same words from the same person gives the same request: a
    form posted twice, or sent again after a lost connection, makes one. Other words under a used
    key (the form was gone back to and changed) are a new request. `at` defaults to now; seeding
    and imports pass the true time.
    """
    require(requester.is_active, "Your account is closed.")
    now = at or timezone.now()
    key = submission_key or uuid.uuid4()
    words = (requester.pk, title, problem)
    if (known := _sent_under(key)) is not None:
        if (known.requester_id, known.title, known.problem) == words:
            return known
        key = uuid.uuid4()
    try:
        with transaction.atomic():
            item = Request.objects.create(
                number=next_number(REQUEST_NUMBERS),
                kind=kind,
                title=title,
                problem=problem,
                team=team,
                affected=affected or [],
                evidence_url=evidence_url,
                needed_on=needed_on,
                visibility=visibility,
                requester=requester,
                submitted_at=now,
                changed_at=now,
                due_at=promise(now, TRIAGE_PROMISE_DAYS, team),
                submission_key=key,
                source=source,
            )
    except IntegrityError:
        # The twin post committed while this one was on its way.
        twin = _sent_under(key)
        if twin is None or (twin.requester_id, twin.title, twin.problem) != words:
            raise
        return twin
    record(
        "request.submitted",
        item,
        actor=requester,
        at=now,
        data={"kind": kind, "team": team.pk if team else None, "source": source},
    )
    return item


def _sent_under(key: uuid.UUID) -> Request | None:
    return Request.objects.filter(submission_key=key).first()


@transaction.atomic
def triage_request(
    *,
    item: Request,
    actor: User,
    team: Team | None,
    owner: User | None,
    owner_seen: int | None | bool = False,
    at: datetime | None = None,
) -> Request:
    """Route a request to a team and an owner; the first time, promise its decision.

    `owner_seen` is the owner (id or None) that the actor saw; when another has taken it since,
    AlreadyTaken says who. Raises AlreadyDecided, PermissionDenied for non-PMs. A repetition with
    the same team and owner changes nothing.
    """
    require(can_triage(actor), "Only product managers triage requests.")
    if owner is not None:
        require(is_pm(owner), f"{owner} is not a product manager.")
    item = _locked(item)
    _refuse_decided(item)
    moved = (item.team_id, item.owner_id) != (
        team.pk if team else None,
        owner.pk if owner else None,
    )
    if not moved and item.status == Status.TRIAGED:
        return item
    # Given up since it was seen, it is free to take.
    held = item.owner_id not in (None, owner_seen, owner.pk if owner else None)
    if owner_seen is not False and held and item.owner is not None:
        raise AlreadyTaken(item.owner)
    now = at or timezone.now()
    first = item.status == Status.NEW
    owner_changed = item.owner_id != (owner.pk if owner else None)
    item.team, item.owner, item.changed_at = team, owner, now
    item.status = Status.TRIAGED
    if first:
        item.triaged_at = now
        item.due_at = promise(item.submitted_at, DECISION_PROMISE_DAYS, team)
    item.save(update_fields=["team", "owner", "status", "triaged_at", "due_at", "changed_at"])
    record(
        "request.triaged" if first else "request.reassigned",
        item,
        actor=actor,
        at=now,
        data={
            "team": item.team_id,
            "owner": item.owner_id,
            "owner_changed": owner_changed,
        },
    )
    return item


@transaction.atomic
def ask_requester(
    *,
    item: Request,
    actor: User,
    question: str,
    key: uuid.UUID | None = None,
    at: datetime | None = None,
) -> Comment:
    """Ask the requester something; the promise waits until they answer.

    Raises AlreadyDecided, PermissionDenied for non-PMs. The same `key` asks once.
    """
    require(can_triage(actor), "Only product managers ask the requester.")
    item = _locked(item)
    comment, created = _say(item, actor, question, Comment.Kind.QUESTION, key, at)
    if not created:
        return comment
    _refuse_decided(item)
    item.asked_at = item.asked_at or comment.created_at
    item.asked_by = actor
    item.changed_at = comment.created_at
    item.save(update_fields=["asked_at", "asked_by", "changed_at"])
    record("request.asked", item, actor=actor, at=comment.created_at, data={"comment": comment.pk})
    return comment


@transaction.atomic
def answer_question(
    *,
    item: Request,
    actor: User,
    answer: str,
    key: uuid.UUID | None = None,
    at: datetime | None = None,
) -> Comment:
    """Answer the open question; the promise runs on by as much as it waited.

    Raises NothingAsked when it was answered meanwhile, PermissionDenied for others than the
    requester and PMs. The same `key` answers once.
    """
    item = _locked(item)
    require(can_answer(actor, item), "Only the requester answers.")
    comment, created = _say(item, actor, answer, Comment.Kind.ANSWER, key, at)
    if not created:
        return comment
    if item.asked_at is None:
        raise NothingAsked("This question was answered already. Add a comment instead.")
    waited = comment.created_at - item.asked_at
    asked_by_id = item.asked_by_id
    item.asked_at = item.asked_by = None
    if item.due_at is not None:
        item.due_at += max(waited, timedelta(0))
    item.changed_at = comment.created_at
    item.save(update_fields=["asked_at", "asked_by", "due_at", "changed_at"])
    record(
        "request.answered",
        item,
        actor=actor,
        at=comment.created_at,
        data={
            "comment": comment.pk,
            "asked_by": asked_by_id,
            "waited_seconds": int(waited.total_seconds()),
        },
    )
    return comment


@transaction.atomic
def comment_on_request(
    *,
    item: Request,
    actor: User,
    body: str,
    key: uuid.UUID | None = None,
    at: datetime | None = None,
) -> Comment:
    """Say something on a request. The same `key` says it once."""
    require(can_comment(actor, item), "Your account is closed.")
    item = _locked(item)
    comment, created = _say(item, actor, body, Comment.Kind.COMMENT, key, at)
    if created:
        item.changed_at = comment.created_at
        item.save(update_fields=["changed_at"])
        record(
            "request.commented",
            item,
            actor=actor,
            at=comment.created_at,
            data={"comment": comment.pk},
        )
    return comment


@transaction.atomic
def decide_request(
    *,
    item: Request,
    actor: User,
    outcome: str,
    reason: str,
    revisit_on: Any = None,
    at: datetime | None = None,
) -> Decision:
    """Record the first decision on a request and announce it.

    Raises AlreadyDecided if someone got there first, PermissionDenied for non-PMs.
    """
    require(can_decide(actor, item), "Only product managers decide requests.")
    item = _locked(item)
    _refuse_decided(item)
    now = at or timezone.now()
    decision = record_decision(
        title=item.title,
        outcome=outcome,
        reason=reason,
        team=item.team,
        actor=actor,
        revisit_on=revisit_on,
        at=now,
    )
    item.decision = decision
    item.status = Status.DECIDED
    item.outcome = decision.outcome
    item.decided_at = item.changed_at = now
    item.triaged_at = item.triaged_at or now
    item.owner = item.owner or actor
    item.asked_at = item.asked_by = item.due_at = None
    item.save(
        update_fields=[
            "decision",
            "status",
            "outcome",
            "decided_at",
            "changed_at",
            "triaged_at",
            "owner",
            "asked_at",
            "asked_by",
            "due_at",
        ]
    )
    record(
        "request.decided",
        item,
        actor=actor,
        at=now,
        data={"outcome": decision.outcome, "decision": decision.pk, "team": item.team_id},
    )
    return decision


@transaction.atomic
def ship_request(*, item: Request, actor: User | None, at: datetime | None = None) -> Request:
    """Say that what was wished for is delivered; repeating it changes nothing.

    Raises RequestError unless it was decided to do it, PermissionDenied for non-PMs. `actor` is
    None when finished work says so.
    """
    if actor is not None:
        require(is_pm(actor), "Only product managers mark requests as delivered.")
    item = _locked(item)
    if item.status == Status.SHIPPED:
        return item
    if item.status != Status.DECIDED or item.outcome != Outcome.DO:
        raise RequestError("Only a request that was decided to be done can be delivered.")
    now = at or timezone.now()
    item.status = Status.SHIPPED
    item.shipped_at = item.changed_at = now
    item.save(update_fields=["status", "shipped_at", "changed_at"])
    record("request.shipped", item, actor=actor, at=now)
    return item


def _refuse_decided(item: Request) -> None:
    if not item.is_open:
        assert item.decision is not None
        raise AlreadyDecided(item.decision)


def _say(
    item: Request,
    author: User,
    body: str,
    kind: str,
    key: uuid.UUID | None,
    at: datetime | None,
) -> tuple[Comment, bool]:
    """The comment and whether it is new; the item is locked, so twins cannot race."""
    key = key or uuid.uuid4()
    known = Comment.objects.filter(key=key).first()
    if known is not None:
        if (known.request_id, known.author_id, known.body) == (item.pk, author.pk, body):
            return known, False
        key = uuid.uuid4()  # the form was gone back to and changed: that is another comment
    return (
        Comment.objects.create(
            request=item,
            author=author,
            body=body,
            kind=kind,
            key=key,
            created_at=at or timezone.now(),
        ),
        True,
    )
