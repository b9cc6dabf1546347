"""Spans to figures: medians with open ones counted, who was waited on, stages."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone

from accounts.models import Team
from metrics.definitions import DEFINITIONS, MIN_SAMPLE, STAGES, Definition
from metrics.models import Figure, Span
from metrics.survival import quantile
from metrics.windows import Window, every_window, periods

CHUNK = 10_000


class Life(NamedTuple):
    """One span as it stands at a moment; working seconds unless named otherwise."""

    ended: int | None
    so_far: int  # to its end, or to that moment while it is open
    age: int  # to that moment, whether it ended or not
    calendar: int  # the same in seconds of the calendar
    requester: int
    forum: int
    stages: Sequence[int | None]  # since the start, by STAGES
    is_accepted: bool

    @property
    def managers(self) -> int:
        """What remains: every moment belongs to exactly one."""
        return self.so_far - self.requester - self.forum


@dataclass(frozen=True)
class Waited:
    """Working seconds of a span by who it waited on; they add up to its length."""

    managers: int
    requester: int
    forum: int


def waited(*, elapsed: int, requester: int, forum: int, waits_on: str, tail: int) -> Waited:
    """Who a span of `elapsed` seconds waited on.

    `requester` and `forum` are what is over, `tail` what has run since for `waits_on`. A clock
    that is ahead of the events it measures must not make more of the parts than of the whole.
    """
    requester += tail if waits_on == "requester" else 0
    forum += tail if waits_on == "forum" else 0
    requester = min(requester, elapsed)
    forum = min(forum, elapsed - requester)
    return Waited(elapsed - requester - forum, requester, forum)


@dataclass
class Sample:
    """The spans of one team in order of their start, in whole seconds since 1970."""

    starts: list[int] = field(default_factory=list)
    rows: list[Life] = field(default_factory=list)


@dataclass(frozen=True)
class Summary:
    """What a sample says; durations in working seconds, `calendar_*` in seconds."""

    value: int | None
    closed_median: int | None
    slowest_tenth: int | None
    calendar_median: int | None
    n_decided: int
    n_open: int
    working_sum: int
    requester_sum: int
    forum_sum: int


def summarise(rows: Sequence[Life]) -> Summary:
    """Figures of spans.

    All values are None below `MIN_SAMPLE` ends; those that count open ones also where so many
    are open that they cannot be told yet. The sums are over all, open ones so far.
    """
    ended = sorted([row.ended for row in rows if row.ended is not None])
    running = sorted([row.so_far for row in rows if row.ended is None])
    is_enough = len(ended) >= MIN_SAMPLE
    calendar = None
    if is_enough:
        calendar = quantile(
            sorted([row.calendar for row in rows if row.ended is not None]),
            sorted([row.calendar for row in rows if row.ended is None]),
            0.5,
        )
    return Summary(
        value=quantile(ended, running, 0.5) if is_enough else None,
        closed_median=quantile(ended, [], 0.5) if is_enough else None,
        slowest_tenth=quantile(ended, running, 0.9) if is_enough else None,
        calendar_median=calendar,
        n_decided=len(ended),
        n_open=len(running),
        working_sum=sum([row.so_far for row in rows]),
        requester_sum=sum([row.requester for row in rows]),
        forum_sum=sum([row.forum for row in rows]),
    )


@dataclass(frozen=True)
class StageSummary:
    """How long until a stage is reached, since the start and since the stage before."""

    median: int | None
    step: int | None
    n: int
    n_open: int


def summarise_stages(rows: Sequence[Life]) -> list[StageSummary]:
    """Medians of each of STAGES in working seconds, those not there yet counted as open.

    A step begins with the stage before; who skipped that one has no such step. Only accepted
    requests can come onto the roadmap or be delivered.
    """
    found = []
    for place, stage in enumerate(STAGES):
        held = rows
        if stage.is_for_accepted:
            held = [row for row in rows if row.is_accepted and not _skipped(row, place)]
        reached = sorted([at for row in held if (at := row.stages[place]) is not None])
        open_ones = sorted([row.age for row in held if row.stages[place] is None])
        steps, waiting = reached, open_ones
        if place:
            steps, waiting = [], []
            for row in held:
                first, last = row.stages[place - 1], row.stages[place]
                if first is not None and last is not None:
                    steps.append(max(last - first, 0))
                elif first is not None:
                    waiting.append(max(row.age - first, 0))
            steps.sort()
            waiting.sort()
        found.append(
            StageSummary(
                median=quantile(reached, open_ones, 0.5) if len(reached) >= MIN_SAMPLE else None,
                step=quantile(steps, waiting, 0.5) if len(steps) >= MIN_SAMPLE else None,
                n=len(reached),
                n_open=len(open_ones),
            )
        )
    return found


def _skipped(row: Life, place: int) -> bool:
    """A later stage was reached without this one: when, nobody can tell."""
    return row.stages[place] is None and any(at is not None for at in row.stages[place + 1 :])


FIGURE_FIELDS = [
    "starts_at", "ends_at", "as_of", "computed_at", "stages", *Summary.__dataclass_fields__,
]  # fmt: skip


def refresh_figures(as_of: datetime, readings: Mapping[str, int]) -> int:
    """Make the figures of all measures, teams and windows; returns how many there are.

    `readings` are what each team's working clock shows at `as_of`.
    """
    windows = every_window(as_of)
    with_stages = {window.key for window in periods(as_of)}
    teams: list[int | None] = [None, *Team.objects.values_list("pk", flat=True)]
    now = timezone.now()
    since = min(window.starts_at for window in windows)
    figures = []
    for definition in DEFINITIONS.values():
        samples = _samples(definition, since, as_of, readings)
        figures += [
            _figure(definition, team, window, samples[team], as_of, now, with_stages)
            for team in teams
            for window in windows
        ]
    Figure.objects.exclude(period__in=[window.key for window in windows]).delete()
    Figure.objects.bulk_create(
        figures,
        update_conflicts=True,
        unique_fields=["key", "team", "period"],
        update_fields=FIGURE_FIELDS,
    )
    return len(figures)


SPAN_COLUMNS = (
    "team_id", "started_at", "start_reading", "ended_at", "working_seconds", "requester_seconds",
    "forum_seconds", "waits_on", "waits_reading", "stages", "is_accepted",
)  # fmt: skip


def _samples(
    definition: Definition, since: datetime, as_of: datetime, readings: Mapping[str, int]
) -> defaultdict[int | None, Sample]:
    """Spans from `since` on, by team; all of them under None."""
    samples: defaultdict[int | None, Sample] = defaultdict(Sample)
    spans = Span.objects.filter(key=definition.key, started_at__gte=since).order_by("started_at")
    for span in spans.values_list(*SPAN_COLUMNS).iterator(chunk_size=CHUNK):
        team, started_at = span[:2]
        row = life(span, as_of, readings[str(team or 0)])
        for holder in (None, team) if team is not None else (None,):
            samples[holder].starts.append(int(started_at.timestamp()))
            samples[holder].rows.append(row)
    return samples


def life(span: tuple[Any, ...], as_of: datetime, reading: int) -> Life:
    """A span, by SPAN_COLUMNS, as it stands at a moment when its clock shows `reading`."""
    _, started_at, start, ended_at, worked, requester, forum, waits_on, since = span[:9]
    stages, is_accepted = span[9:]
    age = max(reading - start, 0)
    so_far = age if worked is None else worked
    calendar = max(int(((ended_at or as_of) - started_at).total_seconds()), 0)
    if waits_on or requester or forum:
        parts = waited(
            elapsed=so_far,
            requester=requester,
            forum=forum,
            waits_on=waits_on,
            tail=max(reading - since, 0) if waits_on else 0,
        )
        requester, forum = parts.requester, parts.forum
    return Life(worked, so_far, age, calendar, requester, forum, stages, is_accepted)


def _figure(
    definition: Definition,
    team: int | None,
    window: Window,
    sample: Sample,
    as_of: datetime,
    now: datetime,
    with_stages: set[str],
) -> Figure:
    first = bisect_left(sample.starts, window.starts_at.timestamp())
    after = bisect_left(sample.starts, window.ends_at.timestamp())
    rows = sample.rows[first:after]
    has_stages = definition.has_stages and window.key in with_stages
    return Figure(
        key=definition.key,
        team_id=team,
        period=window.key,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        as_of=as_of,
        computed_at=now,
        stages=[asdict(stage) for stage in summarise_stages(rows)] if has_stages else [],
        **asdict(summarise(rows)),
    )
