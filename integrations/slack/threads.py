"""A request's thread in Slack: opened once, answered at each change of state.

A request made from a message has its thread below that message; any other has one with whoever
asked. What is told in a channel is only what everybody in the company may see.
"""

from typing import Any

from django.conf import settings
from django.db import transaction

from activity.models import Event
from intake.models import Request, Status, Visibility
from intake.services import undo
from integrations import deliveries
from integrations.errors import UpstreamError
from integrations.models import Delivery, ItemLink, Source
from integrations.slack.client import SlackClient
from integrations.slack.config import is_connected
from integrations.slack.messages import escape, link

THREAD = "thread"
OPEN, REPLY, STATUS = "open_thread", "reply", "show_state"
REQUEST = "intake.request"
# What our messages carry, so that one is recognised before it is posted again.
MARK = "producthub_delivery"
TOLD = (
    "request.triaged",
    "request.asked",
    "request.decided",
    "request.reopened",
    "request.merged",
    "request.shipped",
)


def permalink(client: SlackClient, channel: str, ts: str) -> str:
    """The address of a message; empty where Slack does not tell it."""
    try:
        found = client.form("chat.getPermalink", channel=channel, message_ts=ts).get("permalink")
    except UpstreamError:
        return ""
    is_address = isinstance(found, str) and found.startswith("https://") and len(found) <= 500
    return str(found) if is_address else ""


@transaction.atomic
def begin(item: Request, *, user_id: str, channel: str = "", ts: str = "", url: str = "") -> None:
    """Have the first message of a request's thread posted; below `ts`, or to the person."""
    if channel and ts:
        ItemLink.objects.get_or_create(
            source=Source.SLACK,
            kind=THREAD,
            upstream_id=f"{channel}:{ts}",
            subject_type=REQUEST,
            subject_id=item.pk,
            defaults={
                "origin": ItemLink.Origin.INBOUND,
                "url": url,
                "data": {"channel": channel, "ts": ts},
            },
        )
    deliveries.plan(
        source=Source.SLACK,
        action=OPEN,
        key=f"slack:open:{item.pk}",
        lane=_lane(item.pk),
        payload={"user": user_id, "channel": channel, "ts": ts},
        subject_type=REQUEST,
        subject_id=item.pk,
        subject_label=item.reference,
    )


def _lane(request_id: int) -> str:
    return f"slack:request:{request_id}"


@transaction.atomic
def tell(event: Event) -> None:
    """Plan a reply in the threads of a request and of whatever joined it. Repeatable."""
    if not is_connected() or event.subject_id is None:
        return
    group = Request.objects.filter(root_id=event.subject_id).values_list("pk", flat=True)
    threads = Delivery.objects.filter(
        source=Source.SLACK,
        action=OPEN,
        subject_type=REQUEST,
        subject_id__in=[event.subject_id, *group],
    )
    release = undo.release_at(event.pk)
    for pk, label in threads.order_by("pk").values_list("subject_id", "subject_label"):
        assert pk is not None
        for action in (REPLY, STATUS):
            deliveries.plan(
                source=Source.SLACK,
                action=action,
                key=f"slack:{action}:{event.pk}:{pk}",
                lane=_lane(pk),
                payload={"event": event.pk, "kind": event.kind},
                subject_type=REQUEST,
                subject_id=pk,
                subject_label=label,
                due_at=release,
            )


# --- What is said -------------------------------------------------------------------------------


def _item(delivery: Delivery) -> Request:
    found = Request.objects.select_related("root", "owner", "team", "decision", "root__decision")
    item = found.filter(pk=delivery.subject_id or 0).first()
    if item is None:
        raise UpstreamError("The request is not there any more.")
    return item


def _standing(item: Request) -> Request:
    return item.root if item.root is not None else item


def _is_open_to_all(item: Request) -> bool:
    top = _standing(item)
    return {item.visibility, top.visibility} == {Visibility.COMPANY}


def _named(item: Request, *, is_private: bool) -> str:
    words = f"{item.reference} {item.title}"
    return link(
        settings.BASE_URL + item.get_absolute_url(),
        words if is_private or _is_open_to_all(item) else item.reference,
    )


def first_words(item: Request, *, is_private: bool) -> str:
    """The first message, which shows the state: edited as that changes."""
    top = _standing(item)
    return f"{_named(item, is_private=is_private)}\n{escape(top.state[0])}"


def reply_words(item: Request, kind: str, *, is_private: bool) -> str:
    """What happened, for everybody in the thread."""
    top = _standing(item)
    if kind == "request.triaged":
        whom = top.owner.name if top.owner else top.team.name if top.team else ""
        return (
            f"It was read{f' and is with {escape(whom)}' if whom else ''}. A decision comes next."
        )
    if kind == "request.asked":
        return f"There is a question for its requester: {_named(item, is_private=is_private)}"
    if kind == "request.merged":
        return "It joined another request that asks for the same. Its news comes here too."
    if kind == "request.reopened":
        return "It is looked at again."
    if kind == "request.shipped" or top.status == Status.SHIPPED:
        return "It is delivered."
    reason = top.decision.reason if top.decision is not None else ""
    said = f"*{escape(top.state[0])}.*"
    # What stands for it may be hidden from the requester, though their own is not.
    is_open = _is_open_to_all(item) or (is_private and top.pk == item.pk)
    return f"{said} {escape(reason)}" if reason and is_open else said


