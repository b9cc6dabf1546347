"""Pages of work items into the database."""

from datetime import timedelta

import pytest
from django.db import DataError
from django.utils import timezone

from activity import events
from activity.models import Event, EventDispatch
from planning import services
from planning.models import Transition, WorkItem, WorkProject, WorkStatus
from tests.factories import make_user
from tests.factories_work import CREATED_AT, make_moves, make_row, make_work_item, upsert

LATER = CREATED_AT + timedelta(days=30)

pytestmark = pytest.mark.django_db


def kinds() -> list[str]:
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


def test_it_works():
    done = upsert(make_row(1, labels="a\x1fb"), make_row(2), moves=make_moves("1", "building"))
    assert (done.created, done.updated, done.transitions) == (2, 0, 1)
    item = WorkItem.objects.get(key="PLT-1")
    assert item.labels == ["a", "b"]
    assert item.url == "https://harbourline.example/browse/PLT-1"
    assert item.started_at == CREATED_AT + timedelta(days=1)
    assert kinds() == ["work_item.created", "work_item.created"]


def test_it_writes_nothing_when_repeated():
    rows, moves = [make_row(1, "done")], make_moves("1", "building", "done")
    upsert(*rows, moves=moves)
    before = WorkItem.objects.values().get()
    done = upsert(*rows, moves=moves)
    assert (done.created, done.updated, done.transitions) == (0, 0, 0)
    assert WorkItem.objects.values().get() == before
    assert kinds() == ["work_item.created", "work_item.finished"]


def test_it_times_the_work():
    item = make_work_item("building", "review", "done", moved_hours=12)
    assert item.phase == "done"
    assert item.started_at == CREATED_AT + timedelta(hours=12)
    assert item.finished_at == CREATED_AT + timedelta(hours=36)
    assert item.cycle_seconds == 24 * 3600
    finished = Event.objects.get(kind="work_item.finished")
    assert finished.occurred_at == item.finished_at
    assert (finished.subject_type, finished.subject_label) == ("planning.workitem", item.key)


def test_it_announces_that_work_was_reopened():
    item = make_work_item("building", "done")
    steps = ("building", "done", "building")
    row = make_row(int(item.upstream_id), "building", updated=LATER)
    upsert(row, moves=make_moves(item.upstream_id, *steps))
    item.refresh_from_db()
    assert (item.phase, item.finished_at, item.cycle_seconds) == ("active", None, None)
    assert kinds()[-1] == "work_item.reopened"
    row = make_row(int(item.upstream_id), "done", updated=LATER + timedelta(days=1))
    upsert(row, moves=make_moves(item.upstream_id, *steps, "done"))
    item.refresh_from_db()
    assert item.started_at == CREATED_AT + timedelta(days=1)
    assert item.finished_at == CREATED_AT + timedelta(days=4)


def test_it_drops_an_older_version():
    upsert(make_row(1, title="New", updated=LATER))
    done = upsert(make_row(1, title="Old"))
    assert done.updated == 0
    assert WorkItem.objects.get().title == "New"


def test_it_gives_no_cycle_time_without_the_whole_history():
    row = make_row(1, "done", resolved=LATER)
    upsert(row, moves=make_moves("1", "building"), complete=False)
    item = WorkItem.objects.get()
    assert (item.is_history_complete, item.cycle_seconds) == (False, None)
    assert item.finished_at == LATER


def test_work_that_began_in_hand_started_when_created():
    upsert(make_row(1, "building"))
    assert WorkItem.objects.get().started_at == CREATED_AT


def test_it_remembers_old_keys():
    upsert(make_row(1))
    upsert(make_row(1, key="DSP-1", updated=LATER))
    upsert(make_row(1, key="PLT-1", updated=LATER + timedelta(days=1)))
    item = WorkItem.objects.get()
    assert (item.key, item.old_keys) == ("PLT-1", ["DSP-1"])


def test_an_item_filed_under_its_key_gets_its_id():
    upsert(make_row(upstream_id="key:PLT-9", key="PLT-9"))
    upsert(make_row(upstream_id="10009", key="PLT-9", updated=LATER))
    assert WorkItem.objects.get().upstream_id == "10009"


