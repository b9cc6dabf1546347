"""What the worker does."""

import pytest

from integrations import tasks
from integrations.models import SyncError, SyncRun
from planning.models import WorkItem
from tests.factories_work import held_elsewhere
from tests.fakes.jira import Fault


@pytest.fixture
def requeued(monkeypatch):
    calls = []
    monkeypatch.setattr(tasks.sync_jira, "apply_async", lambda **options: calls.append(options))
    return calls


def test_it_works(fake, db, equal):
    tasks.sync_jira()
    assert SyncRun.objects.get().trigger == "schedule"
    equal()


def test_it_does_nothing_while_jira_is_off(db, settings):
    settings.JIRA_API_TOKEN = ""
    tasks.sync_jira()
    assert not SyncRun.objects.exists()


def test_it_comes_back_after_a_pause_instead_of_sleeping(fake, db, requeued):
    fake.faults = [Fault("search/jql", "429", value=90)]
    tasks.sync_jira()
    assert 80 < requeued[0]["countdown"] <= 90


def test_a_very_long_pause_stays_below_the_visibility_timeout(fake, db, requeued, settings):
    fake.faults = [Fault("search/jql", "429", value=9000)]
    tasks.sync_jira()
    limit = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    assert requeued[0]["countdown"] < limit
    assert tasks.sync_jira.time_limit < limit


def test_it_goes_on_with_a_long_read(fake, db, requeued, monkeypatch, equal):
    monkeypatch.setattr(tasks, "PART_SECONDS", 0.000001)
    tasks.sync_jira()
    assert requeued[0]["countdown"] == tasks.MIN_PAUSE_SECONDS
    monkeypatch.setattr(tasks, "PART_SECONDS", 60)
    tasks.sync_jira()
    equal()


def test_it_notes_that_another_run_was_left_to_finish(fake, db):
    with held_elsewhere():
        tasks.sync_jira()
    run = SyncRun.objects.get()
    assert (run.status, run.message) == (
        "skipped",
        "Another Jira sync is running. It was left to finish.",
    )


def test_retry_reads_one_item_again(fake, db):
    fake.issues[2].broken = True
    tasks.sync_jira()
    fake.issues[2].broken = False
    fake.issues[2].touch()
    tasks.retry_item(SyncError.objects.get().pk)
    assert SyncError.objects.get().resolved_at is not None
    assert WorkItem.objects.count() == 25


def test_retry_keeps_the_reason_when_jira_is_away(fake, db, monkeypatch):
    fake.issues[2].broken = True
    tasks.sync_jira()
    monkeypatch.setattr("integrations.http.FIRST_WAIT_SECONDS", 0)
    fake.faults = [Fault("", "503", times=99)]
    tasks.retry_item(SyncError.objects.get().pk)
    assert SyncError.objects.get().message == "Jira is in trouble (503)."
    tasks.retry_item(123456)
