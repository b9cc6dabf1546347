"""`similar()`: which objects say the same as a text, and how sure that one of them does."""

import math
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from search import fallback
from search.models import SearchEntry
from search.words import STOP_WORDS, stem, stems, written

CANDIDATES = 100
SHOWN_WORDS = 6


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


def similar(
    *,
    title: str,
    body: str = "",
    kind: str = "request",
    limit: int = 50,
    exclude: Collection[int] = (),
) -> Similar:
    """Objects of a kind that probably say the same, each merged group once.

    `exclude` holds object ids that are not to be found (the object itself, pairs that were
    dismissed). Not trimmed by rights: the caller does that in PostgreSQL before showing anything.
    """
    ids = fallback.candidates(kind, f"{title} {body}", CANDIDATES)
    entries = (
        SearchEntry.objects.filter(pk__in=ids, kind=kind, is_deleted=False)
        .exclude(object_id__in=list(exclude))
        .only("object_id", "group_id", "title", "body")
        .order_by("pk")
    )
    asked = set(stems(f"{title} {body}"))
    texts = {entry: stems(f"{entry.title} {entry.body}") for entry in entries}
    rarity = _rarity(list(texts.values()))
    best: dict[int, Candidate] = {}
    total = sum(rarity(word) for word in asked) or 1.0
    for entry, words in texts.items():
        shared = asked & set(words)
        score = min(1.0, sum(rarity(word) for word in shared) / total)
        group = entry.group_id or entry.object_id
        if group not in best or score > best[group].score:
            words_shown = shared_words(f"{entry.title} {entry.body}", shared)
            best[group] = Candidate(entry.object_id, group, score, words_shown)
    ranked = sorted(best.values(), key=lambda c: (-c.score, -c.object_id))[:limit]
    return Similar(ranked, ranked[0].score if ranked else 0.0)


def shared_words(text: str, shared: Collection[str]) -> tuple[str, ...]:
    """The first words of a text whose stems are among the shared ones, as written."""
    found: dict[str, str] = {}
    for word, folded in written(text):
        if folded not in STOP_WORDS and stem(folded) in shared:
            found.setdefault(stem(folded), word)
            if len(found) == SHOWN_WORDS:
                break
    return tuple(found.values())


def _rarity(texts: Collection[list[str]]) -> Callable[[str], float]:
    seen = Counter(word for words in texts for word in set(words))

    def rarity(word: str) -> float:
        return math.log(1 + (len(texts) + 1) / (1 + seen[word]))

    return rarity
