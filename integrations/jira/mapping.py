"""Jira's payloads to rows of `planning`. Pure: no database, no network, no clock."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from planning.models import Category
from planning.services import LABEL_SEPARATOR, Move, WorkItemRow
from producthub.lib.input import whole_number

_CATEGORIES = frozenset(Category.values)
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


def to_work_item(issue: Any) -> WorkItemRow:
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
            _text((get("parent") or {}).get("key")),
            _text((get("priority") or {}).get("name")),
            LABEL_SEPARATOR.join(map(_text, labels)) if labels else "",
            created,
            updated,
            moment(resolved) if resolved else None,
        )
    except (AttributeError, TypeError) as error:
        raise MappingError("A field does not have the shape that Jira promises.") from error
    return row


def _text(value: Any) -> str:
    """A text as it is, a number as text, null as empty."""
    if type(value) is str:
        return value
    return "" if value is None else str(value)


def status_moves(upstream_id: str, histories: Any) -> Iterator[Move]:
    """Changes of status among an issue's change histories.

    Raises MappingError when a change has no id or no time.
    """
    for history in histories:
        try:
            items = history["items"]
            for position, item in enumerate(items):
                # Old servers leave fieldId out.
                if item.get("fieldId", "status") != "status" or item["field"] != "status":
                    continue
                author = history.get("author")
                yield (
                    upstream_id,
                    str(history["id"]),
                    position,
                    moment(history["created"]),
                    item["from"] or "",
                    item["fromString"] or "",
                    item["to"] or "",
                    item["toString"] or "",
                    (author.get("displayName") or "") if author else "",
                )
        except (KeyError, TypeError, AttributeError) as error:
            raise MappingError("A change of status lacks its id, time or values.") from error


def to_status(status: dict[str, Any]) -> tuple[str, str, str]:
    """(id, name, category) of a status; category by key, never by name."""
    category = status.get("statusCategory")
    key = category.get("key") if isinstance(category, dict) else None
    return _text(status.get("id")), _text(status.get("name")), _text(key)


def to_project(project: dict[str, Any]) -> tuple[str, str, str]:
    """(id, key, name) of a project; an old export without ids is filed under its key."""
    key = _text(project.get("key"))
    return _text(project.get("id")) or f"key:{key}", key, _text(project.get("name")) or key
