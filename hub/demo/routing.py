"""Harbourline's routing rules: what Product Ops wrote after the first months."""

from datetime import datetime, timedelta
from typing import Any

from accounts.models import Role, Team, User
from intake.models import Kind, Priority, RoutingRule
from intake.services import routing

# Name, whether later rules are looked at, what it asks for, what it does.
RULES: tuple[tuple[str, bool, dict[str, Any], dict[str, Any]], ...] = (
    (
        "Data questions to Insights",
        True,
        {"kinds": [Kind.DATA]},
        {"to_team": "insights", "triage_days": 1},
    ),
    (
        "Invoices and prices to Billing",
        True,
        {"words": "invoice\nsurcharge\nprice"},
        {"to_team": "billing"},
    ),
    (
        "Gates, docks and yards",
        True,
        {"words": "gate\ndock\ntrailer"},
        {"to_team": "yard"},
    ),
    (
        "What stands still is urgent",
        False,
        {"kinds": [Kind.PROBLEM], "words": "down\nstuck\ncannot"},
        {"to_priority": Priority.HIGH, "add_labels": ["standstill"]},
    ),
)


def build(now: datetime) -> int:
    """Write the rules through the service, as of three weeks ago; call inside
    `activity.events.replaying`. Returns how many were written."""
    ops = User.objects.filter(role=Role.PRODUCT_OPS, is_active=True).order_by("email").first()
    teams = {team.slug: team for team in Team.objects.filter(is_active=True)}
    if ops is None or RoutingRule.objects.exists():
        return 0
    written = 0
    for place, (name, stops, asked, does) in enumerate(RULES):
        slug = does.get("to_team")
        if slug and slug not in teams:
            continue
        fields = {"name": name, "stops": stops, **asked, **does}
        if slug:
            fields["to_team"] = teams[str(slug)]
        routing.save_rule(
            rule=None,
            actor=ops,
            fields=fields,
            lists=dict.fromkeys(routing.LISTS, ()),
            place=place,
            at=now - timedelta(days=21),
        )
        written += 1
    return written
