"""Later votes, cases and words of a request, carried into its note.

A change plans one update, which waits a little and takes all that happened meanwhile along.
Setting a note's text may be repeated, so a lost answer does no harm.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from activity.events import on
from activity.models import Event
from intake.models import Request
from integrations import circuit, deliveries
from integrations.errors import CredentialsRefused, NotFound
from integrations.models import Delivery, ItemLink, Source
from integrations.productboard import notes
from integrations.productboard.client import ProductboardClient
from integrations.productboard.config import NEEDS, productboard_config

ACTION = "update_note"
# Votes come in bursts: after a meeting, or a message to a channel.
WAIT_SECONDS = 60
KINDS = (
    "request.voted", "request.unvoted", "request.edited", "request.merged", "request.unmerged",
)  # fmt: skip


def _links(request_ids: list[int]) -> list[ItemLink]:
    found = ItemLink.objects.filter(
        source=Source.PRODUCTBOARD, kind=notes.NOTE, subject_type=notes.REQUEST
    )
    return list(found.filter(subject_id__in=request_ids))


def request_changed(event: Event) -> None:
    """Plan an update of the note, of the request that this joined as well."""
    if productboard_config() is None:
        return
    item = Request.objects.filter(pk=event.subject_id).only("root_id").first()
    ids = [event.subject_id, *([item.root_id] if item is not None and item.root_id else [])]
    for link in _links([pk for pk in ids if pk is not None]):
        plan_update(link, mark=str(event.pk))


@transaction.atomic
def plan_update(link: ItemLink, *, mark: str) -> Delivery | None:
    """Have a note say what its request says now; None where one that waits will do so. What one
    `mark` names is planned once."""
    lane = f"productboard:note:{link.upstream_id}"
    waiting = Delivery.objects.filter(lane=lane, state=Delivery.State.WAITING)
    # One that is being sent may have read the request before this change.
    if waiting.exists():
        return None
    item = Request.objects.filter(pk=link.subject_id).first()
    return deliveries.plan(
        source=Source.PRODUCTBOARD,
        action=ACTION,
        key=f"productboard:note:{link.pk}:{mark}",
        lane=lane,
        payload={"link": link.pk},
        subject_type=notes.REQUEST,
        subject_id=link.subject_id,
        subject_label=item.reference if item is not None else "",
        due_at=timezone.now() + timedelta(seconds=WAIT_SECONDS),
    )


def catch_up() -> int:
    """Plan updates of notes whose requests say something else by now; returns how many. Some
    changes, like a case added to a vote, are no event."""
    planned = 0
    today = timezone.localdate().isoformat()
    notes_here = ItemLink.objects.filter(
        source=Source.PRODUCTBOARD, kind=notes.NOTE, subject_type=notes.REQUEST
    )
    links = {link.subject_id: link for link in notes_here if not link.data.get("is_gone")}
    for item in Request.objects.filter(pk__in=links).select_related("requester"):
        link = links[item.pk]
        if not notes.why_not(item) and link.data.get("said") != notes.digest(item):
            planned += plan_update(link, mark=today) is not None
    return planned


@deliveries.delivers(Source.PRODUCTBOARD, ACTION)
def update_note(delivery: Delivery) -> deliveries.Result:
    """Set the note's name and text, unless it says all that already."""
    config = productboard_config()
    if config is None:
        raise CredentialsRefused(f"Productboard is not connected. {NEEDS}")
    link = ItemLink.objects.filter(pk=delivery.payload["link"]).first()
    item = Request.objects.select_related("requester").filter(pk=delivery.subject_id or 0).first()
    if link is None or item is None:
        return {"left": "The note is not linked any more."}
    if why := notes.why_not(item):
        return {"left": why}
    said = notes.digest(item)
    if link.data.get("said") == said:
        return {"left": "The note says so already."}
    client = ProductboardClient(config)
    try:
        fields = notes.note_of(item)["fields"]
        client.update_note(link.upstream_id, {key: fields[key] for key in ("name", "content")})
    except NotFound:
        _remember(link, {"is_gone": True})
        return {"left": "The note is gone from Productboard."}
    except CredentialsRefused as error:
        circuit.refused(Source.PRODUCTBOARD, str(error))
        raise
    finally:
        client.close()
    _remember(link, {"said": said})
    return {"votes": item.vote_count}


@transaction.atomic
def _remember(link: ItemLink, data: dict[str, object]) -> None:
    held = ItemLink.objects.select_for_update().filter(pk=link.pk).first()
    if held is not None:
        held.data, held.synced_at = {**held.data, **data}, timezone.now()
        held.save(update_fields=["data", "synced_at"])


def note_made(event: Event) -> None:
    """Votes that came while the note was being made had no note to go to."""
    if event.data.get("note"):
        for link in _links([event.subject_id] if event.subject_id else []):
            item = Request.objects.select_related("requester").get(pk=link.subject_id)
            if not notes.why_not(item) and link.data.get("said") != notes.digest(item):
                plan_update(link, mark="made")


for _kind in KINDS:
    on(_kind, request_changed)
on("request.linked", note_made)
