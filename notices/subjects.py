"""What notices need to know about the things they tell of; the apps that own them register it."""

from collections.abc import Callable, Collection

from accounts.models import User

# (person, id of the thing, whether to be silent). Repeatable; a thing that is gone is no error.
Mute = Callable[[User, int, bool], None]
# (person, ids of things): those of them that the person may still see.
Sight = Callable[[User, Collection[int]], set[int]]

_mutes: dict[str, Mute] = {}
_sights: dict[str, Sight] = {}


def register_mute(subject_type: str, mute: Mute) -> None:
    """Let people silence one thing of this type ("intake.request"). Call from `ready()`."""
    _mutes[subject_type] = mute


def mute_of(subject_type: str) -> Mute | None:
    """How to silence a thing of this type, None where that cannot be done."""
    return _mutes.get(subject_type)


def register_sight(subject_type: str, sight: Sight) -> None:
    """Ask this before a notice of such a thing leaves the hub. Call from `ready()`."""
    _sights[subject_type] = sight


def sight_of(subject_type: str) -> Sight | None:
    """Who may see things of this type, None where everyone may who was told."""
    return _sights.get(subject_type)
