"""Fields that differ from site to site: found by their schema, or picked by Product Ops.

Ids of custom fields differ, names repeat and are translated; `schema.custom` names the kind.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from integrations.http import storable
from integrations.jira.client import FIELDS, JiraClient
from integrations.jira.mapping import FieldIds
from integrations.models import JiraFieldRole

SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
# Points of team-managed projects; those of company-managed ones are a plain number with a name.
TEAM_POINTS = "com.pyxis.greenhopper.jira:jsw-story-points"
POINTS_NAMES = frozenset({"story points", "story point estimate"})

Role = JiraFieldRole.Role


@dataclass(frozen=True)
class Found:
    """What the fields of a site offer for a role: candidates (id, name), likeliest first."""

    candidates: tuple[tuple[str, str], ...]
    used: tuple[str, ...]
    is_unclear: bool = False


def find(entries: Iterable[Mapping[str, Any]], picked: Mapping[str, str]) -> dict[str, Found]:
    """Which fields to read for each role. Pure.

    `picked` leads from roles to the field that a person chose; one that is gone does not count.
    Where several could be meant and nobody chose, none is taken: a wrong figure is worse.
    """
    named = [
        (str(entry["id"]), str(entry.get("name") or entry["id"]), _schema(entry))
        for entry in entries
        if entry.get("id")
    ]
    found = {}
    for role, kind in ((Role.SPRINT, SPRINT), (Role.EPIC_LINK, EPIC_LINK)):
        fields = tuple((pk, name) for pk, name, schema in named if schema.get("custom") == kind)
        found[role.value] = _settle(fields, fields, picked.get(role.value, ""))
    found[Role.POINTS.value] = _points(named, picked.get(Role.POINTS.value, ""))
    return found


def _points(named: list[tuple[str, str, Mapping[str, Any]]], picked: str) -> Found:
    numbers = [
        (pk, name, str(schema.get("custom", "")))
        for pk, name, schema in named
        if schema.get("type") == "number" and schema.get("custom")
    ]
    of_teams = tuple((pk, name) for pk, name, kind in numbers if kind == TEAM_POINTS)
    likely = tuple(
        (pk, name)
        for pk, name, kind in numbers
        if kind.endswith(":float") and name.strip().casefold() in POINTS_NAMES
    )
    others = tuple(
        (pk, name) for pk, name, kind in numbers if (pk, name) not in (*likely, *of_teams)
    )
    settled = _settle((*likely, *of_teams, *others), likely, picked)
    used = (*settled.used, *(pk for pk, _ in of_teams if pk not in settled.used))
    return Found(settled.candidates, used, settled.is_unclear)


def _settle(
    candidates: tuple[tuple[str, str], ...], likely: tuple[tuple[str, str], ...], picked: str
) -> Found:
    if picked in (pk for pk, _ in candidates):
        return Found(candidates, (picked,))
    if len(likely) == 1:
        return Found(candidates, (likely[0][0],))
    return Found(candidates, (), is_unclear=len(likely) > 1)


def _schema(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = entry.get("schema")
    return schema if isinstance(schema, dict) else {}


def keep(entries: Iterable[Mapping[str, Any]]) -> None:
    """Store what a site's fields offer; a row is only written when that changed."""
    known = {row.role: row for row in JiraFieldRole.objects.all()}
    found = find(storable(list(entries)), {role: row.field_id for role, row in known.items()})
    for role, offer in found.items():
        row = known.get(role) or JiraFieldRole(role=role)
        values = {
            "candidates": [list(one) for one in offer.candidates],
            "used": list(offer.used),
            "is_unclear": offer.is_unclear,
        }
        if row.pk is None or any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            row.save()


def chosen() -> FieldIds:
    """The fields that are read now."""
    used = dict(JiraFieldRole.objects.values_list("role", "used"))
    first = {role: (ids[0] if ids else "") for role, ids in used.items()}
    return FieldIds(
        sprint=first.get(Role.SPRINT, ""),
        points=tuple(used.get(Role.POINTS, ())),
        epic_link=first.get(Role.EPIC_LINK, ""),
    )


def have_read(client: JiraClient, ids: FieldIds) -> None:
    """Have a client read these fields of every issue and history."""
    talk = ["comment"] if settings.JIRA_READ_COMMENTS else []
    client.issue_fields = [*FIELDS, *talk, *ids.all()]
    client.history_fields = ["status", *([ids.sprint] if ids.sprint else [])]


def unclear() -> str:
    """A sentence for Product Ops where a choice is theirs; "" where none is."""
    names = [row.get_role_display() for row in JiraFieldRole.objects.filter(is_unclear=True)]
    if not names:
        return ""
    words = " and ".join(names)
    return f" Several fields of Jira could be “{words}”; an admin picks one under Jira fields."
