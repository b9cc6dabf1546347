"""Kinds of results that apps above bring into the one search."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from search.queries import Query

# A common word occurs in a tenth of all texts. Counting and ranking all of those takes too long
# for a page that answers while someone types, so only the newest are looked at.
MOST_COUNTED = 500


@dataclass(frozen=True, slots=True)
class Hit:
    """One result, ready to be drawn: texts are escaped, matches marked."""

    href: str
    icon: SafeString
    title: SafeString
    meta: SafeString
    kind: str
    snippet: SafeString = field(default_factory=lambda: mark_safe(""))
    tag: SafeString = field(default_factory=lambda: mark_safe(""))


@dataclass(frozen=True)
class SearchKind:
    """One more kind. `find(reader, query, window)` answers with how many the reader may see (at
    most MOST_COUNTED + 1) and those of the window, in one query."""

    key: str
    name: str
    icon: str
    shown: int
    quick: int
    find: Callable[[Any, Query, slice], tuple[int, tuple[Hit, ...]]]
    is_on: Callable[[], bool]


_kinds: dict[str, SearchKind] = {}


def register(kind: SearchKind) -> None:
    """Called once from `ready()` of the app that has it."""
    _kinds[kind.key] = kind


def kinds() -> list[SearchKind]:
    """Those that are on."""
    return [kind for kind in _kinds.values() if kind.is_on()]
