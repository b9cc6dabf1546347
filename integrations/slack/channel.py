"""Slack as a way out for notices: a direct message, for people who chose it."""

from typing import Any

from django.conf import settings

from accounts.models import User
from integrations import deliveries
from integrations.models import Delivery, IdentityLink, Source
from integrations.slack.client import SlackClient
from integrations.slack.config import is_connected
from integrations.slack.messages import escape, link, shortened
from integrations.slack.threads import direct, post
from notices.channels import Channel, Undeliverable, register_channel
from notices.models import Notice

TEXT_LENGTH = 600


def _account(person: User) -> str:
    found = IdentityLink.objects.filter(
        source=Source.SLACK, person=person, is_active=True, is_bot=False
    )
    return found.order_by("pk").values_list("upstream_id", flat=True).first() or ""


def is_available(person: User) -> bool:
    """Whether Slack is connected and knows this person."""
    return is_connected() and bool(_account(person))


def deliver(notice: Notice) -> None:
    """Have a notice sent, once. What becomes of it stands with the deliveries."""
    account = _account(notice.recipient)
    if not account:
        raise Undeliverable("Slack does not know this person any more.")
    deliveries.plan(
        source=Source.SLACK,
        action="notice",
        key=f"slack:notice:{notice.pk}",
        lane=f"slack:person:{notice.recipient_id}",
        payload={"user": account, "notice": notice.pk},
        subject_type=notice.subject_type,
        subject_id=notice.subject_id,
        subject_label=notice.subject_label,
    )


def words_of(notice: Notice) -> str:
    """A notice as mrkdwn: its title leads to the page."""
    said = link(settings.BASE_URL + notice.url, notice.title) if notice.url else ""
    text = "\n" + escape(shortened(notice.text, TEXT_LENGTH)) if notice.text else ""
    return (said or escape(notice.title)) + text


@deliveries.delivers(Source.SLACK, "notice")
def send(delivery: Delivery) -> dict[str, Any]:
    """One notice as a direct message."""
    notice = Notice.objects.filter(pk=delivery.payload["notice"]).first()
    if notice is None:
        return {"left_out": "It was taken back."}
    client = SlackClient()
    place = direct(client, delivery.payload["user"])
    return post(client, delivery, channel=place, text=words_of(notice))


def register() -> None:
    """Called once from `ready()`."""
    register_channel(
        Channel(
            key="slack",
            name="Slack",
            is_available=is_available,
            deliver=deliver,
            help="A direct message from the app.",
            is_default=False,
        )
    )
