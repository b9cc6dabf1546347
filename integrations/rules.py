"""The rules that Product Ops keeps about statuses, and what a change of them would do."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q

from accounts.models import User
from accounts.permissions import is_product_ops, require
from activity.events import on, record
from activity.models import Event
from intake.models import Request
from integrations import coming_back, shared_fields
from integrations.models import FieldRule, FieldState, ItemLink, Source, StatusRule
from planning.models import ProductEntity, WorkStatus

OPS_ONLY = "Rules are for Product Ops."
TRIAL_ITEMS = 20


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One status of a source: how many things of requests stand in it, and what it means."""

    key: str
    name: str
    kind: str
    count: int
    effect: str
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """One request under changed rules: where it stands, and where it would stand."""

    item: Request
    link: ItemLink
    status: str
    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        """Whether the request itself would change."""
        return self.before != self.after


def status_rows(source: Source) -> list[StatusRow]:
    """All statuses of a source; those that things of requests stand in first. Four queries."""
    follower = coming_back.follower(source)
    ids = list(follower.links().values_list("upstream_id", flat=True))
    standings = [one for one in follower.standings(ids).values() if not one.is_gone] if ids else []
    counts: dict[str, int] = {}
    names = {one.status_key: one.status_name for one in standings if one.status_key}
    for one in standings:
        counts[one.status_key] = counts.get(one.status_key, 0) + 1
    kinds = {}
    if source == Source.JIRA:
        for status in WorkStatus.objects.filter(source=source):
            names[status.upstream_id] = status.name
            kinds[status.upstream_id] = status.get_category_display()
    else:
        held = ProductEntity.objects.filter(source=source, deleted_at__isnull=True)
        for name in held.exclude(status="").order_by().values_list("status", flat=True).distinct():
            names[name] = name
    rules = {rule.status_key: rule for rule in StatusRule.objects.filter(source=source)}
    gone = {key: rule.name for key, rule in rules.items() if key not in names}
    rows = [
        StatusRow(
            key,
            name,
            kinds.get(key, ""),
            counts.get(key, 0),
            rules[key].effect if key in rules else "",
            key in gone,
        )
        for key, name in (names | gone).items()
    ]
    rows.sort(key=lambda row: (not (row.count and not row.effect), -row.count, row.name, row.key))
    return rows


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field that both sides have: who owns it, and how many of it wait for a person."""

    field: str
    label: str
    owner: str
    links: int
    conflicts: int


def field_rows(source: Source) -> list[FieldRow]:
    """The fields that a source shares with requests. Two queries."""
    held = dict(FieldRule.objects.filter(source=source).values_list("field", "owner"))
    counts = {
        field: (number, waiting)
        for field, number, waiting in FieldState.objects.filter(link__source=source)
        .order_by()
        .values_list("field")
        .annotate(number=Count("pk"), waiting=Count("pk", filter=Q(state="conflict")))
    }
    found = [one for one in shared_fields.adapters() if one.source == source]
    return [
        FieldRow(field.value, str(field.label), held.get(field, ""), *counts.get(field, (0, 0)))
        for adapter in found
        for field in adapter.fields
    ]


@transaction.atomic
def save_status_rules(
    *, source: Source, effects: Mapping[str, str], names: Mapping[str, str], actor: User
) -> int:
    """Set what these statuses mean; "" takes a rule away. Returns how many changed.

    What stands in them already follows after commit. Raises PermissionDenied.
    """
    require(is_product_ops(actor), OPS_ONLY)
    held = {
        rule.status_key: rule
        for rule in StatusRule.objects.select_for_update().filter(
            source=source, status_key__in=effects
        )
    }
    changed = 0
    for key, effect in effects.items():
        rule = held.get(key)
        before = rule.effect if rule is not None else ""
        if before == effect:
            continue
        changed += 1
        data = {"source": str(source), "before": before, "effect": effect}
        if not effect and rule is not None:
            record("status_rule.removed", rule, actor=actor, data=data)
            rule.delete()
            continue
        rule, _ = StatusRule.objects.update_or_create(
            source=source, status_key=key, defaults={"effect": effect, "name": names.get(key, key)}
        )
        record("status_rule.saved", rule, actor=actor, data=data)
    return changed


def try_status_rules(
    *, source: Source, effects: Mapping[str, str], names: Mapping[str, str], actor: User
) -> list[Trial]:
    """What these rules would do to TRIAL_ITEMS real requests; nothing is saved.

    The rules are set and applied as they would be, and all of it is taken back. Raises
    PermissionDenied.
    """
    require(is_product_ops(actor), OPS_ONLY)
    trials = []
    with transaction.atomic():
        chosen = _affected(source, effects)
        pks = {link.subject_id for link in chosen}
        items = {one.pk: one for one in Request.objects.select_related("root").filter(pk__in=pks)}
        tops = {pk: (item.root or item) for pk, item in items.items()}
        before = {pk: item.state[0] for pk, item in tops.items()}
        save_status_rules(source=source, effects=effects, names=names, actor=actor)
        said = coming_back.apply_again(chosen)
        later = Request.objects.in_bulk([item.pk for item in tops.values()])
        for link in chosen:
            if link.subject_id in tops:
                top = tops[link.subject_id]
                after = later[top.pk].state[0]
                trials.append(
                    Trial(
                        items[link.subject_id],
                        link,
                        link.state,
                        before[link.subject_id],
                        said.get(link.pk, "") or after,
                    )
                )
        transaction.set_rollback(True)
    return sorted(trials, key=lambda one: not one.is_changed)


def _affected(source: Source, effects: Mapping[str, str]) -> list[ItemLink]:
    """Links whose status means something else then, newest first; filled up with others."""
    held = dict(StatusRule.objects.filter(source=source).values_list("status_key", "effect"))
    changed = [key for key, effect in effects.items() if held.get(key, "") != effect]
    links = coming_back.follower(source).links().order_by("-pk")
    chosen = list(links.filter(data__status_id__in=changed)[:TRIAL_ITEMS])
    if len(chosen) < TRIAL_ITEMS:
        others = links.exclude(pk__in=[link.pk for link in chosen])
        chosen += list(others[: TRIAL_ITEMS - len(chosen)])
    return chosen


def rule_saved(event: Event) -> None:
    """A rule also holds for what stands in its status already."""
    rule = StatusRule.objects.filter(pk=event.subject_id).first()
    if rule is not None:
        coming_back.apply_rule(rule)


on("status_rule.saved", rule_saved)
