"""Somebody turns out to be somebody else: what the stranger asked is the person's."""

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from accounts.models import User
from activity.events import record
from intake.models import Comment, Draft, Follow, Request, Vote
from intake.services import groups


@transaction.atomic
def take_over(*, stranger: User, person: User) -> int:
    """Give a person all that a stand-in for them asked, said and voted for; returns how many
    requests. Where both have a voice for a request the person's own stays. Safe to repeat.
    """
    if stranger.pk == person.pk:
        return 0
    asked = list(
        Request.objects.select_for_update(of=("self",))
        .filter(Q(requester=stranger) | Q(sent_by=stranger))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    Request.objects.filter(requester=stranger).update(requester=person)
    Request.objects.filter(sent_by=stranger).update(sent_by=person)
    voted = list(Vote.objects.filter(person=stranger).values_list("request_id", flat=True))
    own = Vote.objects.filter(person=person).values_list("request_id", flat=True)
    Vote.objects.filter(person=stranger, request_id__in=list(own)).delete()
    Vote.objects.filter(person=stranger).update(person=person)
    followed = Follow.objects.filter(person=person).values_list("request_id", flat=True)
    Follow.objects.filter(person=stranger, request_id__in=list(followed)).delete()
    Follow.objects.filter(person=stranger).update(person=person)
    Vote.objects.filter(given_by=stranger).update(given_by=person)
    Comment.objects.filter(author=stranger).update(author=person)
    Draft.objects.filter(person=stranger).update(person=person)
    tops = Request.objects.filter(pk__in=[*asked, *voted]).values_list(
        Coalesce("root_id", "pk"), flat=True
    )
    groups.refresh_votes(sorted(set(tops)))
    if asked or voted:
        record("user.matched", person, data={"from": stranger.pk, "requests": len(asked)})
    return len(asked)
