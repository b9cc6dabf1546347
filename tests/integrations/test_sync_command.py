"""`manage.py sync jira`, also killed in the middle."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from integrations.models import SourceState, SyncRun
from tests.fakes.jira import Fault

ROOT = Path(__file__).resolve().parents[2]


def test_it_works(fake, db, equal, capsys):
    call_command("sync", "jira")
    assert "25 issues read, 25 changed. 25 new" in capsys.readouterr().out
    equal()


def test_it_answers_in_json(fake, db, capsys):
    call_command("sync", "jira", "--full", "--json")
    facts = json.loads(capsys.readouterr().out)
    assert facts["status"] == "done"
    assert (facts["seen"], facts["created"], facts["full"]) == (25, 25, True)


def test_it_fails_when_jira_is_off(db, settings):
    settings.JIRA_API_TOKEN = ""
    with pytest.raises(CommandError, match="Set JIRA_BASE_URL and JIRA_API_TOKEN"):
        call_command("sync", "jira")


def test_it_fails_when_something_could_not_be_read(fake, db, capsys):
    fake.issues[0].broken = True
    with pytest.raises(SystemExit) as left:
        call_command("sync", "jira", "--json")
    assert left.value.code == 1
    assert json.loads(capsys.readouterr().out)["failed"] == 1


def test_it_waits_when_asked_for_a_pause(fake, db, equal, capsys):
    fake.faults = [Fault("search/jql", "429", after=1, value=1)]
    call_command("sync", "jira")
    assert "Jira asks for a pause of 1 seconds." in capsys.readouterr().out
    assert list(SyncRun.objects.order_by("pk").values_list("status", flat=True)) == [
        "waiting",
        "done",
    ]
    equal()


def test_a_killed_run_loses_and_doubles_nothing(fake, transactional_db, equal):
    fake.page_size = 4
    child = subprocess.Popen(
        [sys.executable, "manage.py", "sync", "jira", "--full"],
        cwd=ROOT,
        env={**os.environ, **_environment(fake)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    fake.before_page[4] = lambda: os.kill(child.pid, signal.SIGKILL)
    assert child.wait(timeout=120) == -signal.SIGKILL
    left = SyncRun.objects.get()
    assert left.status == "running"
    assert SourceState.objects.get().cursor["token"]
    call_command("sync", "jira", "--json")
    left.refresh_from_db()
    assert left.status == "interrupted"
    equal()


def _environment(fake) -> dict[str, str]:
    parts = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    return {
        "DJANGO_SETTINGS_MODULE": "producthub.settings",
        "HUB_EMBEDDED": "1",
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}")),
        "JIRA_BASE_URL": fake.url,
        "JIRA_EMAIL": "hub@harbourline.example",
        "JIRA_API_TOKEN": "token-1",
        "LOG_LEVEL": "ERROR",
    }
