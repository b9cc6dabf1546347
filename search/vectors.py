"""The vectors of one node as flat files: written by its follower, mapped read-only by everyone.

Three files side by side, a row an entry's text: `meta` (whose), `bits` (signs, for a fast first
look at all rows) and `bytes` (signed bytes, for the exact second look at the best). Rows are only
added; a row whose text is gone is blanked. How many rows count is in the manifest (`node.py`).
"""

import struct
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from search.embedder import DIMENSIONS

META = np.dtype([("entry", "<i8"), ("text", "<u8"), ("kind", "<u8"), ("scale", "<f4")])
BITS = DIMENSIONS // 64
# Rows that get the exact look: enough that the first look loses next to nothing.
SHORTLIST = 1_000
SHORTLIST_SHARE = 30

Array = np.ndarray[Any, Any]


def pack(vector: Array) -> bytes:
    """A unit vector as it is kept in PostgreSQL: scale, then signed bytes; 388 bytes."""
    scale = float(np.abs(vector).max()) / 127 or 1.0
    return struct.pack("<f", scale) + np.rint(vector / scale).astype(np.int8).tobytes()


def unpack(raw: bytes) -> tuple[float, Array]:
    """Scale and signed bytes of a kept vector. Raises ValueError when it is none."""
    if len(raw) != 4 + DIMENSIONS:
        raise ValueError("a vector has another length")
    return struct.unpack_from("<f", raw)[0], np.frombuffer(raw, dtype=np.int8, offset=4)


def number_of(name: str) -> int:
    """A kind or hash as a number of eight bytes, the same in every process."""
    import hashlib

    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


def signs(vectors: Array) -> Array:
    """The sign bits of rows of numbers, in words of 64."""
    return np.packbits(vectors > 0, axis=-1).view(np.uint64)


class VectorWriter:
    """The one writer of a folder; memory: one small record an entry."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files = {name: open(_path(folder, name), "a+b") for name in _ROW_BYTES}
        for name, file in self._files.items():
            if file.seek(0, 2) < count * _ROW_BYTES[name]:
                raise ValueError(f"{name} is shorter than its manifest says")
            # What was written after the last manifest is written again.
            file.truncate(count * _ROW_BYTES[name])
        self._path = _path(folder, "meta")
        self.count = count
        meta = np.fromfile(self._path, dtype=META, count=count)
        self._rows = {
            int(entry): (row, int(text))
            for row, (entry, text) in enumerate(zip(meta["entry"], meta["text"], strict=True))
            if entry
        }

    @property
    def living(self) -> int:
        """Rows that are not blanked."""
        return len(self._rows)

    def has(self, entry_id: int, text_hash: str) -> bool:
        """Whether the entry's row is that of this text."""
        return self._rows.get(entry_id, (0, -1))[1] == number_of(text_hash)

    def put(self, entry_id: int, kind: str, text_hash: str, raw: bytes) -> None:
        """Add an entry's vector, in the place of an older one."""
        if self.has(entry_id, text_hash):
            return
        self.remove(entry_id)
        scale, values = unpack(raw)
        meta = np.array(
            [(entry_id, number_of(text_hash), number_of(kind), scale)], dtype=META
        ).tobytes()
        for name, row in (
            ("bytes", values.tobytes()),
            ("bits", signs(values).tobytes()),
            ("meta", meta),
        ):
            self._files[name].write(row)
        self._rows[entry_id] = (self.count, number_of(text_hash))
        self.count += 1

    def remove(self, entry_id: int) -> None:
        """Blank an entry's row; nothing happens where it has none."""
        row, _ = self._rows.pop(entry_id, (-1, 0))
        if row >= 0:
            self._files["meta"].flush()
            # Opened for adding, a file writes at its end wherever it stands; this one does not.
            with open(self._path, "r+b") as file:
                file.seek(row * META.itemsize)
                file.write(b"\0" * 8)

    def commit(self) -> None:
        """Hand what was added to the system, before the manifest counts it."""
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()


