"""Fold events into spans, and spans into figures. Restartable: doing it twice changes nothing.

A span follows from all events of its subject, whatever their order, so an incremental run looks
up the subjects that new events touch and derives their spans anew with one statement. A rebuild
is the same statement over all subjects, hence the same rows.
"""

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.calendars import calendars_by_team
from accounts.models import Team
from activity.events import subject_key
from activity.selectors import horizon
from intake.models import Request
from metrics.clock import CLOCKS, clock_rows, reading_sql
from metrics.definitions import MIN_SAMPLE, TIME_TO_DECISION, Definition
from metrics.models import Figure, FillState, Span
from metrics.survival import quantile
from metrics.windows import Window, every_window
from producthub.lib.periods import Calendar

# Counts as another formula when the statement below changes its meaning: spans are rebuilt.
FORMULA_VERSION = 2

TEAM_KINDS = ("request.submitted", "request.triaged", "request.reassigned", "request.decided")
# The order of kinds settles ties of time, so that the order of writing never matters.
KINDS = (
    "request.submitted",
    "request.triaged",
    "request.reassigned",
    "request.asked",
    "request.answered",
    "request.decided",
)


Calendars = Mapping[int | None, Calendar]


@dataclass(frozen=True)
class Outcome:
    """What a run did. `spans` were derived, of which `changed` were new or different."""

    spans: int = 0
    changed: int = 0
    removed: int = 0
    figures: int = 0
    is_rebuild: bool = False
    is_busy: bool = False


@transaction.atomic
def compute(*, rebuild: bool = False) -> Outcome:
    """Bring spans and figures of time to decision up to date.

    Source: the events of requests. Events that commit late are not lost: the next run starts at
    the oldest transaction that was still open when this one began. A database restored from a
    copy, a changed calendar or formula leads to a rebuild. Of two runs at once the second
    returns with `is_busy`.
    """
    definition = TIME_TO_DECISION
    FillState.objects.get_or_create(key=definition.key)
    state = FillState.objects.select_for_update(skip_locked=True).filter(key=definition.key).first()
    if state is None:
        return Outcome(is_busy=True)
    # Read before the events: what commits meanwhile is seen now or next time, or both.
    as_of, below = timezone.now(), horizon()
    calendars = calendars_by_team()
    rules, database = _rules(calendars), _database()
    is_rebuild = rebuild or state.rules != rules or state.database != database or state.tx > below
    subjects = None if is_rebuild else _touched_since(state.tx)
    spans, changed = _fold(definition, calendars, subjects) if subjects != [] else (0, 0)
    removed = _drop_orphans(definition) if is_rebuild else 0
    state.tx, state.rules, state.database, state.as_of = below, rules, database, as_of
    state.readings = {str(team or 0): at.reading(as_of) for team, at in calendars.items()}
    state.save(update_fields=["tx", "rules", "database", "as_of", "readings"])
    figures = refresh_figures(state)
    return Outcome(spans, changed, removed, figures, is_rebuild)


def _rules(calendars: Calendars) -> str:
    """What spans rest on besides events: hours, holidays and time zones of all teams."""
    text = repr((FORMULA_VERSION, settings.TIME_ZONE, clock_rows(calendars)))
    return hashlib.sha256(text.encode()).hexdigest()


def _database() -> str:
    """Names the cluster and the database: elsewhere the same transaction ids mean others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.system_identifier || '/' || d.oid FROM pg_control_system() c, pg_database d"
            " WHERE d.datname = current_database()"
        )
        return str(cursor.fetchone()[0])


def _touched_since(tx: int) -> list[int]:
    """Subjects with events of transactions from `tx` on, the still unfinished ones included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT subject_id FROM activity_event"
            " WHERE tx >= %s AND subject_type = %s AND kind = ANY(%s)",
            [tx, subject_key_of_requests(), list(KINDS)],
        )
        return [row[0] for row in cursor.fetchall()]


def subject_key_of_requests() -> str:
    """How events name requests."""
    return subject_key(Request)  # type: ignore[arg-type]  # the class carries the same `_meta`


