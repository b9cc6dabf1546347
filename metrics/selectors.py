"""Read figures, and the rows they are made of."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from django.db.models import BigIntegerField, Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Team
from intake.models import Request
from metrics.definitions import (
    DEFINITIONS,
    MIN_SAMPLE,
    STAGES,
    TIME_TO_COMMITMENT,
    TIME_TO_DECISION,
    Definition,
    Stage,
)
from metrics.figures import SPAN_COLUMNS, Life, life
from metrics.models import Figure, FillState, Span, WaitsOn
from metrics.windows import DEFAULT_PERIOD, PERIODS, company_date
from planning.models import Outcome
from producthub.lib.periods import working_days
from producthub.lib.tags import day, tag_html

# Figures are computed every ten minutes; after two missed runs their age is worth a colour.
STALE_MINUTES = 30
SMALL_SAMPLE = 30
EXPORT_CHUNK = 1000


def in_days(seconds: int | None) -> float | None:
    """Working seconds as working days to one decimal, as all pages show them."""
    return None if seconds is None else round(working_days(seconds), 1)


@dataclass(frozen=True)
class Point:
    """One bucket of a trend; working days, None where there is not enough data."""

    label: str
    starts_on: date
    median: float | None
    slowest: float | None
    n_decided: int
    n_open: int


@dataclass(frozen=True)
class Headline:
    """What a tile shows of a measure; `value_days` in working days, None without enough data."""

    value_days: float | None
    target_days: float
    n: int
    n_open: int
    as_of: datetime | None
    points: list[Point]
    is_enough: bool

    @property
    def is_met(self) -> bool:
        """The target is reached."""
        return self.value_days is not None and self.value_days <= self.target_days

    @property
    def is_stale(self) -> bool:
        """Older than it should ever be."""
        return is_stale(self.as_of)


def is_stale(as_of: datetime | None) -> bool:
    """A figure whose run was missed, twice."""
    return as_of is not None and (timezone.now() - as_of).total_seconds() > STALE_MINUTES * 60


def headline() -> Headline:
    """Time to decision of all teams over the default period, with its trend; one query.

    Unit: working days. Source: figures of the last run, see `as_of`.
    """
    figures = list(
        Figure.objects.filter(key=TIME_TO_DECISION.key, team=None)
        .filter(Q(period=DEFAULT_PERIOD) | Q(period__startswith="month:"))
        .order_by("starts_at")
    )
    main = next((figure for figure in figures if figure.period == DEFAULT_PERIOD), None)
    return Headline(
        value_days=in_days(main.value) if main else None,
        target_days=TIME_TO_DECISION.target or 0,
        n=main.n_decided if main else 0,
        n_open=main.n_open if main else 0,
        as_of=main.as_of if main else None,
        points=_points(figures, "month:"),
        is_enough=main is not None and main.n_decided >= MIN_SAMPLE,
    )


def _points(figures: Iterable[Figure], prefix: str) -> list[Point]:
    return [
        Point(
            label=_label(figure),
            starts_on=company_date(figure.starts_at),
            median=in_days(figure.value),
            slowest=in_days(figure.slowest_tenth),
            n_decided=figure.n_decided,
            n_open=figure.n_open,
        )
        for figure in figures
        if figure.period.startswith(prefix)
    ]


def _label(figure: Figure) -> str:
    first = company_date(figure.starts_at)
    return f"{first:%b}" if figure.period.startswith("month:") else f"{first.day} {first:%b}"


@dataclass(frozen=True)
class TeamLine:
    """One team's figures in the period."""

    team: Team
    median: float | None
    slowest: float | None
    n_decided: int
    n_open: int
    target: float | None

    @property
    def is_met(self) -> bool:
        """The target is reached."""
        return self.target is not None and self.median is not None and self.median <= self.target


@dataclass(frozen=True)
class Part:
    """Who was waited on: days in all, and the share in whole percent; shares make 100."""

    key: str
    name: str
    css: str
    days: float
    percent: int
    offset: int


@dataclass(frozen=True)
class StageLine:
    """How long half of the requests took to a stage; working days."""

    stage: Stage
    median: float | None
    step: float | None
    n: int
    n_open: int


@dataclass(frozen=True)
class Summary:
    """One of the two figures, as its tile tells it; days are working days."""

    definition: Definition
    figure: Figure | None

    @property
    def median(self) -> float | None:
        return in_days(self.figure.value) if self.figure else None

    @property
    def closed_median(self) -> float | None:
        return in_days(self.figure.closed_median) if self.figure else None

    @property
    def slowest(self) -> float | None:
        return in_days(self.figure.slowest_tenth) if self.figure else None

    @property
    def calendar_days(self) -> float | None:
        """The same median by the calendar: nights, weekends and holidays included."""
        if self.figure is None or self.figure.calendar_median is None:
            return None
        return round(self.figure.calendar_median / 86_400, 1)

    @property
    def n(self) -> int:
        return self.figure.n_decided if self.figure else 0

    @property
    def n_open(self) -> int:
        return self.figure.n_open if self.figure else 0

    @property
    def is_enough(self) -> bool:
        """There are ends enough to speak of a median."""
        return self.n >= MIN_SAMPLE

    @property
    def is_small(self) -> bool:
        """Few enough that the count must stand beside it."""
        return self.n < SMALL_SAMPLE

    @property
    def is_met(self) -> bool:
        target = self.definition.target
        return target is not None and self.median is not None and self.median <= target


