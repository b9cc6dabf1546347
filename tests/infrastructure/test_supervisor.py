"""`make run` from the outside: real servers and signals, stand-ins for web, worker and beat."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from producthub import embedded, supervisor

ROOT = Path(__file__).resolve().parents[2]

STAND_INS = """
import os, sys, time
from producthub import supervisor

web = '''
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'''
worker = "import os, time; print('worker', os.getpid(), flush=True); time.sleep(300)"
beat = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(300)"
supervisor.PREPARE = [sys.executable, "-c", os.environ["STAND_IN_PREPARE"]]
supervisor.WEB = [sys.executable, "-c", web]
supervisor.WORKER = [sys.executable, "-c", worker]
supervisor.BEAT = [sys.executable, "-c", beat if os.environ.get("STUBBORN") else worker]
sys.exit(supervisor.main())
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Hub:
    """One folder in which a supervisor can be started again and again."""

    def __init__(self, folder, programs):
        self.folder = folder
        self.port = free_port()
        dropped = {"DATABASE_URL", "REDIS_URL", "BASE_URL", "HOST", embedded.OWNER}
        self.env = {name: value for name, value in os.environ.items() if name not in dropped}
        self.env |= {"HUB_DIR": str(folder), "HUB_PGBIN": str(programs), "PORT": str(self.port)}
        self.env["STAND_IN_PREPARE"] = "import sys; print('prepared', *sys.argv[1:])"
        self.process = None

    def start(self, **extra):
        self.output = (self.folder.parent / "output").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", STAND_INS],
            cwd=ROOT,
            env={**self.env, **extra},
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )
        return self.process

    def said(self):
        return Path(self.output.name).read_text()

    def wait_for(self, text, seconds=90):
        deadline = time.monotonic() + seconds
        while text not in self.said():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def start_and_wait(self, **extra):
        self.start(**extra)
        self.wait_for("ProductHub is ready")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(10)

    def refusal(self, **extra):
        """Exit status and words of a start that must not succeed."""
        ran = subprocess.run(
            [sys.executable, "-c", STAND_INS],
            cwd=ROOT,
            env={**self.env, **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 1
        assert "Traceback" not in ran.stdout + ran.stderr
        assert len(ran.stderr.splitlines()) == 1
        return ran.stderr

    def leftovers(self):
        return embedded.leftovers(self.folder / "data")

    def database(self):
        sockets = embedded.socket_folder(self.folder / "data")
        return psycopg.connect(host=str(sockets), user="hub", dbname="hub", autocommit=True)


@pytest.fixture(scope="module")
def programs():
    hub = embedded.make_folder(embedded.hub_folder())
    try:
        return embedded.find_postgres(hub, embedded.unprivileged(hub))[0]
    except embedded.HubError as error:
        pytest.skip(str(error))


@pytest.fixture
def hub(tmp_path, programs):
    hub = Hub(tmp_path / "hub", programs)
    yield hub
    if hub.process is not None:
        hub.process.kill()
        hub.process.wait()
        embedded.sweep(hub.folder / "data", patience=2)


def test_it_starts_and_stops_and_keeps_the_data(hub):
    hub.start_and_wait()
    said = hub.said()
    assert f"http://127.0.0.1:{hub.port}" in said
    assert "prepared --demo" in said
    assert "ada@harbourline.example" in said
    assert (hub.folder / "secrets.json").stat().st_mode & 0o777 == 0o600
    keys = (hub.folder / "secrets.json").read_text()
    with hub.database() as database:
        database.execute("CREATE TABLE kept ()")

    again = hub.refusal(PORT=str(free_port()))
    assert f"already runs from this folder: http://127.0.0.1:{hub.port}" in again
    elsewhere = hub.refusal(HUB_DIR=str(hub.folder.parent / "other"))
    assert f"Port {hub.port} is taken" in elsewhere
    assert "make run PORT=" in elsewhere

    assert hub.stop(signal.SIGINT) == 0
    assert hub.leftovers() == []
    hub.start_and_wait()
    with hub.database() as database:
        database.execute("SELECT FROM kept")
    assert (hub.folder / "secrets.json").read_text() == keys
    assert hub.stop(signal.SIGHUP) == 0
    assert hub.leftovers() == []


def test_it_recovers_after_kill_9(hub):
    hub.start_and_wait()
    with hub.database() as database:
        database.execute("CREATE TABLE kept ()")
    hub.process.kill()
    hub.process.wait()
    hub.start_and_wait()
    with hub.database() as database:
        database.execute("SELECT FROM kept")
    hub.process.kill()
    hub.process.wait()
    deadline = time.monotonic() + 30
    while hub.leftovers() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert hub.leftovers() == []


def test_it_brings_back_what_dies(hub):
    hub.start_and_wait()
    log = hub.folder / "logs" / "worker.log"
    deadline = time.monotonic() + 40
    while "worker" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(int(log.read_text().split()[1]), signal.SIGKILL)
    hub.wait_for("worker ended (status -9); starting it again in 1 s")
    while log.read_text().count("worker") < 2:
        assert time.monotonic() < deadline + 40
        time.sleep(0.05)
    os.kill(int((hub.folder / "data/postgres/postmaster.pid").read_text().split()[0]), 9)
    hub.wait_for("PostgreSQL ended")
    deadline = time.monotonic() + 60
    while True:
        try:
            hub.database().close()
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert hub.stop() == 0


def test_a_second_signal_ends_what_does_not_obey(hub):
    hub.start_and_wait(STUBBORN="1")
    hub.process.send_signal(signal.SIGINT)
    hub.wait_for("once more to stop at once")
    started = time.monotonic()
    assert hub.stop(signal.SIGINT) == 0
    assert time.monotonic() - started < 4
    assert hub.leftovers() == []


def test_a_failed_preparation_is_one_sentence(hub):
    sentence = hub.refusal(STAND_IN_PREPARE="raise SystemExit('no such column')")
    assert "could not be prepared" in sentence
    log = hub.folder / "logs" / "prepare.log"
    assert str(log) in sentence
    assert "no such column" in log.read_text()
    assert hub.leftovers() == []


def test_a_refused_setting_is_said_in_its_own_words(hub):
    broken = "class ImproperlyConfigured(Exception): pass\n"
    sentence = hub.refusal(STAND_IN_PREPARE=broken + "raise ImproperlyConfigured('JIRA is odd.')")
    assert sentence == "JIRA is odd.\n"
    sentence = hub.refusal(STAND_IN_PREPARE="raise SystemExit('Not started: JIRA is odd.')")
    assert sentence == "Correct that, and start again.\n"


def test_it_refuses_a_bad_port_and_a_folder_it_cannot_write(hub, tmp_path):
    assert "PORT is “eighty”" in hub.refusal(PORT="eighty")
    (tmp_path / "file").touch()
    assert "cannot write into" in hub.refusal(HUB_DIR=str(tmp_path / "file" / "hub"))


def test_own_servers_and_keys_are_left_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("HUB_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgres://someone@db.example/hub")
    monkeypatch.setenv("REDIS_URL", "redis://redis.example/0")
    monkeypatch.setenv("SECRET_KEY", "given")
    monkeypatch.setenv("PORT", "8123")
    monkeypatch.delenv("BASE_URL", raising=False)
    monkeypatch.delenv("HUB_EMBEDDED", raising=False)
    hub = supervisor.Supervisor()
    hub.start_servers()
    assert hub.servers == {}
    env = hub.environment()
    assert env["DATABASE_URL"] == "postgres://someone@db.example/hub"
    assert env["SECRET_KEY"] == "given"
    assert env["BASE_URL"] == "http://127.0.0.1:8123"
    assert "HUB_EMBEDDED" not in env