_FOLD = """
WITH clock AS MATERIALIZED (
    SELECT * FROM __CLOCKS__
), trail AS MATERIALIZED (
    SELECT subject_id, subject_label, occurred_at, data,
           array_position(%(kinds)s::varchar[], kind) AS place, kind
    FROM activity_event
    WHERE subject_type = %(subject)s AND kind = ANY(%(kinds)s)
      AND (%(everything)s OR subject_id = ANY(%(subjects)s))
), life AS MATERIALIZED (
    SELECT subject_id,
           max(subject_label) AS reference,
           min(occurred_at) FILTER (WHERE kind = 'request.submitted') AS started_at,
           min(occurred_at) FILTER (WHERE kind = 'request.decided') AS ended_at,
           (array_agg(data->>'outcome' ORDER BY occurred_at, data->>'outcome')
               FILTER (WHERE kind = 'request.decided'))[1] AS outcome,
           (array_agg((data->>'team')::bigint
                      ORDER BY occurred_at DESC, place DESC, (data->>'team')::bigint DESC)
               FILTER (WHERE kind = ANY(%(team_kinds)s)))[1] AS team_id
    FROM trail GROUP BY subject_id
    HAVING bool_or(kind = 'request.submitted')
), known AS MATERIALIZED (
    SELECT life.subject_id, reference, started_at, ended_at, coalesce(outcome, '') AS outcome,
           nullif(clock.team, 0)::bigint AS team_id, __STARTED__ AS start_reading,
           __ENDED__ AS end_reading
    FROM life JOIN clock ON clock.team = coalesce(
        (SELECT known.team FROM clock known WHERE known.team = life.team_id), 0)
), talk AS (
    SELECT subject_id, kind, occurred_at,
           count(*) FILTER (WHERE kind = 'request.answered')
               OVER (PARTITION BY subject_id ORDER BY occurred_at, place
                     ROWS UNBOUNDED PRECEDING)
               - (kind = 'request.answered')::int AS round
    FROM trail WHERE kind IN ('request.asked', 'request.answered')
), rounds AS (
    SELECT subject_id,
           min(occurred_at) FILTER (WHERE kind = 'request.asked') AS asked_at,
           max(occurred_at) FILTER (WHERE kind = 'request.answered') AS answered_at
    FROM talk GROUP BY subject_id, round
), waits AS (
    SELECT known.subject_id,
           sum(__WAITED__) AS seconds,
           min(asked_at) FILTER (WHERE answered_at IS NULL AND ended_at IS NULL) AS since
    FROM rounds JOIN known USING (subject_id) JOIN clock ON clock.team = coalesce(team_id, 0)
    WHERE asked_at IS NOT NULL GROUP BY known.subject_id
), folded AS (
    INSERT INTO metrics_span AS span (key, subject_type, subject_id, reference, team_id,
        started_at, start_reading, ended_at, outcome, working_seconds, waiting_seconds,
        waiting_since)
    SELECT %(key)s, %(subject)s, known.subject_id, reference, team_id, started_at,
           start_reading, ended_at, outcome, 
           CASE WHEN ended_at IS NOT NULL THEN GREATEST(end_reading - start_reading, 0) END,
           coalesce(waits.seconds, 0), waits.since
    FROM known LEFT JOIN waits USING (subject_id)
    ORDER BY known.subject_id
    ON CONFLICT (key, subject_type, subject_id) DO UPDATE SET
        reference = excluded.reference, team_id = excluded.team_id,
        started_at = excluded.started_at, start_reading = excluded.start_reading,
        ended_at = excluded.ended_at,
        outcome = excluded.outcome, working_seconds = excluded.working_seconds,
        waiting_seconds = excluded.waiting_seconds, waiting_since = excluded.waiting_since
    WHERE (span.reference, span.team_id, span.started_at, span.start_reading, span.ended_at,
           span.outcome,
           span.working_seconds, span.waiting_seconds, span.waiting_since)
        IS DISTINCT FROM
          (excluded.reference, excluded.team_id, excluded.started_at, excluded.start_reading,
           excluded.ended_at,
           excluded.outcome, excluded.working_seconds, excluded.waiting_seconds,
           excluded.waiting_since)
    RETURNING 1
)
SELECT (SELECT count(*) FROM known), (SELECT count(*) FROM folded)
"""

# A question waits while it is open, inside the span: from asking to the answer or the decision.
_WAITED = (
    f"GREATEST({reading_sql('LEAST(answered_at, ended_at)')}"
    f" - {reading_sql('GREATEST(asked_at, started_at)')}, 0)"
)
for _name, _sql in {
    "__CLOCKS__": CLOCKS,
    "__STARTED__": reading_sql("started_at"),
    "__ENDED__": reading_sql("ended_at"),
    "__WAITED__": f"CASE WHEN answered_at IS NOT NULL OR ended_at IS NOT NULL THEN {_WAITED} END",
}.items():
    _FOLD = _FOLD.replace(_name, _sql)