@dataclass(frozen=True)
class Report(Summary):
    """Everything that the page says besides its rows, of the chosen figure and the other."""

    period: str
    other: Summary
    bucket: str
    points: list[Point]
    teams: list[TeamLine]
    stages: list[StageLine]
    readings: Mapping[str, int]

    @property
    def both(self) -> list[Summary]:
        """The two figures, always in the same order."""
        pair: list[Summary] = [self, self.other]
        return sorted(pair, key=lambda one: one.definition is TIME_TO_COMMITMENT)

    @property
    def parts(self) -> list[Part]:
        """Who the time was spent waiting on; empty without data."""
        if self.figure is None or self.figure.working_sum <= 0:
            return []
        whole, requester = self.figure.working_sum, self.figure.requester_sum
        forum = self.figure.forum_sum
        held = [
            ("managers", "Product managers", "f1", whole - requester - forum),
            ("requester", "Requesters", "f2", requester),
            ("forum", "Sessions and reviews", "f3", forum),
        ]
        percents = whole_percents([seconds for *_, seconds in held])
        return [
            Part(key, name, css, in_days(seconds) or 0.0, percent, sum(percents[:place]))
            for place, ((key, name, css, seconds), percent) in enumerate(
                zip(held, percents, strict=True)
            )
        ]


