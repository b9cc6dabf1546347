"""Read figures, and the rows they are made of."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from django.db.models import BigIntegerField, Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Team
from intake.models import Request
from metrics.definitions import MIN_SAMPLE, TIME_TO_DECISION
from metrics.models import Figure, FillState, Span
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
        target_days=TIME_TO_DECISION.target,
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

    @property
    def is_met(self) -> bool:
        """The target is reached."""
        return self.median is not None and self.median <= TIME_TO_DECISION.target


@dataclass(frozen=True)
class Report:
    """Everything that the page says besides its rows."""

    period: str
    figure: Figure | None
    bucket: str
    points: list[Point]
    teams: list[TeamLine]

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
    def n(self) -> int:
        return self.figure.n_decided if self.figure else 0

    @property
    def n_open(self) -> int:
        return self.figure.n_open if self.figure else 0

    @property
    def is_enough(self) -> bool:
        """There are decisions enough to speak of a median."""
        return self.n >= MIN_SAMPLE

    @property
    def is_small(self) -> bool:
        """Few enough that the count must stand beside it."""
        return self.n < SMALL_SAMPLE

    @property
    def is_met(self) -> bool:
        return self.median is not None and self.median <= TIME_TO_DECISION.target

    @property
    def waiting_percent(self) -> int | None:
        """How much of the time requests waited for their requester; None without data."""
        if not self.is_enough or self.figure is None or not self.figure.working_sum:
            return None
        return round(100 * self.figure.waiting_sum / self.figure.working_sum)


def report(*, team: Team | None, period: str) -> Report:
    """Time to decision of one team or all, in a period, with trend and team table; one query."""
    bucket = PERIODS[period][1]
    figures = list(
        Figure.objects.filter(key=TIME_TO_DECISION.key)
        .filter(Q(team=team, period__startswith=f"{bucket}:") | Q(period=period))
        .select_related("team")
        .order_by("starts_at", "team__name")
    )
    team_id = team.pk if team else None
    own = [figure for figure in figures if figure.team_id == team_id]
    return Report(
        period=period,
        figure=next((figure for figure in own if figure.period == period), None),
        bucket=bucket,
        points=_points(own, f"{bucket}:"),
        teams=[
            TeamLine(
                team=figure.team,
                median=in_days(figure.value),
                slowest=in_days(figure.slowest_tenth),
                n_decided=figure.n_decided,
                n_open=figure.n_open,
            )
            for figure in figures
            if figure.period == period
            and figure.team is not None
            and (figure.n_decided or figure.n_open)
        ],
    )


# --- The rows behind it -----------------------------------------------------------------------

SORTS = {"slow": "Slowest first", "fast": "Fastest first", "new": "Newest first"}


def spans_of(figure: Figure) -> QuerySet[Span]:
    """The spans that a figure was made of; show them through `rows`, which knows the reader."""
    spans = Span.objects.filter(
        key=figure.key, started_at__gte=figure.starts_at, started_at__lt=figure.ends_at
    )
    return spans if figure.team_id is None else spans.filter(team=figure.team_id)


def _elapsed(figure: Figure) -> Coalesce:
    """Working seconds from start to end, or to the figure's as-of time while open: the numbers
    from which the figure was made. One query, for what the clocks showed then.
    """
    readings = FillState.objects.get(key=figure.key).readings
    shown = Case(
        *(When(team=int(team), then=Value(at)) for team, at in readings.items() if team != "0"),
        default=Value(readings["0"]),
        output_field=BigIntegerField(),
    )
    return Coalesce("working_seconds", Greatest(shown - F("start_reading"), Value(0)))


def page_of(figure: Figure, sort: str, start: int, stop: int) -> list[int]:
    """Ids of the spans from one place to another in an order of `SORTS`.

    Ended spans come by index in their order; open ones are few and worked out. Sorting both
    together in the database would touch every row for any page.
    """
    spans = spans_of(figure)
    if sort == "new":
        return list(spans.order_by("-started_at", "-pk").values_list("pk", flat=True)[start:stop])
    sign = "-" if sort == "slow" else ""
    ended = spans.filter(ended_at__isnull=False).order_by(f"{sign}working_seconds", f"{sign}pk")
    running = spans.filter(ended_at__isnull=True).annotate(elapsed=_elapsed(figure))
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

    reference: str
    team: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    seconds: int
    waiting_seconds: int
    is_asked: bool
    title: str
    url: str

    @property
    def days(self) -> str:
        """“8.4”, or “8.4 so far” while it is open."""
        return f"{working_days(self.seconds):.1f}{'' if self.ended_at else ' so far'}"

    @property
    def waited(self) -> str:
        """Days of these that the requester took to answer."""
        return f"{working_days(self.waiting_seconds):.1f}" if self.waiting_seconds else "–"

    @property
    def is_late(self) -> bool:
        """Longer than the target."""
        return self.seconds > TIME_TO_DECISION.target_seconds

    @property
    def sent_html(self) -> SafeString | str:
        return day(self.started_at)

    @property
    def decision_html(self) -> SafeString:
        """What was decided and when, or how it stands."""
        if self.ended_at is not None:
            return format_html(
                "{}, {}", OUTCOME_WORDS.get(self.outcome, "Decided"), day(self.ended_at)
            )
        if self.is_asked:
            return tag_html("Waiting for an answer", "warn", "msg")
        return tag_html("Open", "info", "clock")


def values_of(figure: Figure, spans: QuerySet[Span]) -> QuerySet[Span, tuple[Any, ...]]:
    """What `rows` needs of spans of a figure."""
    return spans.values_list(
        "pk",
        "subject_id",
        "reference",
        "team__name",
        "started_at",
        "ended_at",
        "outcome",
        _elapsed(figure),
        "waiting_seconds",
        "waiting_since",
    )


def rows_by_id(figure: Figure, ids: Sequence[int], user: Any) -> list[Row]:
    """`rows` of these spans, in the order of the ids; two queries."""
    place = {pk: index for index, pk in enumerate(ids)}
    held = values_of(figure, Span.objects.filter(pk__in=ids))
    return rows(sorted(held, key=lambda span: place[span[0]]), user)


def rows(spans: Iterable[tuple[Any, ...]], user: Any) -> list[Row]:
    """What a person may see of these spans, in their order: fewer than given where a request
    is hidden from them. One query beside the spans' own.
    """
    held = list(spans)
    seen = {
        pk: (title, number)
        for pk, title, number in Request.objects.visible_to(user)
        .filter(pk__in=[span[1] for span in held])
        .values_list("pk", "title", "number")
    }
    return [
        Row(
            reference=reference,
            team=team or "",
            started_at=started_at,
            ended_at=ended_at,
            outcome=outcome,
            seconds=elapsed,
            waiting_seconds=waiting,
            is_asked=since is not None,
            title=seen[subject][0],
            url=f"/requests/{seen[subject][1]}/",
        )
        for (
            _,
            subject,
            reference,
            team,
            started_at,
            ended_at,
            outcome,
            elapsed,
            waiting,
            since,
        ) in held
        if subject in seen
    ]


def all_rows(figure: Figure, user: Any) -> Iterator[Row]:
    """Every row that a person may see, oldest first, a thousand at a time, for exports."""
    spans = values_of(figure, spans_of(figure).order_by("started_at", "pk"))
    held: list[tuple[Any, ...]] = []
    for span in spans.iterator(chunk_size=EXPORT_CHUNK):
        held.append(span)
        if len(held) == EXPORT_CHUNK:
            yield from rows(held, user)
            held = []
    yield from rows(held, user)
