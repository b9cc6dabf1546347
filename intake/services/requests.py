"""A request's way from sending to triage, and what is said on it: one call, one event."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Team, User
from accounts.permissions import is_pm, require
from activity.events import record
from intake.models import (
    REQUEST_NUMBERS,
    Comment,
    Customer,
    FormVersion,
    Kind,
    Priority,
    Promise,
    Request,
    RoutingHit,
    Status,
    Visibility,
)
from intake.permissions import can_answer, can_comment, can_triage
from intake.services import groups, promises, routing
from intake.services.errors import AlreadyTaken, NothingAsked, RequestError
from intake.services.locks import locked, refuse_closed
from intake.services.undo import Window, remember, snapshot
from producthub.lib.sequences import next_number
from search.services import index

LABELS = 12


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
    source_system: str = "",
    source_ref: str = "",
    sent_by: User | None = None,
    customer: Customer | None = None,
    form_version: FormVersion | None = None,
    answers: Mapping[str, Any] | None = None,
    priority: str = Priority.NORMAL,
    labels: Iterable[str] = (),
    at: datetime | None = None,
) -> Request:
    """Write a request down, promise an answer, its triage and its decision.

    `sent_by` wrote it for the requester, who gets the news. The due times follow the form's
    promises, which a routing rule may change.

    The same `submission_key` with the same words from the same person gives the same request: a
    form posted twice, or sent again after a lost connection, makes one. Other words under a used
    key (the form was gone back to and changed) are a new request. `at` defaults to now; seeding
    and imports pass the true time.
    """
    require(requester.is_active, "This account is closed.")
    if sent_by is not None:
        require(sent_by.is_active, "Your account is closed.")
        sent_by = None if sent_by.pk == requester.pk else sent_by
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
                heard_at=now,
                submission_key=key,
                source=source,
                source_system=source_system,
                source_ref=source_ref,
                sent_by=sent_by,
                customer=customer,
                form_version=form_version,
                answers=dict(answers or {}),
                priority=priority,
                labels=clean_labels(labels),
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
        actor=sent_by or requester,
        at=now,
        data={
            "kind": kind,
            "team": team.pk if team else None,
            "source": source,
            "form": form_version.form_id if form_version else None,
        },
    )
    routed = routing.apply(item, now)
    promises.make_promises(item, promises.promised_days(form_version, routed), now)
    item.save(update_fields=["due_at"])
    index(
        kind=groups.REQUEST_KIND,
        object_id=item.pk,
        title=item.title,
        body=item.problem,
        created_at=now,
    )
    return item


def clean_labels(labels: Iterable[str]) -> list[str]:
    """Labels without doubles and blanks, in small letters, in the order given."""
    tidy = (" ".join(label.lower().split())[:40] for label in labels)
    return list(dict.fromkeys(label for label in tidy if label))[:LABELS]


def acknowledge(item: Request, actor: User, now: datetime) -> list[int]:
    """The first word of a PM keeps the first promise; returns the ids of events it made."""
    if item.acknowledged_at is not None or not is_pm(actor) or actor.pk == item.requester_id:
        return []
    item.acknowledged_at = now
    item.save(update_fields=["acknowledged_at"])
    promises.meet(item, Promise.Kind.FIRST_ANSWER, at=now)
    return [record("request.acknowledged", item, actor=actor, at=now).pk]


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
    undo: Window | None = None,
    at: datetime | None = None,
) -> Request:
    """Route a request to a team and an owner; the first time, promise its decision.

    `owner_seen` is the owner (id or None) that the actor saw; when another has taken it since,
    AlreadyTaken says who. Raises AlreadyDecided, AlreadyMerged, PermissionDenied for non-PMs. A
    repetition with the same team and owner changes nothing.
    """
    require(can_triage(actor), "Only product managers triage requests.")
    if owner is not None:
        require(is_pm(owner), f"{owner} is not a product manager.")
    item = locked(item)
    refuse_closed(item)
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
    before = snapshot(item)
    first = item.status == Status.NEW
    team_was = item.team_id
    owner_changed = item.owner_id != (owner.pk if owner else None)
    item.team, item.owner, item.changed_at = team, owner, now
    item.status = Status.TRIAGED
    item.snoozed_until = None
    before["events"] = acknowledge(item, actor, now)
    if first:
        item.triaged_at = now
        promises.meet(item, Promise.Kind.TRIAGE, Promise.Kind.FIRST_ANSWER, at=now)
    if team_was != item.team_id:
        promises.move(item)
    item.due_at = promises.next_due(item)
    item.save(
        update_fields=[
            "team",
            "owner",
            "status",
            "triaged_at",
            "due_at",
            "changed_at",
            "snoozed_until",
        ]
    )
    before["events"] += _rerouted(item, actor, team_was, now)
    event = record(
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
    remember(undo, event, item, before)
    return item


def _rerouted(item: Request, actor: User, team_was: int | None, now: datetime) -> list[int]:
    """A person sent it elsewhere than a rule had: the rule was wrong; returns event ids."""
    if team_was == item.team_id:
        return []
    events = []
    hits = RoutingHit.objects.filter(request=item, rerouted_at__isnull=True, team__isnull=False)
    for hit in hits.exclude(team=item.team):
        hit.rerouted_at, hit.rerouted_to_id = now, item.team_id
        hit.save(update_fields=["rerouted_at", "rerouted_to"])
        data = {"rule": hit.rule_id, "from": hit.team_id, "to": item.team_id}
        events.append(record("request.rerouted", item, actor=actor, at=now, data=data).pk)
    return events


@transaction.atomic
def snooze_request(
    *,
    item: Request,
    actor: User,
    until: datetime,
    undo: Window | None = None,
    at: datetime | None = None,
) -> Request:
    """Put a request out of sight until a moment; its promises run on.

    Raises RequestError for a moment that has passed, AlreadyDecided, AlreadyMerged,
    PermissionDenied for non-PMs.
    """
    require(can_triage(actor), "Only product managers snooze requests.")
    item = locked(item)
    refuse_closed(item)
    now = at or timezone.now()
    if until <= now:
        raise RequestError("Choose a day after today.")
    if item.snoozed_until == until:
        return item
    before = snapshot(item)
    item.snoozed_until = until
    item.save(update_fields=["snoozed_until"])
    data = {"until": until.isoformat()}
    event = record("request.snoozed", item, actor=actor, at=now, data=data)
    remember(undo, event, item, before)
    return item


@transaction.atomic
def wake_request(*, item: Request, actor: User, at: datetime | None = None) -> Request:
    """Bring a snoozed request back into the queue. Repeatable."""
    require(can_triage(actor), "Only product managers wake requests.")
    item = locked(item)
    if item.snoozed_until is not None:
        item.snoozed_until = None
        item.save(update_fields=["snoozed_until"])
        record("request.woken", item, actor=actor, at=at)
    return item


@transaction.atomic
def label_request(
    *,
    item: Request,
    actor: User,
    labels: Iterable[str],
    priority: str = "",
    undo: Window | None = None,
    at: datetime | None = None,
) -> Request:
    """Set labels and, where given, the priority. Repeatable. Raises PermissionDenied for
    non-PMs."""
    require(can_triage(actor), "Only product managers label requests.")
    item = locked(item)
    tidy = clean_labels(labels)
    wanted = Priority(priority) if priority else Priority(item.priority)
    if (item.labels, item.priority) == (tidy, wanted):
        return item
    before = snapshot(item)
    item.labels, item.priority = tidy, wanted
    item.save(update_fields=["labels", "priority"])
    # Labels are words that people chose: the event holds how many, not what they say.
    data = {"labels": len(tidy), "priority": str(wanted)}
    event = record("request.labelled", item, actor=actor, at=at, data=data)
    remember(undo, event, item, before)
    return item


@transaction.atomic
def ask_requester(
    *,
    item: Request,
    actor: User,
    question: str,
    key: uuid.UUID | None = None,
    undo: Window | None = None,
    at: datetime | None = None,
) -> Comment:
    """Ask the requester something; the promise waits until they answer.

    Raises AlreadyDecided, AlreadyMerged, PermissionDenied for non-PMs. The same `key` asks once.
    """
    require(can_triage(actor), "Only product managers ask the requester.")
    item = locked(item)
    before = snapshot(item)
    comment, created = say(item, actor, question, Comment.Kind.QUESTION, key, at)
    if not created:
        return comment
    refuse_closed(item)
    if item.asked_at is None:
        promises.pause(item, comment.created_at)
    item.asked_at = item.asked_at or comment.created_at
    item.asked_by = actor
    item.changed_at = comment.created_at
    before["events"] = acknowledge(item, actor, comment.created_at)
    item.save(update_fields=["asked_at", "asked_by", "changed_at"])
    event = record(
        "request.asked", item, actor=actor, at=comment.created_at, data={"comment": comment.pk}
    )
    remember(undo, event, item, before)
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
    item = locked(item)
    require(can_answer(actor, item), "Only the requester answers.")
    comment, created = say(item, actor, answer, Comment.Kind.ANSWER, key, at)
    if not created:
        return comment
    if item.asked_at is None:
        raise NothingAsked("This question was answered already. Add a comment instead.")
    waited = comment.created_at - item.asked_at
    asked_by_id = item.asked_by_id
    item.asked_at = item.asked_by = None
    promises.resume(item, comment.created_at)
    item.due_at = promises.next_due(item)
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
    is_internal: bool = False,
    key: uuid.UUID | None = None,
    at: datetime | None = None,
) -> Comment:
    """Say something on a request; internal notes are for PMs alone. The same `key` says it once.

    Raises PermissionDenied for internal notes of others than PMs.
    """
    require(can_comment(actor, item), "Your account is closed.")
    require(not is_internal or is_pm(actor), "Internal notes are for product managers.")
    item = locked(item)
    comment, created = say(
        item, actor, body, Comment.Kind.COMMENT, key, at, is_internal=is_internal
    )
    if created:
        data: dict[str, Any] = {"comment": comment.pk}
        if is_internal:
            data["internal"] = True
        else:
            acknowledge(item, actor, comment.created_at)
            item.due_at = promises.next_due(item) if item.is_open else None
            item.changed_at = comment.created_at
            item.save(update_fields=["changed_at", "due_at"])
        record("request.commented", item, actor=actor, at=comment.created_at, data=data)
    return comment


def say(
    item: Request,
    author: User,
    body: str,
    kind: str,
    key: uuid.UUID | None,
    at: datetime | None,
    *,
    is_internal: bool = False,
) -> tuple[Comment, bool]:
    """A comment and whether it is new; for services that hold the item's lock: no twin races."""
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
            is_internal=is_internal,
            created_at=at or timezone.now(),
        ),
        True,
    )
