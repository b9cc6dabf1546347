"""What a routing rule would have done to past requests, and what the rules did since."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q
from django.utils import timezone

from accounts.models import Membership, Team, User
from activity.events import subject_key
from activity.models import Event
from intake import routing
from intake.models import Request, Revision, RoutingRule, Status
from intake.services.routing import active_rules, plain, read_rule
from producthub.lib.tags import count_of

TRIED = 100
STATS_DAYS = 90


@dataclass(frozen=True, slots=True)
class Past:
    """A past request as it was sent, and where it went in the end."""

    number: int
    title: str
    requester: str
    submitted_at: datetime
    plain: routing.Plain
    went: int | None
    is_read: bool


@dataclass(slots=True)
class Tried:
    """One past request that the rule would have touched."""

    number: int
    title: str
    submitted_at: datetime
    went: str
    would: str
    earlier: str = ""
    agrees: bool | None = None

    @property
    def reference(self) -> str:
        return f"REQ-{self.number}"


@dataclass(slots=True)
class Trial:
    """What the last requests say of a rule. Counts are requests."""

    total: int = 0
    taken: list[Tried] = field(default_factory=list)
    earlier: list[Tried] = field(default_factory=list)
    unrouted: list[Tried] = field(default_factory=list)
    judged: int = 0
    agreed: int = 0

    @property
    def percent(self) -> int | None:
        """How many of those that were read went where the rule would have sent them."""
        return round(100 * self.agreed / self.judged) if self.judged else None

    @property
    def sentence(self) -> str:
        """The trial in words."""
        if not self.total:
            return "There are no requests yet to try it on."
        said = (
            f"Of the last {count_of(self.total, 'request')} it would have taken {len(self.taken):,}"
        )
        if self.judged:
            said += (
                f"; {self.agreed:,} of the {self.judged:,} that were read went there in the end"
                f" ({self.percent}%)"
            )
        if self.earlier:
            said += f"; an earlier rule takes {len(self.earlier):,} more"
        if self.unrouted:
            said += f"; {len(self.unrouted):,} would no longer be routed"
        return f"{said}."


def past_requests(reader: User, count: int = TRIED) -> list[Past]:
    """The last requests as they were sent, newest first, in five queries.

    Areas come from the event of the sending and words from before the first change, so that what
    people mended since does not change what a rule would have seen. Departments are today's.
    """
    items = list(
        Request.objects.visible_to(reader)
        .select_related("requester", "form_version", "root")
        .defer("search_vector", "answers")
        .order_by("-number")[:count]
    )
    ids = [item.pk for item in items]
    sent = dict(
        Event.objects.filter(
            subject_type=subject_key(Request),  # type: ignore[arg-type]
            subject_id__in=ids,
            kind="request.submitted",
        ).values_list("subject_id", "data")
    )
    first: dict[int, Revision] = {}
    for revision in Revision.objects.filter(request__in=ids).order_by("-replaced_at", "-pk"):
        first[revision.request_id] = revision
    memberships = list(
        Membership.objects.filter(user_id__in={item.requester_id for item in items}).values_list(
            "user_id", "team_id", "from_on", "to_on"
        )
    )
    found = []
    for item in items:
        words = first.get(item.pk, item)
        day = timezone.localdate(item.submitted_at)
        teams = [
            team
            for person, team, start, end in memberships
            if person == item.requester_id and start <= day and (end is None or end > day)
        ]
        top = item.root or item
        found.append(
            Past(
                item.number,
                item.title,
                item.requester.name,
                item.submitted_at,
                plain(
                    kind=item.kind,
                    form=item.form_version.form_id if item.form_version else None,
                    area=sent.get(item.pk, {}).get("team"),
                    title=words.title,
                    problem=words.problem,
                    department=item.requester.department,
                    teams=teams,
                ),
                top.team_id,
                top.status != Status.NEW,
            )
        )
    return found


def try_rule(
    rule: RoutingRule,
    lists: dict[str, Collection[int]],
    *,
    place: int,
    reader: User,
    past: list[Past] | None = None,
) -> Trial:
    """What this rule, in this place, would have done to the last requests."""
    past = past_requests(reader) if past is None else past
    now = active_rules()
    draft = read_rule(rule, lists)
    then = routing.with_rule(now, draft, _active_place(rule, place), is_active=rule.is_active)
    names = dict(Team.objects.values_list("pk", "name"))
    trial = Trial(total=len(past))
    for one in past:
        before, after = routing.route(now, one.plain), routing.route(then, one.plain)
        ends = after.team if after.team is not None else one.plain.area
        row = Tried(
            one.number,
            one.title,
            one.submitted_at,
            went=names.get(one.went or 0, "") if one.is_read else "",
            would=names.get(ends or 0, ""),
        )
        if draft in after.fired:
            trial.taken.append(row)
            if one.is_read and draft.to_team is not None:
                row.agrees = after.team == one.went
                trial.judged += 1
                trial.agreed += row.agrees
        elif rule.is_active and routing.holds(draft, one.plain) and after.first is not None:
            row.earlier = after.fired[-1].name
            trial.earlier.append(row)
        if before.team is not None and after.team is None:
            trial.unrouted.append(row)
    return trial


def _active_place(rule: RoutingRule, place: int) -> int:
    """The place among the rules that are switched on, from the place among all others."""
    others = RoutingRule.objects.exclude(pk=rule.pk).order_by("position", "pk")
    flags = list(others.values_list("is_active", flat=True))
    return sum(flags[:place])


@dataclass(slots=True)
class RuleRow:
    """A rule with how it did lately."""

    rule: RoutingRule
    fired: int
    misrouted: int
    judged: int
    last_at: datetime | None

    @property
    def rate(self) -> int | None:
        """Percent of what it sent to a team that was sent elsewhere later."""
        return round(100 * self.misrouted / self.judged) if self.judged else None


def rule_rows() -> list[RuleRow]:
    """All rules in order with their figures of the last 90 days; five queries.

    A rule that names no team cannot be wrong about it.
    """
    since = Q(hits__at__gte=timezone.now() - timedelta(days=STATS_DAYS))
    sent = since & Q(hits__team__isnull=False)
    found = (
        RoutingRule.objects.select_related("to_team", "to_owner")
        .prefetch_related("forms", "areas", "requester_teams")
        .annotate(
            fired=Count("hits", filter=since),
            judged=Count("hits", filter=sent),
            misrouted=Count("hits", filter=sent & Q(hits__rerouted_at__isnull=False)),
            last_at=Max("hits__at"),
        )
        .order_by("position", "pk")
    )
    return [RuleRow(one, one.fired, one.misrouted, one.judged, one.last_at) for one in found]


def spoken(rule: RoutingRule) -> str:
    """The rule as a sentence: “Kind is Problem and words are photo, signal → Driver app”."""
    when = []
    if rule.kinds:
        when.append(f"kind is {_or([str(kind) for kind in rule.kinds])}")
    if forms := [form.name for form in rule.forms.all()]:
        when.append(f"form is {_or(forms)}")
    if areas := [area.name for area in rule.areas.all()]:
        when.append(f"area is {_or(areas)}")
    if words := [line.strip() for line in rule.words.splitlines() if line.strip()]:
        when.append(f"it says {_or([f'“{word}”' for word in words])}")
    if rule.departments:
        when.append(f"department is {_or(rule.departments)}")
    if teams := [team.name for team in rule.requester_teams.all()]:
        when.append(f"asked by somebody of {_or(teams)}")
    return f"If {' and '.join(when)}" if when else "Always"


def _or(names: list[str]) -> str:
    shown = names[:4] + (["…"] if len(names) > 4 else [])
    return " or ".join(shown)


def effect(rule: RoutingRule) -> str:
    """What the rule does, in words."""
    parts = []
    if rule.to_team:
        parts.append(f"to {rule.to_team.name}")
    if rule.to_owner:
        parts.append(f"owner {rule.to_owner.name}")
    if rule.to_priority:
        parts.append(f"priority {rule.get_to_priority_display().lower()}")
    if rule.add_labels:
        parts.append(f"labels {', '.join(rule.add_labels)}")
    if rule.triage_days is not None:
        parts.append(f"read within {count_of(rule.triage_days, 'working day')}")
    if rule.decision_days is not None:
        parts.append(f"decided within {count_of(rule.decision_days, 'working day')}")
    return ", ".join(parts)
