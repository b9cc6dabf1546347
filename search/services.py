"""Tell the engine what there is to find. Everything runs in the caller's transaction."""

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from search import embedder, learning
from search.models import SearchEntry, TextVector
from search.node import TOMBSTONE_DAYS

log = structlog.get_logger(__name__)

# What lies beyond adds little meaning and much weight: 20,000 characters are eight pages.
MAX_TITLE_LENGTH = 500
MAX_BODY_LENGTH = 20_000
BATCH = 500

# Vectors are made in slices, so that a worker with much to embed still does other things.
EMBED_SECONDS = 20.0
EMBED_BATCH = 16
EMBED_DELAY_SECONDS = 1
LEARN_SECONDS = 40.0
_EMBEDDING = 7_305_112_001  # the number of an advisory lock: one process embeds at a time
_QUEUED = "search:embed-queued"

# One statement a batch. A row that says the same already is left alone, so that followers have
# nothing to do when owners index again to be sure.
_UPSERT = """
INSERT INTO search_searchentry AS old
    (kind, object_id, group_id, title, body, text_hash, created_at, is_deleted)
SELECT kind, object_id, group_id, title, body, text_hash,
    coalesce(created_at, now()), false
FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[],
    %s::timestamptz[])
    AS new (kind, object_id, group_id, title, body, text_hash, created_at)
ORDER BY kind, object_id
ON CONFLICT (kind, object_id) DO UPDATE SET
    group_id = excluded.group_id, title = excluded.title, body = excluded.body,
    text_hash = excluded.text_hash, is_deleted = false, deleted_at = NULL,
    tx = pg_current_xact_id()::text::bigint
WHERE old.is_deleted OR old.text_hash <> excluded.text_hash OR old.title <> excluded.title
    OR old.group_id IS DISTINCT FROM excluded.group_id
"""
_FORGET = """
UPDATE search_searchentry SET
    title = '', body = '', text_hash = '', group_id = NULL, is_deleted = true,
    deleted_at = now(),
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
        if todo:
            transaction.on_commit(ask_for_vectors)


def forget(*, kind: str, object_id: int) -> None:
    """Erase an object's text here; it is found no more. Safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [kind, object_id])


def ask_for_vectors() -> None:
    """Have missing vectors made soon; many calls at once queue one task.

    Without a broker nothing is lost: beat asks again every minute.
    """
    if not embedder.is_wanted() or not cache.add(_QUEUED, 1, timeout=60):
        return
    from search.tasks import embed_texts  # which itself calls this module

    try:
        embed_texts.apply_async(countdown=EMBED_DELAY_SECONDS)
    except Exception as error:  # noqa: BLE001 - the text itself is kept, whatever the broker does
        log.warning("search_not_queued", reason=str(error))


def embed_missing(*, seconds: float) -> bool:
    """Make vectors for texts that have none, newest first; True when some are left.

    Every batch is kept as soon as it is made, so a stopped run loses nothing. Two at once never
    make the same: the second leaves at once.
    """
    cache.delete(_QUEUED)
    if not embedder.is_wanted():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_EMBEDDING])
        if not cursor.fetchone()[0]:
            return False
    try:
        return _embed(time.monotonic() + seconds)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_EMBEDDING])


def _embed(deadline: float) -> bool:
    from search.vectors import pack  # numpy is there when vectors are wanted

    model = embedder.load()
    if model is None:
        return False
    texts = missing_vectors().order_by("-pk").values_list("text_hash", "title", "body")[:2_000]
    todo = {name: full_text(title, body) for name, title, body in texts}
    made: list[TextVector] = []
    for number, (name, text) in enumerate(todo.items(), start=1):
        made.append(
            TextVector(text_hash=name, model=embedder.VERSION, vector=pack(model.vector(text)))
        )
        is_late = time.monotonic() > deadline
        if len(made) == EMBED_BATCH or is_late or number == len(todo):
            TextVector.objects.bulk_create(made, ignore_conflicts=True)
            made = []
        if is_late:
            return True
    return len(texts) == 2_000


def missing_vectors() -> "QuerySet[SearchEntry]":
    """Entries whose text has no vector of the present model."""
    vectors = TextVector.objects.filter(model=embedder.VERSION, text_hash=OuterRef("text_hash"))
    return SearchEntry.objects.filter(~Exists(vectors), is_deleted=False).exclude(title="", body="")


def learn(*, kind: str, seconds: float) -> bool:
    """Learn from merges that were not learnt from yet; True when the ranking was weighed anew."""
    if not learning.make_lessons(kind, seconds=seconds):
        return False
    return learning.learn(kind)


def tidy() -> None:
    """Delete vectors whose text nobody has any more, and forgotten entries after a while."""
    used = SearchEntry.objects.filter(text_hash=OuterRef("text_hash"), is_deleted=False)
    TextVector.objects.filter(~Exists(used)).delete()
    old = Now() - timedelta(days=TOMBSTONE_DAYS)
    SearchEntry.objects.filter(is_deleted=True, deleted_at__lt=old).delete()


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
        text_hash(full_text(title, body)),
        row.created_at,
    )
