"""The process that keeps a machine's files in step with the database."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.db import connection, transaction

from search import follower, node, services
from search.engine import similar
from search.models import SearchEntry

ROOT = Path(__file__).resolve().parents[2]


def pk_of(number):
    return SearchEntry.objects.get(object_id=number).pk


def test_it_takes_in_what_is_new_changed_and_forgotten(machine):
    machine.add(1, "Export invoices")
    machine.add(2, "Darker nights")
    assert machine.step() == 2
    assert machine.by_files("invoices") == [pk_of(1)]
    machine.add(1, "Import receipts")
    services.forget(kind="request", object_id=2)
    assert machine.step() == 2
    assert machine.by_files("invoices") == machine.by_files("nights") == []
    assert machine.by_files("receipts") == [pk_of(1)]
    assert machine.step() == 0


def test_a_late_commit_is_not_lost(machine):
    begun, may_end = threading.Event(), threading.Event()

    def late():
        with transaction.atomic():
            machine.add(1, "Written first, committed last")
            begun.set()
            may_end.wait(20)

    def run():
        try:
            late()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(20)
    machine.add(2, "Written last, committed first")
    assert machine.step() == 1  # and the open transaction holds nobody up
    may_end.set()
    thread.join(20)
    assert machine.step() == 1
    assert sorted(machine.by_files("committed")) == sorted([pk_of(1), pk_of(2)])


def test_it_goes_on_where_it_was(machine):
    machine.add(1, "Export invoices")
    machine.step()
    machine.follower.close()
    machine.add(2, "Export receipts")
    before = node.read_manifest()
    machine.follower = follower.Follower()
    assert machine.follower.manifest.generation == before.generation
    assert machine.step() == 1
    assert len(machine.by_files("export")) == 2


@pytest.mark.parametrize(
    "harm",
    [
        lambda root: (root / "current.json").write_text("{not json"),
        lambda root: (root / "current.json").unlink(),
        lambda root: (root / "g1" / "words" / "meta.json").write_text("garbage"),
        lambda root: [path.unlink() for path in (root / "g1" / "words").iterdir()],
        lambda root: change(root, schema=0),
        lambda root: change(root, database="another/1"),
        lambda root: change(root, snapshot="999999999999:999999999999:"),
        lambda root: (root / "followed").unlink(),
    ],
    ids=[
        "manifest broken", "manifest gone", "index broken", "index gone", "another schema",
        "another database", "database put back", "slept too long",
    ],
)  # fmt: skip
def test_files_that_cannot_be_followed_are_built_anew(machine, harm):
    machine.add(1, "Export invoices")
    machine.step()
    machine.follower.close()
    harm(node.root())
    node.forget_view()
    assert machine.found("export invoices") == [1]  # from PostgreSQL meanwhile
    machine.follower = follower.Follower()
    node.forget_view()
    assert machine.by_files("export invoices") == [pk_of(1)]
    assert machine.found("export invoices") == [1]


def change(root, **fields):
    found = json.loads((root / "current.json").read_text())
    (root / "current.json").write_text(json.dumps({**found, **fields}))


def test_a_stale_file_never_shows_what_is_gone_or_merged(machine):
    machine.add(1, "Export invoices")
    machine.add(2, "Export invoices to Excel")
    machine.step()
    services.forget(kind="request", object_id=1)
    assert machine.found("export invoices") == [2]
    machine.add(3, "Something else")
    machine.add(2, "Export invoices to Excel", group_id=3)
    assert [c.group_id for c in similar(title="export invoices").candidates] == [3]


def test_merging_and_unmerging_moves_the_group(machine):
    machine.add(1, "Export invoices")
    machine.add(2, "Download bills", group_id=1)
    machine.step()
    assert [c.group_id for c in similar(title="bills and invoices").candidates] == [1]
    machine.add(2, "Download bills", group_id=None)
    machine.step()
    groups = {c.group_id for c in similar(title="bills and invoices").candidates}
    assert groups == {1, 2}


def test_a_word_that_is_begun_or_misspelt_finds_its_text(machine):
    machine.add(1, "Schedule recurring exports")
    machine.add(2, "Darker nights")
    machine.step()
    assert machine.found("exports sched") == [1]
    assert machine.found("exports schedulin") == [1]
    assert machine.found("recuring") == [1]
    assert machine.found("qqqqqqq") == []


def test_identifiers_are_found_by_their_parts_and_scripts_without_blanks(machine):
    machine.add(1, "offsetParent breaks getHTTPResponse")
    machine.add(2, "日本語の検索エンジン")
    machine.step()
    assert machine.found("parent offset") == [1]
    assert machine.found("http response") == [1]
    assert machine.found("offsetparent") == [1]
    assert machine.found("検索エンジン") == [2]


def test_rows_from_before_and_while_building_are_all_there(machine):
    services.index_many(
        services.Row("request", number, f"Request about topic{number}") for number in range(1, 2501)
    )
    assert machine.step() == 2500
    machine.follower.close()
    (node.root() / "current.json").unlink()
    machine.follower = follower.Follower()
    node.forget_view()
    assert machine.by_files("topic2500")[0] == pk_of(2500)
    assert node.current_view().words._searcher.num_docs == 2500


def test_a_second_one_exits_and_a_first_one_stops_when_told(transactional_db, settings, tmp_path):
    env = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "SEARCH_DIR": settings.SEARCH_DIR,
        "SEARCH_VECTORS": "0",
        "HUB_EMBEDDED": "1",
        "DJANGO_SETTINGS_MODULE": "producthub.settings",
    }
    command = [sys.executable, "manage.py", "follow_search"]
    services.index(kind="request", object_id=1, title="Export invoices")
    first = subprocess.Popen(command, cwd=ROOT, env=env)
    try:
        wait_for(lambda: node.read_manifest() is not None)
        second = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert (second.returncode, second.stdout) == (0, "Another process follows already.\n")
        services.index(kind="request", object_id=2, title="Darker nights")

        def is_there():
            node.forget_view()
            asked = node.current_view().words.ask("request", "nights", "")
            return asked is not None

        wait_for(is_there)
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0


def test_it_ends_with_its_parent(transactional_db, settings):
    env = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "SEARCH_DIR": settings.SEARCH_DIR,
        "SEARCH_VECTORS": "0",
        "HUB_EMBEDDED": "1",
        "DJANGO_SETTINGS_MODULE": "producthub.settings",
    }
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, 'manage.py', 'follow_search',"
        " '--parent', str(os.getpid())])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    )
    child = int(parent.stdout.readline())
    wait_for(lambda: node.read_manifest() is not None)
    parent.kill()
    parent.wait()
    wait_for(lambda: not is_running(child))


def is_running(process):
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_for(check, seconds=60):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def database_url():
    """The test's own database, as an address."""
    given = os.environ["DATABASE_URL"]
    return given.rpartition("/")[0] + "/" + connection.settings_dict["NAME"]
