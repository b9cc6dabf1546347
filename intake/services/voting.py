"""Votes and followers."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.permissions import is_pm, require
from activity.events import record
from intake.models import Customer, Follow, Request, Vote
from intake.services import groups
from intake.services.errors import RequestError
from intake.services.locks import locked
from intake.visibility import who_may_not_see


def standing(item: Request) -> Request:
    """The request that stands for this one, locked: the root of its group."""
    held = locked(item)
    return locked(held.root) if held.root_id and held.root is not None else held


@transaction.atomic
def vote_for_request(
    *,
    item: Request,
    person: User,
    actor: User | None = None,
    title: str = "",
    case: str = "",
    customer: Customer | None = None,
    at: datetime | None = None,
) -> Vote | None:
    """Add a person's voice, with their own case where they give one.

    The vote goes to the request that stands for the group. A second vote of the same person adds
    only a case that is not there yet. The requester needs no vote: None. `actor` gives it for
    somebody else and must be a PM. Raises PermissionDenied for people who may not see it.
    """
    actor = actor or person
    require(actor.pk == person.pk or is_pm(actor), "You can only vote for yourself.")
    top = standing(item)
    require(not who_may_not_see([person], top), "You may not see this request.")
    case, title = case.strip(), " ".join(title.split())[:120]
    if person.pk == top.requester_id:
        return None
    now = at or timezone.now()
    vote, is_new = Vote.objects.select_for_update().get_or_create(
        request=top,
        person=person,
        defaults={
            "case": case,
            "title": title,
            "customer": customer,
            "created_at": now,
            "given_by": actor if actor.pk != person.pk else None,
        },
    )
    if is_new:
        Follow.objects.filter(request=top, person=person).update(is_muted=False)
        groups.refresh_votes([top.pk])
        record("request.voted", top, actor=actor, at=now, data={"person": person.pk})
    elif case and case not in vote.case:
        if len(vote.case) + len(case) > 9_900:
            raise RequestError("Your case is long enough already. Add a comment instead.")
        vote.case = f"{vote.case}\n\n{case}".strip()
        vote.save(update_fields=["case"])
    return vote


@transaction.atomic
def withdraw_vote(*, item: Request, person: User, at: datetime | None = None) -> bool:
    """Take one's vote back, wherever in the group it was given; returns whether there was one."""
    top = standing(item)
    members = groups.members_of([top.pk])
    gone, _ = Vote.objects.filter(request__in=members, person=person).delete()
    if gone:
        groups.refresh_votes([top.pk])
        record("request.unvoted", top, actor=person, at=at, data={"person": person.pk})
    return bool(gone)


@transaction.atomic
def follow_request(*, item: Request, person: User, at: datetime | None = None) -> Follow:
    """Hear of a request without voting for it. Repeatable; takes back a mute."""
    top = standing(item)
    require(not who_may_not_see([person], top), "You may not see this request.")
    Follow.objects.filter(
        request__in=groups.members_of([top.pk]), person=person, is_muted=True
    ).update(is_muted=False)
    follow, is_new = Follow.objects.get_or_create(
        request=top, person=person, defaults={"created_at": at or timezone.now()}
    )
    if is_new:
        record("request.followed", top, actor=person, at=at)
    return follow


@transaction.atomic
def mute_request(*, item: Request, person: User, at: datetime | None = None) -> None:
    """Hear nothing more of a request, whatever stands between it and the person. Repeatable."""
    top = standing(item)
    follow, _ = Follow.objects.get_or_create(
        request=top, person=person, defaults={"created_at": at or timezone.now()}
    )
    if not follow.is_muted:
        follow.is_muted = True
        follow.save(update_fields=["is_muted"])
        record("request.unfollowed", top, actor=person, at=at)


@transaction.atomic
def unfollow_request(*, item: Request, person: User, at: datetime | None = None) -> None:
    """Stop following. Who is behind the request by asking or voting mutes it instead."""
    top = standing(item)
    members = groups.members_of([top.pk])
    involved = (
        Request.objects.filter(pk__in=members, requester=person).exists()
        or Request.objects.filter(pk__in=members, sent_by=person).exists()
        or Vote.objects.filter(request__in=members, person=person).exists()
    )
    if involved:
        mute_request(item=item, person=person, at=at)
    elif Follow.objects.filter(request__in=members, person=person).delete()[0]:
        record("request.unfollowed", top, actor=person, at=at)
