"""The index of words (tantivy, BM25) of one node: written by its follower, read by everyone.

One field holds the stems of title and body, each with its kind in front: so kinds have their own
word counts and need no filter. Stemming and cutting into words are `words.py`'s, the same for what
is indexed and what is asked.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tantivy

from search.words import STOP_WORDS, stem, stems, written

WRITER_HEAP = 32_000_000
MAX_TERMS = 60
MIN_PREFIX_LENGTH = 3
PREFIX_TERMS = 8
MIN_FUZZY_LENGTH = 5
# What a word counts that is only begun, or written a letter differently.
PREFIX_WORTH, FUZZY_WORTH = 0.8, 0.6
# BM25's saturation, as tantivy has it: used for words that are asked several times.
K1 = 1.2
# Endings that a stem loses but someone half through a word has typed already.
_HALF_TYPED = re.compile(r"(?:ation|atio|ati|tion|tio|ing|in|ment|men|nes)$")


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("entry", indexed=True, fast=True)
    builder.add_text_field("text", tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def _term(kind: str, word: str) -> str:
    return f"{kind}/{word}"


class LexicalWriter:
    """The one writer of a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._index = tantivy.Index(_schema(), path=str(folder))
        self._writer = self._index.writer(heap_size=WRITER_HEAP, num_threads=1)

    def put(self, entry_id: int, kind: str, title: str, body: str) -> None:
        """Add an entry, or replace it."""
        self.remove(entry_id)
        document = tantivy.Document()
        document.add_integer("entry", entry_id)
        document.add_text("text", " ".join(_term(kind, s) for s in stems(f"{title}\n{body}")))
        self._writer.add_document(document)

    def remove(self, entry_id: int) -> None:
        """Take an entry out; nothing happens where it is not in."""
        self._writer.delete_documents_by_term("entry", entry_id)

    def commit(self) -> None:
        """Let readers see what was put and removed."""
        self._writer.commit()

    def close(self) -> None:
        """Finish merges; the writer cannot be used afterwards."""
        self._writer.commit()
        self._writer.wait_merging_threads()

    @property
    def count(self) -> int:
        """Entries as readers see them."""
        self._index.reload()
        return self._index.searcher().num_docs


@dataclass(frozen=True)
class Asked:
    """A text as a query: what it is worth to have all its words, and the query."""

    query: tantivy.Query
    worth: float


class LexicalReader:
    """A read-only view of a folder; `reload` moves it on to what was committed since."""

    def __init__(self, folder: Path) -> None:
        self._index = tantivy.Index.open(str(folder))
        self._index.config_reader("manual")
        self._schema = self._index.schema
        self.reload()

    def reload(self) -> None:
        """See the latest commit."""
        self._index.reload()
        self._searcher = self._index.searcher()

    def ask(self, kind: str, title: str, body: str) -> Asked | None:
        """The query for a text: its most telling words, or None when it has none that are known.

        While only a title is typed its last word also counts as a beginning; a word that nobody
        ever wrote stands for those that differ by one letter.
        """
        counts = Counter(stems(f"{title}\n{body}"))
        last = "" if body else _last_word(title)
        weighed = [(self._rarity(kind, w) * _often(count), w, count) for w, count in counts.items()]
        weighed.sort(key=lambda item: (-item[0], item[1]))
        parts: list[tuple[tantivy.Occur, tantivy.Query]] = []
        total = 0.0
        for weight, word, count in weighed[:MAX_TERMS]:
            query, worth = self._for_word(kind, word, _often(count), weight)
            if last and word == stem(last):
                query, worth = self._begun(kind, last, query, worth)
            if query is not None:
                parts.append((tantivy.Occur.Should, query))
                total += worth
        return Asked(tantivy.Query.boolean_query(parts), total) if parts else None

    def best(self, asked: Asked, limit: int) -> dict[int, float]:
        """The entries with most of what was asked; 1 is all of it, much more is not possible."""
        return self._scores(asked.query, limit, asked.worth)

    def of(self, asked: Asked, entry_ids: Sequence[int]) -> dict[int, float]:
        """The same measure for given entries; those without any of it are left out."""
        if not entry_ids:
            return {}
        among = tantivy.Query.term_set_query(self._schema, "entry", list(entry_ids))
        query = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, tantivy.Query.const_score_query(among, 0.0)),
                (tantivy.Occur.Must, asked.query),
            ]
        )
        return self._scores(query, len(entry_ids), asked.worth)

    def _scores(self, query: tantivy.Query, limit: int, worth: float) -> dict[int, float]:
        hits = self._searcher.search(query, limit, count=False).hits
        entries = self._searcher.fast_field_values("entry", [address for _, address in hits])
        pairs = zip(hits, entries, strict=True)
        return {int(e): score / worth for (score, _), e in pairs if e is not None}

    def _rarity(self, kind: str, word: str) -> float:
        # BM25's idf, as tantivy computes it; 0 for a word that nobody wrote.
        known = self._searcher.doc_freq("text", _term(kind, word))
        return self._idf(known) if known else 0.0

    def _idf(self, known: int) -> float:
        total = max(self._searcher.num_docs, known)
        return math.log(1 + (total - known + 0.5) / (known + 0.5))

    def _for_word(
        self, kind: str, word: str, often: float, weight: float
    ) -> tuple[tantivy.Query | None, float]:
        term = _term(kind, word)
        if weight:
            query = tantivy.Query.term_query(self._schema, "text", term, "freq")
            return tantivy.Query.boost_query(query, often), weight
        if len(word) < MIN_FUZZY_LENGTH:
            return None, 0.0
        # One edit anywhere, but not in the kind: its letters are all known.
        query = tantivy.Query.fuzzy_term_query(self._schema, "text", term, distance=1)
        worth = self._idf(1) * FUZZY_WORTH
        return tantivy.Query.boost_query(query, worth), worth

    def _begun(
        self, kind: str, last: str, query: tantivy.Query | None, worth: float
    ) -> tuple[tantivy.Query | None, float]:
        options = [] if query is None else [query]
        if len(last) >= MIN_PREFIX_LENGTH:
            start = _HALF_TYPED.sub("", last) if len(last) > 5 else last
            longer = self._searcher.terms_with_prefix(
                "text", _term(kind, start), limit=PREFIX_TERMS
            )
            for term, known in longer:
                if term == _term(kind, stem(last)):
                    continue
                same = tantivy.Query.term_query(self._schema, "text", term, "freq")
                options.append(tantivy.Query.boost_query(same, PREFIX_WORTH))
                worth = max(worth, self._idf(known) * PREFIX_WORTH)
        if len(options) < 2:
            return (options[0] if options else None), worth
        return tantivy.Query.disjunction_max_query(options), worth


def _often(count: int) -> float:
    return count * (K1 + 1) / (count + K1)


def _last_word(text: str) -> str:
    # A blank after it says that the word is complete.
    if not text or text[-1].isspace():
        return ""
    words = [folded for _, folded in written(text)]
    return words[-1] if words and words[-1] not in STOP_WORDS else ""
