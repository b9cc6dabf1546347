"""What is said in the channels that Product Ops picked, kept equal to Slack.

A channel is read newest first, page by page; what a page should hold and does not is deleted.
Each run reads the last day again. Once a day everything that is kept is read, with all threads,
since Slack tells of an edited or deleted old message by an event only, and events get lost. Events
are hints: the thread that one names is read again.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from integrations.errors import UpstreamError
from integrations.models import SlackChannel, SlackMember, SlackMessage
from integrations.slack import mapping
from integrations.slack.client import SlackClient, SlackRefused
from integrations.slack.mapping import MessageData

OVERLAP = timedelta(hours=24)
# Replies are edited mostly soon after they were sent.
WARM = timedelta(hours=1)
FULL_EVERY = timedelta(hours=24)
# So often somebody's leaving a channel is heard of; unheard for longer, nobody reads it here.
MEMBERS_TRUSTED = timedelta(hours=24)
PAGE_SIZE = 200
MEMBERS_PAGE_SIZE = 1000

FIELDS = [
    "thread_ts", "user_id", "is_bot", "subtype", "text", "edited_ts", "reactions", "sent_at",
    "root_at",
]  # fmt: skip

# Who did what on a day (UTC) in one channel. Slack does not say when a reaction was given, so it
# counts for the day of its message. Apps are nobody.
RECOUNT = """
WITH said AS (
    SELECT m.user_id AS member, (m.sent_at AT TIME ZONE 'UTC')::date AS day,
        1 AS messages, 0 AS reactions
    FROM integrations_slackmessage m
    WHERE m.channel_id = %(channel)s AND NOT m.is_bot AND m.sent_at >= %(first)s
        AND m.sent_at < %(end)s
    UNION ALL
    SELECT who.value, (m.sent_at AT TIME ZONE 'UTC')::date, 0, 1
    FROM integrations_slackmessage m, jsonb_array_elements(m.reactions) AS one,
        jsonb_array_elements_text(one -> 1) AS who
    WHERE m.channel_id = %(channel)s AND m.sent_at >= %(first)s AND m.sent_at < %(end)s
), counted AS (
    SELECT member, day, jsonb_build_object('messages', sum(messages), 'reactions', sum(reactions))
        AS counts
    FROM said
    WHERE member <> '' AND day = ANY(%(days)s) AND NOT EXISTS (
        SELECT 1 FROM integrations_identitylink i
        WHERE i.source = 'slack' AND i.upstream_id = member AND i.is_bot)
    GROUP BY member, day
), gone AS (
    DELETE FROM integrations_memberday d
    WHERE d.source = 'slack' AND d.place = %(place)s AND d.day = ANY(%(days)s)
        AND NOT EXISTS (SELECT 1 FROM counted c WHERE c.member = d.member_id AND c.day = d.day)
)
INSERT INTO integrations_memberday AS d (source, place, member_id, day, role, is_active, counts)
SELECT 'slack', %(place)s, member, day, '', true, counts FROM counted
ON CONFLICT (source, place, member_id, day) DO UPDATE SET counts = excluded.counts
WHERE d.counts <> excluded.counts
"""


class Interrupted(Exception):
    """The time of this part is over; the channel's row says where it goes on."""


