"""Tell the engine what there is to find. Everything runs in the caller's transaction."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

# What lies beyond adds little meaning and much weight: 20,000 characters are eight pages.
MAX_TITLE_LENGTH = 500
MAX_BODY_LENGTH = 20_000
BATCH = 500

# One statement a batch. A row that says the same already is left alone, so that followers have
# nothing to do when owners index again to be sure.
_UPSERT = """
INSERT INTO search_searchentry AS old
    (kind, object_id, group_id, title, body, title_hash, text_hash, created_at, is_deleted)
SELECT kind, object_id, group_id, title, body, title_hash, text_hash,
    coalesce(created_at, now()), false
FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::timestamptz[])
    AS new (kind, object_id, group_id, title, body, title_hash, text_hash, created_at)
ORDER BY kind, object_id
ON CONFLICT (kind, object_id) DO UPDATE SET
    group_id = excluded.group_id, title = excluded.title, body = excluded.body,
    title_hash = excluded.title_hash, text_hash = excluded.text_hash, is_deleted = false,
    tx = pg_current_xact_id()::text::bigint
WHERE old.is_deleted OR old.text_hash <> excluded.text_hash OR old.title_hash <> excluded.title_hash
    OR old.group_id IS DISTINCT FROM excluded.group_id
"""
_FORGET = """
UPDATE search_searchentry SET
    title = '', body = '', title_hash = '', text_hash = '', group_id = NULL, is_deleted = true,
    tx = pg_current_xact_id()::text::bigint
WHERE kind = %s AND object_id = %s AND NOT is_deleted
"""


@dataclass(frozen=True)
class Row:
    """One object to index; `created_at` (aware) is when it came to be, now by default."""

    kind: str
    object_id: int
    title: str
    body: str = ""
    group_id: int | None = None
    created_at: datetime | None = None


def index(
    *,
    kind: str,
    object_id: int,
    title: str,
    body: str = "",
    group_id: int | None = None,
    created_at: datetime | None = None,
) -> None:
    """Make one object findable, or bring it up to date. Safe to repeat.

    `group_id` is the object that this one was merged into: the group is then shown once. A body
    beyond MAX_BODY_LENGTH is not searched. `created_at` counts when the object is new to us.
    """
    index_many([Row(kind, object_id, title, body, group_id, created_at)])


def index_many(rows: Iterable[Row]) -> None:
    """The same for many, set-based; of two rows for one object the last one counts."""
    latest = {(row.kind, row.object_id): row for row in rows}
    todo = list(latest.values())
    with transaction.atomic(), connection.cursor() as cursor:
        for start in range(0, len(todo), BATCH):
            part = [_columns(row) for row in todo[start : start + BATCH]]
            cursor.execute(_UPSERT, [list(column) for column in zip(*part, strict=True)])


def forget(*, kind: str, object_id: int) -> None:
    """Erase an object's text here; it is found no more. Safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [kind, object_id])


def text_hash(text: str) -> str:
    """The name under which a text's vector is kept."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def full_text(title: str, body: str) -> str:
    """Title and body as the sentence model reads them."""
    return f"{title}\n{body}" if body else title


def clean(text: str, limit: int) -> str:
    """What PostgreSQL can keep of a text: no NUL, no lone surrogates, not endless."""
    return text[:limit].replace("\x00", " ").encode("utf-8", "replace").decode("utf-8").strip()


def _columns(row: Row) -> tuple[object, ...]:
    title = clean(row.title, MAX_TITLE_LENGTH)
    body = clean(row.body, MAX_BODY_LENGTH)
    return (
        row.kind,
        row.object_id,
        row.group_id if row.group_id != row.object_id else None,
        title,
        body,
        text_hash(title),
        text_hash(full_text(title, body)),
        row.created_at,
    )
