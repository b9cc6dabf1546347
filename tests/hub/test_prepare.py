"""`manage.py prepare`: everything before the first start, again and again."""

import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from accounts.models import User
from hub.demo import load
from hub.management.commands import prepare
from metrics.models import FillState
from producthub.celery import SCHEDULES
from producthub.schedules import fill_schedules


@pytest.fixture(autouse=True)
def own_static_folder(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "static"


@pytest.fixture
def said(capsys):
    def run(*args):
        call_command("prepare", *args)
        return capsys.readouterr().out.splitlines()

    return run


def test_it_works(db, said, settings):
    lines = said()
    assert lines == ["Collecting static files.", f"Added {len(SCHEDULES)} schedules.", "Ready."]
    assert (settings.STATIC_ROOT / "css" / "app.css").is_file()
    assert FillState.objects.get().as_of is not None
    assert not User.objects.exists()


def test_a_second_time_there_is_nothing_to_do(db, said):
    said()
    assert said() == ["Ready."]


def test_static_files_are_collected_when_they_change(db, said, settings, tmp_path):
    said()
    folder = tmp_path / "more"
    folder.mkdir()
    settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, folder]
    from django.contrib.staticfiles import finders

    finders.get_finder.cache_clear()
    (folder / "new.css").write_text("a{}")
    try:
        assert "Collecting static files." in said()
        assert (settings.STATIC_ROOT / "new.css").is_file()
    finally:
        finders.get_finder.cache_clear()


def test_an_interrupted_collection_is_repeated(db, said, settings):
    said()
    (settings.STATIC_ROOT / prepare.STAMP).unlink()
    assert "Collecting static files." in said()


def test_it_loads_the_company_into_an_empty_embedded_database(db, said, settings, monkeypatch):
    loaded = []

    def stand_in(*, now):
        loaded.append(now)
        return load.Loaded(60, 1100, 10_000, 300, 100, 5.0)

    monkeypatch.setattr(load, "load", stand_in)
    settings.EMBEDDED = False
    said("--demo")
    assert loaded == []
    settings.EMBEDDED = True
    assert "Loaded 60 people and 1,100 requests." in said("--demo")
    assert len(loaded) == 1
    User.objects.create_user("someone@harbourline.example", name="Someone")
    said("--demo")
    assert len(loaded) == 1


def test_what_an_admin_changed_in_the_schedules_stays(db):
    assert fill_schedules() == len(SCHEDULES)
    task = PeriodicTask.objects.get(name="Sync Jira")
    slow = IntervalSchedule.objects.create(every=3, period="hours")
    PeriodicTask.objects.filter(pk=task.pk).update(interval=slow, enabled=False)
    PeriodicTask.objects.filter(name="Compute metrics").delete()
    assert fill_schedules() == 1
    task.refresh_from_db()
    assert (task.interval, task.enabled) == (slow, False)
    assert PeriodicTask.objects.get(name="Compute metrics").description


def test_every_schedule_names_a_task(db):
    from producthub.celery import app

    app.loader.import_default_modules()
    assert {task for task, _, _ in SCHEDULES.values()} <= set(app.tasks)


def test_a_database_that_stays_away_is_one_sentence(monkeypatch):
    def refuse():
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    monkeypatch.setattr(prepare, "DATABASE_WAIT_SECONDS", 0)
    with pytest.raises(CommandError, match="^The database does not answer: connection refused$"):
        call_command("prepare")


@pytest.mark.django_db(transaction=True)
def test_two_at_once_take_turns():
    order = []
    inside, go_on = threading.Event(), threading.Event()

    def first():
        try:
            with prepare.alone():
                inside.set()
                go_on.wait(60)
                order.append("first")
        finally:
            connection.close()

    def second():
        try:
            with prepare.alone():
                order.append("second")
        finally:
            connection.close()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    inside.wait(60)
    threads[1].start()
    threads[1].join(0.3)
    assert order == []
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert order == ["first", "second"]
