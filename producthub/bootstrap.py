"""Make `.venv` from the pinned requirements: `python3 producthub/bootstrap.py base local`.

Runs before anything is installed and under whatever `python3` is there, so it keeps to the
standard library and to syntax that Python 3.6 parses: a too old Python then gets a sentence.
Every group is stamped with the hash of its pins, so the next start finds nothing to do.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMPS = os.path.join(VENV, "producthub-stamps.json")
OLDEST = (3, 11)

OFFLINE = re.compile(
    "NewConnectionError|NameResolutionError|name resolution|Network is unreachable|Retrying \\("
    "|Connection refused|ConnectTimeout|Read timed out|dns error|error sending request",
    re.IGNORECASE,
)


class Refusal(Exception):
    """One plain sentence that tells why it stops and what to do."""


def say(text: str, end: str = "\n") -> None:
    """Write to the terminal at once; a vanished terminal is no reason to fail."""
    with contextlib.suppress(OSError):
        sys.stdout.write(text + end)
        sys.stdout.flush()


def check_python(version: "tuple[int, ...]") -> None:
    """Refuse a Python that cannot run ProductHub."""
    if version < OLDEST:
        raise Refusal(
            f"ProductHub needs Python 3.11 or newer, and this is {version[0]}.{version[1]}."
            " Install a newer one and name it: make run PYTHON=python3.12"
        )


def wanted_groups(names: "list[str]") -> "list[str]":
    """The requested groups; embedded servers are not needed when both addresses are given."""
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        return [name for name in names if name != "local"]
    return names


def requirements_file(group: str) -> str:
    """Where the pins of a group are."""
    return os.path.join(ROOT, "requirements", group + ".txt")


def stamp(group: str) -> str:
    """The hash of a group's pins."""
    with open(requirements_file(group), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def home() -> str:
    """What `.venv` is bound to: a moved checkout or another Python needs a new one."""
    return f"Python {sys.version_info[0]}.{sys.version_info[1]} in {VENV}"


def read_stamps() -> "dict[str, str]":
    """What is installed, empty when that is unknown."""
    try:
        with open(STAMPS, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and os.access(VENV_PYTHON, os.X_OK) else {}


def missing_groups(groups: "list[str]") -> "list[str]":
    """The groups whose stamp differs."""
    stamps = read_stamps()
    if stamps.get("home") != home():
        return groups
    return [group for group in groups if stamps.get(group) != stamp(group)]


def venv_usable() -> bool:
    """Whether `.venv` runs, has pip, and has the Python that was asked for."""
    if read_stamps().get("home", home()) != home():
        return False
    version = tuple(sys.version_info[:2])
    check = f"import pip, sys; sys.exit(sys.version_info[:2] != {version})"
    try:
        status = subprocess.call(
            [VENV_PYTHON, "-I", "-c", check], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return False
    return status == 0


def make_venv(log: str) -> None:
    """Create `.venv`, over the remains of an interrupted or outdated one."""
    command = [sys.executable, "-I", "-m", "venv", "--clear", VENV]
    status, output = run_with_progress(command, "Creating .venv", 0, log)
    if status:
        if "ensurepip" in output:
            raise Refusal(
                "This Python cannot make virtual environments."
                " Install the missing part: apt install python3-venv"
            )
        raise Refusal(reason("Creating .venv failed", output, log))


def install(group: str, log: str) -> None:
    """Install one group with uv if it is there, else (or when uv fails) with pip."""
    path = requirements_file(group)
    with open(path, encoding="utf-8") as file:
        total = sum(1 for line in file if "==" in line)
    pip = [VENV_PYTHON, "-m", "pip", "install", "--no-input", "--retries", "2"]
    pip += ["--disable-pip-version-check", "--progress-bar", "off", "-r", path]
    commands = [pip]
    uv = shutil.which("uv")
    if uv:
        commands.insert(0, [uv, "pip", "install", "--python", VENV_PYTHON, "-r", path])
    output = ""
    for command in commands:
        status, output = run_with_progress(command, "Installing " + group, total, log)
        if status == 0:
            return
    raise Refusal(reason(f"Installing requirements/{group}.txt failed", output, log))


def run_with_progress(command: "list[str]", label: str, total: int, log: str) -> "tuple[int, str]":
    """Run a command, its output into the log; a counter shows that it moves."""
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        close_fds=False,  # it holds the lock too, so that the lock outlives a killed make
        cwd=ROOT,
        env=environment,
    )
    lines = []  # type: list[str]

    def collect() -> None:
        assert process.stdout is not None
        with open(log, "a", encoding="utf-8") as file:
            for raw in process.stdout:
                lines.append(raw.decode("utf-8", "replace").rstrip())
                file.write(lines[-1] + "\n")

    reader = threading.Thread(target=collect, daemon=True)
    reader.start()
    started = time.monotonic()
    live = sys.stdout.isatty()
    next_line = started if live else started + 10
    try:
        while reader.is_alive():
            reader.join(0.2)
            if reader.is_alive() and time.monotonic() >= next_line:
                text = progress(label, list(lines), total, time.monotonic() - started)
                say("\r" + text.ljust(78) if live else text, "" if live else "\n")
                next_line = time.monotonic() + (0.5 if live else 10)
    except BaseException:
        process.terminate()
        raise
    status = process.wait()
    seconds = time.monotonic() - started
    end = f"{label}: {'failed after' if status else 'done in'} {seconds:.0f} s"
    say(("\r" if live else "") + end.ljust(78 if live else 0))
    return status, "\n".join(lines)


def progress(label: str, lines: "list[str]", total: int, seconds: float) -> str:
    """One line: what, how many of how many packages, which one, how long already."""
    seen = [line.split()[1].split("=")[0] for line in lines if line.startswith("Collecting ")]
    if any(line.startswith("Installing collected") for line in lines):
        where = f"unpacking {total} packages"
    elif seen:
        where = f"{min(len(seen), total)} of {total} packages, {seen[-1]}"
    else:
        where = "working"
    return f"{label}: {where} ({seconds:.0f} s)"


def reason(what: str, output: str, log: str) -> str:
    """The one sentence for a failed command."""
    log = os.path.relpath(log, ROOT)
    if "No space left" in output:
        return what + ": the disk is full."
    if OFFLINE.search(output):
        return (
            what + ": the package index cannot be reached. Check the network (or pip's settings)"
            " and run the same command again. Details: " + log
        )
    errors = [line for line in output.splitlines() if line.lower().startswith("error")]
    return f"{what} ({errors[-1] if errors else 'no reason given'}). Details: {log}"


@contextlib.contextmanager
def only_one(path: str) -> "Iterator[None]":
    """Hold the lock: two makes at once in one checkout take turns."""
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another make is installing in this folder; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        os.set_inheritable(file.fileno(), True)
        yield


def bootstrap(names: "list[str]") -> None:
    """Bring `.venv` to the state that the pins of the named groups describe."""
    check_python(sys.version_info[:2])
    groups = wanted_groups(names)
    if not missing_groups(groups):
        return
    logs = os.path.join(ROOT, ".hub", "logs")
    os.makedirs(logs, exist_ok=True)
    log = os.path.join(logs, "install.log")
    with only_one(os.path.join(ROOT, ".hub", "install.lock")):
        if missing_groups(groups):
            say("Installing what ProductHub needs into .venv; this happens once.")
            with open(log, "w"):
                pass
            if not venv_usable():
                make_venv(log)
        for group in missing_groups(groups):
            try:
                install(group, log)
            except Refusal as refusal:
                if group == "semantic":
                    # Similar requests are then found by their words alone.
                    say(f"{refusal}\nGoing on without comparing texts by meaning.")
                    continue
                # Servers of the machine can stand in for the embedded ones.
                if group != "local" or "cannot be reached" in str(refusal):
                    raise
                say(f"{refusal}\nLooking for PostgreSQL and Valkey on this machine instead.")
                continue
            stamps = dict(read_stamps(), **{group: stamp(group), "home": home()})
            with open(STAMPS + ".new", "w", encoding="utf-8") as file:
                json.dump(stamps, file)
            os.replace(STAMPS + ".new", STAMPS)


def main(names: "list[str]") -> int:
    """Exit status 0 when everything is installed, else 1 after one sentence."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        bootstrap(names)
    except Refusal as refusal:
        text = str(refusal)
    except KeyboardInterrupt:
        text = "Stopped. Run the same command again to go on."
    except OSError as error:
        if error.errno == errno.ENOSPC:
            text = "The disk is full, so ProductHub cannot be installed."
        else:
            text = (
                f"ProductHub cannot write into {ROOT} ({error.strerror}). Use a folder of your"
                " own, or give yourself the right to write there."
            )
    else:
        return 0
    sys.stderr.write(text + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
