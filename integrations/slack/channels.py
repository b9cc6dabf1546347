"""Which channels are read, for how long their messages stay, and who may read them here."""

from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from accounts.permissions import is_product_ops, require
from activity.events import record
from integrations.models import (
    IdentityLink,
    MemberDay,
    SlackChannel,
    SlackMember,
    SlackMessage,
    Source,
)
from integrations.slack.reading import MEMBERS_TRUSTED

OPS_ONLY = "Only Product Ops chooses what is read in Slack."
ACTIVE_DAYS = 7
SHOWN = 50


# --- Who may read -------------------------------------------------------------------------------


def readable_by(person: Any) -> QuerySet[SlackChannel]:
    """Picked channels that a person may read in Slack, by their own account there.

    A public one is open to full members of the workspace, a private one to those who are in it,
    and guests of Slack read only where they are. Nobody reads more here than there: not Product
    Ops either, not guests of the hub, and not where it was long unheard who is in.
    """
    channels = SlackChannel.objects.filter(is_picked=True, gone_at__isnull=True)
    if not person.is_active or person.is_guest:
        return channels.none()
    accounts = IdentityLink.objects.filter(
        source=Source.SLACK, person_id=person.pk, is_active=True, is_bot=False
    )
    inside = SlackMember.objects.filter(
        channel=OuterRef("pk"), user_id__in=accounts.values("upstream_id")
    )
    fresh = Q(members_read_at__gte=timezone.now() - MEMBERS_TRUSTED)
    is_open = Q(is_private=False) & Exists(accounts.filter(is_guest=False))
    return channels.filter(is_open | (fresh & Exists(inside)))


def messages_for(person: Any) -> QuerySet[SlackMessage]:
    """Messages that a person may read."""
    return SlackMessage.objects.filter(channel__in=readable_by(person))


def has_strangers(channel_id: str) -> bool:
    """Whether people of other companies or guests of Slack are known to be in a channel."""
    guests = SlackMember.objects.filter(channel=OuterRef("pk")).filter(
        user_id__in=IdentityLink.objects.filter(source=Source.SLACK, is_guest=True).values(
            "upstream_id"
        )
    )
    found = SlackChannel.objects.filter(channel_id=channel_id)
    return found.filter(Q(is_shared=True) | Exists(guests)).exists()


# --- What Product Ops sees and chooses ----------------------------------------------------------


@dataclass(frozen=True)
class ChannelRow:
    """One channel on the page."""

    channel: SlackChannel
    messages: int = 0
    active: int = 0


def channel_rows(words: str = "") -> tuple[list[ChannelRow], list[SlackChannel], int]:
    """Channels in use with their figures; others by name, at most SHOWN; how many others."""
    is_used = Q(is_picked=True) | Q(digest_at__isnull=False)
    picked = SlackChannel.objects.filter(is_used).annotate(kept=Count("messages"))
    active = active_people()
    rows = [ChannelRow(one, one.kept, active.get(one.channel_id, 0)) for one in picked]
    others = SlackChannel.objects.exclude(is_used).filter(gone_at__isnull=True, is_archived=False)
    for word in words.split():
        others = others.filter(name__icontains=word.lstrip("#"))
    return rows, list(others.order_by(F("is_joined").desc(), "name")[:SHOWN]), others.count()


def active_people(days: int = ACTIVE_DAYS) -> dict[str, int]:
    """How many different people wrote or reacted in the last days, by channel; "" for all."""
    since = timezone.now().date() - timedelta(days=days - 1)
    found = MemberDay.objects.filter(source=Source.SLACK, day__gte=since, is_active=True)
    people = Count("member_id", distinct=True)
    by_place = dict(found.order_by().values_list("place").annotate(people=people))
    return {**by_place, "": found.aggregate(people=people)["people"]}


class HasStrangers(Exception):
    """People from outside are in the channel; the text is for the person."""


@transaction.atomic
def set_channel(
    *,
    channel: SlackChannel,
    is_picked: bool,
    keep_days: int,
    actor: User,
    digest_at: time | None = None,
) -> int:
    """Choose whether a channel is read, how long its messages stay, and when it gets a digest.

    Returns how many messages were deleted, as those of a channel that is not read any more are.
    Raises PermissionDenied and HasStrangers.
    """
    require(is_product_ops(actor), OPS_ONLY)
    held = SlackChannel.objects.select_for_update().get(pk=channel.pk)
    deleted = 0
    if not is_picked and held.is_picked:
        deleted = held.messages.all().delete()[0]
        held.resume, held.read_at, held.full_at = {}, None, None
    elif keep_days > held.keep_days:
        # Older ones are wanted now too.
        held.resume, held.full_at = {}, None
    if digest_at is not None and has_strangers(held.channel_id):
        raise HasStrangers("People from outside are in this channel, so it gets no digest.")
    if (held.is_picked, held.keep_days, held.digest_at) == (is_picked, keep_days, digest_at):
        return 0
    held.is_picked, held.keep_days, held.digest_at = is_picked, keep_days, digest_at
    held.save(update_fields=["is_picked", "keep_days", "digest_at", "resume", "read_at", "full_at"])
    record(
        "channel.set",
        held,
        actor=actor,
        data={
            "is_picked": is_picked,
            "keep_days": keep_days,
            "digest_at": digest_at.isoformat("minutes") if digest_at else "",
            "deleted": deleted,
        },
    )
    return deleted
