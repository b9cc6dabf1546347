"""Where the issues of requests stand."""

from collections.abc import Collection

from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.fields.json import KT

from activity.events import on
from activity.models import Event
from integrations import coming_back
from integrations.coming_back import Follower, Standing
from integrations.models import ItemLink, Source
from planning.models import WorkItem

_LINKS = Q(source=Source.JIRA, kind="issue", subject_type=coming_back.REQUEST)


def follow_links() -> int:
    """Carry to requests what changed in their issues; returns how many links had news."""
    return coming_back.follow(Source.JIRA)


def _news() -> list[int]:
    work = WorkItem.objects.filter(source=Source.JIRA, upstream_id=OuterRef("upstream_id"))
    news = (
        ItemLink.objects.filter(_LINKS)
        .annotate(
            here=KT("data__status_id"),
            there=Subquery(work.values("status_id")[:1]),
            key_there=Subquery(work.values("key")[:1]),
        )
        .filter(~Q(here=F("there")) | ~Q(label=F("key_there")), there__isnull=False)
    )
    return list(news.order_by("pk").values_list("pk", flat=True))


def _standings(upstream_ids: Collection[str]) -> dict[str, Standing]:
    works = WorkItem.objects.filter(source=Source.JIRA, upstream_id__in=upstream_ids)
    return {
        work.upstream_id: Standing(
            label=work.key,
            status_key=work.status_id,
            status_name=work.status_name,
            is_finished=work.finished_at is not None,
            is_gone=work.deleted_at is not None,
        )
        for work in works
    }


def work_finished(event: Event) -> None:
    """Also where a flow rule says so and the issue did not move."""
    works = WorkItem.objects.filter(pk=event.subject_id).values("upstream_id")
    coming_back.apply_again(ItemLink.objects.filter(_LINKS, upstream_id__in=works))


coming_back.register(Follower(Source.JIRA, "issue", _news, _standings, finished_ships=True))
on("work_item.finished", work_finished)
