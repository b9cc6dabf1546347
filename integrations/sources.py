"""The sources: what each is called, whether it is connected, how it is read and tested.

A source is a folder with `client.py`, `mapping.py` and `sync.py`, and a line in `models.Source`;
the CONNECTOR at the end of `sync.py` says how it is used. Everything else (runs, errors,
deliveries, messages, limits, pages) is shared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from integrations.models import Source, SyncError, SyncRun


class Kept(NamedTuple):
    """How much of a source the hub keeps, where it is seen, and what nobody has placed yet."""

    number: int
    url: str = ""
    unmapped: int = 0


@dataclass(frozen=True)
class Connector:
    """One source. `sync` takes what `integrations.jira.sync.sync_jira` takes.

    `test` calls the source and answers with a sentence ("Ada's token reads 12 projects");
    it raises UpstreamError. `needs` says what an administrator sets to connect it.
    `fingerprint` changes with the credentials and tells nothing of them. `stale_minutes` is a few
    missed runs: without a complete run for longer the source is called late.
    """

    source: Source
    glyph: str
    noun: str
    needs: str
    is_connected: Callable[[], bool]
    fingerprint: Callable[[], str]
    sync: Callable[..., SyncRun | None]
    test: Callable[[], str]
    retry: Callable[[SyncError], None] | None = None
    kept: Callable[[], Kept] | None = None
    stale_minutes: int = 15

    @property
    def task(self) -> str:
        """The name of the task that reads it."""
        return f"integrations.tasks.sync_{self.source.value}"


@cache
def connector(source: str) -> Connector | None:
    """A source's connector; None for what the hub does not read.

    Looked up when first asked for, so that models load without clients: CONNECTOR in the folder
    of the source's name, in `connector.py` where it takes more than a few lines, else in `sync.py`.
    """
    if source not in Source.values:
        return None
    for name in ("connector", "sync"):
        module = f"integrations.{Source(source).value}.{name}"
        if find_spec(module.rpartition(".")[0]) and find_spec(module):
            found = getattr(import_module(module), "CONNECTOR", None)
            if isinstance(found, Connector):
                return found
    return None


def connectors() -> list[Connector]:
    """All of them, in the order of the page."""
    return [found for source in Source if (found := connector(source.value)) is not None]
