"""The ways out of the hub. Mail and inbox are here; others register themselves from above."""

from collections.abc import Callable
from dataclasses import dataclass

from accounts.models import User
from notices.models import Notice

INBOX = "inbox"
MAIL = "mail"


class Undeliverable(Exception):
    """This will not get out, however often it is tried: a refused address, a closed account."""


class Unreachable(Exception):
    """The other side cannot be reached at all just now, so others need not be tried either."""


@dataclass(frozen=True)
class Channel:
    """One way out.

    `deliver` sends one notice, outside any transaction; it raises Undeliverable when trying
    again is in vain, Unreachable when the other side is away, anything else to be tried later.
    It may be called again for a notice whose sender died in the middle, so it should use the
    notice's id as its mark of sameness where the other side knows one.
    `is_default` is what holds for people who chose nothing.
    """

    key: str
    name: str
    is_available: Callable[[User], bool]
    deliver: Callable[[Notice], None]
    help: str = ""
    is_default: bool = True


_channels: dict[str, Channel] = {}


def register_channel(channel: Channel) -> None:
    """Add a way out. Call from `ready()`."""
    _channels[channel.key] = channel


def forget_channel(key: str) -> None:
    """Take a way out away again; what waits for it is dropped when its turn comes."""
    _channels.pop(key, None)


def channel_of(key: str) -> Channel | None:
    """The channel of this key, None for one that is not there any more."""
    return _channels.get(key)


def outward_channels() -> list[Channel]:
    """All but the inbox, which is no way out: its entry is the notice itself."""
    return [channel for channel in _channels.values() if channel.key != INBOX]