def whole_percents(amounts: Sequence[int]) -> list[int]:
    """Shares in whole percent that add up to 100, by largest remainder; zeros without a sum."""
    total = sum(amounts)
    if not total:
        return [0] * len(amounts)
    shares = [100 * amount // total for amount in amounts]
    rests = sorted(range(len(amounts)), key=lambda i: (-(100 * amounts[i] % total), i))
    for place in rests[: 100 - sum(shares)]:
        shares[place] += 1
    return shares


def report(*, definition: Definition, team: Team | None, period: str) -> Report:
    """One of the two figures of one team or all, in a period, with trend and team table, and
    the other figure beside it. Two queries.
    """
    bucket = PERIODS[period][1]
    figures = list(
        Figure.objects.filter(
            Q(key=definition.key, team=team, period__startswith=f"{bucket}:") | Q(period=period)
        )
        .select_related("team")
        .order_by("starts_at", "team__name")
    )
    state = FillState.objects.filter(key=TIME_TO_DECISION.key).first()
    team_id = team.pk if team else None
    own = [figure for figure in figures if figure.team_id == team_id]
    now = {figure.key: figure for figure in own if figure.period == period}
    other = TIME_TO_DECISION if definition is TIME_TO_COMMITMENT else TIME_TO_COMMITMENT
    decision = now.get(TIME_TO_DECISION.key)
    return Report(
        definition=definition,
        figure=now.get(definition.key),
        other=Summary(other, now.get(other.key)),
        period=period,
        bucket=bucket,
        points=_points((one for one in own if one.key == definition.key), f"{bucket}:"),
        teams=[
            TeamLine(
                team=figure.team,
                median=in_days(figure.value),
                slowest=in_days(figure.slowest_tenth),
                n_decided=figure.n_decided,
                n_open=figure.n_open,
                target=definition.target,
            )
            for figure in figures
            if figure.key == definition.key
            and figure.period == period
            and figure.team is not None
            and (figure.n_decided or figure.n_open)
        ],
        stages=[
            StageLine(
                stage, in_days(held["median"]), in_days(held["step"]), held["n"], held["n_open"]
            )
            for stage, held in zip(STAGES, decision.stages if decision else [], strict=False)
        ],
        readings=state.readings if state else {},
    )


# --- The rows behind it -----------------------------------------------------------------------

SORTS = {"slow": "Slowest first", "fast": "Fastest first", "new": "Newest first"}
Readings = Mapping[str, int]


def spans_of(figure: Figure) -> QuerySet[Span]:
    """The spans that a figure was made of; show them through `rows`, which knows the reader."""
    spans = Span.objects.filter(
        key=figure.key, started_at__gte=figure.starts_at, started_at__lt=figure.ends_at
    )
    return spans if figure.team_id is None else spans.filter(team=figure.team_id)


def page_of(figure: Figure, readings: Readings, sort: str, start: int, stop: int) -> list[int]:
    """Ids of the spans from one place to another in an order of `SORTS`.

    Ended spans come by index in their order; open ones are few and worked out, from what the
    clocks showed when the figure was made. Sorting both together in the database would touch
    every row for any page.
    """
    spans = spans_of(figure)
    if sort == "new":
        return list(spans.order_by("-started_at", "-pk").values_list("pk", flat=True)[start:stop])
    sign = "-" if sort == "slow" else ""
    shown = Case(
        *(When(team=int(team), then=Value(at)) for team, at in readings.items() if team != "0"),
        default=Value(readings["0"]),
        output_field=BigIntegerField(),
    )
    ended = spans.filter(ended_at__isnull=False).order_by(f"{sign}working_seconds", f"{sign}pk")
    running = spans.filter(ended_at__isnull=True).annotate(
        elapsed=Greatest(shown - F("start_reading"), Value(0))
    )
    merged = heapq.merge(
        ended.values_list("working_seconds", "pk")[:stop],
        running.order_by(f"{sign}elapsed", f"{sign}pk").values_list("elapsed", "pk")[:stop],
        reverse=sort == "slow",
    )
    return [pk for _, pk in islice(merged, start, stop)]


OUTCOME_WORDS = dict(Outcome.choices)


@dataclass(slots=True)
class Row:
    """One request behind the figure; days are working days."""

    definition: Definition
    reference: str
    team: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    life: Life
    waits_on: str
    title: str
    url: str

    @property
    def seconds(self) -> int:
        """Working seconds, to the end or so far."""
        return self.life.so_far

    @property
    def days(self) -> str:
        """“8.4”, or “8.4 so far” while it is open."""
        return f"{working_days(self.seconds):.1f}{'' if self.ended_at else ' so far'}"

    @property
    def calendar_days(self) -> str:
        """The same by the calendar."""
        return f"{self.life.calendar / 86_400:.1f}"

    @property
    def waits(self) -> list[tuple[str, str]]:
        """(name, days) of whom it waited on; they add up to the working days."""
        held = (
            ("PM", self.life.managers),
            ("Requester", self.life.requester),
            ("Session", self.life.forum),
        )
        return [(name, f"{working_days(of):.1f}" if of else "–") for name, of in held]

    @property
    def is_late(self) -> bool:
        """Longer than the target."""
        target = self.definition.target_seconds
        return target is not None and self.seconds > target

    @property
    def sent_html(self) -> SafeString | str:
        return day(self.started_at)

    @property
    def end_html(self) -> SafeString:
        """What ended it and when, or how it stands."""
        if self.ended_at is not None and self.definition is TIME_TO_COMMITMENT:
            return format_html("On the roadmap, {}", day(self.ended_at))
        if self.ended_at is not None:
            word = OUTCOME_WORDS.get(self.outcome, "Decided")
            return format_html("{}, {}", word, day(self.ended_at))
        if self.waits_on == WaitsOn.REQUESTER:
            return tag_html("Waiting for an answer", "warn", "msg")
        if self.waits_on == WaitsOn.FORUM:
            return tag_html("In a session or review", "info", "people")
        if self.definition is TIME_TO_COMMITMENT:
            return tag_html("Not on the roadmap yet", "info", "clock")
        return tag_html("Open", "info", "clock")


ROW_COLUMNS = ("pk", "subject_id", "reference", "team__name", "outcome", *SPAN_COLUMNS)
OWN = ROW_COLUMNS.index(SPAN_COLUMNS[0])


def rows_by_id(figure: Figure, readings: Readings, ids: Sequence[int], user: Any) -> list[Row]:
    """`rows` of these spans, in the order of the ids; two queries."""
    place = {pk: index for index, pk in enumerate(ids)}
    held = Span.objects.filter(pk__in=ids).values_list(*ROW_COLUMNS)
    return rows(figure, readings, sorted(held, key=lambda span: place[span[0]]), user)


def rows(
    figure: Figure, readings: Readings, spans: Iterable[tuple[Any, ...]], user: Any
) -> list[Row]:
    """What a person may see of these spans, by ROW_COLUMNS, in their order: fewer than given
    where a request is hidden from them. One query beside the spans' own.

    Open ones stand as they did when the figure was made.
    """
    held = list(spans)
    seen = {
        pk: (title, number)
        for pk, title, number in Request.objects.visible_to(user)
        .filter(pk__in=[span[1] for span in held])
        .values_list("pk", "title", "number")
    }
    found = []
    for span in held:
        _, subject, reference, team, outcome = span[:OWN]
        if subject not in seen:
            continue
        own = dict(zip(SPAN_COLUMNS, span[OWN:], strict=True))
        reading = readings.get(str(own["team_id"] or 0), 0)
        title, number = seen[subject]
        found.append(
            Row(
                definition=DEFINITIONS[figure.key],
                reference=reference,
                team=team or "",
                started_at=own["started_at"],
                ended_at=own["ended_at"],
                outcome=outcome,
                life=life(span[OWN:], figure.as_of, reading),
                waits_on=own["waits_on"],
                title=title,
                url=f"/requests/{number}/",
            )
        )
    return found


def all_rows(figure: Figure, readings: Readings, user: Any) -> Iterator[Row]:
    """Every row that a person may see, oldest first, a thousand at a time, for exports."""
    spans = spans_of(figure).order_by("started_at", "pk").values_list(*ROW_COLUMNS)
    held: list[tuple[Any, ...]] = []
    for span in spans.iterator(chunk_size=EXPORT_CHUNK):
        held.append(span)
        if len(held) == EXPORT_CHUNK:
            yield from rows(figure, readings, held, user)
            held = []
    yield from rows(figure, readings, held, user)
