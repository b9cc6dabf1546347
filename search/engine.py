"""`similar()`: which objects say the same as a text, and how sure that one of them does.

Candidates come from the node's files, by words and by meaning, or from PostgreSQL where there are
none; what they say, whether they still exist and how they are merged always comes from PostgreSQL.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from django.db import connection
from django.utils import timezone

from search import fallback, learning, node, ranking
from search.embedder import typed_vector
from search.models import SearchEntry
from search.services import MAX_BODY_LENGTH, MAX_TITLE_LENGTH, clean, full_text
from search.words import STOP_WORDS, stem, stems, written

if TYPE_CHECKING:
    import numpy as np

log = structlog.get_logger(__name__)

# By entry: the share of what is asked that its words have.
Measure = Callable[[Sequence[int]], dict[int, float]]

# Entries taken from each of the two rankings, and members looked at of all their groups together.
CANDIDATES = 100
MAX_MEMBERS = 500
SHOWN_WORDS = 6
DAY_SECONDS = 86_400
# Of a text that was found: where its shared words are looked for.
WORDS_FROM = 600
# Fewer shared words than this share of what was asked: then it was found by meaning.
BY_MEANING_BELOW = 0.2


_COLUMNS = """
SELECT id, object_id, coalesce(group_id, object_id), extract(epoch FROM created_at)::float8
FROM search_searchentry
WHERE kind = %(kind)s AND NOT is_deleted AND object_id <> ALL(%(exclude)s::bigint[])
    AND (%(before)s::timestamptz IS NULL OR created_at < %(before)s::timestamptz)
"""
_FOUND = f"{_COLUMNS} AND id = ANY(%(ids)s::bigint[])"
_MERGED = f"""
({_COLUMNS} AND object_id = ANY(%(roots)s::bigint[]))
UNION ALL
({_COLUMNS} AND group_id IS NOT NULL AND group_id = ANY(%(roots)s::bigint[])
    ORDER BY created_at DESC LIMIT {MAX_MEMBERS})
"""
_TEXTS = f"""
SELECT id, title, left(body, {WORDS_FROM}) FROM search_searchentry WHERE id = ANY(%s::bigint[])
"""


@dataclass(frozen=True)
class Candidate:
    """One group of merged objects, by the member that fits best.

    `group_id` is the object that the others were merged into, the object itself where nothing was
    merged. `score` runs from 0 to 1. `words` are shared with the text, as people wrote them.
    `is_by_meaning`: found by meaning more than by words.
    """

    object_id: int
    group_id: int
    score: float
    words: tuple[str, ...] = ()
    is_by_meaning: bool = False


@dataclass(frozen=True)
class Similar:
    """What was found, best first; `confidence` (0 to 1): how sure that it is a duplicate at all."""

    candidates: list[Candidate] = field(default_factory=list)
    confidence: float = 0.0
    has_vectors: bool = False


@dataclass(frozen=True)
class Group:
    """Merged objects as they were found; `features` as `ranking.FEATURES` names them."""

    group_id: int
    best_entry: int
    best_object: int
    features: tuple[float, ...]


def similar(
    *,
    title: str,
    body: str = "",
    kind: str = "request",
    limit: int = 50,
    exclude: Collection[int] = (),
    at: datetime | None = None,
) -> Similar:
    """Objects of a kind that probably say the same, each merged group once.

    `exclude` holds object ids that are not to be found (the object itself, pairs that were
    dismissed). `at` (aware) is when the text was written, now by default; only how long ago others
    came is counted from it. Not trimmed by rights: the caller does that in PostgreSQL before
    anything is shown. Never fails for lack of index files, model or vectors: it then knows less.
    """
    title, body = clean_asked(title, body)
    groups, has_vectors = near_groups(title, body, kind, exclude=frozenset(exclude), at=at)
    if not groups:
        return Similar(has_vectors=has_vectors)
    weights = learning.weights(kind, is_typed=not body, has_vectors=has_vectors)
    ranked = sorted(
        zip(weights.totals([g.features for g in groups]), groups, strict=True),
        key=lambda pair: (-pair[0], -pair[1].group_id),
    )
    shown = ranked[:limit]
    words = _shared_words(f"{title}\n{body}", [group.best_entry for _, group in shown])
    candidates = [
        Candidate(
            group.best_object,
            group.group_id,
            weights.score(total),
            words.get(group.best_entry, ()),
            has_vectors and group.features[ranking.WORDS] < BY_MEANING_BELOW,
        )
        for total, group in shown
    ]
    return Similar(candidates, weights.confidence(ranked[0][1].features), has_vectors)


def clean_asked(title: str, body: str) -> tuple[str, str]:
    """A question as an entry would be kept: so that asking for an entry's text finds itself."""
    # A blank at the end is kept: it says that the last word is complete.
    blank = " " if title[-1:].isspace() and not body else ""
    return clean(title, MAX_TITLE_LENGTH) + blank, clean(body, MAX_BODY_LENGTH)


