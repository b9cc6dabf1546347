"""Slack, as the shared engine sees it."""

from integrations.errors import UpstreamError
from integrations.models import Source
from integrations.slack.client import SlackClient
from integrations.slack.config import NEEDS, fingerprint, is_connected
from integrations.slack.sync import retry_item, sync_slack
from integrations.sources import Connector


def _test() -> str:
    if not is_connected():
        raise UpstreamError("Slack is not connected yet.")
    found = SlackClient().call("auth.test")
    return f"The token speaks for {found.get('team', 'a workspace')}."


CONNECTOR = Connector(
    source=Source.SLACK,
    glyph="Sl",
    noun="account",
    needs=NEEDS,
    is_connected=is_connected,
    fingerprint=fingerprint,
    sync=sync_slack,
    test=_test,
    retry=retry_item,
    stale_minutes=30,
)
