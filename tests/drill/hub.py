"""A hub that can be killed: the real supervisor, its own folder, without the demonstration.

`python -m tests.drill.hub` is what `make run` runs, but parts that die come back at once instead
of later and later, or fifty deaths would take an hour.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from producthub import supervisor
from producthub.embedded import OWNER, HubError, fresh_log, spawn

ROOT = Path(__file__).resolve().parents[2]
# Part: what its command line has.
PARTS = {
    "web": "gunicorn",
    "worker": "celery -A producthub worker",
    "beat": "celery -A producthub beat",
    "database": "bin/postgres",
    "broker": "unixsocket:",
}


class DrillSupervisor(supervisor.Supervisor):
    """As in `make run`, with an empty hub."""

    def prepare(self, env: dict[str, str]) -> None:
        """Migrations and static files."""
        log = fresh_log(self.hub, "prepare")
        if spawn(supervisor.PREPARE, log=log, env=env, owner=self.data).wait():
            raise HubError(f"The database could not be prepared. See {log}")


class Hub:
    """The running hub as its operator sees it: processes and an address."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        clean = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.drill.hub"],
            cwd=ROOT,
            env={**clean, **environment, "HUB_DIR": str(folder), "PORT": str(self.port)},
            stdout=subprocess.DEVNULL,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def await_start(self, seconds: float = 120) -> None:
        """Until the parts run. Raises TimeoutError, or RuntimeError where it ends."""
        deadline = time.monotonic() + seconds
        while not all(self.groups(part) for part in PARTS):
            if self.process.poll() is not None:
                raise RuntimeError(f"The hub did not start. See {self.folder / 'logs'}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"The hub did not start in time. See {self.folder / 'logs'}")
            time.sleep(0.5)

    def environment(self) -> dict[str, str]:
        """What its web server sees: addresses and secrets."""
        leader = self.groups("web")[0]
        raw = Path(f"/proc/{leader}/environ").read_bytes().split(b"\0")
        return dict(line.decode().split("=", 1) for line in raw if b"=" in line)

    def groups(self, part: str) -> list[int]:
        """Leaders of the process groups of one part."""
        mark = f"{OWNER}={self.folder / 'data'}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                pid = int(entry.name)
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if PARTS[part] not in words or os.getpgid(pid) != pid:
                    continue
                # The broker writes its title over its environment, its socket's path in it.
                is_ours = str(self.folder) in words
                if is_ours or mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(pid)
        return found

    def kill(self, part: str, chance: random.Random) -> str:
        """End one part without warning: all of it, or one process of it. Says what it did."""
        for leader in self.groups(part):
            members = _members(leader)
            if len(members) > 1 and chance.random() < 0.4:
                victim = chance.choice(members)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    return f"one of {len(members)} processes of {part}"
            with contextlib.suppress(ProcessLookupError):
                os.killpg(leader, signal.SIGKILL)
                return f"all of {part}"
        return ""

    def stop(self) -> None:
        """In order; at once where that takes long."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


_NOT_OURS = {"DATABASE_URL", "REDIS_URL", "HUB_EMBEDDED", "HOST", "DEBUG", "DJANGO_SETTINGS_MODULE"}


def _members(leader: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if os.getpgid(int(entry.name)) == leader:
                found.append(int(entry.name))
    return found


if __name__ == "__main__":
    supervisor.STEADY_SECONDS = 0.5
    supervisor.LONGEST_PAUSE = 2.0
    supervisor.Supervisor = DrillSupervisor  # type: ignore[misc]
    sys.argv.append("--end-with-parent")
    sys.exit(supervisor.main())
