"""Requests to Jira: an issue made from one, or linked with one, and the way back from there.

Jira cannot tell a repeated call from a second wish. So the intent is stored first, the issue
carries a label that no other request has, and from the second attempt on it is looked for.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from jira.exceptions import JIRAError

from accounts.models import User
from accounts.permissions import is_pm, require
from activity.events import record
from intake.models import Request, Status, Visibility
from integrations import deliveries
from integrations.errors import (
    CredentialsRefused,
    RateLimited,
    RetryableUpstreamError,
    UpstreamError,
)
from integrations.jira import writes
from integrations.jira.client import JiraClient
from integrations.jira.session import jira_client
from integrations.jira.sync import read_issues
from integrations.models import Delivery, ItemLink, Source, SourceState
from planning.models import Outcome

REQUEST = "intake.request"
ISSUE = "issue"
# After an answer that was lost, a new issue may take so long to show in a search.
INDEX_SECONDS = 60


class CannotLink(Exception):
    """The sentence says why not."""


def label_of(item: Request) -> str:
    """The label of the issue that is made from a request; no other issue has it."""
    return f"ph-req-{item.number}"


def global_id(item: Request) -> str:
    """What Jira knows the link to a request by. Derived: the key itself also stands for who
    sent the form, and is nobody else's business."""
    return f"producthub:request:{uuid.uuid5(uuid.NAMESPACE_OID, str(item.submission_key))}"


def address_of(item: Request) -> str:
    """Where people open a request."""
    return settings.BASE_URL.rstrip("/") + item.get_absolute_url()


def links_of(item: Request) -> Any:
    """The issues that stand for a request."""
    return ItemLink.objects.filter(
        source=Source.JIRA, kind=ISSUE, subject_type=REQUEST, subject_id=item.pk
    )


def creation_key(item: Request) -> str:
    """One issue a request, however often it is asked for."""
    return f"jira:create:request:{item.pk}"


def why_not(item: Request) -> str:
    """Why no issue can be made from a request now; "" when it can."""
    if item.is_merged:
        return "It joined another request. Make the issue from that one."
    is_done_deal = item.status == Status.DECIDED and item.outcome == Outcome.DO
    if item.status != Status.TRIAGED and not is_done_deal:
        return "An issue is made from a request that was read, or that was decided to be done."
    return ""


@transaction.atomic
def plan_issue(
    *, item: Request, actor: User, fields: Mapping[str, Any], where: str = ""
) -> Delivery:
    """Have one issue made from a request; asked for again, it stays one.

    `fields` are Jira's, as `POST /issue` takes them; the label is added. What was given up
    before is tried with the new fields, after a look whether it is there. Raises CannotLink and
    PermissionDenied.
    """
    require(is_pm(actor), "Only product managers make Jira issues.")
    item = Request.objects.select_for_update(of=("self",)).get(pk=item.pk)
    if why := why_not(item):
        raise CannotLink(why)
    if link := links_of(item).filter(origin=ItemLink.Origin.CREATED).first():
        raise CannotLink(f"{link.label} was made from it already.")
    label = label_of(item)
    labels = list(dict.fromkeys([label, *fields.get("labels", ())]))
    payload = {"fields": {**fields, "labels": labels}, "label": label, "actor": actor.pk}
    delivery = deliveries.plan(
        source=Source.JIRA,
        action="create_issue",
        key=creation_key(item),
        payload=payload,
        subject_type=REQUEST,
        subject_id=item.pk,
        subject_label=f"{item.reference}{f' in {where}' if where else ''}",
    )
    if delivery.state == Delivery.State.DONE:
        raise CannotLink(
            f"{delivery.result.get('key', 'An issue')} was made from it and unlinked. Link it"
            " again instead."
        )
    if delivery.state in (Delivery.State.DEAD, Delivery.State.SKIPPED):
        if tried_at := delivery.payload.get("tried_at"):
            payload["tried_at"] = tried_at
        deliveries.plan_again(delivery, payload)
    return delivery


def note_created(delivery: Delivery) -> None:
    """Link the request with the issue that was made from it."""
    item = Request.objects.filter(pk=delivery.subject_id or 0).first()
    if item is not None:
        actor = User.objects.filter(pk=delivery.payload.get("actor")).first()
        made = delivery.result
        _link(item, made["id"], made["key"], actor, ItemLink.Origin.CREATED)


@deliveries.delivers(Source.JIRA, "create_issue", then=note_created)
def create_issue(delivery: Delivery) -> deliveries.Result:
    """Make the issue, unless one with its label is there."""
    with jira_client() as client:
        if delivery.attempts > 1:
            found = writes.issues_with_label(client, delivery.payload["label"])
            if found:
                return {**found[0], "found": True}
        wait = _unsettled_seconds(delivery)
        if wait <= 0:
            return _post(delivery, client)
    raise RateLimited(
        "The last answer of Jira was lost. The hub looks again whether the issue was made.", wait
    )


def _post(delivery: Delivery, client: JiraClient) -> deliveries.Result:
    _note_try(delivery, timezone.now())
    try:
        return dict(writes.create_issue(client, delivery.payload["fields"]))
    except UpstreamError as error:
        if _surely_undone(error):
            _note_try(delivery, None)
        raise