def _fold(
    definition: Definition, calendars: Calendars, subjects: list[int] | None
) -> tuple[int, int]:
    """Derive the spans of these subjects, or of all; returns how many, and how many changed."""
    with connection.cursor() as cursor:
        # Sorting a million events in 4 MB would go through the disk.
        cursor.execute("SET LOCAL work_mem = '128MB'" if subjects is None else "SELECT 1")
        cursor.execute(
            _FOLD,
            {
                "key": definition.key,
                "subject": subject_key_of_requests(),
                "kinds": list(KINDS),
                "team_kinds": list(TEAM_KINDS),
                "everything": subjects is None,
                "subjects": subjects or [],
                "clocks": clock_rows(calendars),
            },
        )
        spans, changed = cursor.fetchone()
        return int(spans), int(changed)


def _drop_orphans(definition: Definition) -> int:
    """Spans without events: the trail was replaced by an older copy."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM metrics_span s WHERE s.key = %s AND NOT EXISTS (SELECT FROM"
            " activity_event e WHERE e.subject_type = s.subject_type"
            " AND e.subject_id = s.subject_id AND e.kind = 'request.submitted')",
            [definition.key],
        )
        return int(cursor.rowcount)


# --- Figures ----------------------------------------------------------------------------------


@dataclass
class Sample:
    """The spans of one team in order of their start, in whole seconds since 1970."""

    starts: list[int] = field(default_factory=list)
    rows: list[tuple[int | None, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Summary:
    """What a sample says; durations in working seconds."""

    value: int | None
    closed_median: int | None
    slowest_tenth: int | None
    n_decided: int
    n_open: int
    working_sum: int
    waiting_sum: int


def summarise(rows: list[tuple[int | None, int, int]]) -> Summary:
    """Figures of spans, each (working seconds or None, so far, waiting seconds).

    All values are None below `MIN_SAMPLE` decisions; the median and the slowest tenth also where
    so many are open that they cannot be told yet.
    """
    ended = sorted([worked for worked, _, _ in rows if worked is not None])
    running = sorted([so_far for worked, so_far, _ in rows if worked is None])
    is_enough = len(ended) >= MIN_SAMPLE
    return Summary(
        value=quantile(ended, running, 0.5) if is_enough else None,
        closed_median=quantile(ended, [], 0.5) if is_enough else None,
        slowest_tenth=quantile(ended, running, 0.9) if is_enough else None,
        n_decided=len(ended),
        n_open=len(running),
        working_sum=sum(ended),
        waiting_sum=sum([waited for worked, _, waited in rows if worked is not None]),
    )


def refresh_figures(state: FillState) -> int:
    """Make the figures of all teams and windows from the spans; returns how many there are."""
    definition, as_of = TIME_TO_DECISION, state.as_of
    assert as_of is not None
    windows = every_window(as_of)
    samples = _samples(definition, min(window.starts_at for window in windows), state.readings)
    teams: list[int | None] = [None, *Team.objects.values_list("pk", flat=True)]
    now = timezone.now()
    figures = [
        _figure(definition, team, window, samples[team], as_of, now)
        for team in teams
        for window in windows
    ]
    Figure.objects.filter(key=definition.key).exclude(
        period__in=[window.key for window in windows]
    ).delete()
    Figure.objects.bulk_create(
        figures,
        update_conflicts=True,
        unique_fields=["key", "team", "period"],
        update_fields=[
            "starts_at",
            "ends_at",
            "value",
            "closed_median",
            "slowest_tenth",
            "n_decided",
            "n_open",
            "working_sum",
            "waiting_sum",
            "as_of",
            "computed_at",
        ],
    )
    return len(figures)


def _samples(
    definition: Definition, since: datetime, readings: Mapping[str, int]
) -> defaultdict[int | None, Sample]:
    """Spans from `since` on, by team; all of them under None."""
    samples: defaultdict[int | None, Sample] = defaultdict(Sample)
    spans = Span.objects.filter(key=definition.key, started_at__gte=since).order_by("started_at")
    for team, started_at, reading, worked, waited in spans.values_list(
        "team_id", "started_at", "start_reading", "working_seconds", "waiting_seconds"
    ).iterator(chunk_size=10_000):
        so_far = max(readings[str(team or 0)] - reading, 0) if worked is None else 0
        for holder in (None, team) if team is not None else (None,):
            samples[holder].starts.append(int(started_at.timestamp()))
            samples[holder].rows.append((worked, so_far, waited))
    return samples


def _figure(
    definition: Definition,
    team: int | None,
    window: Window,
    sample: Sample,
    as_of: datetime,
    now: datetime,
) -> Figure:
    first = bisect_left(sample.starts, window.starts_at.timestamp())
    after = bisect_left(sample.starts, window.ends_at.timestamp())
    return Figure(
        key=definition.key,
        team_id=team,
        period=window.key,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        as_of=as_of,
        computed_at=now,
        **summarise(sample.rows[first:after]).__dict__,
    )
