"""What notices need to know about requests: kinds, who may still see one, silence, settling."""

from collections.abc import Collection

from django.db.models import Q

from accounts.models import User
from activity.models import Event
from intake.models import Follow, Request, Vote
from intake.services import groups, undo
from intake.services.voting import mute_request
from notices.kinds import Pace, register_kind
from notices.settling import register_settling
from notices.subjects import register_mute, register_sight

REQUEST = "intake.request"

_OWNING = ("request.routed", "request.triaged", "request.reassigned", "request.reopened")
# What an event does that earlier ones asked of somebody.
_CLOCK = ("request.warned", "request.breached", "request.silent")
_ALL = (*_OWNING, *_CLOCK, "request.asked", "request.answered")
SETTLES = {
    "request.triaged": (*_OWNING, *_CLOCK),
    "request.reassigned": _OWNING,
    "request.asked": ("request.answered", *_CLOCK),
    "request.answered": ("request.asked",),
    "request.commented": ("request.silent",),
    "request.decided": _ALL,
    "request.merged": _ALL,
    "request.shipped": _ALL,
}


def register() -> None:
    """Called once from `ready()`."""
    register_kind(
        "question", "Questions and answers", "Somebody asks you, or answers you.", Pace.AT_ONCE
    )
    register_kind(
        "assigned", "Given to you", "You own a request, or it is open again.", Pace.AT_ONCE
    )
    register_kind(
        "promise", "Promises", "An answer that you owe somebody is nearly due.", Pace.AT_ONCE
    )
    register_kind(
        "outcome", "Outcomes", "What you asked or voted for is decided or delivered.", Pace.AT_ONCE
    )
    register_kind(
        "progress", "Progress", "It arrived, was read, or joined another one.", Pace.AT_ONCE
    )
    register_kind("comment", "Comments", "Somebody writes on a request.", Pace.AT_ONCE)
    register_mute(REQUEST, mute)
    register_sight(REQUEST, still_seen)
    for kind, settles in SETTLES.items():
        register_settling(kind, settles, unless=_is_undone)


def mute(person: User, request_id: int, is_muted: bool) -> None:
    """Tell a person nothing more of a request and what it joined, or tell again. Repeatable."""
    item = Request.objects.filter(pk=request_id).first()
    if item is None:
        return
    if is_muted:
        mute_request(item=item, person=person)
        return
    top = item.root_id or item.pk
    Follow.objects.filter(
        request__in=groups.members_of([top]), person=person, is_muted=True
    ).update(is_muted=False)


def still_seen(person: User, request_ids: Collection[int]) -> set[int]:
    """Those of these requests that a person may see now; a guest those of their own."""
    if person.is_guest:
        seen = Request.objects.filter(Q(requester=person) | Q(sent_by=person))
    else:
        seen = Request.objects.visible_to(person)
    return set(seen.filter(pk__in=request_ids).values_list("pk", flat=True))


def reasons(item: Request, people: Collection[int]) -> dict[int, str]:
    """Why each of these people hears of a request, in a few words; three queries.

    Of several reasons the closest counts: who owns it, who asked, who voted, who follows.
    """
    members = {
        row.pk: row
        for row in Request.objects.filter(pk__in=groups.members_of([item.pk])).select_related(
            "requester", "sent_by"
        )
    }
    found: dict[int, str] = {}

    def add(person_id: int | None, said: str, request_id: int) -> None:
        if person_id in people and person_id is not None:
            joined = "" if request_id == item.pk else f": {members[request_id].reference}"
            found.setdefault(person_id, said + joined)

    top = members.get(item.root_id or item.pk, item)
    add(top.owner_id, "You own it", item.pk)
    # The request itself before what shares its group.
    for pk in sorted(members, key=lambda pk: (pk != item.pk, pk)):
        row = members[pk]
        add(row.requester_id, "You asked for it", pk)
        add(row.sent_by_id, f"You sent it for {row.requester}"[:80], pk)
    for model, said in ((Vote, "You voted for it"), (Follow, "You follow it")):
        pairs = model.objects.filter(request__in=members, person__in=people)
        for request_id, person_id in pairs.order_by("pk").values_list("request_id", "person_id"):
            add(person_id, said, request_id)
    return found


def _is_undone(event: Event) -> bool:
    return undo.is_undone(event.pk)
