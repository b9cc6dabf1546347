"""Where the features of requests stand."""

from collections.abc import Collection

from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.fields.json import KT

from integrations import coming_back
from integrations.coming_back import Follower, Standing
from integrations.models import ItemLink, Source
from planning.models import ProductEntity

FEATURE = "feature"
_LINKS = Q(source=Source.PRODUCTBOARD, kind=FEATURE, subject_type=coming_back.REQUEST)


def follow_links() -> int:
    """Carry to requests what changed in their features; returns how many links had news."""
    return coming_back.follow(Source.PRODUCTBOARD)


def _news() -> list[int]:
    entity = ProductEntity.objects.filter(
        source=Source.PRODUCTBOARD, upstream_id=OuterRef("upstream_id")
    )
    news = (
        ItemLink.objects.filter(_LINKS)
        .annotate(
            here=KT("data__status_id"),
            there=Subquery(entity.values("status")[:1]),
            name_there=Subquery(entity.values("name")[:1]),
        )
        .filter(~Q(here=F("there")) | ~Q(label=F("name_there")), there__isnull=False)
    )
    return list(news.order_by("pk").values_list("pk", flat=True))


def _standings(upstream_ids: Collection[str]) -> dict[str, Standing]:
    """The vendor's statuses have no kind that says what is finished: only rules deliver."""
    entities = ProductEntity.objects.filter(
        source=Source.PRODUCTBOARD, upstream_id__in=upstream_ids
    )
    return {
        entity.upstream_id: Standing(
            label=entity.name,
            status_key=entity.status,
            status_name=entity.status,
            is_gone=entity.deleted_at is not None or entity.is_archived,
        )
        for entity in entities
    }


coming_back.register(Follower(Source.PRODUCTBOARD, FEATURE, _news, _standings))
