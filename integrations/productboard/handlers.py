"""What the hub does when Productboard says that something changed: it reads that again.

A message may come twice, late or never; so nothing of it is stored as a fact. What is missed, the
next run finds.
"""

from django.core.cache import cache

from intake import elsewhere
from integrations import circuit, inbox, shared_fields
from integrations.models import InboundMessage, Source, SyncRun
from integrations.productboard import (  # noqa: F401  they act on what happens here
    features,
    note_updates,
)
from integrations.productboard import shared_fields as _fields  # noqa: F401
from integrations.productboard.coming_back import follow_links
from integrations.productboard.config import productboard_config
from integrations.productboard.features import has_features
from integrations.productboard.requests import panel
from integrations.productboard.sync import single_reader
from integrations.productboard.webhooks import ids_in, read_hint

PB = Source.PRODUCTBOARD
# Messages without an id come in bursts: one run reads what changed.
RUN_EVERY_SECONDS = 30
ENTITY_KINDS = (
    "feature.", "subfeature.", "component.", "product.", "objective.", "key-result.",
    "initiative.", "release.", "release-group.",
)  # fmt: skip


@inbox.hears(PB)
def run_soon(message: InboundMessage) -> str:
    """Have a run read what changed, where a message names no entity."""
    from integrations.tasks import sync_productboard

    if not message.kind or productboard_config() is None:
        return ""
    if not cache.add("productboard:run-asked", 1, RUN_EVERY_SECONDS):
        return "A run was asked for a moment ago."
    sync_productboard.delay(trigger=SyncRun.Trigger.SCHEDULE.value)
    return "A run was asked for."


def read_again(message: InboundMessage) -> str:
    """Read the entity by its id; where Productboard says that it is gone, mark it so."""
    entity_id = read_hint(message.body).entity_id
    if not entity_id:
        return run_soon(message)
    if productboard_config() is None:
        return ""
    circuit.require_closed(PB)
    with single_reader() as reader:
        is_there = reader.read_again(entity_id)
    follow_links()
    shared_fields.follow(Source.PRODUCTBOARD)
    return "The entity was read again." if is_there else "The entity is gone; it was marked so."


def read_note(message: InboundMessage) -> str:
    """Read what one of our notes is linked with; messages about others concern nobody here."""
    known = features.notes_among(ids_in(message.body))
    if not known or productboard_config() is None:
        return ""
    circuit.require_closed(PB)
    with single_reader() as reader:
        features.read_note_links(reader.client, known)
    follow_links()
    shared_fields.follow(Source.PRODUCTBOARD)
    return "The note’s links were read again."


for _kind in ("note.", "insight."):
    inbox.hears(PB, _kind)(read_note)
for _kind in ENTITY_KINDS:
    inbox.hears(PB, _kind)(read_again)

elsewhere.register("productboard", panel, has_features)
