"""Candidates from PostgreSQL alone, for nodes whose index files are missing or still being made.

Each word fetches at most CAP rows through the GIN index, so a common word costs no more than a
rare one; how rare a word is follows from how many it found.
"""

import math
from collections import defaultdict

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import QuerySet, Value

from search.models import CONFIG, SearchEntry
from search.words import STOP_WORDS, written

CAP = 300
MAX_WORDS = 8


def candidates(kind: str, text: str, limit: int) -> list[int]:
    """Ids of entries that share words with the text, most telling first."""
    words = _telling_words(text)
    if not words:
        return []
    queries = [_matching(kind, word, n, n == len(words) - 1) for n, word in enumerate(words)]
    found = queries[0].union(*queries[1:], all=True) if len(queries) > 1 else queries[0]
    by_word: dict[int, list[int]] = defaultdict(list)
    for number, entry_id in found:
        by_word[number].append(entry_id)
    scores: dict[int, float] = defaultdict(float)
    for ids in by_word.values():
        worth = math.log(1 + 2 * CAP / len(ids))
        for entry_id in ids:
            scores[entry_id] += worth
    return sorted(scores, key=lambda entry_id: (-scores[entry_id], -entry_id))[:limit]


def _telling_words(text: str) -> list[str]:
    # The longest words, in the order of the text; the last one may be a beginning.
    words = list(dict.fromkeys(word for _, word in written(text) if word not in STOP_WORDS))
    if len(words) > MAX_WORDS:
        kept = set(sorted(words, key=len, reverse=True)[:MAX_WORDS])
        words = [word for word in words if word in kept]
    return words


def _matching(
    kind: str, word: str, number: int, is_last: bool
) -> "QuerySet[SearchEntry, tuple[int, int]]":
    quoted = word.replace("\\", "").replace("'", "''")
    query = SearchQuery(f"'{quoted}'", search_type="raw", config=CONFIG)
    if is_last and len(word) > 2:
        query = SearchQuery(f"'{quoted}' | '{quoted}':*", search_type="raw", config=CONFIG)
    return (
        SearchEntry.objects.annotate(
            words=SearchVector("title", "body", config=CONFIG), number=Value(number)
        )
        .filter(words=query, kind=kind, is_deleted=False)
        .values_list("number", "pk")[:CAP]
    )
