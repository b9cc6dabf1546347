"""What a person typed, read once: its words, a reference in it, and where it matches a text."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from django.contrib.postgres.search import SearchQuery
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

MAX_TEXT_LENGTH = 200
MAX_WORDS = 8
# Shorter words are looked for as they stand: as beginnings they would match half of all texts.
MIN_PREFIX_LENGTH = 2
SNIPPET_LENGTH = 160
CONFIG = "english"

_WORDS = re.compile(r"[^\W\d_]+-\d+|\d+(?:[.,]\d+)+|[^\W_]+")
_REQUEST = re.compile(r"(?:req[\s#-]*|#)?(\d{1,9})", re.IGNORECASE)
_KEY = re.compile(r"[a-z][a-z0-9]{0,19}[\s-]\d{1,9}", re.IGNORECASE)
# Endings of English words: one is taken off what was typed, others may follow what is marked.
_ENDING = re.compile(r"(?:ations?|ings?|ions?|ers?|ies|ied|ed|es|ly|s|e|y)$")
_MORE = r"(?:ations?|ings?|ions?|ers?|ies|ied|ed|es|ly|s|e|y)?"
# A word that is still being typed may be longer than its stem: “schedulin” is part of
# “scheduling”, which is kept as “schedul”.
_HALF_TYPED = re.compile(r"(?:atio|ati|tio|io|in|men|nes)$")


@dataclass(frozen=True)
class Query:
    """A search as typed. `words` are folded to small letters; the last may be a beginning."""

    text: str

    @cached_property
    def words(self) -> list[str]:
        """At most MAX_WORDS words; a reference such as dsp-904 is one word."""
        return [word.lower() for word in _WORDS.findall(self.text)[:MAX_WORDS]]

    @property
    def is_empty(self) -> bool:
        """Holds nothing to look for."""
        return not self.words

    @cached_property
    def request_number(self) -> int | None:
        """142 for `REQ-142`, `req 142`, `#142` and `142`."""
        match = _REQUEST.fullmatch(self.text)
        return int(match[1]) if match and int(match[1]) < 2**31 else None

    @cached_property
    def key(self) -> str:
        """`DSP-904` for a key of the tracker, also as `dsp 904`; else empty."""
        return re.sub(r"\s", "-", self.text).upper() if _KEY.fullmatch(self.text) else ""

    @cached_property
    def tsquery(self) -> SearchQuery:
        """All words, stemmed by PostgreSQL, the last also as a beginning."""
        # Words hold letters and digits only (and one dash), so quoting them is enough.
        terms = [f"'{word}'" for word in self.words]
        last = self.words[-1] if self.words else ""
        if len(last) >= MIN_PREFIX_LENGTH:
            terms[-1] = f"'{last}':*"
            stem = _HALF_TYPED.sub("", last)
            if stem != last and len(stem) > 3:
                terms[-1] = f"({terms[-1]} | '{stem}':*)"
        return SearchQuery(" & ".join(terms), search_type="raw", config=CONFIG)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if not self.words:
            return None
        parts = [_matcher(word) for word in self.words[:-1]]
        parts.append(_matcher(self.words[-1], is_beginning=True))
        return re.compile(rf"(?<![^\W_])(?:{'|'.join(parts)})", re.IGNORECASE)

    def mark(self, text: str) -> SafeString:
        """The text, escaped, with `<mark>` around what matches."""
        pattern = self._pattern
        if pattern is None:
            return mark_safe(escape(text))
        parts, done = [], 0
        for match in pattern.finditer(fold(text)):
            parts += [
                escape(text[done : match.start()]),
                "<mark>",
                escape(text[match.start() : match.end()]),
                "</mark>",
            ]
            done = match.end()
        parts.append(escape(text[done:]))
        return mark_safe("".join(parts))

    def snippet(self, text: str) -> SafeString:
        """The part of a text around its first match, marked; empty where nothing matches."""
        match = self._pattern.search(fold(text)) if self._pattern else None
        if match is None:
            return mark_safe("")
        start = max(0, match.start() - SNIPPET_LENGTH // 3)
        end = min(len(text), start + SNIPPET_LENGTH)
        if start:
            start = max(start, text.find(" ", start, match.start()) + 1)
        if end < len(text):
            end = max(text.rfind(" ", match.end(), end), match.end())
        cut = " ".join(text[start:end].split())
        return mark_safe(f"{'…' if start else ''}{self.mark(cut)}{'…' if end < len(text) else ''}")


def parse(text: str) -> Query:
    """Read what was typed: blanks folded, control characters and excess length dropped."""
    clean = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text[:MAX_TEXT_LENGTH])
    return Query(" ".join(clean.split()))


def fold(text: str) -> str:
    """The text without accents, letter for letter, so that positions stay true."""
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFD", letter)[0] for letter in text)


def _matcher(word: str, *, is_beginning: bool = False) -> str:
    """A pattern for the forms of a word that PostgreSQL's stemmer finds for it, nearly."""
    word = fold(word)
    stem = _ENDING.sub("", word)
    if len(stem) < 3 or not word.isalpha():
        stem = word
    elif len(stem) > 3 and stem != word and stem[-1] == stem[-2]:
        stem = stem[:-1]
    if is_beginning:
        return rf"{re.escape(stem if len(stem) > 3 else word)}[^\W_]*"
    again = rf"{re.escape(stem[-1])}?" if word.isalpha() else ""
    return rf"{re.escape(stem)}{again}{_MORE}(?![^\W_])"
