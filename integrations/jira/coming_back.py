"""From a linked issue back to its request: where it stands, and what follows from that.

What a status means is a rule that an admin keeps. Without one, finished work delivers the request,
and any other status is shown and counted as unmapped.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.fields.json import KT
from django.utils import timezone

from activity.events import on
from activity.models import Event
from intake.models import Request
from intake.services import RequestError, begin_request, ship_request
from integrations.models import ItemLink, Source, StatusRule
from planning.models import WorkItem, WorkStatus

REQUEST = "intake.request"
Effect = StatusRule.Effect

_LINKS = Q(source=Source.JIRA, kind="issue", subject_type=REQUEST)


def follow_links() -> int:
    """Carry to requests what changed in their issues; returns how many links had news.

    One query where nothing did. Repeatable, and any run catches up with what was missed.
    """
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
    found = list(news.order_by("pk").values_list("pk", flat=True))
    for pk in found:
        _carry(pk)
    return len(found)


@transaction.atomic
def _carry(link_id: int) -> None:
    link = ItemLink.objects.select_for_update().filter(pk=link_id).first()
    work = _work_of(link) if link is not None else None
    if link is None or work is None:
        return
    link.label, link.state, link.synced_at = work.key, work.status_name, timezone.now()
    link.data = {**link.data, "status_id": work.status_id}
    link.save(update_fields=["label", "state", "synced_at", "data"])
    _apply(link, work)


def _work_of(link: ItemLink) -> WorkItem | None:
    return WorkItem.objects.filter(source=Source.JIRA, upstream_id=link.upstream_id).first()


def _apply(link: ItemLink, work: WorkItem) -> None:
    """What the issue's status means for its request, or for the one that this joined."""
    effect = effect_of(work)
    item = Request.objects.select_related("root").filter(pk=link.subject_id).first()
    if item is None or effect == Effect.NOTHING:
        return
    item = item.root or item
    try:
        if effect == Effect.BEGUN:
            begin_request(item=item)
        elif _are_all_done(link):
            ship_request(item=item, actor=None)
    except RequestError:
        pass  # not decided yet, or declined: the decision looks here again


def _are_all_done(link: ItemLink) -> bool:
    """A request with several issues is delivered with the last of them."""
    ids = ItemLink.objects.filter(_LINKS, subject_id=link.subject_id).values("upstream_id")
    works = WorkItem.objects.filter(
        source=Source.JIRA, upstream_id__in=ids, deleted_at__isnull=True
    )
    return all(effect_of(work) == Effect.SHIPPED for work in works)


def effect_of(work: WorkItem) -> str:
    """By its rule; without one, finished work delivers."""
    rule = StatusRule.objects.filter(
        status__source=work.source, status__upstream_id=work.status_id
    ).first()
    if rule is not None:
        return rule.effect
    return Effect.SHIPPED if work.finished_at is not None else Effect.NOTHING


def unmapped_statuses() -> list[str]:
    """Names of statuses that linked issues stand in and that have no rule. One query."""
    linked = ItemLink.objects.filter(_LINKS).values("upstream_id")
    standing = WorkItem.objects.filter(
        source=Source.JIRA, upstream_id__in=linked, deleted_at__isnull=True
    ).values("status_id")
    found = WorkStatus.objects.filter(
        source=Source.JIRA, upstream_id__in=standing, rule__isnull=True
    )
    return list(found.values_list("name", flat=True))


def apply_again(links: Iterable[ItemLink]) -> None:
    """Look at links again, though their issues did not move: a rule or a decision is new."""
    for link in links:
        work = _work_of(link)
        if work is not None:
            _apply(link, work)


def apply_rule(rule: StatusRule) -> None:
    """A rule also holds for the issues that stand in its status already."""
    apply_again(ItemLink.objects.filter(_LINKS, data__status_id=rule.status.upstream_id))


def request_decided(event: Event) -> None:
    """Work may have been finished before the decision was written down."""
    apply_again(ItemLink.objects.filter(_LINKS, subject_id=event.subject_id))


def work_finished(event: Event) -> None:
    """Also where a flow rule says so and the issue did not move."""
    works = WorkItem.objects.filter(pk=event.subject_id).values("upstream_id")
    apply_again(ItemLink.objects.filter(_LINKS, upstream_id__in=works))


on("request.decided", request_decided)
on("work_item.finished", work_finished)
