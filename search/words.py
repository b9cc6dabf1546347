"""The words of a text: as people wrote them, and as they are compared."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import tantivy

# Longer runs are keys and blobs; nobody types them twice.
MAX_WORD_LENGTH = 40
# Where a text is cut before its words are taken: what follows seldom tells what it is about.
MAX_TEXT_LENGTH = 4_000

_RUNS = re.compile(r"\w+")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\u0e00-\u0e7f]+")
# English words that tell nothing about what a text is about.
STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being but by can could
    did do does doing don down each either else ever every few for from further had has have having
    he her here hers him his how i if in into is it its itself just ll m may me might more most must
    my no nor not now of off on once only or other our ours out over own per please re s same shall
    she should so some such t than that the their them then there these they this those though to
    too under until up upon us ve very was we were what when where whether which while who whom why
    will with within without would you your yours""".split()
)

_stemmer = (
    tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    .filter(tantivy.Filter.stemmer("English"))
    .build()
)


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The stem of one folded word, as the index keeps it."""
    found = _stemmer.analyze(word)
    return found[0] if found else word


def fold(text: str) -> str:
    """Small letters without accents."""
    text = text.lower()
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def written(text: str) -> Iterator[tuple[str, str]]:
    """(word as written, its folded form) for all words, compounds whole and in their parts.

    `offsetParent` is also `offset` and `parent`; scripts without blanks give pairs of letters.
    """
    for run in _RUNS.findall(text[:MAX_TEXT_LENGTH]):
        yield from _words_of(run)


@lru_cache(maxsize=100_000)
def _words_of(run: str) -> tuple[tuple[str, str], ...]:
    if not run.isascii() and _UNSPACED.search(run):
        return tuple(_pairs(run))
    if len(run) > MAX_WORD_LENGTH:
        return ()
    whole = fold(run).strip("_")
    found = [(run, whole)] if whole else []
    if whole.isalpha() and (run.islower() or run.istitle() or run.isupper()):
        return tuple(found)
    parts = _PARTS.findall(run)
    if len(parts) > 1:
        found += [(part, fold(part)) for part in parts if len(part) > 1]
    return tuple(found)


def stems(text: str) -> list[str]:
    """The stems of a text in order, without words that tell nothing."""
    return [stem(word) for _, word in written(text) if word not in STOP_WORDS]


def _pairs(run: str) -> Iterator[tuple[str, str]]:
    run = run[:MAX_TEXT_LENGTH]
    if len(run) == 1:
        yield run, fold(run)
    for start in range(len(run) - 1):
        pair = run[start : start + 2]
        yield pair, fold(pair)
