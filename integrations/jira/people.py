"""Jira's accounts, and the people here behind them.

Jira knows people by account id and hides many mail addresses; whoever was matched once stays
matched. Customers of a service desk are no colleagues and are left out.
"""

from typing import Any

from integrations.http import storable
from integrations.identities import Account, keep_accounts
from integrations.jira.client import PAGE_SIZE, JiraClient, JiraConfig
from integrations.models import IdentityLink, Source
from planning import tracker


def read_people(client: JiraClient, config: JiraConfig, *, is_full: bool) -> bool:
    """All accounts, deactivated ones too."""
    # The list is cut after it was filtered, so a short page is not the end: an empty one is.
    listed = client.values("users/search", size=PAGE_SIZE)
    accounts = [one for entry in storable(listed) if (one := to_account(entry)) is not None]
    keep_accounts(Source.JIRA, accounts)
    return True


def match_assignees() -> int:
    """Find the owners of items whose mail addresses Jira does not show; returns how many."""
    matched = IdentityLink.objects.filter(source=Source.JIRA, person__isnull=False)
    people: dict[str, int] = dict(
        matched.exclude(person__role="guest").values_list("upstream_id", "person_id")
    )
    return tracker.match_assignees(source=Source.JIRA, people=people)


def to_account(user: dict[str, Any]) -> Account | None:
    """An account; None for customers and for what has no id. Servers of one's own have names."""
    pk = str(user.get("accountId") or user.get("key") or user.get("name") or "")
    kind = user.get("accountType")
    if not pk or kind == "customer":
        return None
    return Account(
        upstream_id=pk,
        name=str(user.get("displayName") or user.get("name") or ""),
        email=str(user.get("emailAddress") or "").strip(),
        is_active=user.get("active") is not False,
        is_bot=kind == "app",
    )
