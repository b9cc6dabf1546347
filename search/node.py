"""The derived files of this node: which generation counts, and a read-only view of it.

`SEARCH_DIR/current.json` names a folder `g<n>` beside it and how far it has followed PostgreSQL. It
is replaced in one step after everything it counts is on its place, so readers never see a half.
"""

import json
import os
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import connection

from search.lexical import LexicalReader

if TYPE_CHECKING:
    from search.vectors import VectorReader

log = structlog.get_logger(__name__)

# Raise it when anything about the files changes: all nodes then build theirs anew.
SCHEMA = 1
LOOK_SECONDS = 0.2
# How long PostgreSQL keeps a trace of what was forgotten.
TOMBSTONE_DAYS = 30


@dataclass(frozen=True)
class Manifest:
    """What counts. `snapshot` is PostgreSQL's: which transactions the files have seen."""

    schema: int
    database: str
    model: str
    generation: int
    snapshot: str
    entries: int = 0
    vectors: int = 0
    commits: int = 0

    @property
    def folder(self) -> Path:
        """Where the files of this generation are."""
        return root() / f"g{self.generation}"

    def is_for(self, database: str, model: str) -> bool:
        """Whether files like these can be used and followed on."""
        return (self.schema, self.database, self.model) == (SCHEMA, database, model)


def root() -> Path:
    """The folder of this node."""
    return Path(settings.SEARCH_DIR)


def read_manifest() -> Manifest | None:
    """What counts now; None when there is nothing or it cannot be read."""
    try:
        return Manifest(**json.loads((root() / "current.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_manifest(manifest: Manifest) -> None:
    """Let readers see everything that it counts."""
    new = root() / "current.new"
    new.write_text(json.dumps(asdict(manifest)))
    os.replace(new, root() / "current.json")


def next_generation() -> int:
    """A number that no folder has had: a reader may still look at any of them."""
    found = read_manifest()
    numbers = [int(folder.name[1:]) for folder in root().glob("g[0-9]*")]
    return max([*numbers, found.generation if found else 0]) + 1


def age_seconds() -> float | None:
    """Since the follower last looked; None when no follower ever did."""
    try:
        return max(0.0, time.time() - (root() / "followed").stat().st_mtime)
    except OSError:
        return None


def is_forgotten() -> bool:
    """Nobody followed for so long that PostgreSQL may have tidied away what was deleted."""
    age = age_seconds()
    return age is None or age > TOMBSTONE_DAYS * 86_400 / 2


def touch() -> None:
    """Tell that the follower looked just now."""
    (root() / "followed").touch()


def database_name() -> str:
    """This database among all: a copy elsewhere counts its transactions differently."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT system_identifier FROM pg_control_system()),"
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return "/".join(str(part) for part in cursor.fetchone())


class View:
    """One generation as this process reads it."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.words = LexicalReader(manifest.folder / "words")
        self.vectors: VectorReader | None = None
        self._add_vectors(manifest.vectors)

    def moved_to(self, manifest: Manifest) -> None:
        """See what was committed since."""
        if manifest.commits != self.manifest.commits:
            self.words.reload()
            self._add_vectors(manifest.vectors)
        self.manifest = manifest

    def _add_vectors(self, count: int) -> None:
        if not count:
            return
        if self.vectors is None:
            from search.vectors import VectorReader  # numpy is there when there are vectors

            self.vectors = VectorReader(self.manifest.folder, count)
        elif count > self.vectors.count:
            self.vectors.extend(count)


class _Reader(threading.local):
    """One view a thread: a change of generation never pulls files from under a running query."""

    view: View | None = None
    stamp: tuple[int, int] | None = None
    process = 0
    folder = ""
    looked_at = 0.0


_reader = _Reader()


def current_view() -> View | None:
    """What this node's files say now; None while they are missing or cannot be read.

    Looks at one file's stamp at most every LOOK_SECONDS, and reads on only when it changed.
    """
    now = time.monotonic()
    if _reader.process != os.getpid() or _reader.folder != str(root()):
        _reader.process, _reader.folder = os.getpid(), str(root())
        _reader.view, _reader.stamp = None, None
    elif now - _reader.looked_at < LOOK_SECONDS:
        return _reader.view
    _reader.looked_at = now
    try:
        found = (root() / "current.json").stat()
    except OSError:
        _reader.view, _reader.stamp = None, None
        return None
    stamp = (found.st_mtime_ns, found.st_ino)
    if stamp != _reader.stamp:
        _reader.stamp = stamp
        _reader.view = _moved(_reader.view)
    return _reader.view


def forget_view() -> None:
    """Look again at the next call: for tests and benchmarks, which cannot wait."""
    _reader.looked_at, _reader.stamp = 0.0, None


def drop_view() -> None:
    """Files turned out to be broken: words come from PostgreSQL until they change."""
    _reader.view = None


def _moved(view: View | None) -> View | None:
    manifest = read_manifest()
    if manifest is None or manifest.schema != SCHEMA or manifest.database != _own_database():
        return None
    try:
        if view is None or view.manifest.generation != manifest.generation:
            return View(manifest)
        view.moved_to(manifest)
        return view
    except (OSError, ValueError, ImportError) as error:
        log.warning("search_files_unreadable", reason=str(error))
        return None


_databases: dict[str, str] = {}


def _own_database() -> str:
    # Asked once a process and database: tests have one of their own.
    name = str(connection.settings_dict["NAME"])
    if name not in _databases:
        _databases[name] = database_name()
    return _databases[name]