# --- Posting, once ------------------------------------------------------------------------------


def post(
    client: SlackClient, delivery: Delivery, *, channel: str, text: str, thread: str = ""
) -> dict[str, Any]:
    """Post a message unless this delivery has posted it before; returns channel and ts."""
    if delivery.attempts > 1 and (ts := _posted(client, delivery, channel, thread)):
        return {"channel": channel, "ts": ts}
    more = {"thread_ts": thread} if thread else {}
    reply = client.call(
        "chat.postMessage",
        place=channel,
        channel=channel,
        text=text,
        unfurl_links=False,
        unfurl_media=False,
        metadata={"event_type": MARK, "event_payload": {"delivery": delivery.pk}},
        **more,
    )
    return {"channel": str(reply.get("channel") or channel), "ts": str(reply.get("ts", ""))}


def _posted(client: SlackClient, delivery: Delivery, channel: str, thread: str) -> str:
    """The ts of what an earlier attempt posted. Raises UpstreamError where Slack does not let
    us look: then nothing is posted, rather than twice."""
    where: dict[str, str | int] = {"channel": channel, "include_all_metadata": "true"}
    where["oldest"] = f"{delivery.created_at.timestamp() - 300:.6f}"
    method = "conversations.history"
    if thread:
        method, where = "conversations.replies", where | {"ts": thread}
    for page in client.pages(method, **where):
        for message in page.get("messages") or ():
            mark = message.get("metadata") if isinstance(message, dict) else None
            if not isinstance(mark, dict) or mark.get("event_type") != MARK:
                continue
            if (mark.get("event_payload") or {}).get("delivery") == delivery.pk:
                return str(message.get("ts", ""))
    return ""


def direct(client: SlackClient, user_id: str) -> str:
    """The channel between the hub and a person."""
    found = client.call("conversations.open", users=user_id).get("channel")
    if not isinstance(found, dict) or not found.get("id"):
        raise UpstreamError("Slack opens no conversation with this person.")
    return str(found["id"])


def _keep_thread(delivery: Delivery) -> None:
    posted, wanted = delivery.result, delivery.payload
    assert delivery.subject_id is not None
    root = wanted.get("ts") or posted["ts"]
    ItemLink.objects.update_or_create(
        source=Source.SLACK,
        kind=THREAD,
        upstream_id=f"{wanted.get('channel') or posted['channel']}:{root}",
        subject_type=REQUEST,
        subject_id=delivery.subject_id,
        defaults={
            "data": {
                "channel": posted["channel"],
                "ts": root,
                "status_ts": posted["ts"],
                "is_private": not wanted.get("ts"),
            }
        },
    )


@deliveries.delivers(Source.SLACK, OPEN, then=_keep_thread)
def open_thread(delivery: Delivery) -> dict[str, Any]:
    """The first message of a request's thread."""
    client, wanted = SlackClient(), delivery.payload
    item = _item(delivery)
    is_private = not wanted.get("ts")
    channel = direct(client, wanted["user"]) if is_private else wanted["channel"]
    text = first_words(item, is_private=is_private)
    return post(client, delivery, channel=channel, text=text, thread=wanted.get("ts", ""))


def _thread(delivery: Delivery) -> dict[str, Any]:
    assert delivery.subject_id is not None
    found = ItemLink.objects.filter(
        source=Source.SLACK, kind=THREAD, subject_type=REQUEST, subject_id=delivery.subject_id
    )
    link = found.filter(data__has_key="status_ts").first()
    if link is None:
        raise UpstreamError("The thread of this request was never opened.")
    data: dict[str, Any] = link.data
    return data


@deliveries.delivers(Source.SLACK, REPLY)
def reply(delivery: Delivery) -> dict[str, Any]:
    """What happened, in the thread; nothing for what was taken back."""
    if undo.is_undone(delivery.payload["event"]):
        return {"left_out": "It was taken back."}
    where, item = _thread(delivery), _item(delivery)
    text = reply_words(item, delivery.payload["kind"], is_private=bool(where.get("is_private")))
    return post(SlackClient(), delivery, channel=where["channel"], text=text, thread=where["ts"])


@deliveries.delivers(Source.SLACK, STATUS)
def show_state(delivery: Delivery) -> dict[str, Any]:
    """The state in the first message; the same however often it is done."""
    where, item = _thread(delivery), _item(delivery)
    text = first_words(item, is_private=bool(where.get("is_private")))
    SlackClient().call(
        "chat.update",
        place=where["channel"],
        channel=where["channel"],
        ts=where["status_ts"],
        text=text,
    )
    return {"channel": where["channel"], "ts": where["status_ts"]}
