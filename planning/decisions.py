"""The decision log: what was decided is written down here, once.

A decision is never edited. What was wrong is put right by another that supersedes it, and a
second look says later whether it was right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Team, User
from accounts.permissions import is_pm, require
from activity.events import record
from planning import links
from planning.models import (
    DECISION_NUMBERS,
    Decision,
    DecisionLink,
    DecisionOption,
    Outcome,
    ReasonCode,
    SecondLook,
    Verdict,
    Visibility,
)
from producthub.lib.sequences import next_number
from search.services import forget, index

DECISION_KIND = "decision"
MAX_OPTIONS = 8


class DecisionError(Exception):
    """A change that came too late or makes no sense; the text is for the person."""


class AlreadySuperseded(DecisionError):
    """Someone replaced it first."""

    def __init__(self, successor: Decision) -> None:
        self.successor = successor
        super().__init__(
            f"{successor.decided_by} replaced it first, by {successor.reference}. Supersede that"
            " one instead."
        )


@dataclass(frozen=True)
class Option:
    """One of the ways that were compared."""

    title: str
    pros: str = ""
    cons: str = ""
    is_chosen: bool = False


Subject = tuple[str, int]


@transaction.atomic
def record_decision(
    *,
    title: str,
    outcome: str,
    reason: str,
    team: Team | None,
    actor: User,
    reason_code: ReasonCode | None = None,
    context: str = "",
    options: Sequence[Option] = (),
    criteria: str = "",
    dissent: str = "",
    expected: str = "",
    confidence: int | None = None,
    can_undo_until: str = "",
    deciders: Iterable[User] = (),
    heard: Iterable[User] = (),
    visibility: str = Visibility.COMPANY,
    supersedes: Decision | None = None,
    settles: Iterable[Subject] = (),
    touches: Iterable[Subject] = (),
    revisit_on: date | None = None,
    asked_at: datetime | None = None,
    at: datetime | None = None,
) -> Decision:
    """Write a decision down; `at` defaults to now, `asked_at` is when the question came up.

    `settles` are the things that it is the answer to, `touches` those it only concerns, as
    (kind, id). What it supersedes stays as it was said, and what that one settled follows this
    one. Raises AlreadySuperseded when that was replaced by someone else, DecisionError for
    options that cannot be, PermissionDenied for non-PMs.
    """
    require(is_pm(actor), "Only product managers record decisions.")
    _refuse_odd(options)
    now = at or timezone.now()
    old = _to_replace(supersedes) if supersedes is not None else None
    decision = Decision.objects.create(
        number=next_number(DECISION_NUMBERS),
        title=title,
        outcome=Outcome(outcome),
        reason=reason,
        reason_code=reason_code if outcome != Outcome.DO else None,
        context=context,
        criteria=criteria,
        dissent=dissent,
        expected=expected,
        confidence=confidence,
        can_undo_until=can_undo_until,
        options_text="\n".join(
            part for one in options for part in (one.title, one.pros, one.cons) if part
        ),
        team=team,
        visibility=visibility,
        decided_by=actor,
        asked_at=asked_at,
        decided_at=now,
        revisit_on=revisit_on,
        supersedes=old,
    )
    DecisionOption.objects.bulk_create(
        DecisionOption(
            decision=decision,
            title=one.title,
            pros=one.pros,
            cons=one.cons,
            is_chosen=one.is_chosen,
            position=position,
        )
        for position, one in enumerate(options)
    )
    # The one who wrote it down decided with the others: they are not named twice.
    decision.deciders.set({one for one in deciders if one.pk != actor.pk})
    decision.heard.set(set(heard))
    _link(decision, settles, actor=actor, at=now, is_settled=True)
    _link(decision, touches, actor=actor, at=now)
    index_decision(decision)
    record(
        "decision.recorded",
        decision,
        actor=actor,
        at=now,
        data={
            "outcome": decision.outcome,
            "team": decision.team_id,
            "reason_code": decision.reason_code.code if decision.reason_code else None,
        },
    )
    if old is not None:
        _replace(old, decision, actor, now)
    return decision


def _refuse_odd(options: Sequence[Option]) -> None:
    if len(options) > MAX_OPTIONS:
        raise DecisionError(f"Keep it to {MAX_OPTIONS} options: those that were really compared.")
    if sum(one.is_chosen for one in options) > 1:
        raise DecisionError("Mark one option as chosen.")


def _to_replace(known: Decision) -> Decision:
    """The decision to supersede, locked; refuses what is withdrawn or replaced already."""
    old = Decision.objects.select_for_update(of=("self",)).get(pk=known.pk)
    if old.withdrawn_at is not None:
        raise DecisionError(f"{old.reference} was taken back. Record this one on its own.")
    successor = old.successors.standing().select_related("decided_by").first()
    if successor is not None:
        raise AlreadySuperseded(successor)
    return old


def _replace(old: Decision, new: Decision, actor: User, now: datetime) -> None:
    record("decision.superseded", old, actor=actor, at=now, data={"by": new.pk})
    held: dict[str, list[int]] = {}
    for link in old.links.filter(is_settled=True):
        held.setdefault(link.subject_type, []).append(link.subject_id)
    for key, ids in held.items():
        followed = links.supersede(key, ids, old=old, new=new, actor=actor, at=now)
        _link(new, [(key, pk) for pk in followed], actor=actor, at=now, is_settled=True)


def _link(
    decision: Decision,
    subjects: Iterable[Subject],
    *,
    actor: User,
    at: datetime,
    is_settled: bool = False,
) -> None:
    DecisionLink.objects.bulk_create(
        [
            DecisionLink(
                decision=decision,
                subject_type=kind,
                subject_id=pk,
                is_settled=is_settled,
                created_by=actor,
                created_at=at,
            )
            for kind, pk in dict.fromkeys(subjects)
        ],
        ignore_conflicts=True,
    )


def index_decision(decision: Decision) -> None:
    """Tell the text engine what it says."""
    index(
        kind=DECISION_KIND,
        object_id=decision.pk,
        title=decision.title,
        body="\n".join(
            part for part in (decision.reason, decision.context, decision.options_text) if part
        ),
        created_at=decision.decided_at,
    )


@transaction.atomic
def supersede_decision(*, decision: Decision, actor: User, **fields: Any) -> Decision:
    """Put a decision right by another one, with the fields of `record_decision`.

    Raises AlreadySuperseded when someone else did it first, PermissionDenied for non-PMs.
    """
    return record_decision(actor=actor, supersedes=decision, **fields)


@transaction.atomic
def withdraw_decision(*, decision: Decision, actor: User, at: datetime | None = None) -> Decision:
    """Take a decision back before anyone was told; the row stays, marked. Repeatable."""
    decision = Decision.objects.select_for_update().get(pk=decision.pk)
    if decision.withdrawn_at is None:
        decision.withdrawn_at = at or timezone.now()
        decision.save(update_fields=["withdrawn_at"])
        forget(kind=DECISION_KIND, object_id=decision.pk)
        record("decision.withdrawn", decision, actor=actor, at=decision.withdrawn_at)
    return decision


@transaction.atomic
def link_decision(
    *,
    decision: Decision,
    subject: Subject,
    actor: User,
    note: str = "",
    at: datetime | None = None,
) -> DecisionLink:
    """Say that a decision concerns something, (kind, id). Repeatable; a new note replaces the old.

    Raises PermissionDenied for non-PMs, DecisionError when the decision was taken back.
    """
    require(is_pm(actor), "Only product managers link decisions.")
    decision = Decision.objects.select_for_update(of=("self",)).get(pk=decision.pk)
    if decision.withdrawn_at is not None:
        raise DecisionError(f"{decision.reference} was taken back.")
    kind, pk = subject
    link, is_new = DecisionLink.objects.get_or_create(
        decision=decision,
        subject_type=kind,
        subject_id=pk,
        defaults={"created_by": actor, "note": note, "created_at": at or timezone.now()},
    )
    if is_new:
        record("decision.linked", decision, actor=actor, at=at, data={"type": kind, "id": pk})
    elif note and note != link.note:
        link.note = note
        link.save(update_fields=["note"])
    return link


@transaction.atomic
def unlink_decision(
    *, decision: Decision, subject: Subject, actor: User, at: datetime | None = None
) -> None:
    """Take such a link away again. Repeatable.

    Raises DecisionError for what the decision is the answer to, PermissionDenied for non-PMs.
    """
    require(is_pm(actor), "Only product managers link decisions.")
    kind, pk = subject
    link = (
        DecisionLink.objects.select_for_update(of=("self",))
        .filter(decision=decision, subject_type=kind, subject_id=pk)
        .first()
    )
    if link is None:
        return
    if link.is_settled:
        raise DecisionError("It was decided by this, so the link stays.")
    link.delete()
    record("decision.unlinked", decision, actor=actor, at=at, data={"type": kind, "id": pk})


@transaction.atomic
def look_again(
    *,
    decision: Decision,
    actor: User,
    verdict: str,
    seen: str,
    next_on: date | None = None,
    due_seen: date | None | bool = False,
    at: datetime | None = None,
) -> SecondLook:
    """Say whether a decision was right; `next_on` is the day of the next look, if any.

    `due_seen` is the due date that the actor saw: when somebody else has looked since,
    DecisionError says who. Too early needs a next day. Raises PermissionDenied for others than
    PMs and those who decided.
    """
    decision = Decision.objects.select_for_update(of=("self",)).get(pk=decision.pk)
    require(can_look_again(actor, decision), "Only who decided and product managers look again.")
    if decision.withdrawn_at is not None:
        raise DecisionError(f"{decision.reference} was taken back.")
    if due_seen is not False and decision.revisit_on != due_seen:
        last = decision.looks.select_related("looked_by").first()
        raise DecisionError(
            f"{last.looked_by if last else 'Somebody'} looked at it a moment ago. Read what they"
            " saw, then add yours."
        )
    verdict = Verdict(verdict)
    now = at or timezone.now()
    if verdict == Verdict.EARLY and next_on is None:
        raise DecisionError("Set the day of the next look: it is too early now.")
    if next_on is not None and next_on <= timezone.localdate(now):
        raise DecisionError("Set a day after today for the next look.")
    look = SecondLook.objects.create(
        decision=decision,
        verdict=verdict,
        seen=seen,
        looked_by=actor,
        looked_at=now,
        was_due_on=decision.revisit_on,
        next_on=next_on,
    )
    decision.verdict, decision.looked_at, decision.revisit_on = verdict, now, next_on
    decision.reminded_at = decision.escalated_at = None
    decision.save(
        update_fields=["verdict", "looked_at", "revisit_on", "reminded_at", "escalated_at"]
    )
    record(
        "decision.revisited",
        decision,
        actor=actor,
        at=now,
        data={"verdict": str(verdict), "look": look.pk},
    )
    return look


def can_look_again(user: Any, decision: Decision) -> bool:
    """Add a second look: PMs, and those who decided it."""
    if is_pm(user):
        return True
    return bool(user.is_active) and decision.deciders.filter(pk=user.pk).exists()


ESCALATE_AFTER_DAYS = 7


@transaction.atomic
def remind_of(*, decision_id: int, at: datetime | None = None) -> str:
    """Say once that a second look is due, and a week later that nobody looked; the kind of what
    was said, or nothing. Repeatable: by the clock, so without an actor."""
    now = at or timezone.now()
    today = timezone.localdate(now)
    decision = (
        Decision.objects.select_for_update(of=("self",), skip_locked=True)
        .due(today)
        .filter(pk=decision_id)
        .first()
    )
    if decision is None or decision.revisit_on is None:
        return ""
    if decision.reminded_at is None:
        kind, stamp = "decision.look_due", "reminded_at"
    elif decision.escalated_at is None and (now - decision.reminded_at).days >= ESCALATE_AFTER_DAYS:
        kind, stamp = "decision.look_overdue", "escalated_at"
    else:
        return ""
    setattr(decision, stamp, now)
    decision.save(update_fields=[stamp])
    record(kind, decision, at=now, data={"on": decision.revisit_on.isoformat()})
    return kind