class VectorReader:
    """The first `count` rows of a folder, mapped."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self.count = 0
        self._places = np.full(1, -1, dtype=np.int32)
        self.extend(count)

    def extend(self, count: int) -> None:
        """Map the rows that were added since."""
        before = self.count
        self._meta: Array = _map(self._folder, "meta", META, count, ())
        # A copy by columns, five megabytes for 100,000 texts: the first look runs along them.
        bits = _map(self._folder, "bits", np.uint64, count, (BITS,))
        self._bits: Array = np.ascontiguousarray(bits.T)
        self._bytes: Array = _map(self._folder, "bytes", np.int8, count, (DIMENSIONS,))
        self.count = count
        entries = np.asarray(self._meta["entry"][before:])
        if len(entries) and entries.max() >= len(self._places):
            grown = np.full(int(entries.max() * 1.2) + 1024, -1, dtype=np.int32)
            grown[: len(self._places)] = self._places
            self._places = grown
        self._places[entries] = np.arange(before, count, dtype=np.int32)
        self._entries = self._meta["entry"]
        self._kinds = np.ascontiguousarray(self._meta["kind"])
        self._others: dict[str, Array] = {}

    def best(self, vector: Array, kind: str, limit: int) -> dict[int, float]:
        """The entries of a kind nearest in meaning, by cosine; about `limit` of them."""
        if not self.count:
            return {}
        short = max(SHORTLIST, self.count // SHORTLIST_SHARE)
        others = self._others.get(kind)
        if others is None:
            others = self._others[kind] = np.flatnonzero(self._kinds != number_of(kind))
        if self.count - len(others) > short:
            asked = signs(vector[None, :])[0]
            far = np.zeros(self.count, dtype=np.uint16)
            for column in range(BITS):
                far += np.bitwise_count(self._bits[column] ^ asked[column])
            far[others] = DIMENSIONS + 1
            rows = np.argpartition(far, short)[:short]
        else:
            rows = np.flatnonzero(self._kinds == number_of(kind))
        rows = rows[self._entries[rows] != 0]
        near = self._cosines(rows, vector)
        if len(rows) > limit:
            kept = np.argpartition(-near, limit)[:limit]
            rows, near = rows[kept], near[kept]
        pairs = zip(self._entries[rows], near, strict=True)
        return {int(entry): float(cosine) for entry, cosine in pairs}

    def of(self, entry_ids: Collection[int]) -> tuple[list[int], Array]:
        """(the given entries that have a vector, their vectors as rows)."""
        known = [e for e in entry_ids if e < len(self._places) and self._places[e] >= 0]
        rows = self._places[known] if known else np.zeros(0, dtype=np.int32)
        alive = self._entries[rows] == known
        known = [entry for entry, is_alive in zip(known, alive, strict=True) if is_alive]
        return known, self._values(rows[alive])

    def _values(self, rows: Array) -> Array:
        return self._bytes[rows].astype(np.float32) * self._meta["scale"][rows][:, None]

    def _cosines(self, rows: Array, vector: Array) -> Array:
        # Not `@`: BLAS would wake a thread on each core for a millisecond's work.
        values = self._bytes[rows].astype(np.float32)
        return np.einsum("ij,j->i", values, vector) * self._meta["scale"][rows]


_ROW_BYTES = {"bytes": DIMENSIONS, "bits": BITS * 8, "meta": META.itemsize}


def _path(folder: Path, name: str) -> Path:
    return folder / f"vectors.{name}"


def _map(folder: Path, name: str, dtype: Any, count: int, shape: Iterable[int]) -> Array:
    if not count:
        return np.zeros((0, *shape), dtype=dtype)
    return np.asarray(np.memmap(_path(folder, name), dtype=dtype, mode="r", shape=(count, *shape)))
