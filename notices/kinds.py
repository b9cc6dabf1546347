"""What notices are about, in the words of the preferences; apps above register theirs."""

from dataclasses import dataclass

from django.db import models


class Pace(models.TextChoices):
    """How soon a person hears of a kind outside the inbox."""

    AT_ONCE = "at_once", "At once"
    DIGEST = "digest", "Daily digest"
    INBOX = "inbox", "Inbox only"


@dataclass(frozen=True)
class Kind:
    """One kind. `default` is the pace of whoever chose none."""

    key: str
    name: str
    help: str
    default: Pace


OTHER = Kind("other", "Everything else", "Whatever has no line of its own.", Pace.AT_ONCE)
_kinds: dict[str, Kind] = {}


def register_kind(key: str, name: str, help: str, default: str = Pace.AT_ONCE) -> None:
    """Add a kind to the preferences, in the order of registration. Call from `ready()`.

    Raises ValueError for a key that is no slug or a pace that is none.
    """
    if not key.replace("_", "").isalnum() or len(key) > 40:
        raise ValueError(f"{key!r} is no key of a kind: letters, digits and underscores.")
    _kinds[key] = Kind(key, name, help, Pace(default))


def all_kinds() -> list[Kind]:
    """Every kind in the order of registration, what has none at the end."""
    return [*_kinds.values(), OTHER]


def kind_of(key: str) -> Kind:
    """The kind of this key; `OTHER` for none and for one that nobody registered."""
    return _kinds.get(key, OTHER)
