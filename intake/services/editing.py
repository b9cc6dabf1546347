"""Mending the words of a request, and who may see it."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.permissions import is_pm, require
from activity.events import record
from intake.models import Request, Revision, Visibility
from intake.permissions import can_edit
from intake.services import groups
from intake.services.errors import RequestError
from intake.services.locks import locked, refuse_closed
from intake.visibility import who_may_not_see
from producthub.lib.tags import count_of


class EditedMeanwhile(RequestError):
    """Someone else changed the words since they were read."""


@transaction.atomic
def edit_request(
    *,
    item: Request,
    actor: User,
    title: str,
    problem: str,
    evidence_url: str = "",
    needed_on: Any = None,
    visibility: str = "",
    seen: int | None = None,
    at: datetime | None = None,
) -> Request:
    """Change what a request says; what it said before is kept.

    `seen` is how many revisions it had when it was read: with more of them EditedMeanwhile says
    who was first. Only PMs change `visibility`, and nobody behind the request may lose sight of
    it. Repeating it changes nothing. Raises AlreadyDecided, AlreadyMerged, PermissionDenied.
    """
    require(can_edit(actor, item), "Only its requester and product managers change a request.")
    item = locked(item)
    refuse_closed(item)
    now = at or timezone.now()
    latest = item.revisions.select_related("replaced_by").first()
    words_changed = (item.title, item.problem) != (title, problem)
    if words_changed and seen is not None and item.revisions.count() != seen and latest:
        raise EditedMeanwhile(
            f"{latest.replaced_by or latest.source.capitalize()} changed the words first. They are"
            " shown beside yours: take over what you need and save again."
        )
    changed = []
    if words_changed:
        Revision.objects.create(
            request=item,
            title=item.title,
            problem=item.problem,
            replaced_by=actor,
            replaced_at=now,
        )
        item.title, item.problem = title, problem
        changed += ["title", "problem"]
    if (item.evidence_url, item.needed_on) != (evidence_url, needed_on):
        item.evidence_url, item.needed_on = evidence_url, needed_on
        changed += ["evidence_url", "needed_on"]
    if visibility and visibility != item.visibility:
        require(is_pm(actor), "Only product managers change who may see a request.")
        item.visibility = Visibility(visibility)
        blind = who_may_not_see(groups.behind(item), item)
        if blind:
            raise RequestError(
                f"{count_of(len(blind), 'person,people')} behind it could no longer see it."
                " Choose a wider circle."
            )
        changed.append("visibility")
    if not changed:
        return item
    item.changed_at = now
    item.save(update_fields=[*changed, "changed_at"])
    # Names of columns are codes, the words themselves stay out of the trail.
    record("request.edited", item, actor=actor, at=now, data={"fields": changed})
    if words_changed:
        groups.index_groups([item.root_id or item.pk])
    return item
