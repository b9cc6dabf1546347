"""Accounts in a source and the people here behind them, matched by mail address."""

from collections.abc import Iterable
from typing import NamedTuple

from django.db import transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import User
from integrations.models import IdentityLink, Source


class Account(NamedTuple):
    """An account as its source tells it."""

    upstream_id: str
    name: str
    email: str = ""
    is_active: bool = True
    is_bot: bool = False


@transaction.atomic
def keep_accounts(source: Source, accounts: Iterable[Account]) -> int:
    """Store accounts; returns how many rows changed.

    A match that was made once stays, also when the address is not shown any more.
    """
    listed = {one.upstream_id: one for one in accounts if one.upstream_id}
    emails = {one.email.lower() for one in listed.values() if one.email}
    people = dict(
        User.objects.annotate(mail=Lower("email")).filter(mail__in=emails).values_list("mail", "pk")
    )
    columns = ["name", "email", "is_active", "is_bot", "person_id"]
    held = {
        row["upstream_id"]: row
        for row in IdentityLink.objects.filter(source=source).values("upstream_id", *columns)
    }
    now = timezone.now()
    changed = []
    for pk, one in listed.items():
        known = held.get(pk)
        row = IdentityLink(
            source=source,
            upstream_id=pk,
            name=one.name,
            email=one.email,
            is_active=one.is_active,
            is_bot=one.is_bot,
            person_id=people.get(one.email.lower()) or (known or {}).get("person_id"),
            synced_at=now,
        )
        if known is None or any(known[name] != getattr(row, name) for name in columns):
            changed.append(row)
    IdentityLink.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["source", "upstream_id"],
        update_fields=["name", "email", "is_active", "is_bot", "person", "synced_at"],
        batch_size=2000,
    )
    return len(changed)
