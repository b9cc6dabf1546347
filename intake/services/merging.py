"""Merging: several requests that say the same become one, and can be parted again."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from accounts.permissions import require
from activity.events import record
from intake.models import DuplicatePair, Promise, Request
from intake.permissions import can_triage
from intake.services import groups, promises
from intake.services.errors import AlreadyMerged, CannotMerge
from intake.services.locks import locked_many
from intake.services.requests import acknowledge
from intake.services.undo import Window, remember, snapshot
from intake.visibility import who_may_not_see
from producthub.lib.tags import count_of


@transaction.atomic
def merge_requests(
    *,
    items: Sequence[Request],
    into: Request,
    actor: User,
    undo: Window | None = None,
    at: datetime | None = None,
) -> Request:
    """Let these requests join another; returns the one that stands for all.

    A target that joined another itself stands for nothing: its root is taken. Requests that are
    in the group already are left alone, so repeating it changes nothing. All of them join, or
    none. Raises CannotMerge with a reason, AlreadyMerged when one went elsewhere meanwhile,
    PermissionDenied for non-PMs.
    """
    require(can_triage(actor), "Only product managers merge requests.")
    held = locked_many(groups.members_of([into.pk, *[item.pk for item in items]]))
    target = held[into.pk]
    top = held[target.root_id] if target.root_id else target
    now = at or timezone.now()
    going = []
    for item in (held[one.pk] for one in items):
        if item.pk == top.pk and len(items) > 1:
            continue  # chosen together with what joins it
        if item.pk == top.pk:
            raise CannotMerge("A request cannot join itself. Choose another one.")
        if item.root_id is not None:
            if item.root_id == top.pk:
                continue
            raise AlreadyMerged(held[item.root_id].reference)
        if not item.is_open:
            raise CannotMerge(
                f"{item.reference} is decided. Merge {top.reference} into it instead, or leave"
                " both and link their decisions."
            )
        _refuse_blind(item, top)
        going.append(item)
    for item in going:
        before = snapshot(item)
        item.merged_into, item.root = top, top
        item.merged_at = item.changed_at = now
        item.snoozed_until = item.due_at = None
        changed = ["merged_into", "root", "merged_at", "changed_at", "snoozed_until", "due_at"]
        item.save(update_fields=changed)
        event = record("request.merged", item, actor=actor, at=now, data={"into": top.pk})
        before["events"] = acknowledge(item, actor, now)
        promises.meet(item, Promise.Kind.TRIAGE, Promise.Kind.FIRST_ANSWER, at=now)
        if not top.is_open:
            promises.meet(item, Promise.Kind.DECISION, at=now)
        remember(undo, event, item, before)
    if going:
        _settle_pairs(going, top, actor, now)
        Request.objects.filter(pk=top.pk).update(changed_at=now)
        groups.regroup([top.pk])
    top.refresh_from_db()
    return top


def _refuse_blind(item: Request, top: Request) -> None:
    """Nobody may lose sight of what they asked for."""
    blind = who_may_not_see(groups.behind(item), top)
    if blind:
        raise CannotMerge(
            f"{count_of(len(blind), 'person,people')} behind {item.reference} may not see"
            f" {top.reference}. Open {top.reference} to them first, or merge the other way round."
        )


def _settle_pairs(items: list[Request], top: Request, actor: User, now: datetime) -> None:
    ids = groups.members_of([top.pk, *[item.pk for item in items]])
    DuplicatePair.objects.filter(
        low_id__in=ids, high_id__in=ids, state=DuplicatePair.State.OPEN
    ).update(state=DuplicatePair.State.MERGED, settled_at=now, settled_by=actor)


@transaction.atomic
def unmerge_request(*, item: Request, actor: User, at: datetime | None = None) -> Request:
    """Part a request from the one it joined, with everything that had joined it before.

    Votes, comments and followers are where they were: nothing had moved. Repeating it changes
    nothing. Raises PermissionDenied for non-PMs.
    """
    require(can_triage(actor), "Only product managers part requests.")
    held = locked_many(groups.members_of([item.pk]))
    item = held[item.pk]
    if item.merged_into_id is None:
        return item
    now = at or timezone.now()
    parted_from, was_in = item.merged_into_id, item.root_id
    item.merged_into = item.root = item.merged_at = None
    item.changed_at = now
    item.save(update_fields=["merged_into", "root", "merged_at", "changed_at"])
    groups.after_unmerge(item, was_in)
    item.refresh_from_db()
    item.due_at = promises.next_due(item) if item.is_open else None
    item.save(update_fields=["due_at"])
    record("request.unmerged", item, actor=actor, at=now, data={"from": parted_from})
    return item


@transaction.atomic
def dismiss_pair(
    *, one: Request, other: Request, actor: User, at: datetime | None = None
) -> DuplicatePair:
    """These two are not the same: never propose the pair again. Repeatable."""
    low, high = sorted((one.pk, other.pk))
    if low == high:
        raise CannotMerge("A request is the same as itself.")
    now = at or timezone.now()
    pair, _ = DuplicatePair.objects.select_for_update().get_or_create(low_id=low, high_id=high)
    if pair.state != DuplicatePair.State.DISMISSED:
        pair.state = DuplicatePair.State.DISMISSED
        pair.settled_at, pair.settled_by = now, actor
        pair.save(update_fields=["state", "settled_at", "settled_by"])
        groups.refresh_similar([low, high])
        record("pair.dismissed", one, actor=actor, at=now, data={"low": low, "high": high})
    return pair


@transaction.atomic
def note_likely(*, item: Request, found: Sequence[tuple[int, float, Sequence[str], bool]]) -> int:
    """Keep the likely duplicates that the text engine found, as (request, score, shared words,
    by meaning); what a person has settled stays settled. Returns how many are new."""
    pairs = []
    for other, score, words, by_meaning in found:
        low, high = sorted((item.pk, other))
        if low != high:
            pairs.append(
                DuplicatePair(
                    low_id=low,
                    high_id=high,
                    score=score,
                    words=list(words)[:12],
                    is_by_meaning=by_meaning,
                )
            )
    known = DuplicatePair.objects.filter(Q(low=item) | Q(high=item)).count()
    DuplicatePair.objects.bulk_create(pairs, ignore_conflicts=True)
    groups.refresh_similar([item.pk, *[other for other, *_ in found]])
    return DuplicatePair.objects.filter(Q(low=item) | Q(high=item)).count() - known
