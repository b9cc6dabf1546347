"""Taking an action back, within a few seconds, before anyone was told of it."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import User
from accounts.permissions import require
from activity.events import record, subject_key
from activity.models import Event
from intake.models import Comment, Promise, Request, RoutingHit, Undo
from intake.services import groups
from intake.services.errors import CannotUndo
from intake.services.locks import locked_many
from notices.services import cancel
from planning.decisions import withdraw_decision
from planning.models import Decision

UNDO_SECONDS = 10
# A press on the last second still arrives in time; notices wait for this too.
GRACE_SECONDS = 2

# What an action may change of a request, and what taking it back restores.
RESTORED = (
    "status", "outcome", "team_id", "owner_id", "decision_id", "triaged_at", "decided_at",
    "shipped_at", "asked_at", "asked_by_id", "due_at", "changed_at", "snoozed_until", "priority",
    "labels", "acknowledged_at", "merged_into_id", "root_id", "merged_at", "routed_by_id",
    "heard_at", "silence_raised_at",
)  # fmt: skip
TIMES = frozenset(name for name in RESTORED if name.endswith(("_at", "_until")))
PROMISE_FIELDS = ("days", "due_at", "paused_at", "waited_seconds", "met_at")
# After one of these an older action can no longer be taken back.
LATER_KINDS = (
    "request.triaged", "request.reassigned", "request.asked", "request.answered",
    "request.merged", "request.unmerged", "request.decided", "request.reopened",
    "request.shipped", "request.snoozed", "request.labelled",
)  # fmt: skip


@dataclass(frozen=True)
class Window:
    """One action, or one bulk of them, that its actor may take back until a moment."""

    actor: User
    key: uuid.UUID
    until: datetime


def window(actor: User, *, key: uuid.UUID | None = None, at: datetime | None = None) -> Window:
    """Open one; hand it to every service call of the action."""
    until = (at or timezone.now()) + timedelta(seconds=UNDO_SECONDS)
    return Window(actor, key or uuid.uuid4(), until)


def snapshot(item: Request) -> dict[str, Any]:
    """What is needed to restore a locked request."""
    return {
        "fields": {name: getattr(item, name) for name in RESTORED},
        "promises": {
            row.kind: {name: getattr(row, name) for name in PROMISE_FIELDS}
            for row in Promise.objects.filter(request=item)
        },
    }


def remember(undo: Window | None, event: Event, item: Request, before: dict[str, Any]) -> None:
    """Keep what it takes to take this event back; nothing without a window."""
    if undo is None:
        return
    Undo.objects.create(
        key=undo.key,
        actor=undo.actor,
        event_id=event.pk,
        kind=event.kind,
        request=item,
        before=_plain(before),
        until=undo.until,
    )


def _plain(before: dict[str, Any]) -> Any:
    # Django's own encoder cuts times to milliseconds; what is restored must be exact.
    return json.loads(json.dumps(before, default=lambda value: value.isoformat()))


def release_at(event_id: int) -> datetime | None:
    """Until when notices of this event wait; None when it cannot be taken back."""
    row = Undo.objects.filter(event_id=event_id).only("until").first()
    return row.until + timedelta(seconds=GRACE_SECONDS) if row else None


def is_undone(event_id: int) -> bool:
    """Whether this event was taken back; ask while the request is locked."""
    return Undo.objects.filter(event_id=event_id, undone_at__isnull=False).exists()


@transaction.atomic
def undo_action(*, key: uuid.UUID, actor: User, at: datetime | None = None) -> list[Request]:
    """Take an action back and tell nobody of it; returns the requests it touched.

    Raises CannotUndo when its time has passed, when it was taken back already or when something
    else happened to one of the requests since; PermissionDenied for others than its actor. All
    of a bulk action goes back, or nothing.
    """
    now = at or timezone.now()
    rows = list(Undo.objects.filter(key=key).order_by("-id"))
    if not rows:
        raise CannotUndo("There is nothing to take back.")
    require(all(row.actor_id == actor.pk for row in rows), "Only who did it takes it back.")
    items = locked_many(groups.members_of([row.request_id for row in rows]))
    rows = list(Undo.objects.select_for_update().filter(key=key).order_by("-id"))
    if any(row.undone_at is not None for row in rows):
        raise CannotUndo("It was taken back already.")
    if now > max(row.until for row in rows) + timedelta(seconds=GRACE_SECONDS):
        raise CannotUndo("The time to undo has passed: people were told. Change it instead.")
    for row in rows:
        if _something_since(row, {one.event_id for one in rows}):
            reference = items[row.request_id].reference
            raise CannotUndo(f"{reference} was changed since. Open it to see what happened.")
    for row in rows:
        _restore(items[row.request_id], row, actor, now)
    Undo.objects.filter(key=key).update(undone_at=now)
    return [items[pk] for pk in dict.fromkeys(row.request_id for row in reversed(rows))]


def _something_since(row: Undo, own: set[int]) -> bool:
    since = Event.objects.filter(
        subject_type=subject_key(Request),  # type: ignore[arg-type]
        subject_id=row.request_id,
        pk__gt=row.event_id,
        kind__in=LATER_KINDS,
    ).exclude(pk__in=own)
    return since.exists()


def _restore(item: Request, row: Undo, actor: User, now: datetime) -> None:
    event = Event.objects.get(pk=row.event_id)
    before = row.before
    was_in = item.root_id
    for name, value in before["fields"].items():
        if name in TIMES and value is not None:
            value = parse_datetime(value)
        setattr(item, name, value)
    item.save(update_fields=[name.removesuffix("_id") for name in RESTORED])
    for kind, fields in before["promises"].items():
        values = {
            name: parse_datetime(value) if name.endswith("_at") and value else value
            for name, value in fields.items()
        }
        Promise.objects.filter(request=item, kind=kind).update(**values)
    if event.kind in ("request.triaged", "request.reassigned"):
        RoutingHit.objects.filter(request=item, rerouted_at=event.occurred_at).update(
            rerouted_at=None, rerouted_to=None
        )
    if event.kind == "request.asked":
        # Nobody has read it yet, and nobody shall.
        Comment.objects.filter(pk=event.data.get("comment")).delete()
    if event.kind == "request.decided":
        decision = Decision.objects.get(pk=event.data["decision"])
        withdraw_decision(decision=decision, actor=actor, at=now)
        groups.decision_withdrawn(item)
    if event.kind == "request.merged":
        groups.after_unmerge(item, was_in)
    cancel(row.event_id)
    # Facts that came with it, such as the first word of a PM, do not count either.
    for pk in [row.event_id, *before.get("events", [])]:
        record("request.undone", item, actor=actor, at=now, data={"event": pk, "kind": row.kind})
