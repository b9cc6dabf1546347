"""A fake Jira over HTTP, and the hub connected to it."""

import uuid

import pytest

from integrations import limiter
from integrations.jira import sync as jira_sync
from tests.fakes.jira import FakeJira, make_issues
from tests.fakes.jira_writes import WritableJira


@pytest.fixture(autouse=True)
def own_limits(monkeypatch):
    """A pause that one test met is no other test's."""
    monkeypatch.setattr(limiter, "PREFIX", f"test-{uuid.uuid4().hex}")


@pytest.fixture
def fake(settings):
    """A connected Jira with 25 issues, ten a page."""
    with FakeJira(make_issues(25, moves_each=3.5)) as server:
        server.page_size = 10
        settings.JIRA_BASE_URL = server.url
        settings.JIRA_EMAIL = "hub@harbourline.example"
        settings.JIRA_API_TOKEN = "token-1"
        settings.JIRA_PROJECTS = []
        yield server


@pytest.fixture
def jira(settings, db):
    """A connected Jira that can be written to, with four issues."""
    with WritableJira(make_issues(4, moves_each=2)) as server:
        settings.JIRA_BASE_URL = server.url
        settings.JIRA_EMAIL = "hub@harbourline.example"
        settings.JIRA_API_TOKEN = "token-1"
        settings.JIRA_PROJECTS = []
        yield server


@pytest.fixture
def sync(db):
    """`sync()` runs as the command line would, without waiting between tries."""

    def run(trigger: str = "command", **options):
        return jira_sync.sync_jira(trigger=trigger, sleep=lambda seconds: None, **options)

    return run


def source_rows(fake):
    """What Jira holds, in the form of `tests.factories_work.stored_rows`."""
    from tests.fakes.jira import STATUSES

    return sorted(
        (
            issue.id,
            issue.key,
            issue.title,
            STATUSES[issue.status][0],
            issue.updated.replace(microsecond=issue.updated.microsecond // 1000 * 1000),
        )
        for issue in fake.issues
    )


def source_moves(fake):
    """What Jira holds, in the form of `tests.factories_work.stored_moves`."""
    from tests.fakes.jira import STATUSES

    return sorted(
        (
            issue.id,
            f"{issue.id}{index:04d}",
            STATUSES[before][0],
            STATUSES[after][0],
            at.replace(microsecond=at.microsecond // 1000 * 1000),
        )
        for issue in fake.issues
        for index, (at, before, after) in enumerate(issue.moves)
    )


@pytest.fixture
def equal(fake):
    """`equal()` fails unless the hub holds what Jira holds, row by row."""
    from tests.factories_work import stored_moves, stored_rows

    def check():
        assert stored_rows() == source_rows(fake)
        assert stored_moves() == source_moves(fake)

    return check
