"""Routing rules: applied when a request arrives, changed by Product Ops."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Membership, Team, User
from accounts.permissions import is_pm, is_product_ops, require
from activity.events import record
from intake import routing
from intake.models import Priority, Request, RoutingHit, RoutingRule
from intake.services.errors import RequestError

MAX_LABELS = 12
LISTS = ("forms", "areas", "requester_teams")


class RuleMoved(RequestError):
    """Somebody changed the rule since this page was read."""

    def __init__(self, person: User | None) -> None:
        who = person.name if person else "Somebody"
        super().__init__(f"{who} changed this rule a moment ago. Look at it again before you save.")


def read_rule(rule: RoutingRule, lists: dict[str, Collection[int]] | None = None) -> routing.Rule:
    """A rule as the matcher takes it. `lists` are the ids of its forms, areas and teams, for one
    that is not saved yet; who can no longer own and what is closed is left out."""
    if lists is None:
        lists = {name: [one.pk for one in getattr(rule, name).all()] for name in LISTS}
    owner, team = rule.to_owner, rule.to_team
    return routing.Rule(
        id=rule.pk,
        name=rule.name,
        stops=rule.stops,
        kinds=frozenset(rule.kinds),
        forms=frozenset(lists["forms"]),
        areas=frozenset(lists["areas"]),
        phrases=routing.phrases_of(rule.words),
        departments=frozenset(routing.plain_name(name) for name in rule.departments),
        teams=frozenset(lists["requester_teams"]),
        to_team=team.pk if team is not None and team.is_active else None,
        to_owner=owner.pk if owner is not None and is_pm(owner) else None,
        to_priority=rule.to_priority,
        add_labels=tuple(rule.add_labels),
        triage_days=rule.triage_days,
        decision_days=rule.decision_days,
    )


def active_rules() -> list[routing.Rule]:
    """The rules that are switched on, in order; four queries at most."""
    found = RoutingRule.objects.filter(is_active=True).select_related("to_owner", "to_team")
    return [read_rule(rule) for rule in found.prefetch_related(*LISTS)]


def plain(
    *,
    kind: str,
    form: int | None,
    area: int | None,
    title: str,
    problem: str,
    department: str,
    teams: Iterable[int],
) -> routing.Plain:
    """A request as rules look at it."""
    return routing.Plain(
        kind=kind,
        form=form,
        area=area,
        words=routing.words_of(f"{title}\n{problem}"),
        department=department,
        teams=frozenset(teams),
    )


def teams_on(person_ids: Collection[int], day: date) -> dict[int, set[int]]:
    """The teams that people are in on a day."""
    found: dict[int, set[int]] = {}
    rows = Membership.objects.on(day).filter(user_id__in=person_ids)
    for person, team in rows.values_list("user_id", "team_id"):
        found.setdefault(person, set()).add(team)
    return found


def apply(item: Request, at: datetime) -> routing.Routed | None:
    """Let the rules route a request that has just arrived, in the caller's transaction.

    The request stays new: a person reads it. Each rule that fired leaves a hit and an event with
    what it alone said. None where no rule fired.
    """
    rules = active_rules()
    if not rules:
        return None
    teams = teams_on([item.requester_id], timezone.localdate(at))
    routed = routing.route(
        rules,
        plain(
            kind=item.kind,
            form=item.form_version.form_id if item.form_version else None,
            area=item.team_id,
            title=item.title,
            problem=item.problem,
            department=item.requester.department,
            teams=teams.get(item.requester_id, ()),
        ),
    )
    if not routed.fired:
        return None
    if routed.team is not None:
        item.team = Team.objects.get(pk=routed.team)
    if routed.owner is not None:
        item.owner = User.objects.get(pk=routed.owner)
    item.priority = Priority(routed.priority or item.priority)
    item.labels = list(dict.fromkeys([*item.labels, *routed.labels]))[:MAX_LABELS]
    item.routed_by_id = (routed.by or routed.fired[0]).id
    item.save(update_fields=["team", "owner", "priority", "labels", "routed_by"])
    RoutingHit.objects.bulk_create(
        [
            RoutingHit(
                rule_id=rule.id,
                request=item,
                team_id=routed.team if rule is routed.by else None,
                at=at,
            )
            for rule in routed.fired
            if rule.id is not None
        ]
    )
    owner = next((rule for rule in routed.fired if rule.to_owner is not None), None)
    urgent = next((rule for rule in routed.fired if rule.to_priority), None)
    for rule in routed.fired:
        data = {
            "rule": rule.id,
            "team": routed.team if rule is routed.by else None,
            "owner": routed.owner if rule is owner else None,
            "priority": routed.priority if rule is urgent else None,
        }
        record("request.routed", item, at=at, data=data)
    return routed


# --- Changing rules ---------------------------------------------------------------------------


def may_curate(actor: User) -> None:
    require(is_product_ops(actor), "Product Ops keeps the routing rules.")


@transaction.atomic
def save_rule(
    *,
    rule: RoutingRule | None,
    actor: User,
    fields: dict[str, Any],
    lists: dict[str, Collection[int]],
    place: int,
    seen_at: datetime | None = None,
    at: datetime | None = None,
) -> RoutingRule:
    """Write a rule and put it in its place among the others, from 0.

    `seen_at` is when the rule had last changed as the actor saw it; `at` (aware) is now by
    default. Raises RuleMoved when somebody
    changed it since, RequestError for a rule that does nothing, PermissionDenied for others than
    Product Ops.
    """
    may_curate(actor)
    held = list(RoutingRule.objects.select_for_update().order_by("position", "pk"))
    own = next((one for one in held if rule is not None and one.pk == rule.pk), RoutingRule())
    if own.pk is not None and seen_at is not None and own.changed_at != seen_at:
        raise RuleMoved(own.changed_by)
    for name, value in fields.items():
        setattr(own, name, value)
    says = ("to_team", "to_owner", "to_priority", "add_labels", "triage_days", "decision_days")
    if not any(getattr(own, name) for name in says):
        raise RequestError("Say what shall happen: a team, an owner, a priority, labels or days.")
    own.changed_at, own.changed_by = at or timezone.now(), actor
    others = [one for one in held if one.pk != own.pk]
    others.insert(max(0, min(place, len(others))), own)
    own.save()
    for name in LISTS:
        getattr(own, name).set(lists[name])
    _number(others)
    record("routing_rule.saved", own, actor=actor, at=at, data={"place": others.index(own)})
    return own


@transaction.atomic
def move_rule(*, rule: RoutingRule, actor: User, step: int) -> None:
    """One place up (-1) or down (1) among the rules; beyond the ends nothing happens."""
    may_curate(actor)
    held = list(RoutingRule.objects.select_for_update().order_by("position", "pk"))
    place = next(index for index, one in enumerate(held) if one.pk == rule.pk)
    there = place + step
    if not 0 <= there < len(held):
        return
    held.insert(there, held.pop(place))
    _number(held)
    record("routing_rule.moved", rule, actor=actor, data={"place": there})


@transaction.atomic
def switch_rule(*, rule: RoutingRule, actor: User, is_active: bool) -> RoutingRule:
    """Switch a rule on or off. Repeatable."""
    may_curate(actor)
    rule = RoutingRule.objects.select_for_update().get(pk=rule.pk)
    if rule.is_active != is_active:
        rule.is_active, rule.changed_at, rule.changed_by = is_active, timezone.now(), actor
        rule.save(update_fields=["is_active", "changed_at", "changed_by"])
        record("routing_rule.saved", rule, actor=actor, data={"is_active": is_active})
    return rule


def _number(rules: list[RoutingRule]) -> None:
    changed = []
    for place, rule in enumerate(rules):
        if rule.position != place:
            rule.position = place
            changed.append(rule)
    RoutingRule.objects.bulk_update(changed, ["position"])
