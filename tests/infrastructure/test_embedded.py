"""The servers that come along: started, crashed, recovered, shared, refused."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from producthub import embedded

ROOT = Path(__file__).resolve().parents[2]
SHOW = "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])"


@pytest.fixture(scope="module")
def programs():
    hub = embedded.make_folder(embedded.hub_folder())
    try:
        return embedded.find_postgres(hub, embedded.unprivileged(hub))[0]
    except embedded.HubError as error:
        pytest.skip(str(error))


@pytest.fixture
def hub(tmp_path, programs, monkeypatch):
    monkeypatch.setenv("HUB_PGBIN", str(programs))
    return embedded.make_folder(tmp_path / "hub")


@pytest.fixture
def postgres(hub):
    server = embedded.Postgres(hub, hub / "data")
    yield server
    server.stop()


def connect(server):
    return psycopg.connect(host=str(server.sockets), user="hub", dbname="hub", autocommit=True)


def execute(hub, *command, **extra):
    dropped = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    return subprocess.Popen(
        [sys.executable, "-m", "producthub.embedded", "exec", "--name", "try", "--", *command],
        cwd=ROOT,
        env={**env, "HUB_DIR": str(hub), **extra},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_postgres_starts_stops_and_keeps_the_data(postgres):
    postgres.start()
    with connect(postgres) as database:
        for name in ("pg_trgm", "unaccent", "citext"):
            database.execute(f"CREATE EXTENSION {name}")
        database.execute("CREATE TABLE kept ()")
    assert not (postgres.data / "postmaster.opts").read_text().count("fsync=off")
    postgres.stop()
    assert embedded.leftovers(postgres.owner) == []
    postgres.start()
    with connect(postgres) as database:
        database.execute("SELECT FROM kept")


def test_postgres_recovers_from_a_crash_and_a_number_given_to_someone_else(postgres):
    postgres.start()
    with connect(postgres) as database:
        database.execute("CREATE TABLE kept ()")
    embedded.kill_group(postgres.process)
    note = postgres.data / "postmaster.pid"
    lines = note.read_text().split("\n")
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        note.write_text("\n".join([str(bystander.pid), *lines[1:]]))
        postgres.start()
        with connect(postgres) as database:
            database.execute("SELECT FROM kept")
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_server_left_running_is_ended_first(postgres, hub):
    postgres.start()
    forgotten = postgres.process
    second = embedded.Postgres(hub, hub / "data")
    second.start()
    assert forgotten.poll() is not None
    second.stop()


def test_data_of_another_version_is_refused_and_kept(postgres):
    postgres.start()
    postgres.stop()
    (postgres.data / "PG_VERSION").write_text("14\n")
    with pytest.raises(embedded.HubError, match="belongs to PostgreSQL 14"):
        postgres.start()
    assert (postgres.data / "base").is_dir()


def test_an_interrupted_creation_starts_anew(postgres):
    remains = postgres.data.with_suffix(".new")
    remains.mkdir(parents=True)
    (remains / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert postgres.answers()


def test_a_long_or_odd_path_gets_short_sockets(tmp_path):
    for data in (tmp_path / ("long" * 30), tmp_path / "with blank"):
        sockets = embedded.socket_folder(data)
        assert len(os.fsencode(sockets / ".s.PGSQL.5432")) <= embedded.SOCKET_PATH_BYTES
        assert " " not in str(sockets)
        assert sockets.stat().st_mode & 0o777 == 0o700
        sockets.rmdir()


def test_valkey_keeps_the_queue_even_when_killed(hub):
    for end in (embedded.Server.stop, lambda server: embedded.kill_group(server.process)):
        server = embedded.Valkey(hub, hub / "data")
        server.start()
        client = embedded.socket.socket(embedded.socket.AF_UNIX)
        client.connect(str(server.socket))
        client.sendall(b"RPUSH queue task\r\n")
        assert client.recv(16).startswith(b":")
        time.sleep(1.1)  # appendfsync everysec
        client.close()
        end(server)
    server = embedded.Valkey(hub, hub / "data")
    server.start()
    client = embedded.socket.socket(embedded.socket.AF_UNIX)
    client.connect(str(server.socket))
    client.sendall(b"LLEN queue\r\n")
    assert client.recv(16) == b":2\r\n"
    client.close()
    server.stop()


def test_exec_runs_a_command_and_passes_its_status(hub):
    code = SHOW + "; print(os.environ.get('DJANGO_SETTINGS_MODULE')); raise SystemExit(7)"
    process = execute(hub, sys.executable, "-c", code)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 7, errors
    assert "postgres://hub@%2F" in output
    assert "unix:///" in output
    assert "None" in output
    assert embedded.leftovers(hub / "try") == []


def test_two_execs_at_once_do_not_meet(hub):
    waiting = SHOW + "; import sys; sys.stdout.flush(); sys.stdin.read()"
    first = execute(hub, sys.executable, "-c", waiting)
    used = first.stdout.readline()
    second = execute(hub, sys.executable, "-c", SHOW)
    output, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert output != used
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_an_ended_or_killed_exec_leaves_nothing_behind(hub):
    waiting = SHOW + "; import sys; sys.stdout.flush(); sys.stdin.read()"
    for number in (signal.SIGTERM, signal.SIGKILL):
        process = execute(hub, sys.executable, "-c", waiting)
        assert process.stdout.readline()
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == (143 if number == signal.SIGTERM else -9)
        deadline = time.monotonic() + 30
        while embedded.leftovers(hub / "try"):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_with_own_servers_nothing_is_started_or_made(hub):
    own = {"DATABASE_URL": "postgres://db.example/hub", "REDIS_URL": "redis://redis.example/0"}
    process = execute(hub, sys.executable, "-c", SHOW, **own)
    output, errors = process.communicate(timeout=60)
    assert output.split() == list(own.values()), errors
    assert list(hub.iterdir()) == []


def test_an_unusable_folder_or_command_is_one_sentence(hub, tmp_path):
    (tmp_path / "file").touch()
    for process, sentence in (
        (execute(tmp_path / "file" / "hub", "true"), "cannot write into"),
        (execute(hub, "no-such-command"), "No such file"),
    ):
        _, errors = process.communicate(timeout=120)
        assert process.returncode in {1, 127}
        assert sentence in errors
        assert "Traceback" not in errors