def _unsettled_seconds(delivery: Delivery) -> float:
    """How long an issue of the last try may still be missing from a search."""
    tried_at = delivery.payload.get("tried_at")
    if not tried_at:
        return 0.0
    until = datetime.fromisoformat(tried_at) + timedelta(seconds=INDEX_SECONDS)
    return (until - timezone.now()).total_seconds()


def _note_try(delivery: Delivery, at: datetime | None) -> None:
    """Written before the call, so that it is known even where the worker dies in it."""
    delivery.payload["tried_at"] = at.isoformat() if at else ""
    Delivery.objects.filter(pk=delivery.pk).update(payload=delivery.payload)


def _surely_undone(error: UpstreamError) -> bool:
    """Whether Jira said no, rather than nothing."""
    if not isinstance(error, RetryableUpstreamError) or isinstance(error, CredentialsRefused):
        return True
    if not isinstance(error, RateLimited):
        return False
    cause = error.__cause__
    return not isinstance(cause, JIRAError) or cause.status_code == 429


# --- Links -------------------------------------------------------------------------------------


def read_key(key: str) -> dict[str, str]:
    """The id and key of an issue that somebody names; it is stored as a work item.

    Raises NotFound, NotConfigured and other UpstreamErrors.
    """
    with jira_client(read_timeout=8) as client:
        issue = client.issue(key)
    found = {"id": str(issue.get("id") or ""), "key": str(issue.get("key") or "")}
    if not found["id"]:
        raise RetryableUpstreamError("Jira answered with something else than was asked for.")
    read_issues([found["id"]])
    return found


@transaction.atomic
def link_issue(*, item: Request, actor: User, issue_id: str, key: str) -> ItemLink:
    """Link a request with an issue that is there; once. Raises CannotLink, PermissionDenied."""
    require(is_pm(actor), "Only product managers link Jira issues.")
    item = Request.objects.select_for_update(of=("self",)).get(pk=item.pk)
    if item.is_merged:
        raise CannotLink("It joined another request. Link the issue with that one.")
    return _link(item, issue_id, key, actor, ItemLink.Origin.PERSON)


@transaction.atomic
def unlink_issue(*, link: ItemLink, item: Request, actor: User) -> None:
    """Part a request and an issue, here and there; the issue stays. Raises PermissionDenied."""
    require(is_pm(actor), "Only product managers unlink Jira issues.")
    deleted, _ = links_of(item).filter(pk=link.pk).delete()
    if not deleted:
        return
    data = {"source": Source.JIRA.value, "key": link.label, "issue": link.upstream_id}
    record("request.unlinked", item, actor=actor, data=data)
    _plan_link("unlink_request", item, link)


def _link(
    item: Request, issue_id: str, key: str, actor: User | None, origin: ItemLink.Origin
) -> ItemLink:
    site = SourceState.objects.filter(source=Source.JIRA).values_list("site_url", flat=True).first()
    link, is_new = ItemLink.objects.get_or_create(
        source=Source.JIRA,
        kind=ISSUE,
        upstream_id=issue_id,
        subject_type=REQUEST,
        subject_id=item.pk,
        defaults={
            "label": key,
            "url": f"{(site or settings.JIRA_BASE_URL).rstrip('/')}/browse/{key}",
            "origin": origin,
            "data": {"status_id": ""},
        },
    )
    if is_new:
        data = {"source": Source.JIRA.value, "key": key, "issue": issue_id}
        record("request.linked", item, actor=actor, data=data)
        _plan_link("link_request", item, link)
    return link


def _plan_link(action: str, item: Request, link: ItemLink) -> None:
    """In one lane, so that linking and unlinking arrive in the order they were done."""
    deliveries.plan(
        source=Source.JIRA,
        action=action,
        key=f"jira:{action}:{link.pk}",
        lane=f"jira:links:{item.pk}",
        payload={"issue": link.upstream_id},
        subject_type=REQUEST,
        subject_id=item.pk,
        subject_label=f"{item.reference} and {link.label}",
    )


@deliveries.delivers(Source.JIRA, "link_request")
def send_link(delivery: Delivery) -> deliveries.Result:
    """Show the request on the issue, and read the issue; both may be repeated."""
    item = Request.objects.get(pk=delivery.subject_id or 0)
    issue_id = delivery.payload["issue"]
    # Jira has other readers than the hub.
    is_public = item.visibility == Visibility.COMPANY
    with jira_client() as client:
        writes.upsert_remote_link(
            client,
            issue_id,
            global_id=global_id(item),
            url=address_of(item),
            title=f"{item.reference} {item.title}" if is_public else item.reference,
        )
    read_issues([issue_id])
    return {}


@deliveries.delivers(Source.JIRA, "unlink_request")
def send_unlink(delivery: Delivery) -> deliveries.Result:
    """Take the request off the issue."""
    item = Request.objects.get(pk=delivery.subject_id or 0)
    with jira_client() as client:
        writes.remove_remote_link(client, delivery.payload["issue"], global_id=global_id(item))
    return {}
