"""Requests to Productboard: one note a request, with its votes and cases, made once.

Making a note is not repeatable, so the intent is stored first, the note carries the request's
number as its record, and before each try it is looked for.
"""

import hashlib
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.html import escape

from accounts.models import User
from accounts.permissions import is_pm, require
from activity.events import record
from intake.models import Request, Visibility, Vote
from integrations import circuit, deliveries
from integrations.errors import CredentialsRefused, UpstreamError
from integrations.models import Delivery, ItemLink, Source
from integrations.productboard.client import OWN_SYSTEM, ProductboardClient
from integrations.productboard.config import NEEDS, productboard_config
from integrations.productboard.mapping import text

REQUEST = "intake.request"
NOTE = "note"
ACTION = "push_note"
# What the vendor takes in one comment; cases beyond it are counted, not told.
CASES_LENGTH = 7000
MAX_CASES = 100


class CannotPush(Exception):
    """The sentence says why not."""


def key_of(item: Request) -> str:
    """One note a request, however often it is asked for."""
    return f"productboard:note:request:{item.pk}"


def record_of(item: Request) -> str:
    """What Productboard knows the request by."""
    return f"req-{item.number}"


def why_not(item: Request) -> str:
    """Why a request cannot be sent; "" when it can."""
    if item.is_merged:
        return "It joined another request. Send that one."
    if item.visibility != Visibility.COMPANY:
        return "Not everybody may read it, and Productboard has other readers. It stays here."
    return ""


@transaction.atomic
def push_request(*, item: Request, actor: User) -> Delivery:
    """Have a note made from a request; asked for again, it stays one.

    Raises CannotPush and PermissionDenied.
    """
    require(is_pm(actor), "Only product managers send requests to Productboard.")
    if productboard_config() is None:
        raise CannotPush(f"Productboard is not connected. {NEEDS}")
    item = Request.objects.select_for_update(of=("self",)).get(pk=item.pk)
    if why := why_not(item):
        raise CannotPush(why)
    return deliveries.plan(
        source=Source.PRODUCTBOARD,
        action=ACTION,
        key=key_of(item),
        payload={"actor": actor.pk},
        subject_type=REQUEST,
        subject_id=item.pk,
        subject_label=item.reference,
    )


def note_made(delivery: Delivery) -> None:
    """Link the request with its note."""
    item = Request.objects.filter(pk=delivery.subject_id or 0).first()
    if item is None:
        return
    made = delivery.result
    _, is_new = ItemLink.objects.get_or_create(
        source=Source.PRODUCTBOARD,
        kind=NOTE,
        upstream_id=made["id"],
        subject_type=REQUEST,
        subject_id=item.pk,
        defaults={"label": "Note", "url": made["url"], "data": {"said": made.get("said", "")}},
    )
    if is_new:
        actor = User.objects.filter(pk=delivery.payload.get("actor")).first()
        data = {"source": Source.PRODUCTBOARD.value, "key": "Productboard", "note": made["id"]}
        record("request.linked", item, actor=actor, data=data)


@deliveries.delivers(Source.PRODUCTBOARD, ACTION, then=note_made)
def push_note(delivery: Delivery) -> deliveries.Result:
    """Make the note, unless one with the request's record is there."""
    config = productboard_config()
    if config is None:
        # It waits as for a new token: no attempt is lost.
        raise CredentialsRefused(f"Productboard is not connected. {NEEDS}")
    item = Request.objects.select_related("requester").get(pk=delivery.subject_id or 0)
    client = ProductboardClient(config)
    try:
        found = client.own_notes(record_of(item))
        if found:
            return _result(found[-1]) | {"found": True}
        if why := why_not(item):
            raise UpstreamError(why)
        said = digest(item)
        return _result(client.create_note(note_of(item))) | {"said": said}
    except CredentialsRefused as error:
        circuit.refused(Source.PRODUCTBOARD, str(error))
        raise
    finally:
        client.close()


def _result(note: dict[str, Any]) -> deliveries.Result:
    links = note.get("links")
    address = text(links.get("html")) if isinstance(links, dict) else ""
    is_web = address.startswith(("https://", "http://"))
    return {"id": text(note.get("id")), "url": address if is_web else ""}


def digest(item: Request) -> str:
    """Changes with what the note of a request says."""
    fields = note_of(item)["fields"]
    whole = f"{fields['name']}\0{fields['content']}"
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:32]


def note_of(item: Request) -> dict[str, Any]:
    """The note of a request: its problem, how many want it, and their cases."""
    address = settings.BASE_URL.rstrip("/") + item.get_absolute_url()
    note: dict[str, Any] = {
        "type": "textNote",
        "fields": {
            "name": f"{item.reference} {item.title}",
            "content": _content(item, address),
            "tags": [{"name": "producthub"}],
        },
        "metadata": {"source": {"system": OWN_SYSTEM, "recordId": record_of(item), "url": address}},
    }
    if item.requester.email:
        target = {"email": item.requester.email, "type": "user"}
        note["relationships"] = [{"type": "customer", "target": target}]
    return note


def _content(item: Request, address: str) -> str:
    """Safe HTML: the vendor shows a note's text as rich text."""
    parts = [_paragraphs(item.problem)]
    votes = item.vote_count
    if votes:
        parts.append(f"<p>{votes:,} {'vote' if votes == 1 else 'votes'}.</p>")
    left = used = 0
    cases = []
    # Names stay here: where somebody works and for which customer they speak is what counts.
    for vote in (
        Vote.objects.filter(request=item)
        .exclude(case="")
        .select_related("person", "customer")
        .order_by("created_at", "id")[:MAX_CASES]
    ):
        who = ", ".join(
            part for part in (vote.person.department, vote.customer and vote.customer.name) if part
        )
        line = f"<li>{f'<b>{escape(who)}</b>: ' if who else ''}{escape(vote.case)}</li>"
        if used + len(line) > CASES_LENGTH:
            left += 1
            continue
        used += len(line)
        cases.append(line)
    if cases:
        parts.append(f"<ul>{''.join(cases)}</ul>")
    if left:
        parts.append(f"<p>{left:,} more {'case stands' if left == 1 else 'cases stand'} there.</p>")
    parts.append(f'<p><a href="{escape(address)}">{escape(item.reference)} in ProductHub</a></p>')
    return "".join(parts)


def _paragraphs(words: str) -> str:
    blocks = words.replace("\r\n", "\n").split("\n\n")
    shown = (escape(block.strip()).replace("\n", "<br>") for block in blocks if block.strip())
    return "".join(f"<p>{block}</p>" for block in shown)
