"""Jira, as the shared engine sees it."""

from django.urls import reverse

from integrations.errors import UpstreamError
from integrations.jira import sync
from integrations.jira.client import JiraClient
from integrations.jira.config import fingerprint, jira_config
from integrations.models import Source
from integrations.sources import Connector, Kept
from planning.selectors import work_totals


def _fingerprint() -> str:
    config = jira_config()
    return fingerprint(config) if config else ""


def _test() -> str:
    config = jira_config()
    if config is None:
        raise UpstreamError("Jira is not connected yet.")
    client = JiraClient(config, sleep=lambda seconds: None)
    try:
        client.server_info()
        projects = client.projects()
    finally:
        client.close()
    return f"The token reads {len(projects):,} project{'' if len(projects) == 1 else 's'}."


def _kept() -> Kept:
    number, unmapped = work_totals()
    return Kept(number, reverse("planning:work"), unmapped)


CONNECTOR = Connector(
    source=Source.JIRA,
    glyph="Ji",
    noun="issue",
    needs="Set JIRA_BASE_URL, JIRA_EMAIL and JIRA_API_TOKEN.",
    is_connected=lambda: jira_config() is not None,
    fingerprint=_fingerprint,
    sync=sync.sync_jira,
    test=_test,
    retry=sync.retry_item,
    kept=_kept,
)
