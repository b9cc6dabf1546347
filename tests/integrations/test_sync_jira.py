"""The sync against a Jira that behaves, and one that does not."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from activity.models import Event
from integrations.errors import AlreadyRunning
from integrations.jira import pages
from integrations.jira import sync as jira
from integrations.jira.config import NotConfigured
from integrations.models import RawRecord, SourceState, SyncError, SyncRun
from planning.models import WorkItem
from tests.factories_work import held_elsewhere
from tests.fakes.jira import Fault, make_issues


def state() -> SourceState:
    return SourceState.objects.get()


def test_it_works(fake, sync, equal):
    run = sync()
    assert (run.status, run.message) == ("done", "25 issues read, 25 changed.")
    assert (run.created, run.failed, run.pages, run.is_full) == (25, 0, 3, True)
    equal()
    assert RawRecord.objects.filter(kind="issue").count() == 25
    assert state().watermark_at == run.started_at
    assert state().cursor is None
    item = WorkItem.objects.order_by("pk").first()
    assert item.url == f"https://harbourline.example/browse/{item.key}"
    assert item.is_history_complete


def test_it_never_asks_the_removed_search(fake, sync):
    sync()
    assert not [path for _, path, _ in fake.requests if path.endswith("3/search")]
    assert all(body is None or None not in body.values() for _, _, body in fake.requests)


def test_it_reads_only_changes_the_next_time(fake, sync, equal):
    sync()
    fake.requests.clear()
    fake.issues[3].move(2)
    run = sync()
    assert (run.is_full, run.seen, run.updated, run.created) == (False, 1, 1, 0)
    jql = next(body["jql"] for _, path, body in fake.requests if "search/jql" in path)
    assert jql == "updated >= -11m ORDER BY updated ASC, key ASC"
    assert len(fake.requests) <= 10
    equal()


def test_it_changes_nothing_when_repeated(fake, sync, equal):
    sync(full=True)
    events = Event.objects.count()
    before = list(WorkItem.objects.order_by("pk").values())
    run = sync(full=True)
    assert (run.created, run.updated, run.unchanged, run.transitions) == (0, 0, 25, 0)
    assert list(WorkItem.objects.order_by("pk").values()) == before
    assert Event.objects.count() == events


def test_it_reads_what_changes_while_pages_are_read(fake, sync, equal):
    def edit():
        fake.issues[0].move(1)  # already read
        fake.issues[24].move(2)  # not yet
        fake.issues += [make_issues(26)[25]]

    fake.before_page[2] = edit
    sync()
    sync()
    equal()


def test_it_finds_issues_that_slipped_between_pages(fake, sync, equal):
    sync()
    for issue in fake.issues[:15]:
        issue.move(1)
    fake.page_size = 5
    # The first page's issue moves to the end, so all others move up one place.
    fake.before_page[fake.searches + 2] = lambda: fake.issues[0].move(2)
    sync()
    equal()


def test_it_finds_issues_that_slipped_when_one_was_deleted(fake, sync, equal):
    fake.before_page[2] = lambda: fake.issues.pop(0)
    run = sync(full=True)
    assert run.status == "done"
    equal()


def test_it_follows_a_move_to_another_project(fake, sync):
    sync()
    issue = fake.issues[4]
    issue.key, issue.project, issue.updated = "BIL-900", 2, datetime.now(UTC)
    issue.touch()
    sync()
    item = WorkItem.objects.get(upstream_id=issue.id)
    assert (item.key, item.old_keys, item.project_key) == ("BIL-900", ["DSP-2"], "BIL")


def test_it_keeps_deleted_issues_as_tombstones(fake, sync):
    sync()
    gone = fake.issues.pop(5)
    sync(full=True)
    assert WorkItem.objects.get(upstream_id=gone.id).deleted_at is not None
    assert Event.objects.filter(kind="work_item.deleted").count() == 1
    assert not RawRecord.objects.filter(kind="issue", upstream_id=gone.id).exists()


def test_it_does_not_believe_that_most_issues_vanished(fake, sync):
    sync()
    del fake.issues[5:]
    run = sync(full=True)
    assert WorkItem.objects.filter(deleted_at__isnull=True).count() == 25
    assert "20 stored issues are not shown any more" in run.message
    assert run.failed == 20


def test_it_does_not_believe_that_a_whole_project_vanished(fake, sync):
    sync()
    lost = WorkItem.objects.filter(project_key="BIL").values_list("upstream_id", flat=True)
    alone = next(issue for issue in fake.issues if issue.id not in set(lost))
    kept = 4
    hidden = [issue for issue in fake.issues if issue.id in set(lost)]
    # A project of four, and one issue of another that was truly deleted.
    for issue in hidden[kept:]:
        WorkItem.objects.filter(upstream_id=issue.id).delete()
    fake.issues = [one for one in fake.issues if one.id not in set(lost) and one is not alone]
    run = sync(full=True)
    assert WorkItem.objects.filter(project_key="BIL", deleted_at__isnull=True).count() == kept
    assert WorkItem.objects.get(upstream_id=alone.id).deleted_at is not None
    assert f"{kept} stored issues are not shown any more" in run.message


def test_it_drops_an_older_version(fake, sync):
    sync()
    stored = WorkItem.objects.get(upstream_id=fake.issues[0].id)
    fake.issues[0].title = "From a stale index"
    fake.issues[0].updated -= timedelta(days=1)
    fake.issues[0].touch()
    sync(full=True)
    assert WorkItem.objects.get(pk=stored.pk).title == stored.title


def test_it_takes_renamed_and_recategorised_statuses(fake, sync):
    sync()
    for status in fake.statuses:
        if status["id"] == "10003":
            status.update(name="Checked", statusCategory={"key": "indeterminate"})
    sync()
    items = WorkItem.objects.filter(status_id="10003")
    assert items
    assert {(i.status_name, i.status_category, i.phase) for i in items} == {
        ("Checked", "indeterminate", "active")
    }


def test_it_asks_only_for_configured_projects(fake, sync, settings):
    settings.JIRA_PROJECTS = ["PLT", 'D"SP']
    sync()
    assert set(WorkItem.objects.values_list("project_key", flat=True)) == {"PLT"}
    assert any(
        body["jql"].startswith('project in ("PLT", "D\\"SP")')
        for _, path, body in fake.requests
        if "search/jql" in path
    )


def test_it_reads_everything_when_the_projects_change(fake, sync, settings, equal):
    settings.JIRA_PROJECTS = ["PLT"]
    sync()
    settings.JIRA_PROJECTS = []
    assert sync().is_full
    equal()


def test_it_joins_histories_that_are_spread_over_pages(fake, sync, equal, monkeypatch):
    fake.history_page_size = 7
    monkeypatch.setattr(pages, "MAX_MOVES_HELD", 10)
    sync()
    equal()
    assert not WorkItem.objects.filter(is_history_complete=False).exists()


@pytest.mark.parametrize("kind", ["500", "502", "503", "504", "reset", "truncated", "html"])
@pytest.mark.parametrize("path", ["search/jql", "changelog/bulkfetch", "serverInfo"])
def test_it_tries_again_after_a_passing_fault(fake, sync, equal, kind, path):
    fake.faults = [Fault(path, kind, times=2)]
    assert sync().status == "done"
    equal()


@pytest.mark.parametrize(
    "kind,words",
    [
        ("502", "Jira is in trouble (502)."),
        ("reset", "Jira could not be reached (the connection failed)."),
        ("truncated", "Jira"),
        ("html", "Jira answered with a web page instead of data."),
    ],
)
def test_it_fails_plainly_and_recovers_from_a_lasting_fault(fake, sync, equal, kind, words):
    fake.faults = [Fault("search/jql", kind, times=99, after=1)]
    run = sync()
    assert run.status == "failed"
    assert run.message.startswith(words)
    assert WorkItem.objects.count() == 10  # the first page was kept
    assert state().watermark_at is None
    fake.faults = []
    fake.requests.clear()
    again = sync()
    assert (again.status, again.is_resumed, again.is_full) == ("done", True, True)
    assert fake.calls("search/jql") == 3  # two pages that were left, and the ids
    equal()


@pytest.mark.parametrize("value", [120, "date"])
def test_it_leaves_when_asked_for_a_pause(fake, sync, equal, value):
    if value == "date":
        value = datetime.now(UTC) + timedelta(seconds=120)
    fake.faults = [Fault("search/jql", "429", after=1, value=value)]
    run = sync()
    assert run.status == "waiting"
    assert 100 < (state().wait_until_at - timezone.now()).total_seconds() <= 121
    calls = len(fake.requests)
    assert sync("schedule") is None
    assert len(fake.requests) == calls
    SourceState.objects.update(wait_until_at=timezone.now())
    assert sync("schedule").status == "done"
    equal()


def test_it_stops_when_the_token_is_refused(fake, sync, settings):
    fake.faults = [Fault("", "401", times=99)]
    run = sync("schedule")
    assert run.status == "failed"
    assert run.message.startswith("Jira refused the token (401). Make a new API token")
    assert len(fake.requests) == 1
    assert sync("schedule") is None
    assert len(fake.requests) == 1
    fake.faults = []
    settings.JIRA_API_TOKEN = "token-2"
    assert sync("schedule").status == "done"


def test_a_person_may_try_a_refused_token_again(fake, sync):
    fake.faults = [Fault("", "401")]
    sync("schedule")
    assert sync("person").status == "done"
    assert state().refused_credentials == ""


def test_it_stops_when_a_page_token_repeats(fake, sync):
    sync_faults = [Fault("search/jql", "repeat-token", times=99, after=1)]
    fake.faults = sync_faults
    run = sync()
    assert (run.status, run.message) == (
        "failed",
        "Jira sent the same page twice, so the run stopped.",
    )
    assert fake.calls("search/jql") < 5


def test_it_passes_by_an_empty_page_with_a_token(fake, sync, equal):
    fake.faults = [Fault("search/jql", "empty-page", after=1)]
    # The fake gives the same place a new token only once; an empty page must not end the run.
    run = sync()
    assert run.status in ("done", "failed")
    sync()
    equal()


def test_it_starts_the_window_anew_when_the_page_token_is_stale(fake, sync, equal):
    fake.faults = [Fault("search/jql", "500", times=99, after=1)]
    sync()
    kept = state()
    kept.cursor["token"] = "bm8="
    kept.save()
    fake.faults = []
    assert sync().status == "done"
    equal()


def test_a_bad_issue_does_not_hold_up_its_page(fake, sync):
    fake.issues[2].broken = True
    run = sync()
    assert (run.status, run.failed, run.created) == ("done", 1, 24)
    error = SyncError.objects.get()
    assert (error.label, error.message) == (fake.issues[2].key, "The field 'created' is missing.")
    sync(full=True)
    assert SyncError.objects.get().attempts == 2


def test_a_bad_issue_is_closed_once_it_reads_well(fake, sync, equal):
    fake.issues[2].broken = True
    sync()
    fake.issues[2].broken = False
    fake.issues[2].touch()
    sync(full=True)
    assert SyncError.objects.get().resolved_at is not None
    equal()


def test_a_value_that_the_database_refuses_is_named(fake, sync):
    fake.issues[1].extra = {"created": "2026-W01-1T00:00:00+00:00"}
    run = sync()
    assert run.created == 24
    error = SyncError.objects.get()
    assert (error.stage, error.label) == ("write", fake.issues[1].key)


def test_it_stores_titles_with_nul_and_lone_surrogates(fake, sync):
    fake.issues[1].title = "A\x00B \\u0000"
    fake.issues[2].extra = {"summary": "half \ud83d of a smile"}
    run = sync()
    assert (run.created, run.failed) == (25, 0)
    titles = set(WorkItem.objects.values_list("title", flat=True))
    assert {"AB \\u0000", "half ? of a smile"} <= titles


def test_an_unreadable_history_spoils_only_its_issue(fake, sync):
    fake.unreadable_histories = {fake.issues[3].id}
    run = sync()
    assert (run.status, run.failed, run.created) == ("done", 1, 25)
    incomplete = WorkItem.objects.get(is_history_complete=False)
    assert (incomplete.upstream_id, incomplete.cycle_seconds) == (fake.issues[3].id, None)
    fake.unreadable_histories = set()
    jira.retry_item(SyncError.objects.get())
    assert not WorkItem.objects.filter(is_history_complete=False).exists()
    assert SyncError.objects.get().resolved_at is not None


def test_a_retry_says_when_the_issue_is_gone(fake, sync):
    fake.issues[3].broken = True
    sync()
    del fake.issues[3]
    jira.retry_item(SyncError.objects.get())
    assert SyncError.objects.get().message.startswith("Jira does not show it any more.")


def test_it_marks_runs_that_were_killed(fake, sync):
    left = SyncRun.objects.create(source="jira", trigger="schedule", started_at=timezone.now())
    sync()
    left.refresh_from_db()
    assert left.status == "interrupted"
    assert left.ended_at is not None


def test_it_goes_on_later_when_the_time_is_up(fake, sync, equal):
    run = sync(max_seconds=0.000001)
    assert (run.status, run.pages) == ("waiting", 1)
    assert sync().is_resumed
    equal()


def test_it_refuses_a_second_run_at_once(fake, sync):
    with held_elsewhere(), pytest.raises(AlreadyRunning, match="Another Jira sync is running"):
        sync()
    assert sync().status == "done"


def test_it_is_off_without_credentials(sync, settings):
    settings.JIRA_BASE_URL = ""
    with pytest.raises(NotConfigured):
        sync()


def test_it_says_that_data_center_is_not_supported(fake, sync, settings):
    settings.JIRA_FLAVOUR = "datacenter"
    run = sync()
    assert run.status == "failed"
    assert run.message.startswith("Jira Data Center is not supported yet.")
    assert not fake.requests


def test_it_sends_a_bearer_without_an_address(fake, sync, settings, monkeypatch):
    seen = []
    answer = fake.answer
    monkeypatch.setattr(
        "tests.fakes.jira._Handler._serve",
        lambda handler: (
            seen.append(handler.headers["Authorization"]),
            handler._send(*answer("GET", "/rest/api/3/nothing", {}, None)),
        ),
    )
    settings.JIRA_EMAIL = ""
    sync()
    assert seen[0] == "Bearer token-1"


def test_a_later_run_reads_bad_items_again(fake, sync, equal):
    fake.unreadable_histories = {fake.issues[3].id}
    sync()
    fake.unreadable_histories = set()
    sync()
    assert SyncError.objects.get().resolved_at is not None
    equal()


def test_bad_items_are_not_tried_for_ever(fake, sync):
    fake.issues[3].broken = True
    sync()
    SyncError.objects.update(attempts=jira.MAX_ATTEMPTS)
    fake.requests.clear()
    sync()
    assert not [b for _, _, b in fake.requests if b and "issue in" in b.get("jql", "")]