def test_it_matches_people_by_mail_and_keeps_the_match():
    ruben = make_user("ruben@harbourline.example")
    upsert(
        make_row(1, assignee_account_id="acc", assignee_email="Ruben@Harbourline.example"),
        make_row(2, assignee_account_id="else", assignee_email="nobody@harbourline.example"),
    )
    assert WorkItem.objects.get(upstream_id="1").assignee == ruben
    assert WorkItem.objects.get(upstream_id="2").assignee is None
    upsert(make_row(1, assignee_account_id="acc", updated=LATER))
    assert WorkItem.objects.get(upstream_id="1").assignee == ruben
    upsert(make_row(1, assignee_account_id="other", updated=LATER + timedelta(days=1)))
    assert WorkItem.objects.get(upstream_id="1").assignee is None


def test_it_gives_items_to_the_team_of_their_project(team):
    upsert(make_row(1))
    project = WorkProject.objects.get(key="PLT")
    project.team = team
    project.save()
    assert services.assign_team(project) == 1
    assert services.assign_team(project) == 0
    upsert(make_row(2))
    assert WorkItem.objects.filter(team=team).count() == 2


def test_it_learns_statuses_that_only_histories_know():
    move = ("1", "900", 0, CREATED_AT.isoformat(), "1", "To Do", "77", "Parked", "")
    upsert(make_row(1), moves=[move])
    assert WorkStatus.objects.get(upstream_id="77").category == "undefined"


def test_an_unknown_status_is_unmapped():
    upsert(make_row(1, status_id="", status_name="Odd", status_category="undefined"))
    assert WorkItem.objects.get().phase == "unmapped"


def test_it_writes_nothing_when_the_database_refuses():
    with pytest.raises(DataError):
        upsert(make_row(1), make_row(2, title="a\x00b"))
    assert not WorkItem.objects.exists()
    with pytest.raises(DataError):
        upsert(make_row(1, created="9999999-01-01T00:00:00+00:00"))
    assert not WorkItem.objects.exists()


def test_handlers_hear_of_finished_work(monkeypatch, django_capture_on_commit_callbacks):
    heard = []

    def hear(event: Event) -> None:
        heard.append(event.subject_label)

    monkeypatch.setitem(events._handlers, "work_item.finished", {"test.hear": hear})
    with django_capture_on_commit_callbacks(execute=True):
        item = make_work_item("building", "done")
    assert heard == [item.key]
    assert EventDispatch.objects.filter(done_at__isnull=False).count() == 1


def test_nobody_hears_of_replayed_history(monkeypatch):
    monkeypatch.setitem(events._handlers, "work_item.finished", {"test.hear": lambda event: None})
    with events.replaying():
        make_work_item("building", "done")
    assert not EventDispatch.objects.exists()


def test_deleted_items_stay_and_come_back():
    item = make_work_item()
    assert services.mark_deleted(source="jira", upstream_ids=[item.upstream_id]) == 1
    assert services.mark_deleted(source="jira", upstream_ids=[item.upstream_id]) == 0
    assert kinds()[-1] == "work_item.deleted"
    upsert(make_row(int(item.upstream_id)))
    item.refresh_from_db()
    assert item.deleted_at is None


def test_it_keeps_statuses_and_spreads_their_names():
    make_work_item("review")
    rows = [("3", "Checking", "indeterminate"), ("", "no id", "done"), ("9", "Odd", "weird")]
    assert services.save_statuses(source="jira", rows=rows) == 2
    assert services.save_statuses(source="jira", rows=rows[:1]) == 0
    assert WorkItem.objects.get().status_name == "Checking"
    assert WorkStatus.objects.get(upstream_id="9").category == "undefined"


def test_it_keeps_projects_but_never_their_team(team):
    services.save_projects(source="jira", rows=[("1", "PLT", "Platform")])
    WorkProject.objects.update(team=team)
    assert services.save_projects(source="jira", rows=[("1", "PLX", "Platform X")]) == 1
    project = WorkProject.objects.get()
    assert (project.key, project.team) == ("PLX", team)


def test_two_items_may_change_in_the_same_history_id():
    upsert(make_row(1), make_row(2), moves=make_moves("1", "building"))
    moves = [(("2",) + move[1:]) for move in make_moves("1", "building")]
    upsert(make_row(2), moves=moves)
    assert Transition.objects.count() == 2
    assert timezone.now() > WorkItem.objects.first().synced_at
