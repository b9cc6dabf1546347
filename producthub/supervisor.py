"""What `make run` runs: servers, preparation, web, worker and beat, until Ctrl-C.

Only processes, locks and signals live here. What a child says goes into `.hub/logs`; what a
person must know goes to the terminal, one sentence each.
"""

import contextlib
import ctypes
import errno
import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TextIO

from producthub.embedded import (
    HubError,
    Postgres,
    Server,
    Valkey,
    fresh_log,
    hub_folder,
    kill_group,
    make_folder,
    say,
    spawn,
    sweep,
)

READY_SECONDS = 90.0
STOP_SECONDS = 6.0  # for web, worker and beat together; the servers come after that
RELEASE_SECONDS = 12.0  # how long a start waits for an ending one to let go of the folder
STEADY_SECONDS = 60.0  # after this long a child counts as healthy, and its back-off starts anew
LONGEST_PAUSE = 30.0

PREPARE = [sys.executable, "manage.py", "prepare"]
WEB = [sys.executable, "-m", "gunicorn", "-c", "producthub/gunicorn.py", "producthub.wsgi"]
WORKER = [sys.executable, "-m", "celery", "-A", "producthub", "worker", "--concurrency=2"]
WORKER += ["--without-gossip", "--without-mingle", "--loglevel=INFO"]
BEAT = [sys.executable, "-m", "celery", "-A", "producthub", "beat", "--pidfile=", "--loglevel=INFO"]
BEAT += ["--scheduler=producthub.beat:HubScheduler"]
FOLLOWER = [sys.executable, "manage.py", "follow_search"]


class Stop(Exception):
    """Someone asked us to end while something was still starting."""


@dataclass
class Child:
    """One supervised process and how to bring it back."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    due: float = 0.0  # when the next attempt may happen

    def watch(self) -> None:
        """Restart it when it died, later and later while it keeps dying."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            if now - self.started > STEADY_SECONDS:
                self.failures = 0
            self._failed(f"{self.name} ended (status {self.process.returncode})", now)
        elif self.process is None and now >= self.due:
            try:
                self.process = self.start()
                self.started = time.monotonic()
            except HubError as error:
                self._failed(str(error), now)

    def _failed(self, what: str, now: float) -> None:
        if self.process is not None:
            kill_group(self.process)  # what it started must not outlive it
        self.process = None
        pause = min(2.0**self.failures, LONGEST_PAUSE)
        self.failures += 1
        self.due = now + pause
        say(f"{what}; starting it again in {pause:.0f} s. See .hub/logs")


