"""Tell people, once each, and let them say how."""

from notices.services.digests import make_digest, send_digest
from notices.services.inbox import (
    mark_done,
    mark_read,
    reopen_notice,
    snooze_notice,
    wake_notice,
)
from notices.services.outbox import (
    Message,
    cancel,
    deliver,
    is_paused,
    notify,
    send_again,
)
from notices.services.preferences import mute_kind, mute_thing, save_preferences, stop_digest

__all__ = [
    "Message",
    "cancel",
    "deliver",
    "is_paused",
    "make_digest",
    "mark_done",
    "mark_read",
    "mute_kind",
    "mute_thing",
    "notify",
    "reopen_notice",
    "save_preferences",
    "send_again",
    "send_digest",
    "snooze_notice",
    "stop_digest",
    "wake_notice",
]
