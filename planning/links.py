"""What a decision may be linked with: each app registers its own kinds in `ready()`.

Planning keeps the links and knows nothing of what stands above it. Whatever a reader may not see
is left out by the kind's own functions: no title, no count.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.safestring import SafeString, mark_safe


@dataclass(frozen=True, slots=True)
class Card:
    """How a linked thing is shown."""

    title: str
    url: str
    meta: str = ""
    tag: SafeString = field(default_factory=lambda: mark_safe(""))
    icon: str = "link"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a linked thing, for “how it came about”."""

    at: datetime
    who: Any
    text: str
    icon: str = "right"


Resolver = Callable[[Collection[int], Any], dict[int, Card]]
Finder = Callable[[Collection[str], Any], dict[str, int]]
Hidden = Callable[[Any], QuerySet[Any]]
Story = Callable[[Collection[int], Any], Iterable[Moment]]
# (ids, old decision, new decision, actor, at) gives the ids that followed the new one.
Follower = Callable[[Collection[int], Any, Any, Any, datetime], Collection[int]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing, named like the subject of an event.

    `resolve(ids, reader)` gives a card for each that the reader may see, `find(references,
    reader)` the ids behind references such as REQ-142, `hidden(reader)` the ids that the reader
    may not see, `story(ids, reader)` what happened to them. `follow` is called in the transaction
    of a decision that supersedes another, with what the old one settled.
    """

    key: str
    word: str
    resolve: Resolver
    find: Finder | None = None
    hidden: Hidden | None = None
    story: Story | None = None
    follow: Follower | None = None


_kinds: dict[str, Kind] = {}


def register(
    key: str,
    resolver: Resolver,
    *,
    word: str = "",
    find: Finder | None = None,
    hidden: Hidden | None = None,
    story: Story | None = None,
    follow: Follower | None = None,
) -> None:
    """Make a kind linkable. Call from `ready()`."""
    _kinds[key] = Kind(key, word or key, resolver, find, hidden, story, follow)


def kinds() -> Iterator[Kind]:
    """All that are registered."""
    yield from _kinds.values()


def hidden_from(reader: Any) -> Iterator[tuple[str, QuerySet[Any]]]:
    """(kind, ids that this reader may not see), for the kinds that keep something back."""
    for kind in _kinds.values():
        if kind.hidden is not None:
            yield kind.key, kind.hidden(reader)


def cards(subjects: Iterable[tuple[str, int]], reader: Any) -> dict[tuple[str, int], Card]:
    """A card for each linked thing that this reader may see; one call a kind."""
    wanted: dict[str, list[int]] = {}
    for key, pk in subjects:
        wanted.setdefault(key, []).append(pk)
    found: dict[tuple[str, int], Card] = {}
    for key, ids in wanted.items():
        if key in _kinds:
            found |= {(key, pk): card for pk, card in _kinds[key].resolve(ids, reader).items()}
    return found


def find(references: Collection[str], reader: Any) -> dict[str, tuple[str, int]]:
    """What these references stand for, as (kind, id); unknown and unseen ones are left out."""
    found: dict[str, tuple[str, int]] = {}
    for kind in _kinds.values():
        left = [one for one in references if one not in found]
        if kind.find is not None and left:
            found |= {one: (kind.key, pk) for one, pk in kind.find(left, reader).items()}
    return found


def moments(subjects: Iterable[tuple[str, int]], reader: Any) -> list[Moment]:
    """What happened to these things, as far as this reader may know; one call a kind."""
    wanted: dict[str, list[int]] = {}
    for key, pk in subjects:
        wanted.setdefault(key, []).append(pk)
    told: list[Moment] = []
    for key, ids in wanted.items():
        kind = _kinds.get(key)
        if kind is not None and kind.story is not None:
            told += kind.story(ids, reader)
    return told


def supersede(
    key: str, ids: Collection[int], *, old: Any, new: Any, actor: Any, at: datetime
) -> Collection[int]:
    """Let what the old decision settled follow the new one; the ids that did."""
    kind = _kinds.get(key)
    return kind.follow(ids, old, new, actor, at) if kind is not None and kind.follow else ()
