"""Read the decision log: its list and figures, one decision with everything around it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.postgres.search import SearchRank
from django.db.models import (
    Aggregate,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Min,
    OuterRef,
    Q,
)
from django.db.models.functions import ExtractYear
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from accounts.models import Team, User
from activity.models import Event
from activity.selectors import timeline_for
from planning import links
from planning.decisions import ESCALATE_AFTER_DAYS
from planning.links import Moment
from planning.models import (
    Decision,
    DecisionLink,
    DecisionQuerySet,
    Outcome,
    Verdict,
)
from planning.models.decisions import OUTCOME_TAGS, days_between
from producthub.lib.input import whole_number
from producthub.lib.tags import avatar_html, tag_html
from search.queries import Query, parse

PAGE_SIZE = 50
DUE = "due"
VERDICT_TAGS = {
    Verdict.YES: ("Was right", "good", "check"),
    Verdict.PARTLY: ("Partly right", "warn", "check"),
    Verdict.NO: ("Was wrong", "warn", "alert"),
    Verdict.EARLY: ("Too early to say", "", "clock"),
}
# Below this many a median is chance.
MIN_SAMPLE = 5


@dataclass(frozen=True)
class LogFilter:
    """What the reader chose, as it stands in the address; unknown values find nothing."""

    team: str = ""
    outcome: str = ""
    year: str = ""
    reason: str = ""
    q: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "LogFilter":
        """From a query string, cut to sane lengths."""
        names = cls.__dataclass_fields__
        values = {name: query.get(name, "").replace("\x00", "").strip() for name in names}
        return cls(**{name: value[:200] for name, value in values.items()})

    def __bool__(self) -> bool:
        return any((self.team, self.outcome, self.year, self.reason, self.q))

    def as_query(self, **more: Any) -> str:
        """The query string that leads here, without empty values."""
        values = {**self.__dict__, **more}
        return urlencode({name: value for name, value in values.items() if value})

    @property
    def query(self) -> Query:
        return parse(self.q)


def decisions(reader: User, chosen: LogFilter, *, any_outcome: bool = False) -> DecisionQuerySet:
    """What a filter leaves of what this person may read, newest first; by words, best first."""
    found = Decision.objects.visible_to(reader)
    if chosen.team == "none":
        found = found.filter(team__isnull=True)
    elif chosen.team:
        found = found.filter(team__slug=chosen.team)
    if chosen.year:
        year = whole_number(chosen.year, digits=4) or 0
        found = found.filter(decided_at__year=year) if 1990 <= year <= 2200 else found.none()
    if chosen.reason:
        found = found.filter(reason_code__code=chosen.reason)
    if chosen.outcome and not any_outcome:
        if chosen.outcome == DUE:
            found = found.due(timezone.localdate())
        else:
            found = found.filter(outcome=chosen.outcome)
    order = ["-decided_at", "-pk"]
    if chosen.q:
        query = chosen.query
        number = decision_number(chosen.q)
        if number is not None:
            found = found.filter(number=number)
        elif query.is_empty:
            found = found.none()
        else:
            found = found.filter(search_vector=query.tsquery).annotate(
                rank=SearchRank(F("search_vector"), query.tsquery)
            )
            order = ["-rank", *order]
    return found.order_by(*order)


def decision_number(text: str) -> int | None:
    """12 for `DEC-12`, `dec 12` and `dec12`, else None."""
    plain = text.strip().lower()
    return whole_number(plain[3:].strip(" -#")) if plain.startswith("dec") else None


@dataclass(frozen=True)
class LogRow:
    """One line of the log."""

    number: int
    title: SafeString
    outcome_tag: SafeString
    reason: SafeString
    team: str
    face: SafeString
    who: str
    days: float | None
    decided_at: datetime
    look: SafeString
    is_replaced: bool

    @property
    def reference(self) -> str:
        return f"DEC-{self.number}"

    @property
    def url(self) -> str:
        return f"/decisions/{self.number}/"


def rows(found: Any, query: Query) -> list[LogRow]:
    """The lines of a slice of decisions, with matches marked; one query."""
    listed = found.annotate(
        is_replaced=Exists(Decision.objects.standing().filter(supersedes=OuterRef("pk")))
    ).values_list(
        "number", "title", "outcome", "reason", "reason_code__name", "team__name",
        "decided_by_id", "decided_by__name", "asked_at", "decided_at", "revisit_on", "verdict",
        "is_replaced",
    )  # fmt: skip
    today = timezone.localdate()
    return [_row(query, today, *values) for values in listed]


def _row(
    query: Query,
    today: date,
    number: int,
    title: str,
    outcome: str,
    reason: str,
    code: str | None,
    team: str | None,
    who_id: int,
    who: str,
    asked_at: datetime | None,
    decided_at: datetime,
    revisit_on: date | None,
    verdict: str,
    is_replaced: bool,
) -> LogRow:
    found = query.snippet(reason) if not query.is_empty else mark_safe("")
    short = reason if len(reason) <= 140 else reason[:140].rsplit(" ", 1)[0] + "…"
    why = found or query.mark(f"{code}: {short}" if code else short)
    return LogRow(
        number=number,
        title=query.mark(title),
        outcome_tag=tag_html(*OUTCOME_TAGS[Outcome(outcome)]),
        reason=why,
        team=team or "",
        face=avatar_html(who, who_id),
        who=who,
        days=days_between(asked_at, decided_at),
        decided_at=decided_at,
        look=look_tag(revisit_on, verdict, is_replaced, today),
        is_replaced=is_replaced,
    )


def look_tag(revisit_on: date | None, verdict: str, is_replaced: bool, today: date) -> SafeString:
    """How the second look of a decision stands."""
    if is_replaced:
        return tag_html("Superseded", "", "swap")
    if revisit_on is not None and revisit_on <= today:
        return tag_html("Second look is due", "bad")
    if revisit_on is not None:
        year = f" {revisit_on.year}" if revisit_on.year != today.year else ""
        return tag_html(f"Look again {revisit_on.day} {revisit_on:%B}{year}", "", "cal")
    if verdict:
        return tag_html(*VERDICT_TAGS[Verdict(verdict)])
    return tag_html("Closed", "", "check")


# --- Figures ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class LogFigures:
    """The numbers of a filter. `median_days` are calendar days from question to decision, None
    below MIN_SAMPLE; `right` of `looked` second looks in it said yes. Source: Decision."""

    counts: Mapping[str, int]
    total: int
    median_days: float | None
    timed: int
    right: int
    looked: int
    due: int
    oldest_due: date | None

    @property
    def right_percent(self) -> int | None:
        return round(100 * self.right / self.looked) if self.looked >= MIN_SAMPLE else None


class Median(Aggregate):
    """The middle value, of durations too."""

    template = "percentile_cont(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"


def figures(reader: User, chosen: LogFilter) -> LogFigures:
    """Counts by outcome and the figures of a filter, whatever outcome it shows; two queries."""
    found = decisions(reader, chosen, any_outcome=True).order_by()
    timed = Q(asked_at__isnull=False)
    if chosen.outcome in Outcome.values:
        timed &= Q(outcome=chosen.outcome)
    took = ExpressionWrapper(F("decided_at") - F("asked_at"), output_field=DurationField())
    by = found.aggregate(
        total=Count("pk"),
        timed=Count("pk", filter=timed),
        median=Median(took, filter=timed),
        **{value: Count("pk", filter=Q(outcome=value)) for value in Outcome.values},
        right=Count("pk", filter=Q(verdict=Verdict.YES)),
        looked=Count("pk", filter=Q(verdict__in=[Verdict.YES, Verdict.PARTLY, Verdict.NO])),
    )
    due = found.due(timezone.localdate()).aggregate(count=Count("pk"), oldest=Min("revisit_on"))
    return LogFigures(
        counts={
            "": by["total"],
            **{value: by[value] for value in Outcome.values},
            DUE: due["count"],
        },
        total=by["total"],
        median_days=by["median"].total_seconds() / 86_400 if by["timed"] >= MIN_SAMPLE else None,
        timed=by["timed"],
        right=by["right"],
        looked=by["looked"],
        due=due["count"],
        oldest_due=due["oldest"],
    )


@dataclass(frozen=True)
class ReasonShare:
    """How many of the declined and put off went for one reason; `share` and `start` of 100."""

    code: str
    name: str
    count: int
    share: float
    start: float


def reasons(reader: User, chosen: LogFilter) -> list[ReasonShare]:
    """Why things were declined or put off in a filter, most frequent first; one query."""
    found = (
        decisions(reader, chosen)
        .filter(outcome__in=[Outcome.NO, Outcome.LATER])
        .order_by()
        .values_list("reason_code__code", "reason_code__name")
        .annotate(number=Count("pk"))
    )
    counted = sorted(found, key=lambda row: (row[0] is None, -row[2], row[1] or ""))
    whole = sum(number for *_, number in counted)
    shares, start = [], 0.0
    for code, name, number in counted:
        share = 100 * number / whole
        words = name or "No reason chosen"
        shares.append(ReasonShare(code or "", words, number, round(share, 2), round(start, 2)))
        start += share
    return shares


def teams_in_log(reader: User) -> list[tuple[str, str]]:
    """(slug, name) of the teams that have decisions this person may read, or are active."""
    return list(Team.objects.filter(is_active=True).values_list("slug", "name").order_by("name"))


def years_in_log(reader: User) -> list[int]:
    """Years in which something was decided, newest first."""
    found = Decision.objects.visible_to(reader).order_by()
    years = found.annotate(year=ExtractYear("decided_at")).values_list("year", flat=True)
    return sorted(set(years.distinct()), reverse=True)


EXPORTED = (
    "Reference", "Decision", "Outcome", "Reason", "Reason chosen", "Team", "Decided by",
    "Decided at", "Asked at", "Days taken", "Next second look", "Was it right?", "Context",
    "Criteria", "Dissent", "Supersedes",
)  # fmt: skip


def exported(reader: User, chosen: LogFilter) -> Iterator[list[Any]]:
    """All decisions of a filter for an export, read in parts."""
    found = decisions(reader, chosen).values_list(
        "number", "title", "outcome", "reason", "reason_code__name", "team__name",
        "decided_by__name", "decided_at", "asked_at", "revisit_on", "verdict", "context",
        "criteria", "dissent", "supersedes__number",
    )  # fmt: skip
    for (
        number, title, outcome, reason, code, team, who, decided_at, asked_at, revisit_on,
        verdict, context, criteria, dissent, old,
    ) in found.iterator(chunk_size=2000):  # fmt: skip
        days = days_between(asked_at, decided_at)
        yield [
            f"DEC-{number}", title, Outcome(outcome).label, reason, code, team, who, decided_at,
            asked_at, f"{days:.1f}" if days is not None else "", revisit_on,
            Verdict(verdict).label if verdict else "", context, criteria, dissent,
            f"DEC-{old}" if old else "",
        ]  # fmt: skip


# --- Second looks -----------------------------------------------------------------------------
def due_for(user: User, limit: int = 5) -> list[Decision]:
    """Decisions of this person whose second look is due, oldest first; one query."""
    mine = Q(decided_by=user) | Q(
        pk__in=Decision.deciders.through.objects.filter(user=user).values("decision_id")
    )
    found = Decision.objects.due(timezone.localdate()).filter(mine)
    return list(found.only("number", "title", "revisit_on").order_by("revisit_on", "pk")[:limit])


def due_in(reader: User, chosen: LogFilter, limit: int = 5) -> list[Decision]:
    """What is due for a second look in a filter, oldest first; one query."""
    found = decisions(reader, chosen, any_outcome=True).due(timezone.localdate())
    return list(
        found.select_related("decided_by")
        .only("number", "title", "revisit_on", "decided_by__name")
        .order_by("revisit_on", "pk")[:limit]
    )


def to_remind() -> list[int]:
    """Decisions that somebody should hear of by now, by id."""
    week_ago = timezone.now() - timedelta(days=ESCALATE_AFTER_DAYS)
    found = Decision.objects.due(timezone.localdate()).filter(
        Q(reminded_at__isnull=True) | Q(reminded_at__lte=week_ago, escalated_at__isnull=True)
    )
    return list(found.order_by("revisit_on", "pk").values_list("pk", flat=True)[:500])


# --- One decision -----------------------------------------------------------------------------
@dataclass(frozen=True)
class LinkRow:
    """One linked thing that the reader may see."""

    kind: str
    pk: int
    card: links.Card
    note: str
    is_settled: bool


@dataclass(frozen=True)
class Record:
    """One decision and what stands around it, as far as one reader may see."""

    decision: Decision
    links: list[LinkRow]
    moments: list[Moment]
    supersedes: Decision | None
    superseded_by: Decision | None
    is_superseded: bool
    looks: list[Any] = field(default_factory=list)
    hidden_links: int = 0


_WORDS = {
    "decision.recorded": ("gavel", "recorded the decision"),
    "decision.superseded": ("swap", "superseded it by another decision"),
    "decision.linked": ("link", "linked something to it"),
    "decision.revisited": ("eye", "looked at it again"),
    "decision.look_overdue": ("alert", "found that nobody had looked again"),
}
MOMENTS_SHOWN = 40


def record_of(decision: Decision, reader: User) -> Record:
    """Everything that the page of a decision shows; the links cost two queries a kind."""
    readable = Decision.objects.visible_to(reader)
    held = list(decision.links.all())
    cards = links.cards([(one.subject_type, one.subject_id) for one in held], reader)
    shown = [
        LinkRow(
            one.subject_type,
            one.subject_id,
            cards[one.subject_type, one.subject_id],
            one.note,
            one.is_settled,
        )
        for one in held
        if (one.subject_type, one.subject_id) in cards
    ]
    successor = decision.successors.standing().first()
    told = [
        links.Moment(event.occurred_at, event.actor, _words(event), _WORDS[event.kind][0])
        for event in timeline_for(decision).filter(kind__in=_WORDS)[:MOMENTS_SHOWN]
        # A successor that was taken back superseded nothing.
        if event.kind != "decision.superseded" or successor is not None
    ]
    told += links.moments([(row.kind, row.pk) for row in shown], reader)
    told.sort(key=lambda one: one.at, reverse=True)
    return Record(
        decision=decision,
        links=shown,
        moments=told[:MOMENTS_SHOWN],
        supersedes=readable.filter(pk=decision.supersedes_id).first()
        if decision.supersedes_id
        else None,
        superseded_by=readable.filter(pk=successor.pk).select_related("decided_by").first()
        if successor
        else None,
        is_superseded=successor is not None,
        looks=list(decision.looks.select_related("looked_by")),
    )


def _words(event: Event) -> str:
    text = _WORDS[event.kind][1]
    if event.kind == "decision.revisited":
        text += f": {VERDICT_TAGS[Verdict(event.data['verdict'])][0].lower()}"
    return text


def decisions_about(
    subjects: list[tuple[str, int]], reader: User
) -> list[tuple[Decision, bool, bool]]:
    """(decision, whether it settled one of these, whether another took its place) of everything
    that was decided about these things, newest first, as far as the reader may see; one query.
    """
    if not subjects:
        return []
    wanted = Q()
    for kind, pk in subjects:
        wanted |= Q(subject_type=kind, subject_id=pk)
    about = DecisionLink.objects.filter(wanted, decision=OuterRef("pk"))
    asked = DecisionLink.objects.filter(wanted).values("decision_id")
    found = (
        Decision.objects.visible_to(reader, among=asked)
        .filter(pk__in=asked)
        .select_related("decided_by", "reason_code")
        .annotate(
            settled=Exists(about.filter(is_settled=True)),
            is_replaced=Exists(Decision.objects.standing().filter(supersedes=OuterRef("pk"))),
        )
        .defer("search_vector")
        .order_by("-decided_at", "-pk")
    )
    return [(one, bool(one.settled), bool(one.is_replaced)) for one in found]
