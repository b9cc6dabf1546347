"""Cuts text into the word pieces that the sentence model knows (BERT, uncased).

The same rules as the model's own tokenizer, in the hundred lines that one vocabulary needs; a test
compares known sentences. Source of the vocabulary: `search/model/README.md`.
"""

import hashlib
import unicodedata
from pathlib import Path

VOCABULARY = Path(__file__).parent / "model" / "vocab.txt"
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
# Longer "words" are blobs (keys, base64); the original tokenizer gives them up too.
MAX_WORD_LENGTH = 100


class BadVocabulary(Exception):
    """The vocabulary file is missing or not the one that the model was trained with."""


class WordPiece:
    """Text to ids. One instance a process: the vocabulary takes a few megabytes."""

    def __init__(self, path: Path = VOCABULARY) -> None:
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise BadVocabulary(f"{path.name} cannot be read") from error
        if hashlib.sha256(raw).hexdigest() != VOCABULARY_SHA256:
            raise BadVocabulary(f"{path.name} is not the file that the model was trained with")
        pieces = raw.decode("utf-8").splitlines()
        self._ids = {piece: number for number, piece in enumerate(pieces)}
        self._unknown = self._ids["[UNK]"]
        self._start, self._end = self._ids["[CLS]"], self._ids["[SEP]"]

    def encode(self, text: str, limit: int) -> list[int]:
        """The ids of a text with start and end marks, at most `limit` of them."""
        found = [self._start]
        for word in words(text):
            found += self._pieces(word)
            if len(found) >= limit:
                break
        return [*found[: limit - 1], self._end]

    def _pieces(self, word: str) -> list[int]:
        if len(word) > MAX_WORD_LENGTH:
            return [self._unknown]
        found, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._ids.get(prefix + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return [self._unknown]
        return found


def words(text: str) -> list[str]:
    """Small letters without accents; punctuation and Chinese characters stand alone."""
    clean = "".join(_spaced(letter) for letter in text)
    plain = unicodedata.normalize("NFD", clean.lower())
    split = (
        f" {letter} " if _is_punctuation(letter) else letter
        for letter in plain
        if unicodedata.category(letter) != "Mn"
    )
    return "".join(split).split()


def _spaced(letter: str) -> str:
    if letter in "\t\n\r":
        return " "
    code = ord(letter)
    if code in {0, 0xFFFD} or unicodedata.category(letter)[0] == "C":
        return ""
    if unicodedata.category(letter) == "Zs":
        return " "
    return f" {letter} " if _is_chinese(code) else letter


def _is_chinese(code: int) -> bool:
    return (
        0x4E00 <= code <= 0x9FFF
        or 0x3400 <= code <= 0x4DBF
        or 0x20000 <= code <= 0x2CEAF
        or 0xF900 <= code <= 0xFAFF
        or 0x2F800 <= code <= 0x2FA1F
    )


def _is_punctuation(letter: str) -> bool:
    if letter.isascii():
        return letter.isprintable() and not letter.isalnum() and letter != " "
    return unicodedata.category(letter)[0] == "P"
