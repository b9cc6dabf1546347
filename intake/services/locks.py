"""Requests in hand, locked, in one order, so that two changes at once wait instead of clashing."""

from collections.abc import Collection

from intake.models import Request
from intake.services.errors import AlreadyDecided, AlreadyMerged


def locked(item: Request) -> Request:
    """The request as it is now, locked until the transaction ends."""
    return Request.objects.select_for_update(of=("self",)).get(pk=item.pk)


def locked_many(ids: Collection[int]) -> dict[int, Request]:
    """Several, locked in the order of their ids, by id."""
    found = Request.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
    return {item.pk: item for item in found}


def refuse_closed(item: Request) -> None:
    """Raise AlreadyMerged or AlreadyDecided unless the request is still open."""
    if item.merged_into_id is not None:
        assert item.root_id is not None
        root = Request.objects.only("number").get(pk=item.root_id)
        raise AlreadyMerged(root.reference)
    if not item.is_open:
        assert item.decision is not None
        raise AlreadyDecided(item.decision)
