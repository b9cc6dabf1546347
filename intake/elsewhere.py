"""What a request is elsewhere: panels of its page that apps above intake fill.

An app registers a maker in `ready()`; it answers with a panel, or with None where it has nothing
to show. Intake knows nothing of what stands in them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists

from accounts.models import User
from intake.models import Request


@dataclass(frozen=True)
class Panel:
    """One card beside a request: its template gets `panel`, `item` and `is_pm`."""

    template: str
    data: dict[str, Any] = field(default_factory=dict)


Maker = Callable[[Request, User], Panel | None]
_makers: dict[str, Maker] = {}
_known: dict[str, Callable[[], Exists]] = {}


def register(name: str, maker: Maker, known: Callable[[], Exists] | None = None) -> None:
    """Show a panel beside each request. Call from `ready()`; the maker costs one query at most.

    It gets a request that the reader may see, and leaves out what else the reader may not see.
    `known` asks, as part of the request's own query, whether there is anything to show; the
    answer stands on the request as `known_<name>`.
    """
    _makers[name] = maker
    if known is not None:
        _known[f"known_{name}"] = known


def known() -> dict[str, Exists]:
    """What the query of a request's page asks along for the panels."""
    return {name: ask() for name, ask in _known.items()}


def panels(item: Request, reader: User) -> list[Panel]:
    """The panels for one reader, in the order of their names."""
    made = (_makers[name](item, reader) for name in sorted(_makers))
    return [panel for panel in made if panel is not None]