def floor_of(channel: SlackChannel, now: datetime) -> datetime:
    """What began before this moment is not kept: whole days (UTC)."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=channel.keep_days)


# --- Channels and who is in them ---------------------------------------------------------------


def read_channels(client: SlackClient) -> int:
    """All channels that the app may see. Those it does not see any more are marked so."""
    found: dict[str, mapping.ChannelData] = {}
    for page in client.pages(
        "conversations.list", types="public_channel,private_channel", limit=PAGE_SIZE
    ):
        listed = page.get("channels")
        for payload in listed if isinstance(listed, list) else ():
            if (row := mapping.to_channel(payload)) is not None:
                found[row.channel_id] = row
    _keep_channels(found)
    return len(found)


@transaction.atomic
def _keep_channels(found: dict[str, mapping.ChannelData]) -> None:
    names = ["name", "is_private", "is_archived", "is_shared", "is_joined"]
    held = {row.channel_id: row for row in SlackChannel.objects.select_for_update()}
    news = [
        SlackChannel(channel_id=key, gone_at=None, **{name: getattr(row, name) for name in names})
        for key, row in found.items()
        if key not in held
        or held[key].gone_at
        or any(getattr(held[key], name) != getattr(row, name) for name in names)
    ]
    SlackChannel.objects.bulk_create(
        news,
        update_conflicts=True,
        unique_fields=["channel_id"],
        update_fields=[*names, "gone_at"],
    )
    gone = [row.pk for key, row in held.items() if key not in found and row.gone_at is None]
    SlackChannel.objects.filter(pk__in=gone).update(gone_at=timezone.now(), is_joined=False)


def read_members(client: SlackClient, channel: SlackChannel) -> None:
    """Who is in a channel, whole."""
    began, found = timezone.now(), set()
    for page in client.pages(
        "conversations.members", channel=channel.channel_id, limit=MEMBERS_PAGE_SIZE
    ):
        listed = page.get("members")
        found |= {one for one in (listed if isinstance(listed, list) else ()) if one}
    with transaction.atomic():
        locked = SlackChannel.objects.select_for_update().get(pk=channel.pk)
        held = set(locked.members.values_list("user_id", flat=True))
        locked.members.filter(user_id__in=held - found).delete()
        SlackMember.objects.bulk_create(
            [SlackMember(channel=locked, user_id=str(one)) for one in sorted(found - held)],
            ignore_conflicts=True,
        )
        SlackChannel.objects.filter(pk=channel.pk).update(members_read_at=began)


# --- Messages ----------------------------------------------------------------------------------


def read_channel(
    client: SlackClient,
    channel: SlackChannel,
    *,
    own_bot: str,
    ends: float | None = None,
) -> int:
    """Bring one channel up to date, from where an unfinished reading stopped; returns how many
    messages were looked at. `ends` is when this part is over (monotonic).

    Raises Interrupted and UpstreamError; what was read until then is kept.
    """
    now = timezone.now()
    floor = floor_of(channel, now)
    going = channel.resume or _begin(channel, now, floor)
    since = max(mapping.moment(going.get("since")) or floor, floor)
    began_at = datetime.fromisoformat(going["began"])
    seen, upper = 0, mapping.moment(going.get("upper"))
    where: dict[str, str | int] = {"channel": channel.channel_id, "inclusive": "true"}
    where |= {"oldest": mapping.ts_of(since), "limit": PAGE_SIZE}
    if upper is not None:
        where["latest"] = mapping.ts_of(upper - timedelta(microseconds=1))
    asked_at = timezone.now()
    for page in client.pages("conversations.history", **where):
        rows = messages_of(page, own_bot)
        seen += len(rows)
        is_last = not cursor_of(page)
        lower = since if is_last else _lowest(page) or upper
        to_read = _keep_page(
            channel, rows, lower=lower, upper=upper, asked_at=asked_at, is_full=going["is_full"]
        )
        # A page is read again after a pause, but not the threads that were read before it.
        done = list(going.get("done", ()))
        for ts in to_read:
            if ts in done:
                continue
            seen += read_thread(client, channel, ts, own_bot=own_bot)
            done.append(ts)
            going = {**going, "done": done}
            _note(channel, resume=going)
            if ends is not None and time.monotonic() > ends:
                raise Interrupted
        if lower is not None and not is_last:
            upper = lower
            going = {**going, "upper": mapping.ts_of(lower), "done": []}
            _note(channel, resume=going)
        if ends is not None and time.monotonic() > ends and not is_last:
            raise Interrupted
        asked_at = timezone.now()
    whole = {"full_at": began_at} if going["is_full"] else {}
    _note(channel, resume={}, read_at=began_at, **whole)
    return seen


def read_whole() -> None:
    """Have the next reading of each channel compare all that is kept."""
    SlackChannel.objects.filter(is_picked=True).update(full_at=None, resume={})


def _begin(channel: SlackChannel, now: datetime, floor: datetime) -> dict[str, Any]:
    last = channel.full_at
    is_full = last is None or channel.read_at is None or now - last > FULL_EVERY
    since = floor if is_full or channel.read_at is None else channel.read_at - OVERLAP
    return {"since": mapping.ts_of(since), "began": now.isoformat(), "is_full": is_full}


def _note(channel: SlackChannel, **values: Any) -> None:
    SlackChannel.objects.filter(pk=channel.pk).update(**values)
    for name, value in values.items():
        setattr(channel, name, value)


def cursor_of(page: dict[str, Any]) -> str:
    """Where the next page begins; empty at the end."""
    following = page.get("response_metadata")
    return str(following.get("next_cursor") or "") if isinstance(following, dict) else ""


def _lowest(page: dict[str, Any]) -> datetime | None:
    """Where a page ends, also one with nothing but Slack's own notes."""
    listed = page.get("messages")
    told = [mapping.moment(one.get("ts")) for one in listed or () if isinstance(one, dict)]
    return min((one for one in told if one is not None), default=None)


