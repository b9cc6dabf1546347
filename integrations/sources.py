"""The sources: what each is called, whether it is connected, how it is read and tested.

A source is a folder with `client.py`, `mapping.py` and `sync.py`; its `connector.py` names them
here. Everything else (runs, errors, deliveries, messages, limits, pages) is shared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
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
    `fingerprint` changes with the credentials and tells nothing of them.
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
    task: str = ""
    kept: Callable[[], Kept] | None = None
    stale_minutes: int = 15


# Where each connector is; read when it is first asked for, so that models load without clients.
_MODULES = {
    Source.JIRA: "integrations.jira.connector",
    Source.PRODUCTBOARD: "integrations.productboard.connector",
    Source.SLACK: "integrations.slack.connector",
    Source.MAIL: "integrations.mail.connector",
}


@cache
def connector(source: str) -> Connector | None:
    """A source's connector; None for what the hub does not read."""
    module = _MODULES.get(Source(source)) if source in Source.values else None
    try:
        return import_module(module).CONNECTOR if module else None
    except ModuleNotFoundError as error:
        if error.name and module and module.startswith(error.name):
            return None
        raise


def connectors() -> list[Connector]:
    """All of them, in the order of the page."""
    return [found for source in _MODULES if (found := connector(source)) is not None]
