"""What Slack says of channels and messages, as rows. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.slack.messages import plain

# Some ten digits, a dot and six more; never a number, which would lose the last ones.
_TS = re.compile(r"(\d{1,10})\.(\d{6})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT_LENGTH = 40_000
# What people and apps say; all else are notes of Slack's ("Ada joined").
SAID = frozenset(
    ["", "bot_message", "file_share", "me_message", "reply_broadcast", "thread_broadcast"]
)
# A deleted message that has replies stays as this.
TOMBSTONE = "tombstone"
BROADCAST = "thread_broadcast"


@dataclass(frozen=True)
class ChannelData:
    """A channel as Slack lists it."""

    channel_id: str
    name: str
    is_private: bool
    is_archived: bool
    is_shared: bool
    is_joined: bool


@dataclass(frozen=True)
class MessageData:
    """A message as Slack shows it now. `thread_ts` is empty where it has no thread."""

    ts: str
    sent_at: datetime
    root_at: datetime
    thread_ts: str
    user_id: str
    is_bot: bool
    subtype: str
    text: str
    edited_ts: str
    reactions: list[list[Any]]
    reply_count: int
    latest_reply: str

    @property
    def is_root(self) -> bool:
        """Stands in the channel and may have a thread."""
        return self.thread_ts in ("", self.ts)

    @property
    def replies(self) -> str:
        """What Slack says of its thread: changes with every reply that comes or goes."""
        return f"{self.reply_count}:{self.latest_reply}" if self.reply_count else ""


def moment(ts: Any) -> datetime | None:
    """The time (UTC) in a ts, to the microsecond; None for what is none."""
    match = _TS.fullmatch(ts) if isinstance(ts, str) else None
    if match is None:
        return None
    return _EPOCH + timedelta(seconds=int(match[1]), microseconds=int(match[2]))


def ts_of(at: datetime) -> str:
    """The ts of a moment."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def to_channel(payload: Any) -> ChannelData | None:
    """A channel; None for direct messages and what is none. What is not said counts as private."""
    if not isinstance(payload, dict) or not isinstance(payload.get("id"), str):
        return None
    if payload.get("is_im") or payload.get("is_mpim"):
        return None
    return ChannelData(
        channel_id=payload["id"],
        name=str(payload.get("name") or ""),
        is_private=payload.get("is_private") is not False,
        is_archived=bool(payload.get("is_archived")),
        is_shared=bool(payload.get("is_ext_shared") or payload.get("is_pending_ext_shared")),
        is_joined=bool(payload.get("is_member")),
    )


def to_message(payload: Any, *, own_bot: str = "") -> MessageData | None:
    """A message; None for what is none, and for Slack's own notes unless they have replies. Notes
    and what the hub itself said keep no text."""
    if not isinstance(payload, dict) or (sent_at := moment(payload.get("ts"))) is None:
        return None
    subtype = str(payload.get("subtype") or "")
    replies, is_said = _count(payload.get("reply_count")), subtype in SAID
    if not (is_said or replies or subtype == TOMBSTONE):
        return None
    ts = payload["ts"]
    thread = payload.get("thread_ts")
    began_at = moment(thread)
    is_reply = began_at is not None and thread != ts
    is_ours = bool(own_bot) and payload.get("bot_id") == own_bot
    edited = payload.get("edited")
    user = payload.get("user")
    return MessageData(
        ts=ts,
        sent_at=sent_at,
        root_at=began_at if is_reply and subtype != BROADCAST and began_at else sent_at,
        thread_ts=str(thread) if began_at is not None else "",
        user_id=user if isinstance(user, str) and is_said else "",
        is_bot=bool(payload.get("bot_id")),
        subtype=subtype,
        text=_words(payload) if is_said and not is_ours else "",
        edited_ts=str(edited.get("ts") or "") if isinstance(edited, dict) else "",
        reactions=list(_reactions(payload.get("reactions"))),
        reply_count=replies,
        latest_reply=str(payload.get("latest_reply") or ""),
    )


def _words(payload: dict[str, Any]) -> str:
    """Its text, and the names of its files."""
    said = [plain(str(payload.get("text") or ""))]
    files = payload.get("files")
    for one in files if isinstance(files, list) else ():
        if isinstance(one, dict):
            said.append(str(one.get("title") or one.get("name") or ""))
    return "\n".join(part for part in said if part.strip())[:TEXT_LENGTH]


def _reactions(told: Any) -> Iterator[list[Any]]:
    found = [one for one in (told if isinstance(told, list) else ()) if isinstance(one, dict)]
    for one in sorted(found, key=lambda one: str(one.get("name"))):
        users = one.get("users")
        who = sorted({user for user in users if isinstance(user, str)}) if users else []
        yield [str(one.get("name") or ""), who]


def _count(told: Any) -> int:
    return told if isinstance(told, int) and 0 < told < 2**31 else 0
