"""Keeps this node's files in step with PostgreSQL. One process a node; the rest only read.

What is new is found by PostgreSQL's own snapshots: a row counts as new when its transaction was
not visible in the snapshot of the last look. Nothing that commits late is missed, and a long
transaction elsewhere holds nothing up.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection

from search import embedder, node
from search.lexical import LexicalWriter

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
PAGE = 1_000
# A pause after the database went away, or the disk is full.
RETRY_SECONDS = 5.0
# Beyond this share of blanked rows the files are built anew.
MAX_BLANK_SHARE = 0.5
MIN_BLANK_ROWS = 10_000

_SNAPSHOT = "SELECT pg_current_snapshot()::text"
# Index conditions first (tx), then exactly: not seen by the last look's snapshot.
_NEW = "(tx >= %(top)s OR tx = ANY(%(open)s))"
_ENTRIES = f"""
SELECT id, kind, title, body, text_hash, is_deleted FROM search_searchentry
WHERE {_NEW} AND id > %(after)s ORDER BY id LIMIT {PAGE}
"""
_VECTORS = f"""
SELECT v.id, v.text_hash, v.vector FROM search_textvector v
WHERE {_NEW} AND v.model = %(model)s AND v.id > %(after)s ORDER BY v.id LIMIT {PAGE}
"""
_ALL_ENTRIES = f"""
SELECT id, kind, title, body, text_hash, is_deleted FROM search_searchentry
WHERE NOT is_deleted AND id > %(after)s ORDER BY id LIMIT {PAGE}
"""
_VECTORS_OF = """
SELECT text_hash, vector FROM search_textvector WHERE model = %s AND text_hash = ANY(%s)
"""
_ENTRIES_OF = """
SELECT id, kind, text_hash FROM search_searchentry
WHERE text_hash = ANY(%s) AND NOT is_deleted
"""


class Broken(Exception):
    """The files cannot be followed on; they are built anew."""


@contextmanager
def only_follower() -> Iterator[bool]:
    """True when this process may write this node's files; another one does otherwise."""
    node.root().mkdir(parents=True, exist_ok=True)
    with (node.root() / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def follow(is_stopped: Callable[[], bool]) -> None:
    """Follow until told to stop. Survives an absent database and broken files."""
    follower: Follower | None = None
    while not is_stopped():
        pause = POLL_SECONDS
        try:
            if follower is None:
                follower = Follower()
            follower.step()
        except (OperationalError, InterfaceError) as error:
            log.warning("search_database_away", reason=str(error).strip())
            connection.close()
            pause = RETRY_SECONDS
        except Exception as error:  # noqa: BLE001 - whatever is broken is derived: build it anew
            log.warning("search_files_rebuilt", reason=str(error))
            follower = None  # and with it its writers, which hold locks
            _remove_manifest()
            pause = RETRY_SECONDS
        deadline = time.monotonic() + pause
        while not is_stopped() and time.monotonic() < deadline:
            time.sleep(0.1)
    if follower is not None:
        follower.close()


class Follower:
    """The writer of this node. Make one only while holding `only_follower()`."""

    manifest: node.Manifest
    _words: LexicalWriter
    _vectors: Any  # a VectorWriter, or None where vectors are not wanted

    def __init__(self) -> None:
        self._has_vectors = embedder.is_wanted()
        model = embedder.VERSION if self._has_vectors else ""
        database = node.database_name()
        found = node.read_manifest()
        manifest = found if found and found.is_for(database, model) else None
        if manifest is not None and (_is_ahead(manifest.snapshot) or node.is_forgotten()):
            # A database put back from a copy counts its transactions anew; and what was forgotten
            # while nobody followed may have left no trace.
            manifest = None
        if manifest is not None:
            try:
                self._open(manifest)
                return
            except (OSError, ValueError) as error:
                log.warning("search_files_rebuilt", reason=str(error))
        self._build(node.Manifest(node.SCHEMA, database, model, node.next_generation(), ""))

    def step(self) -> int:
        """Take in what was committed since the last step; how many rows that were."""
        snapshot = _snapshot()
        last = self.manifest.snapshot
        new = _unseen(last)
        count = sum(self._take_entries(page) for page in _pages(_ENTRIES, new))
        if self._vectors is not None:
            for page in _pages(_VECTORS, {**new, "model": embedder.VERSION}):
                count += self._take_vectors(page)
        if count:
            self._commit(snapshot)
            self._rebuild_when_wasteful()
        elif snapshot != last:
            self.manifest = replace(self.manifest, snapshot=snapshot)
            node.write_manifest(self.manifest)
        node.touch()
        return count

    def close(self) -> None:
        """Finish what was begun."""
        self._words.close()
        if self._vectors is not None:
            self._vectors.close()

    def _open(self, manifest: node.Manifest) -> None:
        self.manifest = manifest
        self._words = LexicalWriter(manifest.folder / "words")
        if self._words.count != manifest.entries:
            raise ValueError("the index holds another number of entries than its manifest says")
        self._vectors = _vector_writer(manifest) if self._has_vectors else None

    def _build(self, manifest: node.Manifest) -> None:
        started = time.monotonic()
        shutil.rmtree(manifest.folder, ignore_errors=True)
        manifest.folder.mkdir(parents=True)
        self._open(manifest)
        snapshot = _snapshot()
        count = sum(self._take_entries(page) for page in _pages(_ALL_ENTRIES, {}))
        self._commit(snapshot)
        for folder in node.root().glob("g[0-9]*"):
            if folder != manifest.folder:
                shutil.rmtree(folder, ignore_errors=True)
        log.info("search_files_built", entries=count, seconds=round(time.monotonic() - started, 1))

    def _commit(self, snapshot: str) -> None:
        self._words.commit()
        count = 0
        if self._vectors is not None:
            self._vectors.commit()
            count = self._vectors.count
        commits = self.manifest.commits + 1
        self.manifest = replace(
            self.manifest,
            snapshot=snapshot,
            entries=self._words.count,
            vectors=count,
            commits=commits,
        )
        node.write_manifest(self.manifest)

    def _rebuild_when_wasteful(self) -> None:
        if self._vectors is None or self._vectors.count < MIN_BLANK_ROWS:
            return
        if 1 - self._vectors.living / self._vectors.count > MAX_BLANK_SHARE:
            self.close()
            self._build(
                replace(
                    self.manifest, generation=self.manifest.generation + 1, entries=0, vectors=0
                )
            )

    def _take_entries(self, rows: list[Any]) -> int:
        for pk, kind, title, body, _, is_deleted in rows:
            if is_deleted:
                self._words.remove(pk)
            else:
                self._words.put(pk, kind, title, body)
        if self._vectors is not None:
            hashes = {row[4] for row in rows if not row[5]}
            vectors = {
                text: bytes(raw)
                for text, raw in _rows(_VECTORS_OF, [embedder.VERSION, list(hashes)])
            }
            for pk, kind, _, _, text, is_deleted in rows:
                if is_deleted or not self._vectors.has(pk, text):
                    self._vectors.remove(pk)
                if not is_deleted and text in vectors:
                    self._vectors.put(pk, kind, text, vectors[text])
        return len(rows)

    def _take_vectors(self, rows: list[Any]) -> int:
        assert self._vectors is not None
        vectors = {text: bytes(raw) for _, text, raw in rows}
        for pk, kind, text in _rows(_ENTRIES_OF, [list(vectors)]):
            self._vectors.put(pk, kind, text, vectors[text])
        return len(rows)


def _vector_writer(manifest: node.Manifest) -> Any:
    from search.vectors import VectorWriter  # numpy is there when vectors are wanted

    return VectorWriter(manifest.folder, manifest.vectors)


def _rows(sql: str, parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def _pages(sql: str, parameters: dict[str, Any]) -> Iterator[list[Any]]:
    after = 0
    while rows := _rows(sql, {**parameters, "after": after}):
        yield rows
        after = rows[-1][0]


def _snapshot() -> str:
    return str(_rows(_SNAPSHOT, None)[0][0])


def _unseen(snapshot: str) -> dict[str, Any]:
    # `lowest:next:those in progress`, as PostgreSQL writes a snapshot.
    _, top, open_ = snapshot.split(":")
    return {"top": int(top), "open": [int(number) for number in open_.split(",") if number]}


def _is_ahead(snapshot: str) -> bool:
    try:
        return _unseen(snapshot)["top"] > _unseen(_snapshot())["top"]
    except ValueError:
        return True


def _remove_manifest() -> None:
    (node.root() / "current.json").unlink(missing_ok=True)
