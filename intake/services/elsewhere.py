"""What another system may change of a request, by a rule or because a person chose its value."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.permissions import is_pm, require
from activity.events import record
from intake.models import Request, Revision
from intake.models.requests import TITLE_LENGTH
from intake.services import groups
from intake.services.errors import RequestError
from intake.services.locks import locked


@transaction.atomic
def retitle_from(
    *, item: Request, source: str, title: str, actor: User | None = None, at: datetime | None = None
) -> Request:
    """Take a title over from another system, also once it was decided; what it said is kept.

    `actor` is who chose it, None for a rule. Repeating it changes nothing. Raises RequestError
    for an empty title or a merged request, PermissionDenied for non-PMs.
    """
    _refuse(actor)
    item = locked(item)
    _refuse_merged(item)
    title = " ".join(title.split())[:TITLE_LENGTH].rstrip()
    if not title:
        raise RequestError("A request needs a title.")
    if title == item.title:
        return item
    now = at or timezone.now()
    Revision.objects.create(
        request=item,
        title=item.title,
        problem=item.problem,
        replaced_by=actor,
        replaced_at=now,
        source=source,
    )
    item.title, item.changed_at = title, now
    item.save(update_fields=["title", "changed_at"])
    data = {"fields": ["title"], "source": source}
    record("request.edited", item, actor=actor, at=now, data=data)
    groups.index_groups([item.root_id or item.pk])
    return item


@transaction.atomic
def assign_from(
    *,
    item: Request,
    source: str,
    owner: User,
    actor: User | None = None,
    at: datetime | None = None,
) -> Request:
    """Take an owner over from another system. As `retitle_from`; the owner must be a PM."""
    _refuse(actor)
    item = locked(item)
    _refuse_merged(item)
    if not owner.is_active or not is_pm(owner):
        raise RequestError(f"{owner} is not a product manager here.")
    if owner.pk == item.owner_id:
        return item
    now = at or timezone.now()
    item.owner, item.changed_at = owner, now
    item.save(update_fields=["owner", "changed_at"])
    data = {"team": item.team_id, "owner": owner.pk, "owner_changed": True, "source": source}
    record("request.reassigned", item, actor=actor, at=now, data=data)
    return item


def _refuse(actor: User | None) -> None:
    if actor is not None:
        require(is_pm(actor), "Only product managers choose between two values.")


def _refuse_merged(item: Request) -> None:
    if item.is_merged:
        raise RequestError("It joined another request.")
