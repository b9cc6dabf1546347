"""Read figures, and the rows they are made of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Team
from intake.models import Request
from metrics.clock import WorkingSeconds
from metrics.definitions import MIN_SAMPLE, TIME_TO_DECISION
from metrics.models import Figure, Span
from metrics.windows import DEFAULT_PERIOD, PERIODS
from producthub.lib.periods import working_days

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
            starts_on=timezone.localdate(figure.starts_at),
            median=in_days(figure.value),
            slowest=in_days(figure.slowest_tenth),
            n_decided=figure.n_decided,
            n_open=figure.n_open,
        )
        for figure in figures
        if figure.period.startswith(prefix)
    ]


def _label(figure: Figure) -> str:
    first = timezone.localdate(figure.starts_at)
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
_ORDER = {"slow": ["-elapsed", "-pk"], "fast": ["elapsed", "pk"], "new": ["-started_at", "-pk"]}


def spans_of(figure: Figure, user: Any) -> QuerySet[Span]:
    """The spans of a figure whose requests this person may see.

    `elapsed` is working seconds from start to end, or to the figure's as-of time while open:
    the numbers from which the figure was made.
    """
    spans = Span.objects.filter(
        key=figure.key, started_at__gte=figure.starts_at, started_at__lt=figure.ends_at
    )
    if figure.team_id is not None:
        spans = spans.filter(team=figure.team_id)
    return spans.filter(subject_id__in=Request.objects.visible_to(user).values("pk")).annotate(
        elapsed=Coalesce(
            "working_seconds",
            WorkingSeconds(
                F("started_at"),
                Value(figure.as_of),
                Coalesce("team__time_zone", Value(settings.TIME_ZONE)),
            ),
        )
    )


@dataclass(frozen=True)
class Row:
    """One request behind the figure; days are working days."""

    reference: str
    title: str
    url: str
    team: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    seconds: int
    waiting_seconds: int
    is_asked: bool

    @property
    def days(self) -> float | None:
        return in_days(self.seconds)

    @property
    def waiting_days(self) -> float | None:
        return in_days(self.waiting_seconds)

    @property
    def is_late(self) -> bool:
        """Longer than the target."""
        return self.seconds > TIME_TO_DECISION.target_seconds


def ordered(spans: QuerySet[Span], sort: str) -> QuerySet[Span]:
    """Spans of `spans_of` in one of the orders of `SORTS`."""
    return spans.order_by(*_ORDER[sort])


def rows(spans: Iterable[Span], user: Any) -> list[Row]:
    """What is shown of these spans; two queries."""
    held = list(spans)
    items = {
        item.pk: item
        for item in Request.objects.visible_to(user)
        .filter(pk__in=[span.subject_id for span in held])
        .only("pk", "number", "title")
    }
    teams = dict(Team.objects.values_list("pk", "name"))
    return [
        Row(
            reference=span.reference,
            title=items[span.subject_id].title,
            url=items[span.subject_id].get_absolute_url(),
            team=teams.get(span.team_id, "") if span.team_id else "",
            started_at=span.started_at,
            ended_at=span.ended_at,
            outcome=span.outcome,
            seconds=span.elapsed,  # type: ignore[attr-defined]
            waiting_seconds=span.waiting_seconds,
            is_asked=span.waiting_since is not None,
        )
        for span in held
        if span.subject_id in items
    ]


def all_rows(spans: QuerySet[Span], user: Any) -> Iterator[Row]:
    """Every row, a thousand at a time, for exports."""
    held: list[Span] = []
    for span in spans.iterator(chunk_size=EXPORT_CHUNK):
        held.append(span)
        if len(held) == EXPORT_CHUNK:
            yield from rows(held, user)
            held = []
    yield from rows(held, user)