def messages_of(page: dict[str, Any], own_bot: str) -> list[MessageData]:
    """The messages of a page, each once: a parent may stand there twice."""
    listed = page.get("messages")
    found = [mapping.to_message(one, own_bot=own_bot) for one in listed or ()]
    return list({row.ts: row for row in found if row is not None}.values())


@transaction.atomic
def _keep_page(
    channel: SlackChannel,
    rows: list[MessageData],
    *,
    lower: datetime | None,
    upper: datetime | None,
    asked_at: datetime,
    is_full: bool,
) -> list[str]:
    """Store a page; what stood in its stretch and does not any more is deleted. Returns the
    threads to read."""
    if not _lock(channel):
        return []
    days = _store(channel, rows, asked_at)
    gone = Q(channel=channel, root_at=F("sent_at"), changed_at__lt=asked_at)
    gone &= ~Q(ts__in=[row.ts for row in rows])
    if lower is not None:
        gone &= Q(sent_at__gte=lower)
        if upper is not None:
            gone &= Q(sent_at__lt=upper)
        days |= _delete(channel, SlackMessage.objects.filter(gone))
    recount(channel, days)
    roots = [row for row in rows if row.is_root]
    known = dict(
        SlackMessage.objects.filter(channel=channel, ts__in=[row.ts for row in roots]).values_list(
            "ts", "replies_read"
        )
    )
    warm = mapping.ts_of(asked_at - WARM)
    return [
        row.ts
        for row in roots
        if row.replies != known.get(row.ts, "")
        or (row.reply_count and (is_full or row.latest_reply > warm))
    ]


def read_thread(client: SlackClient, channel: SlackChannel, ts: str, *, own_bot: str) -> int:
    """Read a thread whole, from its first message on; a message without one is read alone.

    Returns how many messages it has. Raises UpstreamError.
    """
    asked_at, found = timezone.now(), dict[str, MessageData]()
    try:
        for page in client.pages(
            "conversations.replies", channel=channel.channel_id, ts=ts, limit=PAGE_SIZE
        ):
            found |= {row.ts: row for row in messages_of(page, own_bot)}
    except SlackRefused as error:
        if error.code not in ("thread_not_found", "message_not_found"):
            raise
    _keep_thread(channel, ts, list(found.values()), asked_at)
    return len(found)


@transaction.atomic
def _keep_thread(
    channel: SlackChannel, ts: str, rows: list[MessageData], asked_at: datetime
) -> None:
    if not _lock(channel):
        return
    floor = floor_of(channel, asked_at)
    root = next((row for row in rows if row.ts == ts), None)
    if root is not None and not root.is_root:
        # The ts of a reply was asked for: its thread is another one.
        recount(channel, _store(channel, [row for row in rows if row.root_at >= floor], asked_at))
        return
    days = _store(channel, [row for row in rows if row.root_at >= floor], asked_at)
    stale = SlackMessage.objects.filter(channel=channel, changed_at__lt=asked_at).filter(
        Q(thread_ts=ts) | Q(ts=ts)
    )
    days |= _delete(channel, stale.exclude(ts__in=[row.ts for row in rows]), with_replies=False)
    recount(channel, days)
    if root is not None:
        SlackMessage.objects.filter(channel=channel, ts=ts).exclude(
            replies_read=root.replies
        ).update(replies_read=root.replies)


