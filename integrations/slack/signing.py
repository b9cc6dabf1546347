"""Whether a request was signed by Slack, just now. Pure.

https://api.slack.com/authentication/verifying-requests-from-slack
"""

import hashlib
import hmac

from producthub.lib.input import whole_number

WINDOW_SECONDS = 300


def is_genuine(body: bytes, *, timestamp: str, signature: str, secret: str, now: float) -> bool:
    """Whether these very bytes were signed with our secret within WINDOW_SECONDS."""
    sent_at = whole_number(timestamp.strip(), digits=12)
    if not secret or sent_at is None or abs(now - sent_at) > WINDOW_SECONDS:
        return False
    base = b"v0:" + timestamp.strip().encode() + b":" + body
    made = "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    # Bytes: text with other letters than ASCII cannot be compared in constant time.
    return hmac.compare_digest(made.encode(), signature.strip().encode("utf-8", "replace"))
