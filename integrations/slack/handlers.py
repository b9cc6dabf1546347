"""What the hub does when something happens in Slack, or to a request that has a thread there."""

import json
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.models import Role, User
from activity.events import on, record
from intake.mine import items_of, rows_of
from intake.models import PROBLEM_LENGTH, TITLE_LENGTH, Request, Visibility
from intake.services import submit_request
from integrations import circuit, inbox
from integrations.errors import UpstreamError
from integrations.models import InboundMessage, SlackChannel, SlackMessage, Source, SourceState
from integrations.slack import home, reading, threads
from integrations.slack.channels import has_strangers
from integrations.slack.client import SlackClient
from integrations.slack.digest import anybody
from integrations.slack.mapping import moment
from integrations.slack.messages import plain
from integrations.slack.people import person_of
from integrations.slack.sync import own_bot
from notices.services import Message, notify
from planning.models import Decision

log = structlog.get_logger(__name__)

GONE = ("app_uninstalled", "tokens_revoked")
HOME_ROWS = 20
# Hints to read a thread again: without a word of what was said.
HINT = "thread.changed"


def is_heard(event: dict[str, Any]) -> bool:
    """Whether the hub does something about an event; nothing else is kept."""
    kind = event.get("type")
    if event.get("bot_id"):
        return False
    if kind == "reaction_added":
        return event.get("reaction") == settings.SLACK_REQUEST_EMOJI
    if kind == "app_home_opened":
        return event.get("tab") == "home"
    if kind == "tokens_revoked":
        tokens = event.get("tokens")
        return isinstance(tokens, dict) and bool(tokens.get("bot"))
    return kind in ("link_shared", "app_uninstalled")


def named_message(event: dict[str, Any]) -> tuple[str, str]:
    """The channel and the thread that an event says something new about; empty for none."""
    kind = event.get("type")
    if kind == "message":
        inner = event.get("message"), event.get("previous_message")
        told = next((one for one in inner if isinstance(one, dict)), event)
        channel = event.get("channel")
        ts = told.get("thread_ts") or told.get("ts") or event.get("deleted_ts")
    elif kind in ("reaction_added", "reaction_removed"):
        where = event.get("item")
        where = where if isinstance(where, dict) else {}
        channel, ts = where.get("channel"), where.get("ts")
    else:
        return "", ""
    if isinstance(channel, str) and isinstance(ts, str) and moment(ts) is not None:
        return channel, ts
    return "", ""


def is_read(channel: str) -> bool:
    """Whether a channel's messages are read."""
    return (
        bool(channel) and SlackChannel.objects.filter(channel_id=channel, is_picked=True).exists()
    )


def subscribe() -> None:
    """Called once from `ready()`."""
    for kind in threads.TOLD:
        on(kind, threads.tell)


def _event(message: InboundMessage) -> dict[str, Any]:
    found = json.loads(message.body or "{}")
    return found if isinstance(found, dict) else {}


@inbox.hears(Source.SLACK, "reaction_added")
def file_message(message: InboundMessage) -> str:
    """The chosen emoji makes a request of a message, once."""
    event = _event(message)
    where = event.get("item")
    where = where if isinstance(where, dict) else {}
    channel, ts = str(where.get("channel", "")), str(where.get("ts", ""))
    if where.get("type") != "message" or not (channel and ts):
        return ""
    mark = f"{channel}:{ts}"
    sent = Request.objects.filter(source_system=Source.SLACK.value, source_ref=mark)
    if (known := sent.first()) is not None:
        return f"{known.reference} was made of it before."
    client = SlackClient()
    said = _message(client, channel, ts)
    text = plain(str(said.get("text", ""))).strip()
    author = said.get("user")
    if not text or said.get("bot_id") or not isinstance(author, str):
        return ""
    person, actor = person_of(client, author), person_of(client, str(event.get("user", "")))
    if not (person.is_active and actor.is_active):
        return ""
    url = threads.permalink(client, channel, ts)
    try:
        with transaction.atomic():
            item = submit_request(
                requester=person,
                sent_by=actor,
                title=" ".join(text.partition("\n")[0].split())[:TITLE_LENGTH],
                problem=text[:PROBLEM_LENGTH],
                evidence_url=url,
                source=Source.SLACK.value,
                source_system=Source.SLACK.value,
                source_ref=mark,
            )
            root = str(said.get("thread_ts") or ts)
            threads.begin(item, user_id=author, channel=channel, ts=root, url=url)
    except IntegrityError:
        return f"{sent.get().reference} was made of it at the same time."
    return f"{item.reference} was made of it."


