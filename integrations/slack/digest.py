"""What happened since the last working day, posted once a day to the channels that want it.

It tells what everybody in the company may see, and is left out where others are in the channel.
"""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from accounts.calendars import calendar_for
from accounts.models import Role, User
from intake.models import Request
from integrations import deliveries
from integrations.models import Delivery, SlackChannel, Source
from integrations.slack.channels import has_strangers
from integrations.slack.client import SlackClient
from integrations.slack.config import is_connected
from integrations.slack.messages import escape, link
from integrations.slack.threads import post
from planning.models import Decision
from producthub.lib.tags import count_of

ACTION = "digest"
# What a longer silence left out stands in the hub.
LONGEST_DAYS = 7
SHOWN = 10


def anybody() -> User:
    """A colleague who has part in nothing: what they may see, all of the company may."""
    return User(pk=0, role=Role.STAKEHOLDER, is_active=True)


def plan_due(now: datetime | None = None) -> int:
    """Plan today's digest of each channel whose time has come, on working days of the company;
    returns how many are planned, also those that were before. However often it is called, a
    channel gets one a day."""
    zone = ZoneInfo(settings.TIME_ZONE)
    local = (now or timezone.now()).astimezone(zone)
    if not is_connected() or not calendar_for(None).is_working_day(local.date()):
        return 0
    due = SlackChannel.objects.filter(
        digest_at__lte=local.time(), gone_at__isnull=True, is_archived=False
    )
    count = 0
    for channel in due:
        assert channel.digest_at is not None
        until = datetime.combine(local.date(), channel.digest_at, tzinfo=zone)
        prefix = f"slack:{ACTION}:{channel.channel_id}:"
        key = f"{prefix}{local.date()}"
        deliveries.plan(
            source=Source.SLACK,
            action=ACTION,
            key=key,
            lane=f"slack:channel:{channel.channel_id}",
            payload={
                "channel": channel.channel_id,
                "since": _since(prefix, key, until).isoformat(),
                "until": until.isoformat(),
            },
            subject_label=str(channel),
        )
        count += 1
    return count


def _since(prefix: str, key: str, until: datetime) -> datetime:
    """Where the one before ended, else the same time of the last working day."""
    before = Delivery.objects.filter(key__startswith=prefix).exclude(key=key).order_by("-pk")
    told = before.values_list("payload", flat=True).first()
    if told is not None:
        return max(datetime.fromisoformat(told["until"]), until - timedelta(days=LONGEST_DAYS))
    day: date = until.date()
    for _ in range(LONGEST_DAYS):
        day -= timedelta(days=1)
        if calendar_for(None).is_working_day(day):
            break
    return datetime.combine(day, until.time(), tzinfo=until.tzinfo)


def words(since: datetime, until: datetime) -> str:
    """The digest as mrkdwn, from what all may see now; empty where nothing happened."""
    reader, during = anybody(), (since, until - timedelta(microseconds=1))
    asked = Request.objects.visible_to(reader).filter(root__isnull=True)
    decided = Decision.objects.visible_to(reader).filter(decided_at__range=during)
    parts = [
        _part("New", [(one, "") for one in asked.filter(submitted_at__range=during)]),
        _part("Decided", [(one, one.get_outcome_display()) for one in decided]),
        _part("Delivered", [(one, "") for one in asked.filter(shipped_at__range=during)]),
    ]
    return "\n\n".join(part for part in parts if part)


def _part(name: str, rows: list[tuple[Any, str]]) -> str:
    lines = [
        "• "
        + link(settings.BASE_URL + one.get_absolute_url(), f"{one.reference} {one.title}")
        + (f" · {escape(said)}" if said else "")
        for one, said in rows[:SHOWN]
    ]
    if len(rows) > SHOWN:
        lines.append(f"… and {count_of(len(rows) - SHOWN, 'more,more')}")
    return "\n".join([f"*{name}: {len(rows):,}*", *lines]) if rows else ""


@deliveries.delivers(Source.SLACK, ACTION)
def send(delivery: Delivery) -> dict[str, Any]:
    """One channel's digest of one day."""
    wanted = delivery.payload
    if has_strangers(wanted["channel"]):
        return {"left_out": "People from outside the company are in the channel."}
    text = words(*(datetime.fromisoformat(wanted[name]) for name in ("since", "until")))
    if not text:
        return {"left_out": "Nothing happened."}
    return post(SlackClient(), delivery, channel=wanted["channel"], text=text)
