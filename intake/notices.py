"""Who hears what about a request."""

from accounts.models import User
from activity.models import Event
from intake.models import Comment, Request
from notices.services import Message, notify


def announce(event: Event) -> None:
    """Tell everyone behind a request what happened; the one who did it is not told.

    Repeatable: a person hears of an event once.
    """
    item = (
        Request.objects.select_related("requester", "owner", "decision", "team", "asked_by")
        .filter(pk=event.subject_id)
        .first()
    )
    if item is None:
        return
    for recipients, message in messages_for(event, item):
        heard = [person for person in recipients if person and person.pk != event.actor_id]
        if heard:
            notify(event=event, recipients=heard, message=message)


def messages_for(event: Event, item: Request) -> list[tuple[list[User | None], Message]]:
    """Who hears what of an event; Nones stand for roles that nobody fills."""
    ref, url = item.reference, item.get_absolute_url()
    who = event.actor.name if event.actor else "ProductHub"
    said = ""
    if comment_id := event.data.get("comment"):
        said = Comment.objects.filter(pk=comment_id).values_list("body", flat=True).first() or ""
    if event.kind == "request.triaged":
        whom = f" It is with {item.owner}." if item.owner else ""
        return [
            (
                [item.requester],
                Message(
                    f"{ref} was read: {item.title}",
                    url,
                    f"{who} read your request.{whom} Next comes the decision.",
                ),
            ),
            (
                _new_owner(event, item),
                Message(
                    f"You own {ref}: {item.title}",
                    url,
                    f"{who} gave you this request.",
                    is_action=True,
                ),
            ),
        ]
    if event.kind == "request.reassigned":
        return [
            (
                _new_owner(event, item),
                Message(
                    f"You own {ref}: {item.title}",
                    url,
                    f"{who} gave you this request.",
                    is_action=True,
                ),
            ),
        ]
    if event.kind == "request.asked":
        return [
            (
                [item.requester],
                Message(
                    f"{who} asks about {ref}: {item.title}", f"{url}#answer", said, is_action=True
                ),
            )
        ]
    if event.kind == "request.answered":
        asker = User.objects.filter(pk=event.data.get("asked_by")).first()
        return [
            (
                [asker, item.owner, _requester_unless(event, item)],
                Message(
                    f"{who} answered on {ref}: {item.title}", f"{url}#talk", said, is_action=True
                ),
            )
        ]
    if event.kind == "request.commented":
        return [
            (
                [item.requester, item.owner],
                Message(f"{who} commented on {ref}: {item.title}", f"{url}#talk", said),
            )
        ]
    if event.kind == "request.decided" and item.decision is not None:
        word = item.decision.get_outcome_display()
        return [
            (
                [item.requester, item.owner],
                Message(
                    f"{ref} decided: {word.lower()} – {item.title}",
                    url,
                    f"{who} decided: {word}.\n\n{item.decision.reason}",
                ),
            )
        ]
    if event.kind == "request.shipped":
        return [
            (
                [item.requester, item.owner],
                Message(
                    f"{ref} is delivered: {item.title}",
                    url,
                    "What you asked for is there. Thank you for asking.",
                ),
            )
        ]
    return []


def _new_owner(event: Event, item: Request) -> list[User | None]:
    return [item.owner] if event.data.get("owner_changed") else []


def _requester_unless(event: Event, item: Request) -> User | None:
    """The requester hears of an answer only when somebody else gave it for them."""
    return item.requester if event.actor_id != item.requester_id else None


def confirm(event: Event) -> None:
    """Tell the requester that the request arrived, and its number."""
    item = Request.objects.select_related("requester", "team").filter(pk=event.subject_id).first()
    if item is None or item.due_at is None:
        return
    notify(
        event=event,
        recipients=[item.requester],
        message=Message(
            f"{item.reference} received: {item.title}",
            item.get_absolute_url(),
            "We read every request within two working days, and you hear of each step here and"
            " by mail.",
        ),
    )