def _message(client: SlackClient, channel: str, ts: str) -> dict[str, Any]:
    """One message, also one inside a thread."""
    page = client.form(
        "conversations.replies", channel=channel, ts=ts, latest=ts, inclusive="true", limit=1
    )
    for one in page.get("messages") or ():
        if isinstance(one, dict) and one.get("ts") == ts:
            return one
    raise UpstreamError("Slack does not show the message to the hub. Invite it to the channel.")


@inbox.hears(Source.SLACK, HINT)
def read_again(message: InboundMessage) -> str:
    """Something was said, edited, deleted or reacted to where the hub reads."""
    event = _event(message)
    channel, ts = str(event.get("channel", "")), str(event.get("ts", ""))
    # A reply's reaction names the reply, not its thread.
    known = SlackMessage.objects.filter(channel__channel_id=channel, ts=ts)
    thread = known.values_list("thread_ts", flat=True).first()
    return reading.hear(channel, thread or ts, own_bot())


@inbox.hears(Source.SLACK, "app_home_opened")
def show_home(message: InboundMessage) -> str:
    """My requests with their state, on the app's own page."""
    user_id = str(_event(message).get("user", ""))
    if not user_id:
        return ""
    client = SlackClient()
    person = person_of(client, user_id)
    client.call("views.publish", user_id=user_id, view=home.page(_rows(person), settings.BASE_URL))
    return "The page was shown."


def _rows(person: User) -> list[Any]:
    mine = items_of(person, "sent")
    if person.is_guest:  # sees nothing but what is theirs
        mine = Request.objects.filter(requester=person).order_by("-changed_at", "-id")
    return rows_of(person, mine[:HOME_ROWS]) if person.is_active else []


@inbox.hears(Source.SLACK, "link_shared")
def unfold(message: InboundMessage) -> str:
    """Links to requests and decisions, as far as every colleague may see them; nothing where
    others are known to be in the channel."""
    event = _event(message)
    links = event.get("links")
    if has_strangers(str(event.get("channel", ""))):
        return ""
    wanted: dict[str, int] = {}
    decided: dict[str, int] = {}
    for one in links if isinstance(links, list) else ():
        url = one.get("url") if isinstance(one, dict) else None
        if not isinstance(url, str):
            continue
        if number := home.number_in(url, settings.BASE_URL):
            wanted[url] = number
        elif number := home.number_in(url, settings.BASE_URL, "decisions"):
            decided[url] = number
    shown = {
        item.number: item
        for item in Request.objects.filter(
            number__in=wanted.values(), visibility=Visibility.COMPANY
        ).select_related("root")
        if item.root is None or item.root.visibility == Visibility.COMPANY
    }
    unfurls = {
        url: home.unfolded(shown[number], settings.BASE_URL)
        for url, number in wanted.items()
        if number in shown
    }
    read = Decision.objects.visible_to(anybody()).filter(number__in=decided.values())
    found = {one.number: one for one in read.select_related("decided_by")}
    unfurls |= {
        url: home.unfolded_decision(found[number], settings.BASE_URL)
        for url, number in decided.items()
        if number in found
    }
    if not unfurls:
        return ""
    where: dict[str, Any] = {"unfurl_id": event.get("unfurl_id"), "source": event.get("source")}
    if not all(where.values()):
        where = {"channel": event.get("channel"), "ts": event.get("message_ts")}
    SlackClient().call("chat.unfurl", **where, unfurls=unfurls)
    return f"{len(unfurls)} unfolded."


@transaction.atomic
def disconnect(message: InboundMessage) -> str:
    """The app is gone from the workspace: nothing more is sent until it is installed again, and
    those who can install it hear of it once."""
    said = "Install it again and set the new SLACK_BOT_TOKEN. Until then nothing is sent."
    if circuit.is_open(Source.SLACK):
        return "Nothing is sent already."
    circuit.refused(Source.SLACK, f"The app was removed from Slack. {said}")
    state = SourceState.objects.get(source=Source.SLACK)
    notify(
        event=record("source.disconnected", state),
        recipients=User.objects.filter(role__in=[Role.PRODUCT_OPS, Role.ADMIN], is_active=True),
        message=Message(
            title="The app was removed from Slack",
            url=reverse("integrations:index"),
            text=said,
            is_action=True,
        ),
    )
    return "Nothing more is sent until the app is installed again."


for _kind in GONE:
    inbox.hears(Source.SLACK, _kind)(disconnect)
