"""What is read whole each time: the connections to Jira, members, and what they did."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import User
from integrations.http import storable
from integrations.models import IdentityLink, JiraConnection, MemberDay, Source
from integrations.productboard import mapping
from integrations.productboard.client import ProductboardClient

FIRST_DAYS = 90
# Counts of the last days still grow.
OVERLAP_DAYS = 3


def read_connections(client: ProductboardClient) -> None:
    """All connections of all integrations; those that are not listed any more are gone.

    The lists are read before anything is written: half a list would look like unlinking.
    """
    found: dict[tuple[str, str], JiraConnection] = {}
    for integration in storable(client.jira_integrations()):
        integration_id = mapping.text(integration.get("id"))
        fields = integration.get("fields") if isinstance(integration.get("fields"), dict) else {}
        if not integration_id:
            continue
        for page in client.jira_connections(integration_id):
            for entry in storable(page):
                held = entry.get("fields") if isinstance(entry.get("fields"), dict) else {}
                entity_id, issue_id = (
                    mapping.text(entry.get("id")),
                    mapping.text(held.get("issueId")),
                )
                if entity_id and issue_id:
                    found[integration_id, entity_id] = JiraConnection(
                        integration_id=integration_id,
                        integration_name=mapping.text(fields.get("name")),
                        is_enabled=fields.get("integrationStatus") != "disabled",
                        entity_id=entity_id,
                        issue_id=issue_id,
                        issue_key=mapping.text(held.get("issueKey")),
                    )
    _save_connections(found)


@transaction.atomic
def _save_connections(found: dict[tuple[str, str], JiraConnection]) -> None:
    columns = ["integration_name", "is_enabled", "issue_id", "issue_key"]
    held = {(row.integration_id, row.entity_id): row for row in JiraConnection.objects.all()}
    changed = [
        row
        for key, row in found.items()
        if key not in held
        or held[key].gone_at is not None
        or any(getattr(held[key], name) != getattr(row, name) for name in columns)
    ]
    JiraConnection.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["integration_id", "entity_id"],
        update_fields=[*columns, "gone_at"],
    )
    gone = [row.pk for key, row in held.items() if key not in found and row.gone_at is None]
    JiraConnection.objects.filter(pk__in=gone).update(gone_at=timezone.now())


def read_members(client: ProductboardClient) -> None:
    """Members as accounts, matched with people here by mail address."""
    members = [
        member
        for page in client.members()
        for payload in storable(page)
        if (member := mapping.to_member(payload)) is not None
    ]
    emails = {member.email.lower() for member in members if member.email}
    people = dict(
        User.objects.annotate(mail=Lower("email")).filter(mail__in=emails).values_list("mail", "pk")
    )
    columns = ["name", "email", "is_active", "person_id"]
    held = {
        row["upstream_id"]: row
        for row in IdentityLink.objects.filter(source=Source.PRODUCTBOARD).values(
            "upstream_id", *columns
        )
    }
    now = timezone.now()
    rows = [
        IdentityLink(
            source=Source.PRODUCTBOARD,
            upstream_id=member.upstream_id,
            name=member.name,
            email=member.email,
            is_active=member.is_active,
            # A match that was made once stays, also when the address is not shown any more.
            person_id=people.get(member.email.lower())
            or (held.get(member.upstream_id) or {}).get("person_id"),
            synced_at=now,
        )
        for member in {one.upstream_id: one for one in members}.values()
    ]
    IdentityLink.objects.bulk_create(
        [
            row
            for row in rows
            if row.upstream_id not in held
            or any(held[row.upstream_id][name] != getattr(row, name) for name in columns)
        ],
        update_conflicts=True,
        unique_fields=["source", "upstream_id"],
        update_fields=["name", "email", "is_active", "person", "synced_at"],
    )


def read_activities(client: ProductboardClient) -> None:
    """One row a member and day, from a few days before the last that is kept."""
    today = timezone.localdate()
    latest = MemberDay.objects.filter(source=Source.PRODUCTBOARD).aggregate(latest=Max("day"))[
        "latest"
    ]
    first = today - timedelta(days=FIRST_DAYS)
    if latest is not None:
        first = max(first, latest - timedelta(days=OVERLAP_DAYS))
    for page in client.member_activities(first, today):
        days = [day for payload in storable(page) if (day := mapping.to_day(payload)) is not None]
        rows = {
            (day.member_id, day.day): MemberDay(
                source=Source.PRODUCTBOARD,
                member_id=day.member_id,
                day=day.day,
                role=day.role,
                is_active=day.is_active,
                counts=day.counts,
            )
            for day in days
        }
        MemberDay.objects.bulk_create(
            rows.values(),
            update_conflicts=True,
            unique_fields=["source", "place", "member_id", "day"],
            update_fields=["role", "is_active", "counts"],
        )
