"""The decision on a request, its second hearing, and its delivery."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Team, User
from accounts.permissions import is_pm, require
from activity.events import record
from activity.models import Event
from intake.models import Comment, Promise, Request, Status
from intake.permissions import can_decide, can_reopen
from intake.services import groups, promises
from intake.services.errors import CannotReopen, RequestError
from intake.services.locks import locked, locked_many, refuse_closed
from intake.services.requests import acknowledge, say
from intake.services.undo import Window, remember, snapshot
from planning.decisions import DecisionError, record_decision
from planning.models import TITLE_LENGTH, Decision, DecisionLink, Outcome, ReasonCode

REQUEST = "intake.request"


def decide_request(
    *,
    item: Request,
    actor: User,
    outcome: str,
    reason: str,
    reason_code: ReasonCode | None = None,
    revisit_on: date | None = None,
    undo: Window | None = None,
    at: datetime | None = None,
    **more: Any,
) -> Decision:
    """Record the decision on a request, for everything that joined it too, and announce it.

    `more` are fields of `planning.decisions.record_decision`: options, criteria, dissent, heard,
    supersedes and the like. Raises AlreadyDecided if someone got there first, AlreadyMerged when
    another request stands for it, PermissionDenied for non-PMs.
    """
    return decide_requests(
        items=[item],
        actor=actor,
        outcome=outcome,
        reason=reason,
        reason_code=reason_code,
        revisit_on=revisit_on,
        undo=undo,
        at=at,
        **more,
    )


@transaction.atomic
def decide_requests(
    *,
    items: Sequence[Request],
    actor: User,
    outcome: str,
    reason: str,
    title: str = "",
    team: Team | None = None,
    reason_code: ReasonCode | None = None,
    revisit_on: date | None = None,
    supersedes: Decision | None = None,
    undo: Window | None = None,
    at: datetime | None = None,
    **more: Any,
) -> Decision:
    """Settle several requests by one decision: one record, one event a request; all or none.

    The title is the first request's unless given, the team the one that they share. A request
    that was open again after a decision has that one superseded. Raises AlreadyDecided and
    AlreadyMerged as for one, RequestError for what planning refuses, PermissionDenied for
    non-PMs.
    """
    require(
        bool(items) and all(can_decide(actor, item) for item in items),
        "Only product managers decide requests.",
    )
    wanted = list(dict.fromkeys(item.pk for item in items))
    held = locked_many(groups.members_of(wanted))
    chosen = [held[pk] for pk in wanted]
    for item in chosen:
        refuse_closed(item)
    now = at or timezone.now()
    before = {}
    for item in chosen:
        before[item.pk] = snapshot(item)
        before[item.pk]["events"] = acknowledge(item, actor, now)
    teams = {item.team_id for item in chosen}
    try:
        with transaction.atomic():
            decision = record_decision(
                title=(title or chosen[0].title)[:TITLE_LENGTH],
                outcome=outcome,
                reason=reason,
                reason_code=reason_code,
                team=team or (chosen[0].team if len(teams) == 1 else None),
                actor=actor,
                revisit_on=revisit_on,
                asked_at=min(item.submitted_at for item in chosen),
                settles=[(REQUEST, item.pk) for item in chosen],
                supersedes=_superseded(chosen, supersedes),
                at=now,
                **more,
            )
    except DecisionError as error:
        raise RequestError(str(error)) from error
    for item in chosen:
        _settle(item, decision, actor, now, before[item.pk], undo)
    return decision


def _settle(
    item: Request,
    decision: Decision,
    actor: User,
    now: datetime,
    before: dict[str, Any],
    undo: Window | None,
) -> None:
    item.decision = decision
    item.status = Status.DECIDED
    item.outcome = decision.outcome
    item.decided_at = item.changed_at = now
    item.triaged_at = item.triaged_at or now
    item.owner = item.owner or actor
    item.asked_at = item.asked_by = item.due_at = item.snoozed_until = None
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
            "snoozed_until",
        ]
    )
    groups.decided(item, now)
    event = record(
        "request.decided",
        item,
        actor=actor,
        at=now,
        data={
            "outcome": decision.outcome,
            "decision": decision.pk,
            "team": item.team_id,
            "reason_code": decision.reason_code.code if decision.reason_code else None,
        },
    )
    remember(undo, event, item, before)


def _superseded(chosen: list[Request], named: Decision | None) -> Decision | None:
    """What the new decision takes the place of: the one named, or the one before a reopening.

    One that also answers other requests stays: those were not asked about again. Naming such a
    one is refused, since what would follow could not be taken back with this.
    """
    ids = {item.pk for item in chosen}
    known = named
    if known is None:
        reopened = [item.pk for item in chosen if item.reopened_at is not None]
        known = (
            Decision.objects.standing()
            .filter(
                links__subject_type=REQUEST, links__subject_id__in=reopened, links__is_settled=True
            )
            .unreplaced()
            .order_by("-decided_at", "-id")
            .first()
            if reopened
            else None
        )
    if known is None:
        return None
    others = DecisionLink.objects.filter(decision=known, is_settled=True).exclude(
        subject_type=REQUEST, subject_id__in=ids
    )
    if not others.exists():
        return known
    if named is None:
        return None
    raise RequestError(
        f"{known.reference} also answers other requests. Supersede it from its own page, or leave"
        " it out here."
    )


@transaction.atomic
def reopen_request(
    *,
    item: Request,
    actor: User,
    text: str,
    key: uuid.UUID | None = None,
    at: datetime | None = None,
) -> Comment:
    """Answer a no or a not now, once: the request waits for a new decision, with a new promise.

    For who asked, who sent it for them, and the same of what joined it. The first decision stays
    in the log, and the time to decision is the first one's. The same `key` says it once. Raises
    CannotReopen with a reason, PermissionDenied for others.
    """
    held = locked_many(groups.members_of([item.pk]))
    item = held[item.pk]
    top = held[item.root_id] if item.root_id else item
    require(
        can_reopen(actor, held.values()), "Only who asked may ask to look again. Add a comment."
    )
    known = (
        Comment.objects.filter(key=key, request=top, kind=Comment.Kind.APPEAL).first()
        if key is not None
        else None
    )
    if known is not None and known.author_id == actor.pk:
        return known
    if top.reopened_at is not None:
        raise CannotReopen(
            "It was looked at again once already, and that decision stands. Add a comment if"
            " something has changed, or send a new request."
        )
    if top.status != Status.DECIDED or top.outcome == Outcome.DO:
        raise CannotReopen("There is nothing to look at again: it was not declined.")
    now = at or timezone.now()
    comment, _ = say(top, actor, text, Comment.Kind.APPEAL, key, now)
    first, top.decision = top.decision, None
    assert first is not None
    top.status, top.outcome, top.decided_at = Status.TRIAGED, "", None
    top.reopened_at = top.changed_at = now
    promises.renew(top, Promise.Kind.DECISION, at=now)
    top.due_at = promises.next_due(top)
    top.save(
        update_fields=[
            "decision",
            "status",
            "outcome",
            "decided_at",
            "reopened_at",
            "changed_at",
            "due_at",
        ]
    )
    data = {"comment": comment.pk, "decision": first.pk}
    record("request.reopened", top, actor=actor, at=now, data=data)
    return comment


@transaction.atomic
def ship_request(*, item: Request, actor: User | None, at: datetime | None = None) -> Request:
    """Say that what was wished for is delivered; repeating it changes nothing.

    Raises RequestError unless it was decided to do it, PermissionDenied for non-PMs. `actor` is
    None when finished work says so.
    """
    if actor is not None:
        require(is_pm(actor), "Only product managers mark requests as delivered.")
    item = locked(item)
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


@transaction.atomic
def begin_request(*, item: Request, at: datetime | None = None) -> bool:
    """Say once that work on a request has begun; False when that was said, or is over.

    Raises RequestError unless it was decided to do it.
    """
    item = locked(item)
    if item.status == Status.SHIPPED:
        return False
    if item.status != Status.DECIDED or item.outcome != Outcome.DO:
        raise RequestError("Work begins on what was decided to be done.")
    if Event.objects.filter(
        subject_type=REQUEST, subject_id=item.pk, kind="request.begun"
    ).exists():
        return False
    now = at or timezone.now()
    item.changed_at = now
    item.save(update_fields=["changed_at"])
    record("request.begun", item, at=now)
    return True
