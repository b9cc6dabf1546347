"""How fresh work items are. The app that syncs them tells; planning only shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Freshness:
    """When work items were last known to equal their source, in UTC; None for never."""

    is_connected: bool = False
    synced_at: datetime | None = None
    is_stale: bool = False


_teller: Callable[[], Freshness] = Freshness


def tell_with(teller: Callable[[], Freshness]) -> None:
    """Let `teller` answer; call from the syncing app's `ready()`."""
    global _teller
    _teller = teller


def work_freshness() -> Freshness:
    """How fresh work items are; costs at most one query."""
    return _teller()