def _lock(channel: SlackChannel) -> bool:
    """One writer a channel; False when it is not picked any more."""
    picked = SlackChannel.objects.select_for_update().filter(pk=channel.pk, is_picked=True)
    return picked.values_list("pk", flat=True).first() is not None


def _store(channel: SlackChannel, rows: Sequence[MessageData], asked_at: datetime) -> set[date]:
    """Write what is new or different; returns the days concerned. What was written after this
    was asked is newer."""
    held = {
        row.ts: row
        for row in SlackMessage.objects.filter(
            channel=channel, ts__in=[row.ts for row in rows]
        ).defer("search_vector")
    }
    now = timezone.now()
    news = []
    for row in rows:
        known = held.get(row.ts)
        if known is not None and (known.changed_at >= asked_at or _is_same(row, known)):
            continue
        fields = {name: getattr(row, name) for name in FIELDS}
        news.append(SlackMessage(channel=channel, ts=row.ts, changed_at=now, **fields))
    SlackMessage.objects.bulk_create(
        news,
        update_conflicts=True,
        unique_fields=["channel", "ts"],
        update_fields=[*FIELDS, "changed_at"],
        batch_size=500,
    )
    return {_day(row.sent_at) for row in news}


def _is_same(row: MessageData, known: SlackMessage) -> bool:
    return all(getattr(row, name) == getattr(known, name) for name in FIELDS)


def _delete(channel: SlackChannel, gone: Any, *, with_replies: bool = True) -> set[date]:
    found = list(gone.values_list("pk", "ts", "sent_at"))
    if not found:
        return set()
    which = Q(pk__in=[pk for pk, _, _ in found])
    if with_replies:
        # A parent that leaves no tombstone has no replies left.
        which |= Q(thread_ts__in=[ts for _, ts, _ in found]) & ~Q(subtype=mapping.BROADCAST)
    rows = SlackMessage.objects.filter(which, channel=channel)
    days = {_day(at) for at in rows.values_list("sent_at", flat=True)}
    rows.delete()
    return days


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def recount(channel: SlackChannel, days: Iterable[date]) -> None:
    """Count again who was active on these days in a channel."""
    chosen = sorted(days)
    if not chosen:
        return
    first = datetime.combine(chosen[0], datetime.min.time(), UTC)
    end = datetime.combine(chosen[-1], datetime.min.time(), UTC) + timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute(
            RECOUNT,
            {
                "channel": channel.pk,
                "place": channel.channel_id,
                "days": chosen,
                "first": first,
                "end": end,
            },
        )


# --- Keeping no longer than wanted -------------------------------------------------------------


def forget_old(now: datetime | None = None) -> int:
    """Delete what is older than its channel keeps; returns how many messages. Who was active
    when stays, as numbers."""
    now, total = now or timezone.now(), 0
    for channel in SlackChannel.objects.filter(is_picked=True):
        with transaction.atomic():
            if not _lock(channel):
                continue
            old = SlackMessage.objects.filter(channel=channel, root_at__lt=floor_of(channel, now))
            count = old.delete()[0]
            _note(channel, forgotten=count, forgotten_at=now)
        total += count
    return total


def hear(channel_id: str, ts: str, own_bot: str) -> str:
    """An event named a message: read its thread again; what became of it in a sentence.

    Raises UpstreamError.
    """
    channel = SlackChannel.objects.filter(channel_id=channel_id, is_picked=True).first()
    if channel is None or mapping.moment(ts) is None:
        return ""
    try:
        count = read_thread(SlackClient(), channel, ts, own_bot=own_bot)
    except SlackRefused as error:
        raise UpstreamError(f"{channel}: {error}") from error
    return f"{count} read again in {channel}." if count else f"It is gone from {channel}."
