from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from activity import events
from activity.models import Event, EventDispatch
from activity.selectors import committed_since, horizon, timeline_for
from activity.tasks import dispatch_events, dispatch_missed_events

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard(monkeypatch):
    """A handler of `test.happened` that remembers what it heard."""
    seen = []

    def listen(event):
        seen.append(event.pk)

    monkeypatch.setattr(events, "_handlers", {"test.happened": {"listen": listen}})
    return seen


def test_it_keeps_who_what_and_when(ada):
    at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    event = events.record("test.happened", ada, actor=ada, at=at, data={"team": 3})
    event.refresh_from_db()
    assert (event.kind, event.subject_type, event.subject_id) == (
        "test.happened",
        "accounts.user",
        ada.pk,
    )
    assert (event.actor, event.occurred_at, event.data) == (ada, at, {"team": 3})
    assert event.recorded_at >= at
    assert list(timeline_for(ada)) == [event]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE activity_event SET kind = 'x' WHERE id = %s",
        "DELETE FROM activity_event WHERE id = %s",
    ],
)
def test_the_database_refuses_to_change_history(ada, statement):
    event = events.record("test.happened", ada)
    with pytest.raises(DatabaseError, match="Events are history"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement, [event.pk])
    with pytest.raises(DatabaseError), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(kind="x")
    with pytest.raises(DatabaseError), transaction.atomic():
        event.delete()
    assert Event.objects.get(pk=event.pk).kind == "test.happened"


def test_the_database_refuses_to_empty_history(ada):
    events.record("test.happened", ada)
    with pytest.raises(DatabaseError, match="TRUNCATE"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL producthub.may_truncate = 'off'")
            cursor.execute("TRUNCATE activity_event")


def test_it_is_handed_out_after_commit(ada, heard, run_on_commit):
    with run_on_commit() as callbacks:
        event = events.record("test.happened", ada)
        assert heard == []
    assert len(callbacks) == 1
    assert heard == [event.pk]
    assert EventDispatch.objects.get(event=event).done_at is not None


def test_it_is_handed_out_once_however_often_it_is_dispatched(ada, heard, run_on_commit):
    with run_on_commit():
        event = events.record("test.happened", ada)
    dispatch_events([event.pk, event.pk])
    assert heard == [event.pk]


def test_a_failing_handler_is_tried_again_and_holds_up_no_other(ada, monkeypatch, run_on_commit):
    calls = []

    def fails_once(event):
        calls.append("bad")
        if calls.count("bad") == 1:
            raise RuntimeError("not yet")

    handlers = {"test.happened": {"a": fails_once, "b": lambda event: calls.append("good")}}
    monkeypatch.setattr(events, "_handlers", handlers)
    with run_on_commit():
        event = events.record("test.happened", ada)
    open_one = EventDispatch.objects.get(event=event, done_at=None)
    assert (open_one.handler, open_one.last_error) == ("a", "RuntimeError: not yet")
    EventDispatch.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    dispatch_missed_events()
    assert calls == ["bad", "good", "bad"]
    assert not EventDispatch.objects.filter(done_at=None).exists()


def test_an_absent_broker_loses_nothing(ada, heard, monkeypatch, run_on_commit):
    def refuse(ids):
        raise ConnectionError("no broker")

    monkeypatch.setattr(dispatch_events, "delay", refuse)
    with run_on_commit():
        event = events.record("test.happened", ada)
    assert heard == []
    EventDispatch.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    dispatch_missed_events()
    assert heard == [event.pk]


def test_replayed_history_tells_nobody(ada, heard, run_on_commit):
    with run_on_commit(), events.replaying():
        events.record("test.happened", ada)
        events.record_many([events.Fact("test.happened", ada, timezone.now())])
    assert heard == []
    assert Event.objects.count() == 2


def test_bulk_rows_equal_single_rows(ada, heard, run_on_commit):
    at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    fields = (
        "kind",
        "subject_type",
        "subject_id",
        "subject_label",
        "actor_id",
        "occurred_at",
        "data",
    )
    with run_on_commit():
        events.record("test.happened", ada, actor=ada, at=at, data={"x": 1})
        events.record_many([events.Fact("test.happened", ada, at, ada.pk, data={"x": 1})])
    one, many = Event.objects.values(*fields).order_by("pk")
    assert one == many
    assert len(heard) == 2


def test_the_horizon_hides_what_is_still_being_written(ada):
    # This test's own transaction is still open, so its events lie at or above the horizon.
    event = events.record("test.happened", ada)
    event.refresh_from_db()
    assert event.tx >= horizon()
    assert event not in committed_since(0, below=horizon())
