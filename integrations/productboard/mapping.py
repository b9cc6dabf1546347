"""Productboard's payloads to rows. Pure: no database, no network, no clock."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import nh3

from planning.product import EntityRow, FieldRow, Relation

_is_uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch
# Pictures are left out: one from elsewhere would tell its owner who reads what.
_TAGS = set(
    "a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i li ol p pre s strong sub sup table tbody"
    " td th thead tr u ul".split()
)
# What a token without the scopes for personal data gets in place of an address.
REDACTED = "[redacted]"


class MappingError(ValueError):
    """This payload cannot become a row; the message says what is missing."""


@dataclass(frozen=True)
class Member:
    """One member of the workspace."""

    upstream_id: str
    name: str
    email: str
    is_active: bool


@dataclass(frozen=True)
class Day:
    """What one member did on one day."""

    member_id: str
    day: date
    role: str
    is_active: bool
    counts: dict[str, int]


def moment(value: Any) -> datetime:
    """A time with offset. Raises MappingError."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise MappingError(f"“{str(value)[:40]}” is no time.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def safe_html(text: Any) -> str:
    """Rich text as the hub may show it."""
    if not isinstance(text, str) or not text:
        return ""
    return nh3.clean(
        text,
        tags=_TAGS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener nofollow",
    )


def to_entity(payload: Any, *, expected_type: str = "") -> EntityRow:
    """Translate one entity. Unknown types and statuses are kept as they are.

    Raises MappingError when id or time is missing.
    """
    if not isinstance(payload, dict):
        raise MappingError("It is not an entity.")
    upstream_id = text(payload.get("id"))
    if not upstream_id:
        raise MappingError("The field 'id' is missing.")
    created = payload.get("createdAt")
    fields = _dict(payload.get("fields"))
    frame, source = (
        _dict(fields.get("timeframe")),
        _dict(_dict(payload.get("metadata")).get("source")),
    )
    return EntityRow(
        upstream_id=upstream_id,
        type=text(payload.get("type")) or expected_type or "unknown",
        name=text(fields.get("name")) or "Without a name",
        status=text(_dict(fields.get("status")).get("name")),
        owner_email=address(_dict(fields.get("owner")).get("email")),
        parent_upstream_id=_parent(payload),
        starts_on=_day(frame.get("startDate")),
        ends_on=_day(frame.get("endDate")),
        granularity=text(frame.get("granularity")),
        health=text(_dict(fields.get("health")).get("status")),
        progress=_progress(fields),
        is_archived=fields.get("archived") is True,
        description=safe_html(fields.get("description")),
        custom={key: value for key, value in fields.items() if _is_uuid(key) and value is not None},
        origin_system=text(source.get("system")),
        origin_record=text(source.get("recordId")),
        url=_web(_dict(payload.get("links")).get("html")),
        upstream_created_at=moment(created) if created else None,
        upstream_updated_at=moment(payload.get("updatedAt")),
    )


def has_more_relations(payload: dict[str, Any]) -> bool:
    """Whether the list inside the entity is only its beginning, or is not there."""
    held = payload.get("relationships")
    if not isinstance(held, dict) or not isinstance(held.get("data"), list):
        return True
    return bool(_dict(held.get("links")).get("next"))


def relations_inside(payload: dict[str, Any]) -> list[Any]:
    """The relationships that came with the entity."""
    return list(_dict(payload.get("relationships")).get("data") or ())


def to_relations(entity_id: str, entries: list[Any]) -> set[Relation]:
    """Pairs of one entity. Parents stand in the entity; children are the parents of others.

    Both ends show a pair, so each kind has one direction: a link goes from the smaller id.
    """
    found = set()
    for entry in entries:
        other = text(_dict(_dict(entry).get("target")).get("id"))
        kind = text(_dict(entry).get("type"))
        if not other or other == entity_id or kind in {"parent", "child", ""}:
            continue
        if kind == "isBlocking":
            found.add(("blocks", entity_id, other))
        elif kind == "isBlockedBy":
            found.add(("blocks", other, entity_id))
        else:
            first, second = sorted((entity_id, other))
            found.add((kind, first, second))
    return found


def parent_in(entries: list[Any]) -> str:
    """The id of the parent among relationships."""
    for entry in entries:
        if _dict(entry).get("type") == "parent":
            return text(_dict(entry["target"]).get("id")) if "target" in entry else ""
    return ""


def to_fields(payload: dict[str, Any], entity_type: str) -> Iterator[FieldRow]:
    """The fields of a type's configuration, which is a list or stands by id."""
    fields = payload.get("fields")
    entries = (
        [{"id": key, **_dict(value)} for key, value in fields.items()]
        if isinstance(fields, dict)
        else [entry for entry in fields or () if isinstance(entry, dict)]
    )
    for entry in entries:
        if upstream_id := text(entry.get("id")):
            schema = entry.get("schema") or entry.get("type")
            yield FieldRow(
                entity_type,
                upstream_id,
                text(entry.get("name")) or upstream_id,
                text(schema if isinstance(schema, str) else _dict(schema).get("type")),
                to_options(entry.get("values") or entry.get("options") or []),
            )


def to_options(entries: Any) -> list[dict[str, str]]:
    """What may be chosen for a field, as id and name."""
    found = []
    for entry in entries if isinstance(entries, list) else ():
        one = _dict(entry)
        name = text(one.get("name")) or text(_dict(one.get("fields")).get("name"))
        if one.get("id") and name:
            found.append({"id": text(one["id"]), "name": name})
    return found


def to_member(payload: dict[str, Any]) -> Member | None:
    """One member; None without an id."""
    fields = _dict(payload.get("fields")) or payload
    upstream_id = text(payload.get("id"))
    if not upstream_id:
        return None
    is_off = fields.get("disabled") is True or fields.get("status") == "disabled"
    email = address(fields.get("email"))
    name = text(fields.get("name"))
    return Member(upstream_id, "" if name == REDACTED else name, email, not is_off)


def to_day(payload: dict[str, Any]) -> Day | None:
    """One row of member activity; None without member or day."""
    member_id, day = text(payload.get("memberId")), _day(payload.get("date"))
    if not member_id or day is None:
        return None
    counts = {
        key.removesuffix("Count"): value
        for key, value in payload.items()
        if key.endswith("Count")
        and isinstance(value, int)
        and not isinstance(value, bool)
        and value
    }
    is_active = payload.get("activeFlag") in (True, 1, "true")
    return Day(member_id, day, text(payload.get("role")), is_active, counts)


def text(value: Any) -> str:
    """A text; anything else but a number is empty."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def address(value: Any) -> str:
    """A mail address; what a token without rights gets in its place is none."""
    found = text(value)
    return found if "@" in found else ""


def _parent(payload: dict[str, Any]) -> str:
    return parent_in(relations_inside(payload))


def _progress(fields: dict[str, Any]) -> float | None:
    """Per cent, as given, or between the start and the target of a key result.

    A target may lie below its start; where both are the same there is nothing to measure.
    """
    given = _dict(fields.get("workProgress")).get("value")
    if _is_number(given):
        return float(given)  # type: ignore[arg-type]
    held = _dict(fields.get("progress"))
    start, target, now = (held.get(f"{name}Value") for name in ("start", "target", "current"))
    if not (_is_number(start) and _is_number(target) and _is_number(now)) or start == target:
        return None
    return round(100 * (now - start) / (target - start), 2)  # type: ignore[operator]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10])
    except (TypeError, ValueError):
        return None


def _web(value: Any) -> str:
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
