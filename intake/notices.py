"""Who hears what about a request.

Everyone behind it (who asked, who sent it for them, voters, followers, and the same of whatever
joined it) hears each change of its state once. Whoever may not see the request hears nothing.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from activity.models import Event
from intake.hearing import reasons
from intake.models import Comment, Follow, Request, Status
from intake.open_links import status_path_of
from intake.services import groups, undo
from intake.visibility import who_may_not_see
from notices.services import Message, notify
from planning.models import Decision

Told = list[tuple[list[User | None], Message]]

# What those behind a request hear of it; the “days since last heard” start anew.
HEARD_KINDS = frozenset(
    {
        "request.triaged",
        "request.asked",
        "request.commented",
        "request.decided",
        "request.reopened",
        "request.begun",
        "request.merged",
        "request.unmerged",
        "request.shipped",
    }
)


@transaction.atomic
def announce(event: Event) -> None:
    """Tell everyone behind a request what happened; the one who did it is not told.

    Repeatable: a person hears of an event once. What can still be taken back waits until it
    cannot; what was taken back is told to nobody.
    """
    item = (
        Request.objects.select_for_update(of=("self",))
        .select_related("requester", "owner", "decision", "team", "asked_by", "root")
        .filter(pk=event.subject_id)
        .first()
    )
    if item is None or undo.is_undone(event.pk):
        return
    release = undo.release_at(event.pk)
    told: set[int] = set()
    for recipients, message in messages_for(event, item):
        seen = item.root if item.root is not None and event.kind != "request.unmerged" else item
        people = {
            person.pk: person
            for person in recipients
            if person and person.pk != event.actor_id and person.pk not in told
        }
        for blind in who_may_not_see(people.values(), seen):
            people.pop(blind.pk)
        told |= set(people)
        if people:
            notify(
                event=event,
                recipients=people.values(),
                message=replace(message, guest_url=status_path_of(item)),
                release_at=release,
                channel_kind=CHANNEL_KINDS.get(event.kind, "progress"),
                whys=reasons(item, set(people)),
            )
    if told and event.kind in HEARD_KINDS and not event.data.get("internal"):
        heard = Request.objects.filter(pk__in={item.pk, item.root_id or item.pk})
        heard.update(heard_at=event.occurred_at, silence_raised_at=None)


CHANNEL_KINDS = {
    "request.submitted": "progress",
    "request.triaged": "progress",
    "request.merged": "progress",
    "request.unmerged": "progress",
    "request.reassigned": "assigned",
    "request.routed": "assigned",
    "request.asked": "question",
    "request.answered": "question",
    "request.commented": "comment",
    "request.decided": "outcome",
    "request.reopened": "assigned",
    "request.begun": "progress",
    "request.shipped": "outcome",
}


def messages_for(event: Event, item: Request) -> Told:
    """Who hears what of an event; Nones stand for roles that nobody fills."""
    maker = _MESSAGES.get(event.kind)
    return maker(event, item) if maker else []


def _who(event: Event) -> str:
    return event.actor.name if event.actor else "ProductHub"


def _said(event: Event) -> str:
    if comment_id := event.data.get("comment"):
        found = Comment.objects.filter(pk=comment_id).values_list("body", flat=True).first()
        return found or ""
    return ""


def _triaged(event: Event, item: Request) -> Told:
    whom = f" It is with {item.owner}." if item.owner else ""
    return [
        *_owned(event, item),
        (
            _without(groups.behind(item), _new_owner(event, item)),
            Message(
                f"{item.reference} was read: {item.title}",
                item.get_absolute_url(),
                f"{_who(event)} read this request.{whom} Next comes the decision{_by_when(item)}.",
            ),
        ),
    ]


def _by_when(item: Request) -> str:
    if item.due_at is None:
        return ""
    day = timezone.localdate(item.due_at)
    return f", by {day.day} {day:%B}"


def _owned(event: Event, item: Request) -> Told:
    return [
        (
            _new_owner(event, item),
            Message(
                f"You own {item.reference}: {item.title}",
                item.get_absolute_url(),
                f"{_who(event)} gave you this request.",
                is_action=True,
            ),
        )
    ]


def _routed(event: Event, item: Request) -> Told:
    if not event.data.get("owner") or event.data["owner"] != item.owner_id:
        return []
    return [
        (
            [item.owner],
            Message(
                f"You own {item.reference}: {item.title}",
                item.get_absolute_url(),
                f"A routing rule gave you this request of {item.requester.name}.",
                is_action=True,
            ),
        )
    ]


def _asked(event: Event, item: Request) -> Told:
    return [
        (
            [item.requester, item.sent_by],
            Message(
                f"{_who(event)} asks about {item.reference}: {item.title}",
                f"{item.get_absolute_url()}#answer",
                _said(event),
                is_action=True,
            ),
        )
    ]


def _answered(event: Event, item: Request) -> Told:
    asker = User.objects.filter(pk=event.data.get("asked_by")).first()
    # The requester hears of an answer only when somebody else gave it for them.
    requester = item.requester if event.actor_id != item.requester_id else None
    return [
        (
            [asker, item.owner, requester],
            Message(
                f"{_who(event)} answered on {item.reference}: {item.title}",
                f"{item.get_absolute_url()}#talk",
                _said(event),
                is_action=True,
            ),
        )
    ]


def _commented(event: Event, item: Request) -> Told:
    top = item.root or item
    if event.data.get("internal"):
        return [
            (
                [top.owner],
                Message(
                    f"{_who(event)} left a note on {item.reference}: {item.title}",
                    f"{item.get_absolute_url()}#talk",
                    _said(event),
                ),
            )
        ]
    follows = Follow.objects.filter(
        request__in=groups.members_of([item.pk]), is_muted=False
    ).select_related("person")
    muted = set(
        Follow.objects.filter(request__in=groups.members_of([item.pk]), is_muted=True).values_list(
            "person_id", flat=True
        )
    )
    # Votes are many and their owners asked for the outcome, not for every word.
    people = [item.requester, item.sent_by, top.owner, *[row.person for row in follows]]
    return [
        (
            [one for one in people if one and (one.pk not in muted or one.pk == top.owner_id)],
            Message(
                f"{_who(event)} commented on {item.reference}: {item.title}",
                f"{item.get_absolute_url()}#talk",
                _said(event),
            ),
        )
    ]


def _decided(event: Event, item: Request) -> Told:
    # The event's own decision: by now it may be open again, or decided anew.
    decision = Decision.objects.standing().filter(pk=event.data["decision"]).first()
    if decision is None:
        return []
    word = decision.get_outcome_display()
    anew = "decided anew" if event.data.get("instead_of") else "decided"
    text = f"{_who(event)} {anew}: {word}.\n\n{decision.reason}"
    if decision.revisit_on:
        text += f"\n\nIt is looked at again on {decision.revisit_on:%-d %B %Y}."
    return [
        (
            [*groups.behind(item), item.owner],
            Message(
                f"{item.reference} {anew}: {word.lower()} – {item.title}",
                item.get_absolute_url(),
                text,
            ),
        )
    ]


def _begun(event: Event, item: Request) -> Told:
    return [
        (
            [*groups.behind(item), item.owner],
            Message(
                f"Work on {item.reference} has begun: {item.title}",
                item.get_absolute_url(),
                "What you asked for is being made. You hear when it is there.",
            ),
        )
    ]


def _shipped(event: Event, item: Request) -> Told:
    return [
        (
            [*groups.behind(item), item.owner],
            Message(
                f"{item.reference} is delivered: {item.title}",
                item.get_absolute_url(),
                "What you asked for is there. Thank you for asking.",
            ),
        )
    ]


def _merged(event: Event, item: Request) -> Told:
    top = item.root
    if top is None:
        return []
    text = (
        f"{_who(event)} found that {item.reference} asks the same as {top.reference}:"
        f" {top.title}. Your voice counts there now, and you hear of each step."
    )
    if top.status in (Status.DECIDED, Status.SHIPPED) and top.decision is not None:
        text += (
            f"\n\nIt is decided already: {top.decision.get_outcome_display()}."
            f"\n\n{top.decision.reason}"
        )
    return [
        (
            [*groups.behind(item, alone=True)],
            Message(
                f"{item.reference} joined {top.reference}: {top.title}",
                top.get_absolute_url(),
                text,
            ),
        )
    ]


def _unmerged(event: Event, item: Request) -> Told:
    return [
        (
            [*groups.behind(item, alone=True)],
            Message(
                f"{item.reference} stands for itself again: {item.title}",
                item.get_absolute_url(),
                f"{_who(event)} parted it from the request that it had joined. It is decided"
                " on its own.",
            ),
        )
    ]


def _reopened(event: Event, item: Request) -> Told:
    first = Decision.objects.filter(pk=event.data.get("decision")).first()
    decided_by = first.decided_by if first else None
    return [
        (
            [item.owner, decided_by],
            Message(
                f"{_who(event)} asks to look again at {item.reference}: {item.title}",
                f"{item.get_absolute_url()}#talk",
                _said(event),
                is_action=True,
            ),
        ),
        (
            [*groups.behind(item)],
            Message(
                f"{item.reference} is open again: {item.title}",
                item.get_absolute_url(),
                f"{_who(event)} asked to look at it again, and it waits for a new decision.",
            ),
        ),
    ]


_MESSAGES = {
    "request.routed": _routed,
    "request.triaged": _triaged,
    "request.reassigned": _owned,
    "request.asked": _asked,
    "request.answered": _answered,
    "request.commented": _commented,
    "request.decided": _decided,
    "request.reopened": _reopened,
    "request.begun": _begun,
    "request.shipped": _shipped,
    "request.merged": _merged,
    "request.unmerged": _unmerged,
}


def _new_owner(event: Event, item: Request) -> list[User | None]:
    return [item.owner] if event.data.get("owner_changed") else []


def _without(people: Iterable[User], others: Iterable[User | None]) -> list[User | None]:
    left_out = {other.pk for other in others if other}
    return [person for person in people if person.pk not in left_out]


def confirm(event: Event) -> None:
    """Tell the requester that the request arrived, its number, and what happens by when."""
    item = (
        Request.objects.select_related("requester", "sent_by", "team")
        .filter(pk=event.subject_id)
        .first()
    )
    if item is None or item.due_at is None:
        return
    day = timezone.localdate(item.due_at)
    by_when = f"It is read by {day:%A}, {day.day} {day:%B}"
    if item.due_at - item.submitted_at > timedelta(days=7):
        by_when = f"It is read by {day.day} {day:%B}"
    sender = f"{item.sent_by} sent this for you. " if item.sent_by else ""
    notify(
        event=event,
        recipients=[item.requester],
        message=Message(
            f"{item.reference} received: {item.title}",
            item.get_absolute_url(),
            f"{sender}{by_when}, and you hear of each step here and by mail.",
            guest_url=status_path_of(item),
        ),
        channel_kind=CHANNEL_KINDS[event.kind],
    )
