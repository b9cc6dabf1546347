"""Whether Slack is connected, and with what."""

import hashlib
import hmac

from django.conf import settings

NEEDS = "Set SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET."


def is_connected() -> bool:
    """Whether the hub may call Slack and Slack may call the hub."""
    return bool(settings.SLACK_BOT_TOKEN and settings.SLACK_SIGNING_SECRET)


def fingerprint() -> str:
    """Tells whether credentials are the same as before, without keeping them."""
    if not is_connected():
        return ""
    text = "\n".join((settings.SLACK_BASE_URL, settings.SLACK_BOT_TOKEN))
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def is_our_team(*ids: str) -> bool:
    """Whether one of these workspaces is ours; any is where none is named in the settings."""
    return not settings.SLACK_TEAM_ID or settings.SLACK_TEAM_ID in ids
