"""Jira ↔ Productboard ↔ requests: what belongs together, what may, what is in dispute.

Productboard says which issue stands for an entity; the hub knows what it made from a request. Both
are put side by side here, joined by ids: keys change when an issue moves.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, TextChoices
from django.db.models.functions import Lower, Trim

from intake.models import Request
from integrations.models import ItemLink, JiraConnection, Source
from planning.models import ProductEntity, WorkItem

REQUEST = "intake.request"
# Types that one would expect an issue for.
LINKABLE = ("feature", "subfeature", "initiative")
# Titles that say nothing are no hint.
MIN_TITLE = 6


class State(TextChoices):
    """How sure it is that two things are one."""

    CONFLICTING = "conflicting", "Conflicting"
    SUGGESTED = "suggested", "Suggested"
    MATCHED = "matched", "Matched"
    ORPHAN = "orphan", "Orphan"


STATE_TAGS = {
    State.CONFLICTING: ("bad", "alert"),
    State.SUGGESTED: ("info", "help"),
    State.MATCHED: ("good", "check"),
    State.ORPHAN: ("", "link"),
}


@dataclass(frozen=True, slots=True)
class Side:
    """One thing of a row as it is shown; `url` leads to it in its own tool, or in the hub."""

    name: str
    key: str = ""
    url: str = ""


@dataclass(slots=True)
class LinkRow:
    """Things that belong together, or may; `why` says who claims it."""

    state: State
    why: str
    entity: Side | None = None
    issue: Side | None = None
    requests: list[Side] = field(default_factory=list)

    @property
    def words(self) -> str:
        """All that may be searched for."""
        sides = [self.entity, self.issue, *self.requests]
        return " ".join(f"{side.key} {side.name}" for side in sides if side).lower()


@dataclass(slots=True)
class _Known:
    """Everything that the rows are made of, read at once."""

    entities: dict[str, dict[str, Any]]
    connections: list[JiraConnection]
    issues: dict[str, dict[str, Any]]
    by_entity: dict[str, list[Side]]
    by_issue: dict[str, list[Side]]


def link_rows(reader: Any) -> list[LinkRow]:
    """All rows, those that need somebody first. A fixed number of queries, however many rows.

    Requests that the reader may not see are left out of them.
    """
    known = _read(reader)
    rows = _connected_rows(known)
    connected = {row.entity_id for row in known.connections}
    taken = {row.issue_id for row in known.connections}
    free = [
        entity
        for pk, entity in known.entities.items()
        if pk not in connected
        and entity["type"] in LINKABLE
        and entity["deleted_at"] is None
        and not entity["is_archived"]
    ]
    suggested = _suggested(free, known)
    used = set()
    for entity in free:
        found = suggested.get(entity["upstream_id"])
        if found is None:
            rows.append(
                LinkRow(
                    State.ORPHAN,
                    "No issue in Jira stands for it.",
                    _entity_side(entity),
                    None,
                    known.by_entity.get(entity["upstream_id"], []),
                )
            )
            continue
        issue, why = found
        used.add(issue["upstream_id"])
        rows.append(
            LinkRow(
                State.SUGGESTED, why, _entity_side(entity), _issue_side(issue),
                _both(known, entity["upstream_id"], issue["upstream_id"]),
            )
        )  # fmt: skip
    for issue_id, requests in known.by_issue.items():
        if issue_id in taken or issue_id in used:
            continue
        made = known.issues.get(issue_id)
        rows.append(
            LinkRow(
                State.ORPHAN,
                "Made from a request; nothing in Productboard stands for it.",
                None,
                _issue_side(made) if made else Side("An issue that the hub has not read"),
                requests,
            )
        )
    order = list(State)
    rows.sort(key=lambda row: (order.index(row.state), row.words))
    return rows


def counts(rows: Sequence[LinkRow]) -> list[tuple[State, int]]:
    """How many rows of each state, in the order of the page."""
    found = Counter(row.state for row in rows)
    return [(state, found[state]) for state in State]


def chosen_rows(rows: Iterable[LinkRow], *, state: str, words: str) -> list[LinkRow]:
    """Rows of one state, or all, that hold all these words."""
    wanted = words.lower().split()
    return [
        row
        for row in rows
        if (not state or row.state == state) and all(word in row.words for word in wanted)
    ]


# --- reading --------------------------------------------------------------------------------------


def _read(reader: Any) -> _Known:
    connections = list(JiraConnection.objects.filter(gone_at__isnull=True, is_enabled=True))
    links = list(
        ItemLink.objects.filter(
            subject_type=REQUEST, source__in=[Source.JIRA, Source.PRODUCTBOARD]
        ).values_list("source", "kind", "upstream_id", "subject_id")
    )
    columns = [
        "upstream_id", "type", "name", "url", "parent_upstream_id", "origin_system",
        "origin_record", "is_archived", "deleted_at",
    ]  # fmt: skip
    entities = {
        row["upstream_id"]: row
        for row in ProductEntity.objects.filter(source=Source.PRODUCTBOARD)
        .filter(
            Q(type__in=LINKABLE)
            | Q(upstream_id__in={row.entity_id for row in connections})
            | Q(upstream_id__in={pk for source, _, pk, _ in links if source != Source.JIRA})
        )
        .values(*columns)
    }
    issue_ids = {row.issue_id for row in connections}
    issue_ids |= {pk for source, kind, pk, _ in links if (source, kind) == (Source.JIRA, "issue")}
    issues = {row["upstream_id"]: row for row in _issues(Q(upstream_id__in=issue_ids))}
    requests = {
        pk: Side(title, f"REQ-{number}", f"/requests/{number}/")
        for pk, number, title in Request.objects.visible_to(reader)
        .filter(pk__in={pk for *_, pk in links})
        .values_list("pk", "number", "title")
    }
    by_entity: dict[str, list[Side]] = defaultdict(list)
    by_issue: dict[str, list[Side]] = defaultdict(list)
    for source, kind, upstream_id, pk in links:
        if (side := requests.get(pk)) is None:
            continue
        if source == Source.PRODUCTBOARD and upstream_id in entities:
            by_entity[upstream_id].append(side)
        elif (source, kind) == (Source.JIRA, "issue"):
            by_issue[upstream_id].append(side)
    return _Known(entities, connections, issues, by_entity, by_issue)


def _issues(which: Q) -> Any:
    return (
        WorkItem.objects.filter(which, source=Source.JIRA)
        .order_by()
        .values(
            "upstream_id", "key", "old_keys", "title", "url", "parent_key", "labels", "deleted_at"
        )
    )


# --- what Productboard says -----------------------------------------------------------------------


def _connected_rows(known: _Known) -> list[LinkRow]:
    ours = _our_sites(known)
    claims: dict[tuple[str, str], set[str]] = defaultdict(set)
    sides: dict[str, set[str]] = defaultdict(set)
    for one in known.connections:
        claims[one.integration_id, one.issue_id].add(one.entity_id)
        if one.integration_id in ours:
            sides[one.entity_id].add(one.issue_id)
    rows = []
    for one in known.connections:
        entity = known.entities.get(one.entity_id)
        is_ours = one.integration_id in ours
        issue = known.issues.get(one.issue_id) if is_ours else None
        asked = known.by_entity.get(one.entity_id, [])
        made = known.by_issue.get(one.issue_id, []) if is_ours else []
        row = LinkRow(
            State.MATCHED,
            f"Productboard says so ({one.integration_name or 'Jira'}).",
            _entity_side(entity) if entity else Side("An entity that the hub has not read"),
            _issue_side(issue) if issue else Side(one.issue_key or one.issue_id, one.issue_key),
            _unique([*asked, *made]),
        )
        rivals = claims[one.integration_id, one.issue_id] - {one.entity_id}
        if rivals:
            row.state = State.CONFLICTING
            names = [_name(known, rival) for rival in sorted(rivals)[:2]]
            row.why = f"The issue is claimed by {' and '.join(names)} as well."
        elif len(sides[one.entity_id]) > 1:
            row.state = State.CONFLICTING
            row.why = "Two issues of the same site are said to stand for it."
        elif asked and made and not set(asked) & set(made):
            row.state = State.CONFLICTING
            row.why = "The issue was made from one request, and the entity stands for another."
        elif entity is None or entity["deleted_at"]:
            row.state, row.why = State.ORPHAN, "The entity is gone from Productboard."
        elif not is_ours:
            row.state, row.why = State.ORPHAN, "The issue is in a Jira that the hub does not read."
        elif issue is None or issue["deleted_at"]:
            row.state, row.why = State.ORPHAN, "Jira does not show this issue to the hub."
        rows.append(row)
    return rows


def _our_sites(known: _Known) -> set[str]:
    """Integrations that lead to the Jira that the hub reads.

    Ids repeat between sites, so an id alone proves nothing where there are several: one issue
    whose id and key both fit does.
    """
    sites = {one.integration_id for one in known.connections}
    if len(sites) < 2:
        return sites
    return {
        one.integration_id
        for one in known.connections
        if (issue := known.issues.get(one.issue_id)) is not None
        and one.issue_key in (issue["key"], *issue["old_keys"])
    }


# --- what may belong together ---------------------------------------------------------------------


def _suggested(
    free: Sequence[dict[str, Any]], known: _Known
) -> dict[str, tuple[dict[str, Any], str]]:
    """The best issue for each entity without one, and why; an issue is suggested once."""
    titles = {_plain(entity["name"]) for entity in free}
    titles = {title for title in titles if len(title) >= MIN_TITLE}
    keys = {
        entity["origin_record"]
        for entity in free
        if entity["origin_system"].lower() == "jira" and entity["origin_record"]
    }
    names = {entity["upstream_id"] for entity in free} | {
        f"pb-{entity['upstream_id']}" for entity in free
    }
    if not free:
        return {}
    taken = {one.issue_id for one in known.connections}
    found = [
        issue
        for issue in _issues(
            Q(pk__in=WorkItem.objects.annotate(plain=Lower(Trim("title"))).filter(
                plain__in=titles
            ).order_by().values("pk"))
            | Q(key__in=keys)
            | Q(labels__overlap=sorted(names))
        ).filter(deleted_at__isnull=True)
        if issue["upstream_id"] not in taken
    ]  # fmt: skip
    by_key = {issue["key"]: issue for issue in found}
    by_label = {label: issue for issue in found for label in issue["labels"] if label in names}
    by_title: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for issue in sorted(found, key=lambda one: one["key"]):
        by_title[_plain(issue["title"])].append(issue)
    parents = {one.entity_id: one.issue_key for one in known.connections}
    answers: dict[str, tuple[dict[str, Any], str]] = {}
    used: set[str] = set()

    def give(entity: dict[str, Any], issue: dict[str, Any] | None, why: str) -> None:
        pk = entity["upstream_id"]
        if issue is not None and pk not in answers and issue["upstream_id"] not in used:
            answers[pk] = issue, why
            used.add(issue["upstream_id"])

    for entity in free:
        if entity["origin_system"].lower() == "jira":
            give(entity, by_key.get(entity["origin_record"]), "It says it was made from the issue.")
    for entity in free:
        asked = set(known.by_entity.get(entity["upstream_id"], ()))
        for issue_id, made in known.by_issue.items() if asked else ():
            issue = known.issues.get(issue_id)
            if asked & set(made) and issue_id not in taken and issue and not issue["deleted_at"]:
                give(entity, issue, "Both stand for the same request.")
    for entity in free:
        pk = entity["upstream_id"]
        give(entity, by_label.get(pk) or by_label.get(f"pb-{pk}"), "The issue carries its label.")
    for entity in free:
        parent_key = parents.get(entity["parent_upstream_id"])
        for issue in by_title[_plain(entity["name"])]:
            if parent_key and issue["parent_key"] == parent_key:
                give(entity, issue, "Same title, and their parents are connected.")
    for entity in free:
        for issue in by_title[_plain(entity["name"])]:
            give(entity, issue, "Same title.")
    return answers


def _plain(title: str) -> str:
    return title.strip().lower()


# --- how it is shown ------------------------------------------------------------------------------


def _entity_side(entity: dict[str, Any]) -> Side:
    return Side(entity["name"], entity["type"], entity["url"])


def _issue_side(issue: dict[str, Any]) -> Side:
    return Side(issue["title"], issue["key"], f"/work/{issue['key']}/")


def _name(known: _Known, entity_id: str) -> str:
    entity = known.entities.get(entity_id)
    return f"“{entity['name']}”" if entity else "an entity that the hub has not read"


def _both(known: _Known, entity_id: str, issue_id: str) -> list[Side]:
    return _unique([*known.by_entity.get(entity_id, []), *known.by_issue.get(issue_id, [])])


def _unique(sides: list[Side]) -> list[Side]:
    return list(dict.fromkeys(sides))
