"""Work items as things that a decision may be linked with."""

from collections.abc import Collection
from typing import Any

from planning import links
from planning.models import Phase, WorkItem
from planning.selectors import visible_work
from producthub.lib.tags import tag_html

WORK_ITEM = "planning.workitem"
PHASE_TAGS = {
    Phase.WAITING: ("Waiting", "", "clock"),
    Phase.ACTIVE: ("In progress", "info", "play"),
    Phase.DONE: ("Done", "good", "check"),
    Phase.UNMAPPED: ("Unmapped", "", "help"),
}


def register() -> None:
    """Called once from `ready()`."""
    links.register(WORK_ITEM, cards, word="Work item", find=find)


def cards(ids: Collection[int], reader: Any) -> dict[int, links.Card]:
    """All who are signed in may see all work; what is gone upstream is left out."""
    found = visible_work().filter(pk__in=ids).defer("search_text")
    return {item.pk: _card(item) for item in found}


def _card(item: WorkItem) -> links.Card:
    about = (item.key, item.status_name, item.assignee_name or "nobody yet")
    return links.Card(
        item.title,
        item.get_absolute_url(),
        " · ".join(part for part in about if part),
        tag_html(*PHASE_TAGS[Phase(item.phase)]),
        "play",
    )


def find(references: Collection[str], reader: Any) -> dict[str, int]:
    """Work items by key, as people type it."""
    keys = {one.strip().upper(): one for one in references}
    rows = visible_work().filter(key__in=keys).order_by().values_list("key", "pk")
    return {keys[key]: pk for key, pk in rows}
