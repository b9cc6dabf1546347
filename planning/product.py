"""Write what the product tool says about its plan, whole pages at a time."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from planning.models import ProductEntity, ProductField, ProductRelation

# (kind, first id, second id)
Relation = tuple[str, str, str]


@dataclass(frozen=True)
class EntityRow:
    """One entity as its source has it; texts without NUL, times aware."""

    upstream_id: str
    type: str
    name: str
    status: str
    owner_email: str
    parent_upstream_id: str
    starts_on: date | None
    ends_on: date | None
    granularity: str
    health: str
    progress: float | None
    is_archived: bool
    description: str
    custom: dict[str, Any]
    origin_system: str
    origin_record: str
    url: str
    upstream_created_at: datetime | None
    upstream_updated_at: datetime


class FieldRow(NamedTuple):
    """One field of a type; `options` are dictionaries of id and name."""

    entity_type: str
    upstream_id: str
    name: str
    schema: str
    options: list[dict[str, str]]


class Written(NamedTuple):
    """How many rows a page wrote, and how many were the same."""

    created: int
    updated: int
    unchanged: int


_COLUMNS = tuple(EntityRow.__dataclass_fields__)


@transaction.atomic
def upsert_entities(*, source: str, rows: Collection[EntityRow]) -> Written:
    """Write a page of entities. A version older than the stored one is left out; one that was
    gone and is there again comes back."""
    latest: dict[str, EntityRow] = {}
    for row in rows:
        known = latest.get(row.upstream_id)
        if known is None or known.upstream_updated_at <= row.upstream_updated_at:
            latest[row.upstream_id] = row
    stored = {
        entity.upstream_id: entity
        for entity in ProductEntity.objects.select_for_update()
        .filter(source=source, upstream_id__in=latest)
        .order_by("pk")
    }
    chosen = [row for row in latest.values() if _is_news(row, stored.get(row.upstream_id))]
    now = timezone.now()
    ProductEntity.objects.bulk_create(
        [ProductEntity(source=source, synced_at=now, **_values(row)) for row in chosen],
        update_conflicts=True,
        unique_fields=["source", "upstream_id"],
        update_fields=[*_COLUMNS[1:], "synced_at", "deleted_at"],
    )
    created = sum(row.upstream_id not in stored for row in chosen)
    return Written(created, len(chosen) - created, len(latest) - len(chosen))


def _values(row: EntityRow) -> dict[str, Any]:
    return asdict(row)


def _is_news(row: EntityRow, stored: ProductEntity | None) -> bool:
    if stored is None:
        return True
    if row.upstream_updated_at < stored.upstream_updated_at:
        return False
    return stored.deleted_at is not None or any(
        getattr(stored, name) != getattr(row, name) for name in _COLUMNS
    )


def set_relations(*, source: str, pairs: Mapping[str, set[Relation]]) -> int:
    """Let exactly these relations hold for each of these entities; returns how many changed."""
    if not pairs:
        return 0
    wanted = set().union(*pairs.values())
    with transaction.atomic():
        touching = ProductRelation.objects.filter(source=source).filter(
            Q(first_id__in=pairs) | Q(second_id__in=pairs)
        )
        held = {
            (kind, first, second): pk
            for pk, kind, first, second in touching.values_list(
                "pk", "kind", "first_id", "second_id"
            )
        }
        gone = [pk for pair, pk in held.items() if pair not in wanted]
        ProductRelation.objects.filter(pk__in=gone).delete()
        new = sorted(wanted - held.keys())
        ProductRelation.objects.bulk_create(
            [
                ProductRelation(source=source, kind=kind, first_id=first, second_id=second)
                for kind, first, second in new
            ],
            ignore_conflicts=True,
        )
    return len(gone) + len(new)


def mark_entities_deleted(
    *, source: str, upstream_ids: Collection[str], at: datetime | None = None
) -> int:
    """Keep entities that are gone upstream as tombstones; returns how many were not yet."""
    return ProductEntity.objects.filter(
        source=source, upstream_id__in=upstream_ids, deleted_at__isnull=True
    ).update(deleted_at=at or timezone.now())


def save_fields(*, source: str, entity_type: str, rows: Iterable[FieldRow]) -> int:
    """Keep the fields of one type; returns how many were new or changed. None is dropped:
    values of a field that is gone keep its name."""
    known = {
        pk: (name, schema, options)
        for pk, name, schema, options in ProductField.objects.filter(
            source=source, entity_type=entity_type
        ).values_list("upstream_id", "name", "schema", "options")
    }
    now = timezone.now()
    changed = {
        row.upstream_id: ProductField(source=source, synced_at=now, **row._asdict())
        for row in rows
        if known.get(row.upstream_id) != (row.name, row.schema, row.options)
    }
    ProductField.objects.bulk_create(
        changed.values(),
        update_conflicts=True,
        unique_fields=["source", "entity_type", "upstream_id"],
        update_fields=["name", "schema", "options", "synced_at"],
    )
    return len(changed)
