"""Whether Jira is connected, and with what."""

import hashlib
import hmac

from django.conf import settings

from integrations.errors import NotConfigured as NotConfigured
from integrations.jira.client import JiraConfig


def jira_config() -> JiraConfig | None:
    """The connection as the environment sets it, or None when Jira is off."""
    if not (settings.JIRA_BASE_URL and settings.JIRA_API_TOKEN):
        return None
    return JiraConfig(
        base_url=settings.JIRA_BASE_URL.rstrip("/"),
        api_token=settings.JIRA_API_TOKEN,
        email=settings.JIRA_EMAIL,
        projects=tuple(settings.JIRA_PROJECTS),
    )


def fingerprint(config: JiraConfig) -> str:
    """Tells whether credentials are the same as before, without keeping them."""
    text = "\n".join((config.base_url, config.email, config.api_token))
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
