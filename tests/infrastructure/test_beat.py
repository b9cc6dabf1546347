"""However many beats are started, one works; the next takes over when it is gone."""

from datetime import timedelta

import pytest
from celery import schedules
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from producthub.beat import WAIT_SECONDS, HubScheduler, OnlyOne, jitter
from producthub.celery import app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch):
    """What is due: one entry. Returns the names of the tasks that were sent."""
    PeriodicTask.objects.all().delete()
    interval = IntervalSchedule.objects.create(every=600, period="seconds")
    PeriodicTask.objects.create(
        name="Sweep",
        task="activity.tasks.sweep",
        interval=interval,
        last_run_at=timezone.now() - timedelta(hours=1),
    )
    names = []

    def send(self, name, args=None, kwargs=None, **options):
        names.append((name, options.get("countdown")))

    monkeypatch.setattr(HubScheduler, "send_task", send)
    return names


@pytest.fixture
def beats():
    made = []

    def start():
        beat = HubScheduler(app=app, lazy=True)
        made.append(beat)
        return beat

    yield start
    for beat in made:
        beat.only_one.close()


def test_two_beats_start_a_task_once(sent, beats):
    first, second = beats(), beats()
    first.tick()
    for _ in range(3):
        assert second.tick() == WAIT_SECONDS
        assert not second.only_one.is_held
    assert [name for name, _ in sent] == ["activity.tasks.sweep"]
    assert 0 <= sent[0][1] <= 30


def test_the_second_takes_over_and_does_not_start_again_what_just_ran(sent, beats):
    first, second = beats(), beats()
    first.tick()
    second.tick()
    first.sync()
    first.only_one.close()  # as when it was killed: its session is gone
    second.tick()
    assert second.only_one.is_held
    assert len(sent) == 1


def test_a_lost_session_is_noticed(db):
    one, other = OnlyOne(), OnlyOne()
    assert one.hold()
    assert not other.hold()
    with one.connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    assert not one.hold()
    assert other.hold()
    assert not one.hold()
    other.close()
    assert one.hold()
    one.close()


def test_runs_by_interval_do_not_all_start_at_once():
    every = schedules.schedule(timedelta(seconds=60))
    drawn = [jitter(every) for _ in range(200)]
    assert 0 <= min(drawn) and max(drawn) <= 6
    assert len({round(one, 3) for one in drawn}) > 50