class Supervisor:
    """Everything that runs for one checkout."""

    def __init__(self) -> None:
        self.host = os.environ.get("HOST") or "127.0.0.1"
        self.port = port_number(os.environ.get("PORT") or "8000")
        self.hub = make_folder(hub_folder())
        self.data = self.hub / "data"
        self.servers: dict[str, Server] = {}
        self.children: list[Child] = []
        self.preparing: subprocess.Popen[bytes] | None = None
        self.stops = 0

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    # Starting

    def run(self) -> int:
        """Start everything, watch it, stop it. Exit status 0 after an asked-for stop."""
        lock = self.hold_folder()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        try:
            sweep(self.data)  # what a killed start left may still hold the port
            test_bind(self.host, self.port)
            self.start()
            while not self.stops:
                for child in self.children:
                    child.watch()
                time.sleep(0.2)
        except Stop:
            pass
        finally:
            note(lock, f"stopping {self.address}")
            self.stop()
        return 0

    def hold_folder(self) -> TextIO:
        """Only one hub per folder. Waits for one that is just ending."""
        lock = (self.hub / "lock").open("a+")
        deadline = time.monotonic() + RELEASE_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                state, _, address = lock.read().partition(" ")
                if state != "stopping" or time.monotonic() > deadline:
                    raise HubError(
                        f"ProductHub already runs from this folder: {address or 'it is starting'}."
                        " Stop that one first, with Ctrl-C."
                    ) from None
                time.sleep(0.2)
            else:
                note(lock, f"running {self.address}")
                return lock

    def start(self) -> None:
        """Servers, preparation, then web, worker, beat and search; returns when it can be used."""
        begun = time.monotonic()
        self.start_servers()
        env = self.environment()
        self.prepare(env)
        say("Starting web, worker, beat and search.")
        children = [self.child(name, command, env) for name, command in self.commands().items()]
        # Web first and alone: pages are there seconds earlier, and background work can wait.
        self.children.append(children[0])
        self.await_ready(children[0])
        self.children += children[1:]
        self.greet(time.monotonic() - begun)

    def child(self, name: str, command: list[str], env: dict[str, str]) -> Child:
        """A process with a log of its own, not started yet."""
        log = fresh_log(self.hub, name)
        return Child(name, partial(spawn, command, log=log, env=env, owner=self.data))

    def start_servers(self) -> None:
        """PostgreSQL and Valkey, as far as the environment names none."""
        for key, kind in (("DATABASE_URL", Postgres), ("REDIS_URL", Valkey)):
            if os.environ.get(key):
                continue
            server = self.servers[key] = kind(self.hub, self.data)
            say(f"Starting {server.title}.")

            def start(server: Server = server) -> subprocess.Popen[bytes]:
                server.start()
                assert server.process is not None
                return server.process

            child = Child(server.title, start, start(), time.monotonic())
            self.children.append(child)
            self.check_stop()

    def environment(self) -> dict[str, str]:
        """What the children see: the given environment, and what this hub adds to it."""
        added = {
            "HUB_DIR": str(self.hub),
            "PYTHONUNBUFFERED": "1",
            "SEARCH_FOLLOWER": "0",  # it is a child of its own here
            **{key: server.url for key, server in self.servers.items()},
        }
        if "DATABASE_URL" in self.servers:
            added["HUB_EMBEDDED"] = "1"
        defaults = {**local_secrets(self.hub), "BASE_URL": self.address}
        defaults |= {"HOST": self.host, "PORT": str(self.port)}
        given = {name: value for name, value in os.environ.items() if value}
        return {**defaults, **given, **added}

    def commands(self) -> dict[str, list[str]]:
        """The four processes of the hub, by the name of their log, web first."""
        return {"web": WEB, "worker": WORKER, "beat": BEAT, "search": FOLLOWER}

    def prepare(self, env: dict[str, str]) -> None:
        """Migrations, static files and, on our own database, the demonstration company."""
        command = [*PREPARE, "--demo"] if "DATABASE_URL" in self.servers else PREPARE
        log = fresh_log(self.hub, "prepare")
        self.preparing = spawn(command, log=log, env=env, owner=self.data)
        with log.open(encoding="utf-8", errors="replace") as output:
            running = showing = True
            while running:
                running = self.preparing.poll() is None
                showing = showing and show(output)
                time.sleep(0.1 if running else 0)
                self.check_stop()
        if self.preparing.returncode:
            raise HubError(why_refused(log) or f"The database could not be prepared. See {log}")

    def await_ready(self, web: Child) -> None:
        """Until /readyz says yes; gives up when web keeps dying or time is over."""
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            for child in self.children:
                child.watch()
            if web.failures >= 3 or time.monotonic() > deadline:
                raise HubError(f"The web server did not start. See {self.hub / 'logs' / 'web.log'}")
            time.sleep(0.1)
            self.check_stop()

    def is_ready(self) -> bool:
        """One look at /readyz, past any proxy of the environment.

        A refusal counts too: where ALLOWED_HOSTS knows only a public name, ours is turned away.
        """
        host = self.address.removeprefix("http://").rpartition(":")[0].strip("[]")
        connection = http.client.HTTPConnection(host, self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def greet(self, seconds: float) -> None:
        """What a person needs to begin."""
        lines = ["", f"  ProductHub is ready: {self.address}  (after {seconds:.0f} s)"]
        if "DATABASE_URL" in self.servers:
            lines += [
                "",
                "  Sign in with the password demo-producthub as",
                "    ada@harbourline.example       asks for things",
                "    pm@harbourline.example        decides on them",
                "    opsadmin@harbourline.example  looks after the hub",
                "",
                f"  Mails it sends land in {shown(self.hub / 'mail')}",
            ]
        lines += [f"  Logs are in {shown(self.hub / 'logs')}", "  Ctrl-C stops everything.", ""]
        say("\n".join(lines))

    # Stopping

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """First time: stop in order. Second time: at once."""
        self.stops += 1
        if self.stops == 1:
            say("\nStopping; once more to stop at once.")

    def check_stop(self) -> None:
        """Leave a long start as soon as someone asks."""
        if self.stops:
            raise Stop

    def stop(self) -> None:
        """End everything: the hub's processes first, then the servers under them."""
        servers = {server.title for server in self.servers.values()}
        processes = [child.process for child in self.children if child.name not in servers]
        ours = [process for process in [self.preparing, *processes] if process is not None]
        for process in ours:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(process.poll() is None for process in ours):
            if time.monotonic() > deadline or self.stops > 1:
                break
            time.sleep(0.05)
        for process in ours:
            kill_group(process)
        for server in reversed(self.servers.values()):
            server.stop(patience=0.2 if self.stops > 1 else 1.5)
        with contextlib.suppress(HubError):
            sweep(self.data, patience=0.5)
        if self.stops:
            say("Stopped.")


def note(lock: TextIO, text: str) -> None:
    """Tell a second start what this one is doing."""
    with contextlib.suppress(OSError):
        lock.seek(0)
        lock.truncate()
        lock.write(text)
        lock.flush()


def show(output: TextIO) -> bool:
    """Pass on what a child has said since the last look; False once it breaks down.

    The traceback stays in the log: the terminal gets one sentence.
    """
    text, breakdown, _ = output.read().partition("Traceback (most recent call last)")
    with contextlib.suppress(OSError):
        sys.stdout.write(text)
        sys.stdout.flush()
    return not breakdown


def why_refused(log: Path) -> str:
    """What to say when it was the settings that refused the environment, else nothing."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""]
    if lines[-1].startswith("Not started:"):
        return "Correct that, and start again."  # manage.py has said what
    return lines[-1].partition("ImproperlyConfigured: ")[2]


def shown(path: Path) -> str:
    """A path as a person would type it here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def port_number(text: str) -> int:
    """PORT as a number."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise HubError(f"PORT is “{text}”. Set it to a number from 1 to 65535.")
    return int(text)


def test_bind(host: str, port: int) -> None:
    """Find out early whether the address is free."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = port + 1 if port < 65535 else 8001
            text = f"Port {port} is taken. Use another one: make run PORT={other}"
        elif error.errno == errno.EACCES:
            text = f"Port {port} needs more rights. Use one above 1023: make run PORT=8000"
        else:
            text = f"ProductHub cannot listen on {host}:{port} ({error.strerror}). Correct HOST."
        raise HubError(text) from error


def local_secrets(hub: Path) -> dict[str, str]:
    """Keys of this hub, made once and readable by its owner only."""
    path = hub / "secrets.json"
    try:
        found = json.loads(path.read_text())
        return {name: str(found[name]) for name in ("SECRET_KEY", "ENCRYPTION_KEYS")}
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HubError(
            f"{path} cannot be read. Repair it, or delete it to get new keys; stored connections"
            " must then be entered again."
        ) from error
    made = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ENCRYPTION_KEYS": urlsafe_b64encode(os.urandom(32)).decode(),
    }
    new = path.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(made, file)
    new.replace(path)
    return made


def end_with_parent() -> None:
    """A killed `make` takes us along, in order; else we would hold port and folder unseen."""
    set_parent_death_signal = 1
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def main() -> int:
    """Exit status 1 after one sentence when something is in the way."""
    if "--end-with-parent" in sys.argv[1:]:
        end_with_parent()
    try:
        return Supervisor().run()
    except HubError as error:
        text = str(error)
    except OSError as error:
        text = f"ProductHub cannot run here: {error}."
    sys.stderr.write(text + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
