"""Which source each synced field comes from, which way it goes, by which rule and since when."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.urls import reverse

from integrations.models import FieldRule, ItemLink, RawRecord, Source, StatusRule, SyncRun
from integrations.productboard import mapping as productboard
from planning.models import ProductEntity, Transition, WorkItem
from planning.origins import FieldOrigin, Origin

IN = "{} → hub"
OUT = "hub → {}"
BOTH = "both ways"
OURS = "kept here"
JIRA_FIELDS = ("Title", "Status", "Owner", "Priority", "Labels", "Part of", "Type")
TITLE, STATUS, OWNER = "Title", "Status", "Owner"


def work_origin(item: WorkItem) -> Origin | None:
    """Where the fields of a work item come from. Six queries."""
    if item.source != Source.JIRA:
        return None
    raw = _raw(Source.JIRA, "issue", item.upstream_id)
    now, before, since = _facts(raw, _jira_facts)
    kept = {
        TITLE: item.title, STATUS: item.status_name, OWNER: item.assignee_name,
        "Priority": item.priority, "Labels": ", ".join(item.labels), "Part of": item.parent_key,
        "Type": item.type_name,
    }  # fmt: skip
    rules = field_rules(Source.JIRA)
    # A title only goes out where the issue stands for a request.
    is_linked = ItemLink.objects.filter(
        source=Source.JIRA, kind="issue", upstream_id=item.upstream_id
    ).exists()
    moved = item.transitions.order_by("-occurred_at", "-pk").first()
    fields = []
    for name in JIRA_FIELDS:
        direction, rule = IN.format("Jira"), ""
        if name == TITLE and is_linked:
            direction, rule = _way(Source.JIRA, rules.get("title", ""))
        if name == STATUS:
            fields.append(_status(Source.JIRA, item.status_id, kept[name], moved, since))
            continue
        if name == OWNER and item.assignee_id:
            rule = "Matched with a person here by mail address"
        fields.append(_origin(name, kept[name], direction, rule, now, before, item, since))
    team = item.team.name if item.team is not None else ""
    fields.append(FieldOrigin("Team", team, OURS, "The team of its project"))
    fields.append(FieldOrigin("Phase", item.get_phase_display(), OURS, "Flow rules"))
    return Origin(
        "Jira", raw.received_at if raw else item.synced_at, _run_url(item.synced_at), fields
    )


def _origin(
    name: str,
    value: str,
    direction: str,
    rule: str,
    now: Mapping[str, str],
    before: Mapping[str, str] | None,
    item: WorkItem | ProductEntity,
    since: datetime | None,
) -> FieldOrigin:
    """A field without a history of its own: the last two payloads tell whether it changed."""
    if before is not None and now.get(name, "") != before.get(name, ""):
        changed_at: datetime | None = item.upstream_updated_at
        return FieldOrigin(name, value, direction, rule, changed_at, before=before.get(name, ""))
    return FieldOrigin(name, value, direction, rule, since=since)


def _status(
    source: Source, key: str, value: str, moved: Transition | None, since: datetime | None
) -> FieldOrigin:
    rule = StatusRule.objects.filter(source=source, status_key=key).first()
    says = rule.get_effect_display() if rule is not None else "No rule"
    if moved is None:
        return FieldOrigin(STATUS, value, IN.format(source.label), says, since=since)
    return FieldOrigin(
        STATUS, value, IN.format(source.label), says, moved.occurred_at, moved.author_name,
        before=moved.from_name,
    )  # fmt: skip


def field_rules(source: Source) -> dict[str, str]:
    """Who owns which field. One query."""
    return dict(FieldRule.objects.filter(source=source).values_list("field", "owner"))


def _way(source: Source, owner: str) -> tuple[str, str]:
    """Direction and rule of a field that a request has too."""
    if not owner:
        return IN.format(source.label), "Requests keep their own"
    ways = {
        FieldRule.Owner.HUB: OUT.format(source.label),
        FieldRule.Owner.UPSTREAM: IN.format(source.label),
        FieldRule.Owner.ASK: BOTH,
    }
    return ways[FieldRule.Owner(owner)], str(FieldRule.Owner(owner).label)


def entity_origin(entity: ProductEntity, rules: Mapping[str, str]) -> Origin:
    """Where the fields of a feature come from; `rules` as `field_rules`. Three queries."""
    source = Source.PRODUCTBOARD
    raw = _raw(source, "entity", entity.upstream_id)
    now, before, since = _facts(raw, _entity_facts)
    kept = _entity_values(entity)
    fields = []
    for name, value in kept.items():
        direction, rule = IN.format(source.label), ""
        if name in (TITLE, OWNER):
            direction, rule = _way(source, rules.get(name.lower(), ""))
        if name == STATUS:
            held = StatusRule.objects.filter(source=source, status_key=entity.status).first()
            rule = held.get_effect_display() if held is not None else "No rule"
        fields.append(_origin(name, value, direction, rule, now, before, entity, since))
    return Origin(
        source.label,
        raw.received_at if raw else entity.synced_at,
        _run_url(entity.synced_at, source),
        fields,
    )


# --- Payloads -------------------------------------------------------------------------------------


def _raw(source: Source, kind: str, upstream_id: str) -> RawRecord | None:
    return RawRecord.objects.filter(source=source, kind=kind, upstream_id=upstream_id).first()


def _facts(
    raw: RawRecord | None, read: Any
) -> tuple[dict[str, str], dict[str, str] | None, datetime | None]:
    """What the last payload says, what the one before said, and since when no other is known."""
    if raw is None:
        return {}, None, None
    now = read(_loads(raw.payload))
    if not raw.previous:
        return now, None, raw.received_at
    return now, read(_loads(raw.previous)), raw.previous_at


def _loads(payload: str) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}


def _jira_facts(payload: Any) -> dict[str, str]:
    fields = _dict(_dict(payload).get("fields"))
    labels = fields.get("labels")
    return {
        TITLE: _text(fields.get("summary")),
        OWNER: _text(_dict(fields.get("assignee")).get("displayName")),
        "Priority": _text(_dict(fields.get("priority")).get("name")),
        "Labels": ", ".join(map(str, labels)) if isinstance(labels, list) else "",
        "Part of": _text(_dict(fields.get("parent")).get("key")),
        "Type": _text(_dict(fields.get("issuetype")).get("name")),
    }


def _entity_facts(payload: Any) -> dict[str, str]:
    try:
        return _entity_values(productboard.to_entity(payload))
    except productboard.MappingError:
        return {}


def _entity_values(entity: Any) -> dict[str, str]:
    """Of a stored entity or of a mapped row: both name their fields so."""
    days = [f"{day:%Y-%m-%d}" for day in (entity.starts_on, entity.ends_on) if day]
    return {
        TITLE: entity.name,
        STATUS: entity.status,
        OWNER: entity.owner_email,
        "Time": " to ".join(days),
        "Health": entity.health,
        "Progress": f"{entity.progress:g}%" if entity.progress is not None else "",
    }


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _run_url(at: datetime, source: Source = Source.JIRA) -> str:
    """The run that wrote it; "" where a webhook or a person had it read."""
    run = SyncRun.objects.filter(source=source, started_at__lte=at, ended_at__gte=at).first()
    return reverse("integrations:run", args=[run.pk]) if run is not None else ""
