"""Other spellings of what was typed, taken from titles and names that the reader may see."""

import re
from collections import Counter
from difflib import SequenceMatcher
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import QuerySet

from accounts.models import User
from accounts.selectors import active_teams
from intake.models import Request
from planning.selectors import visible_work
from playbook.models import Article, Tool
from search.queries import CONFIG, Query, fold

SHORTEST_WORD = 4
WORDS_LOOKED_AT = 4
TITLES_A_WORD = 60
LIKENESS = "0.5"
CLOSE_ENOUGH = 0.7

_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def correct(user: Any, query: Query) -> str:
    """The query with its unknown words replaced by close ones; empty if none is closer.

    One query. Words come only from titles this person may see, so a suggestion tells nothing.
    """
    doubtful = [word for word in query.words if len(word) >= SHORTEST_WORD and word.isalpha()]
    doubtful = sorted(doubtful, key=len, reverse=True)[:WORDS_LOOKED_AT]
    if not doubtful:
        return ""
    seen: dict[str, Counter[str]] = {word: Counter() for word in doubtful}
    for word, title in _titles_like(user, doubtful):
        seen[word].update(found.lower() for found in _WORDS.findall(title))
    better = {word: _closest(word, seen[word]) for word in doubtful}
    corrected = [better.get(word, word) for word in query.words]
    return " ".join(corrected) if corrected != query.words else ""


def _closest(word: str, known: Counter[str]) -> str:
    typed = fold(word)
    best, best_score = word, CLOSE_ENOUGH
    for other, uses in known.items():
        folded = fold(other)
        if folded.startswith(typed) and other == folded:
            return word  # spelt right, perhaps unfinished
        matcher = SequenceMatcher(None, typed, folded)
        if matcher.quick_ratio() >= best_score:
            # the more frequent of two words that are as close
            score = matcher.ratio() + min(uses, 50) / 10_000
            if score > best_score:
                best, best_score = other, score
    return best


def _titles_like(user: Any, words: list[str]) -> list[tuple[str, str]]:
    """(word, title) pairs, a few dozen titles a word, in one query.

    Written out: each list is fenced off, so that PostgreSQL reads the trigram index for the whole
    list yet fetches only the titles asked for; with a plain LIMIT it prefers to read the table.
    The threshold is set first, for this statement alone.
    """
    fences: list[str] = []
    parts: list[tuple[str, str]] = []
    values: list[Any] = []
    for number, word in enumerate(words):
        for source, rows in _sources(user, word):
            sql, params = rows.query.sql_with_params()
            name = f"like_{source}_{number}"
            fences.append(f"{name} (title) AS MATERIALIZED ({sql})")
            values += params
            parts.append((name, word))
    picked = " UNION ALL ".join(
        f"(SELECT %s::text, title::text FROM {name}"
        " WHERE (SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)) IS NOT NULL"
        " LIMIT %s)"
        for name, _ in parts
    )
    for _, word in parts:
        values += [word, LIKENESS, TITLES_A_WORD]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {', '.join(fences)} {picked}", values)
        return cursor.fetchall()


def _slips(word: str) -> SearchQuery:
    """The word with each two letters swapped back and each letter left out.

    Swapped letters leave too few trigrams in common to be found by likeness.
    """
    swapped = [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)]
    shorter = [word[:i] + word[i + 1 :] for i in range(len(word))]
    terms = sorted({f"'{other}'" for other in (*swapped, *shorter) if other != word})
    return SearchQuery(" | ".join(terms), search_type="raw", config=CONFIG)


def _sources(user: Any, word: str) -> list[tuple[str, QuerySet[Any]]]:
    # Names are few and read whole, so there accents are ignored too; titles have an index.
    slips = _slips(word)
    requests = Request.objects.visible_to(user).order_by().values_list("title")
    return [
        ("slips", requests.filter(search_vector=slips)),
        ("work_slips", visible_work().filter(search_text=slips).order_by().values_list("title")),
        ("requests", requests.filter(title__trigram_word_similar=word)),
        (
            "pages",
            Article.objects.visible_to(user)
            .filter(title__unaccent__trigram_word_similar=word)
            .order_by()
            .values_list("title"),
        ),
        (
            "people",
            User.objects.inside()
            .filter(name__unaccent__trigram_word_similar=word)
            .order_by()
            .values_list("name"),
        ),
        (
            "teams",
            active_teams()
            .select_related(None)
            .filter(name__unaccent__trigram_word_similar=word)
            .order_by()
            .values_list("name"),
        ),
        (
            "tools",
            Tool.objects.filter(name__unaccent__trigram_word_similar=word)
            .order_by()
            .values_list("name"),
        ),
    ]
