"""The features that stand for a request: linked by a person here, or there with its note."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from accounts.permissions import is_pm, require
from activity.events import record
from intake.models import Request
from integrations import coming_back
from integrations.errors import NotFound
from integrations.http import storable
from integrations.models import ItemLink, JiraConnection, Source
from integrations.productboard.client import ProductboardClient
from integrations.productboard.coming_back import FEATURE
from integrations.productboard.mapping import text
from planning.models import ProductEntity

REQUEST = coming_back.REQUEST
TYPES = ("feature", "subfeature", "initiative")
MAX_FOUND = 20


class CannotLink(Exception):
    """The sentence says why not."""


def links_of(item: Request) -> "QuerySet[ItemLink]":
    """The features that stand for a request."""
    return ItemLink.objects.filter(
        source=Source.PRODUCTBOARD, kind=FEATURE, subject_type=REQUEST, subject_id=item.pk
    )


def has_features() -> Exists:
    """Whether features stand for a request, as part of its query."""
    return Exists(
        ItemLink.objects.filter(
            source=Source.PRODUCTBOARD,
            kind=FEATURE,
            subject_type=REQUEST,
            subject_id=OuterRef("pk"),
        )
    )


def found_features(item: Request, words: str) -> list[ProductEntity]:
    """Features with these words in their name, at most MAX_FOUND; without words those that
    Productboard connects with the request's issues."""
    held = ProductEntity.objects.filter(
        source=Source.PRODUCTBOARD, type__in=TYPES, deleted_at__isnull=True, is_archived=False
    ).exclude(upstream_id__in=links_of(item).values("upstream_id"))
    if words:
        wanted = Q()
        for word in words.split()[:8]:
            wanted &= Q(name__icontains=word)
        held = held.filter(wanted)
    else:
        issues = ItemLink.objects.filter(
            source=Source.JIRA, kind="issue", subject_type=REQUEST, subject_id=item.pk
        )
        connected = JiraConnection.objects.filter(
            issue_id__in=issues.values("upstream_id"), gone_at__isnull=True, is_enabled=True
        )
        held = held.filter(upstream_id__in=connected.values("entity_id"))
    return list(held.order_by("name", "pk")[:MAX_FOUND])


@transaction.atomic
def link_feature(*, item: Request, actor: User, upstream_id: str) -> ItemLink:
    """Link a request with a feature, once. Raises CannotLink and PermissionDenied."""
    require(is_pm(actor), "Only product managers link features.")
    item = Request.objects.select_for_update(of=("self",)).get(pk=item.pk)
    if item.is_merged:
        raise CannotLink("It joined another request. Link the feature with that one.")
    entity = ProductEntity.objects.filter(
        source=Source.PRODUCTBOARD, upstream_id=upstream_id, deleted_at__isnull=True
    ).first()
    if entity is None:
        raise CannotLink("The hub knows no such feature. The next sync may bring it.")
    link = _link(item, entity, actor, ItemLink.Origin.PERSON)
    # Only this one: other links are locked before their requests, and this request is locked.
    coming_back.carry_link(link)
    return link


@transaction.atomic
def unlink_feature(*, link: ItemLink, item: Request, actor: User) -> None:
    """Part a request and a feature; both stay. Raises PermissionDenied."""
    require(is_pm(actor), "Only product managers unlink features.")
    if links_of(item).filter(pk=link.pk).delete()[0]:
        data = {"source": Source.PRODUCTBOARD.value, "key": "Productboard"}
        record("request.unlinked", item, actor=actor, data=data)


def _link(
    item: Request, entity: ProductEntity, actor: User | None, origin: ItemLink.Origin
) -> ItemLink:
    link, is_new = ItemLink.objects.get_or_create(
        source=Source.PRODUCTBOARD,
        kind=FEATURE,
        upstream_id=entity.upstream_id,
        subject_type=REQUEST,
        subject_id=item.pk,
        defaults={
            "label": entity.name,
            "url": entity.url,
            "origin": origin,
            "data": {"status_id": ""},
        },
    )
    if is_new:
        data = {
            "source": Source.PRODUCTBOARD.value, "key": "Productboard",
            "feature": entity.upstream_id,
        }  # fmt: skip
        record("request.linked", item, actor=actor, data=data)
    return link


# --- What people linked in Productboard ----------------------------------------------------------


def _notes() -> "QuerySet[ItemLink]":
    return ItemLink.objects.filter(
        source=Source.PRODUCTBOARD, kind="note", subject_type=REQUEST
    ).exclude(upstream_id="")


def notes_among(ids: Collection[str]) -> set[str]:
    """Those of these ids that are notes of the hub."""
    return set(_notes().filter(upstream_id__in=ids).values_list("upstream_id", flat=True))


def read_changed_notes(client: ProductboardClient, since: datetime | None) -> int:
    """Read the links of notes that changed, or of all with None; one call where none did, none
    where the hub has no notes."""
    if since is None or not _notes().exists():
        return read_note_links(client)
    ids = [text(note.get("id")) for page in client.own_notes_changed(since) for note in page]
    return read_note_links(client, ids)


def read_note_links(client: ProductboardClient, note_ids: Collection[str] | None = None) -> int:
    """Link requests with the features that their notes were linked with there; returns how many
    are new. One call a note; a note is named where only that changed. Links that are taken away
    there go here, unless a person made them here."""
    notes = _notes()
    if note_ids is not None:
        notes = notes.filter(upstream_id__in=note_ids)
    made = 0
    for note in notes:
        try:
            entries = [one for page in client.note_relationships(note.upstream_id) for one in page]
        except NotFound:
            continue  # the note is gone there; what it said stays
        targets = {
            text(entry["target"].get("id"))
            for entry in storable(entries)
            if entry.get("type") == "link" and isinstance(entry.get("target"), dict)
        }
        made += _save_note_links(note, targets - {""})
    return made


@transaction.atomic
def _save_note_links(note: ItemLink, targets: set[str]) -> int:
    item = Request.objects.select_for_update(of=("self",)).filter(pk=note.subject_id).first()
    if item is None:
        return 0
    held = links_of(item)
    gone = held.filter(origin=ItemLink.Origin.MATCHED).exclude(upstream_id__in=targets)
    for link in gone:
        link.delete()
        data: dict[str, Any] = {"source": Source.PRODUCTBOARD.value, "key": "Productboard"}
        record("request.unlinked", item, data=data)
    known = set(held.values_list("upstream_id", flat=True))
    new = ProductEntity.objects.filter(
        source=Source.PRODUCTBOARD, upstream_id__in=targets - known, deleted_at__isnull=True
    )
    for entity in new:
        _link(item, entity, None, ItemLink.Origin.MATCHED)
    return len(new)
