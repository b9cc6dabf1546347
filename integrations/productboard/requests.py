"""What the page of a request shows of Productboard: its note, and the features it became."""

from dataclasses import dataclass

from accounts.models import User
from accounts.permissions import is_pm
from intake import elsewhere
from intake.models import Request
from integrations import origins, shared_fields
from integrations.models import Delivery, ItemLink, Source
from integrations.productboard import features, notes
from integrations.productboard.config import productboard_config
from planning.models import ProductEntity
from planning.origins import Origin
from producthub.lib.tags import tag_html

# Each costs queries; a request rarely is more.
MAX_ORIGINS = 3


@dataclass(slots=True)
class Feature:
    """One feature of a request. `entity` is None when the hub no longer keeps it."""

    link: ItemLink
    entity: ProductEntity | None
    origin: Origin | None = None

    @property
    def tag(self) -> str:
        """Where it stands, in Productboard's own words."""
        if self.entity is None or self.entity.deleted_at is not None:
            return tag_html("Gone from Productboard", "warn", "alert")
        if self.entity.is_archived:
            return tag_html("Archived", "warn", "alert")
        return tag_html(
            self.entity.status[:40] or "No status", "info" if self.entity.status else ""
        )


def panel(item: Request, reader: User) -> elsewhere.Panel | None:
    """The features with their states for everybody; the note and the buttons for PMs."""
    # Most requests have no feature: told with the request itself, they cost no query here.
    links = list(features.links_of(item)) if getattr(item, "known_productboard", True) else []
    for_pm = productboard_config() is not None and is_pm(reader)
    sent = Delivery.objects.filter(key=notes.key_of(item)).first() if for_pm else None
    why_not = notes.why_not(item)
    if not links and sent is None and (not for_pm or item.is_merged):
        return None
    by_id = {}
    if links:
        entities = ProductEntity.objects.filter(
            source=Source.PRODUCTBOARD, upstream_id__in=[link.upstream_id for link in links]
        )
        by_id = {entity.upstream_id: entity for entity in entities}
    rows = [Feature(link, by_id.get(link.upstream_id)) for link in links]
    disputed = set()
    if rows and is_pm(reader):
        disputed = shared_fields.disputed_links(links)
        rules = origins.field_rules(Source.PRODUCTBOARD)
        for row in rows[:MAX_ORIGINS]:
            row.origin = origins.entity_origin(row.entity, rules) if row.entity else None
    data = {
        "rows": rows,
        "disputed": disputed,
        "sent": sent,
        "for_pm": for_pm,
        "may_link": for_pm and not item.is_merged,
        "why_not": why_not,
    }
    return elsewhere.Panel("integrations/_request_note.html", data)
