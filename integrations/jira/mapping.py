"""Jira's payloads to rows of `planning`. Pure: no database, no network, no clock."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from planning.models import Category, Sprint
from planning.services import LABEL_SEPARATOR, Move, WorkItemRow
from planning.tracker import Related, Row
from producthub.lib.input import whole_number

_CATEGORIES = frozenset(Category.values)
_SPRINT_STATES = frozenset(Sprint.State.values)
_from_iso = datetime.fromisoformat
# A key stands in addresses, so nothing else is taken for one.
_is_key = re.compile(r"[\w.-]{1,80}").fullmatch


class MappingError(ValueError):
    """This payload cannot become a row; the message says what is missing."""


def moment(value: Any) -> str:
    """An upstream time as ISO text with offset, checked.

    Takes ISO text, epoch seconds and epoch milliseconds: all three have been seen. Raises
    MappingError for anything else.
    """
    if type(value) is str:
        try:
            if _from_iso(value).tzinfo is not None:
                return value
        except ValueError:
            pass
        number = whole_number(value, digits=18)
        if number is None:
            raise MappingError(f"“{value[:40]}” is no time.")
        value = number
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC).isoformat()
        except (ValueError, OverflowError, OSError):
            pass
    raise MappingError(f"“{str(value)[:40]}” is no time.")


@dataclass(frozen=True)
class FieldIds:
    """The ids of fields that differ from site to site; "" or nothing where a site has none."""

    sprint: str = ""
    points: tuple[str, ...] = ()
    epic_link: str = ""

    def all(self) -> list[str]:
        """All of them, as a search wants them."""
        return [pk for pk in (self.sprint, *self.points, self.epic_link) if pk]


NO_FIELDS = FieldIds()


def to_work_item(issue: Any, ids: FieldIds = NO_FIELDS) -> WorkItemRow:
    """Translate one issue of a search page.

    Missing or null fields become empty texts, an unknown category Category.UNDEFINED. An issue
    without an id, as old exports have it, is filed under its key. Raises MappingError when the
    key, created or updated is missing.
    """
    try:
        key = issue["key"]
        fields = issue["fields"]
        created, updated = moment(fields["created"]), moment(fields["updated"])
    except KeyError as error:
        raise MappingError(f"The field {error} is missing.") from error
    except TypeError as error:
        raise MappingError("It is not an issue.") from error
    if type(key) is not str or not _is_key(key):
        raise MappingError("It has no key that can stand in an address.")
    get = fields.get
    status = get("status") or {}
    project = get("project") or {}
    assignee = get("assignee") or {}
    labels = get("labels")
    resolved = get("resolutiondate")
    upstream_id = issue.get("id")
    try:
        category = (status.get("statusCategory") or {}).get("key")
        row = WorkItemRow(
            str(upstream_id) if upstream_id else f"key:{key}",
            key,
            _text(get("summary")) or "Without a title",
            _text((get("issuetype") or {}).get("name")),
            _text(project.get("id")),
            _text(project.get("key")) or key.rpartition("-")[0],
            _text(project.get("name")),
            _text(status.get("id")) or f"name:{_text(status.get('name'))}",
            _text(status.get("name")),
            category if category in _CATEGORIES else "undefined",
            _text(assignee.get("displayName")),
            _text(assignee.get("accountId") or assignee.get("name")),
            _text(assignee.get("emailAddress")),
            _text((get("parent") or {}).get("key") or _epic(fields, ids)),
            _text((get("priority") or {}).get("name")),
            LABEL_SEPARATOR.join(map(_text, labels)) if labels else "",
            created,
            updated,
            moment(resolved) if resolved else None,
            _points(fields, ids.points),
            LABEL_SEPARATOR.join(pk for pk, _, _ in sprints(get(ids.sprint))),
            LABEL_SEPARATOR.join(_text(one["id"]) for one in versions if one.get("id"))
            if (versions := get("fixVersions"))
            else "",
        )
    except (AttributeError, TypeError) as error:
        raise MappingError("A field does not have the shape that Jira promises.") from error
    return row


def _text(value: Any) -> str:
    """A text as it is, a number as text, null as empty."""
    if type(value) is str:
        return value
    return "" if value is None else str(value)


def _epic(fields: dict[str, Any], ids: FieldIds) -> Any:
    value = fields.get(ids.epic_link) if ids.epic_link else None
    return value if isinstance(value, str) and _is_key(value) else None


def _points(fields: dict[str, Any], candidates: tuple[str, ...]) -> float | None:
    """The first of the fields that has a number: kinds of projects use different ones."""
    for pk in candidates:
        value = fields.get(pk)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


_OLD_SPRINT = re.compile(r"\[.*?\bid=(\d+),.*?\bstate=(\w+),.*?\bname=(.*?),startDate=", re.DOTALL)


def sprints(value: Any) -> list[tuple[str, str, str]]:
    """(id, name, state) of the sprints in an issue's sprint field.

    Old servers print their objects instead: "…Sprint@1f[id=5,…,state=CLOSED,name=Ride,startDate=…".
    """
    found = []
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            pk, name, state = one.get("id"), one.get("name"), _text(one.get("state")).lower()
        elif isinstance(one, str) and (match := _OLD_SPRINT.search(one)):
            pk, state, name = match[1], match[2].lower(), match[3]
        else:
            continue
        if pk:
            found.append((str(pk), _text(name) or f"Sprint {pk}", sprint_state(state)))
    return found


def sprint_state(state: str) -> str:
    return state if state in _SPRINT_STATES else "unknown"


def read_history(
    upstream_id: str,
    histories: Any,
    moves: list[Move],
    sprint_changes: list[Row],
    sprint_field: str = "",
) -> None:
    """Append changes of status and of sprints among an issue's change histories.

    The position of a change counts changes of its kind: replies hold more or fewer others,
    depending on what was asked for. Raises MappingError when a change has no id or no time.
    """
    for history in histories:
        try:
            position = place = 0
            for item in history["items"]:
                # Old servers leave fieldId out.
                if item["field"] == "status" and item.get("fieldId", "status") == "status":
                    author = history.get("author")
                    moves.append((
                        upstream_id,
                        str(history["id"]),
                        position,
                        moment(history["created"]),
                        item["from"] or "",
                        item["fromString"] or "",
                        item["to"] or "",
                        item["toString"] or "",
                        (author.get("displayName") or "") if author else "",
                    ))  # fmt: skip
                    position += 1
                elif sprint_field and _is_of_sprints(item, sprint_field):
                    author = history.get("author")
                    sprint_changes.append((
                        upstream_id,
                        str(history["id"]),
                        place,
                        moment(history["created"]),
                        _ids(item["from"]),
                        _ids(item["to"]),
                        (author.get("displayName") or "") if author else "",
                    ))  # fmt: skip
                    place += 1
        except (KeyError, TypeError, AttributeError) as error:
            raise MappingError("A change lacks its id, time or values.") from error


def _is_of_sprints(item: dict[str, Any], sprint_field: str) -> bool:
    field_id = item.get("fieldId")
    if field_id:
        return bool(field_id == sprint_field)
    return item["field"] == "Sprint" and item.get("fieldtype", "custom") == "custom"


def _ids(value: Any) -> str:
    """Ids as Jira joins them ("12, 13"), without the blanks."""
    return ",".join(part for part in _text(value).replace(" ", "").split(",") if part)


def add_related(
    upstream_id: str, key: str, fields: dict[str, Any], ids: FieldIds, related: Related
) -> None:
    """Append what an issue says about sprints, versions, links and its text.

    What has no id or does not have the shape that Jira promises is left out: the issue itself
    reads well without it.
    """
    get = fields.get
    if ids.sprint and (value := get(ids.sprint)):
        related.sprints += sprints(value)
    if value := get("fixVersions"):
        project = _text((get("project") or {}).get("id"))
        related.versions += [
            (_text(one["id"]), _text(one.get("name")) or "Without a name", project)
            for one in value
            if one.get("id")
        ]
    if value := get("issuelinks"):
        related.links += [row for one in value if (row := _link(upstream_id, key, one))]
    if value := get("description"):
        related.texts.append((upstream_id, orjson.dumps(value).decode()))


def _link(upstream_id: str, key: str, link: Any) -> Row | None:
    if not isinstance(link, dict):
        return None
    kind = link.get("type")
    kind = kind if isinstance(kind, dict) else {}
    words = (
        _text(kind.get("name")),
        _text(kind.get("outward")) or "is linked to",
        _text(kind.get("inward")) or "is linked to",
    )
    ours = (upstream_id, key)
    for side in ("outwardIssue", "inwardIssue"):
        other = link.get(side)
        if isinstance(other, dict) and other.get("key"):
            other_key = _text(other["key"])
            theirs = (_text(other.get("id")) or f"key:{other_key}", other_key)
            ends = (*ours, *theirs) if side == "outwardIssue" else (*theirs, *ours)
            # Old exports give a link no id; its ends and type tell it from others.
            pk = _text(link.get("id")) or f"{ends[1]}:{words[0]}:{ends[3]}"
            return (upstream_id, pk, *words, *ends)
    return None


def to_status(status: dict[str, Any]) -> tuple[str, str, str]:
    """(id, name, category) of a status; category by key, never by name."""
    category = status.get("statusCategory")
    key = category.get("key") if isinstance(category, dict) else None
    return _text(status.get("id")), _text(status.get("name")), _text(key)


def to_project(project: dict[str, Any]) -> tuple[str, str, str]:
    """(id, key, name) of a project; an old export without ids is filed under its key."""
    key = _text(project.get("key"))
    return _text(project.get("id")) or f"key:{key}", key, _text(project.get("name")) or key
