"""Where the fields of something synced come from: told by the app that syncs, shown by planning."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from planning.models import WorkItem


@dataclass(frozen=True, slots=True)
class FieldOrigin:
    """One field: its value, which way it goes, by which rule, when it changed and from what.

    Without `changed_at` it has not changed after `since`, as far as the hub has read.
    """

    name: str
    value: str
    direction: str
    rule: str = ""
    changed_at: datetime | None = None
    changed_by: str = ""
    since: datetime | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one thing comes from: its source, when it was fetched, and by which run."""

    source: str
    fetched_at: datetime | None
    run_url: str = ""
    fields: list[FieldOrigin] = field(default_factory=list)


_teller: Callable[[WorkItem], Origin | None] = lambda item: None  # noqa: E731


def tell_with(teller: Callable[[WorkItem], Origin | None]) -> None:
    """Let `teller` answer; call from the syncing app's `ready()`."""
    global _teller
    _teller = teller


def work_origin(item: WorkItem) -> Origin | None:
    """Where the fields of a work item come from; None where nobody knows."""
    return _teller(item)
