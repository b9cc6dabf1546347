"""The number beside Integrations in the side bar."""

from datetime import timedelta

import pytest
from django.utils import timezone

from hub.context import shell_counts
from integrations.models import SourceState, SyncRun
from integrations.selectors import source_cards, troubled_count


@pytest.mark.parametrize(
    ("status", "age_minutes", "count"),
    [("done", 1, 0), ("failed", 1, 1), ("done", 500, 1), ("waiting", None, 0)],
)
def test_it_counts_what_failed_or_is_stale(fake, opsadmin, status, age_minutes, count):
    now = timezone.now()
    run = SyncRun.objects.create(
        source="jira", status=status, trigger="schedule", started_at=now, ended_at=now
    )
    at = None if age_minutes is None else now - timedelta(minutes=age_minutes)
    SourceState.objects.create(source="jira", last_run=run, last_success_at=at)
    assert shell_counts(opsadmin)["troubled"] == troubled_count() == count


def test_pms_are_not_shown_it(fake, pm):
    assert "troubled" not in shell_counts(pm)


def test_it_is_not_there_while_nothing_is_connected(opsadmin):
    assert "troubled" not in shell_counts(opsadmin)


@pytest.mark.parametrize(
    ("source", "late"), [("jira", True), ("productboard", True), ("slack", False), ("mail", True)]
)
def test_each_source_has_its_own_time(settings, opsadmin, source, late):
    settings.JIRA_BASE_URL, settings.JIRA_API_TOKEN = "http://127.0.0.1:9", "token"
    settings.PRODUCTBOARD_API_TOKEN = settings.SLACK_BOT_TOKEN = "token"
    settings.SLACK_SIGNING_SECRET = "secret"
    settings.MAIL_IN_URL = "imap://user:password@127.0.0.1:9/INBOX"
    at = timezone.now() - timedelta(minutes=20)
    run = SyncRun.objects.create(
        source=source, status="done", trigger="schedule", started_at=at, ended_at=at
    )
    SourceState.objects.create(source=source, last_run=run, last_success_at=at)
    card = next(one for one in source_cards([run]) if one.source == source)
    assert card.is_connected
    assert card.health.word == ("Delayed" if late else "Healthy")
    assert shell_counts(opsadmin)["troubled"] == troubled_count() == int(late)