def near_groups(
    title: str,
    body: str,
    kind: str,
    *,
    exclude: frozenset[int] = frozenset(),
    at: datetime | None = None,
    is_past: bool = False,
    vector: "np.ndarray[Any, Any] | None" = None,
) -> tuple[list[Group], bool]:
    """The groups that share words or meaning with a text, with features, and whether by vectors.

    Ages count from `at`; with `is_past` what came to be then or later is left out, for learning
    from the past. `vector` is the text's, where it is known already.
    """
    words, words_of, view = _by_words(kind, title, body)
    vectors = view.vectors if view is not None else None
    meaning: dict[int, float] = {}
    if vectors is None or not (title or body):
        vector = None
    elif vector is None:
        vector = typed_vector(full_text(title.strip(), body))
    if vectors is not None and vector is not None:
        meaning = vectors.best(vector, kind, CANDIDATES)
    members = _members(kind, {*words, *meaning}, exclude, at if is_past else None)
    words |= words_of([pk for pk in members if pk not in words])
    groups: dict[int, list[int]] = defaultdict(list)
    for pk, (_, group_id, _) in members.items():
        groups[group_id].append(pk)
    cosines, means = _meanings(vectors, vector, groups)
    now = (at or timezone.now()).timestamp()
    found = []
    for group_id, entries in groups.items():
        best = max(entries, key=lambda pk: (words.get(pk, 0.0) + cosines.get(pk, 0.0), -pk))
        newest = max(members[pk][2] for pk in entries)
        features = (
            max(words.get(pk, 0.0) for pk in entries),
            max(cosines.get(pk, 0.0) for pk in entries),
            means.get(group_id, 0.0),
            math.log(len(entries)),
            math.log1p(max(0.0, now - newest) / DAY_SECONDS),
        )
        found.append(Group(group_id, best, members[best][0], features))
    return found, vector is not None


def _by_words(
    kind: str, title: str, body: str
) -> tuple[dict[int, float], Measure, "node.View | None"]:
    """The best entries by words with their measure, how to measure others, and the files used."""
    view = node.current_view()
    if view is not None:
        try:
            asked = view.words.ask(kind, title, body)
            if asked is None:
                return {}, lambda entry_ids: {}, view
            return view.words.best(asked, CANDIDATES), partial(view.words.of, asked), view
        except (OSError, ValueError) as error:
            log.warning("search_files_unreadable", reason=str(error))
            node.drop_view()
    return *_words_from_database(kind, title, body), None


def _members(
    kind: str, entry_ids: Collection[int], exclude: frozenset[int], before: datetime | None
) -> dict[int, tuple[int, int, float]]:
    """(object, group, when it came to be) of entries and of all that are merged with them."""
    if not entry_ids:
        return {}
    asked: dict[str, Any] = {"kind": kind, "before": before, "exclude": list(exclude)}
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, {**asked, "ids": list(entry_ids)})
        rows = cursor.fetchall()
        roots = list({group for _, _, group, _ in rows})
        cursor.execute(_MERGED, {**asked, "roots": roots})
        rows += cursor.fetchall()
    return {pk: (number, group, created) for pk, number, group, created in rows}


def _meanings(
    vectors: Any, vector: Any, groups: dict[int, list[int]]
) -> tuple[dict[int, float], dict[int, float]]:
    """Cosine by entry, and cosine of the mean vector by group."""
    if vectors is None or vector is None:
        return {}, {}
    known, values = vectors.of([pk for entries in groups.values() for pk in entries])
    cosines = dict(zip(known, (values * vector).sum(axis=1).tolist(), strict=True))
    places = {pk: place for place, pk in enumerate(known)}
    means = {}
    for group_id, entries in groups.items():
        rows = [places[pk] for pk in entries if pk in places]
        if len(rows) == 1:
            means[group_id] = cosines[known[rows[0]]]
        elif rows:
            mean = values[rows].mean(axis=0)
            length = float((mean @ mean) ** 0.5)
            means[group_id] = float(mean @ vector) / length if length else 0.0
    return cosines, means


def _words_from_database(kind: str, title: str, body: str) -> tuple[dict[int, float], Measure]:
    """The same measure without index files: the share of what was asked, rare words first."""
    asked = set(stems(f"{title}\n{body}"))
    ids = fallback.candidates(kind, f"{title} {body}", CANDIDATES)

    def texts_of(entry_ids: Iterable[int]) -> dict[int, set[str]]:
        rows = SearchEntry.objects.filter(pk__in=list(entry_ids)).values_list("pk", "title", "body")
        return {pk: set(stems(f"{title}\n{body}")) for pk, title, body in rows}

    texts = texts_of(ids)
    seen = Counter(word for words in texts.values() for word in words & asked)
    rarity = {word: math.log(1 + (len(texts) + 1) / (1 + seen[word])) for word in asked}
    total = sum(rarity.values()) or 1.0

    def measure(found: dict[int, set[str]]) -> dict[int, float]:
        shares = {pk: sum(rarity[w] for w in words & asked) for pk, words in found.items()}
        return {pk: share / total for pk, share in shares.items() if share}

    return measure(texts), lambda more: measure(texts_of(more)) if more else {}


def _shared_words(text: str, entry_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    asked = set(stems(text))
    with connection.cursor() as cursor:
        cursor.execute(_TEXTS, [list(entry_ids)])
        rows = cursor.fetchall()
    return {pk: shared_words(f"{title}\n{body}", asked) for pk, title, body in rows}


def shared_words(text: str, asked: Collection[str]) -> tuple[str, ...]:
    """The first words of a text whose stems are among those asked, as written."""
    found: dict[str, str] = {}
    for word, folded in written(text):
        if folded not in STOP_WORDS and stem(folded) in asked:
            found.setdefault(stem(folded), word)
            if len(found) == SHOWN_WORDS:
                break
    return tuple(found.values())
