"""Fold events into spans, with one statement for some requests or for all.

A span follows from all events of its request, and of those it joined, whatever their order. An
incremental run derives the spans of the requests that new events touch; a rebuild is the same
statement over everything, hence the same rows.

What counts:
- An event that `request.undone` names does not count.
- A merged request follows the one it joined, as it stands now, through as many as there are: it
  ends with their decision, and not before it joined them. Its own first decision counts if it
  came first.
- Every moment of a span belongs to one of three: the requester (asked and not answered yet), a
  forum (tabled or forwarded, until taken off or decided), or else the product managers. A
  question stops the clock of forum and managers, not that of the span.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection

from activity.events import subject_key
from intake.models import Request
from metrics.clock import CLOCKS, clock_rows, reading_sql
from metrics.definitions import TIME_TO_COMMITMENT, TIME_TO_DECISION
from planning.models import Outcome
from producthub.lib.periods import Calendar

Calendars = Mapping[int | None, Calendar]

# The order of kinds settles ties of time, so that the order of writing never matters.
KINDS = (
    "request.submitted",
    "request.acknowledged",
    "request.routed",
    "request.triaged",
    "request.reassigned",
    "request.asked",
    "request.answered",
    "request.forwarded",
    "request.tabled",
    "request.untabled",
    "request.merged",
    "request.unmerged",
    "request.decided",
    "request.reopened",
    "request.planned",
    "request.shipped",
    "request.undone",
)
TEAM_KINDS = (
    "request.submitted",
    "request.routed",
    "request.triaged",
    "request.reassigned",
    "request.decided",
)
# The first word of a product manager. Not every trail says `acknowledged`: older ones begin
# with what a manager did.
WORD_KINDS = ("request.acknowledged", "request.asked", "request.triaged", "request.merged")
TRIAGE_KINDS = ("request.triaged", "request.merged")
WAIT_KINDS = (
    "request.asked",
    "request.answered",
    "request.forwarded",
    "request.tabled",
    "request.untabled",
    "request.decided",
)
WAIT_BEGINS = ("request.asked", "request.forwarded", "request.tabled")
FORUM_KINDS = ("request.forwarded", "request.tabled", "request.untabled")

_COLUMNS = (
    "reference",
    "team_id",
    "started_at",
    "start_reading",
    "ended_at",
    "outcome",
    "working_seconds",
    "requester_seconds",
    "forum_seconds",
    "waits_on",
    "waits_since",
    "waits_reading",
    "stages",
    "is_accepted",
)


def subject_key_of_requests() -> str:
    """How events name requests."""
    return subject_key(Request)  # type: ignore[arg-type]  # the class carries the same `_meta`


# --- Which requests -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Touched:
    """Requests whose spans may be different now, and all whose events these follow from."""

    subjects: list[int]
    nodes: list[int]


_TOUCHED = """
WITH RECURSIVE joined AS MATERIALIZED (
    SELECT DISTINCT subject_id AS child, (data->>'into')::bigint AS parent
    FROM activity_event WHERE kind = 'request.merged' AND subject_type = %(subject)s
), subjects (id) AS (
    SELECT subject_id FROM activity_event
    WHERE tx >= %(tx)s AND subject_type = %(subject)s AND kind = ANY(%(kinds)s)
    UNION
    SELECT child FROM joined JOIN subjects ON subjects.id = parent
), nodes (id) AS (
    SELECT id FROM subjects
    UNION
    SELECT parent FROM joined JOIN nodes ON nodes.id = child
)
SELECT (SELECT array_agg(id) FROM subjects), (SELECT array_agg(id) FROM nodes)
"""


def touched_since(tx: int) -> Touched:
    """What events of transactions from `tx` on touch, the still unfinished ones included.

    Those that ever joined a touched request belong to it, also when they were parted since.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TOUCHED, {"tx": tx, "subject": subject_key_of_requests(), "kinds": list(KINDS)}
        )
        subjects, nodes = cursor.fetchone()
    return Touched(subjects or [], nodes or [])


# --- The statement ------------------------------------------------------------------------------


def _since_start(at: str) -> str:
    """Working seconds from the start to a moment, NULL where there is none."""
    return f"CASE WHEN {at} IS NOT NULL THEN GREATEST({reading_sql(at)} - start_reading, 0) END"


def _between(first: str, last: str) -> str:
    """Working seconds from one moment to a later one."""
    return f"({reading_sql(last)} - {reading_sql(first)})"


def _later(at: str) -> str:
    """A moment of a request that another joined, for the other: not before it joined."""
    return f"CASE WHEN {at} IS NOT NULL THEN GREATEST({at}, path.from_at) END"


_FOLD = f"""
WITH RECURSIVE clock AS MATERIALIZED (
    SELECT * FROM {CLOCKS}
), told AS MATERIALIZED (
    SELECT id, subject_id, subject_label, occurred_at, kind,
           array_position(%(kinds)s::varchar[], kind) AS place,
           (data->>'team')::bigint AS team, data->>'outcome' AS outcome,
           CASE WHEN kind = 'request.merged' THEN (data->>'into')::bigint END AS into_id,
           (data->>'event')::bigint AS event_id,
           coalesce(data->>'session', data->>'forum', '') AS seat
    FROM activity_event
    WHERE subject_type = %(subject)s AND kind = ANY(%(kinds)s)
      AND (%(everything)s OR subject_id = ANY(%(nodes)s))
), trail AS MATERIALIZED (
    SELECT * FROM told
    WHERE kind <> 'request.undone' AND NOT EXISTS (
        SELECT FROM told undone
        WHERE undone.kind = 'request.undone' AND undone.event_id = told.id
          AND undone.subject_id = told.subject_id)
), life AS MATERIALIZED (
    SELECT subject_id,
           max(subject_label) AS reference,
           min(occurred_at) FILTER (WHERE kind = 'request.submitted') AS started_at,
           min(occurred_at) FILTER (WHERE kind = ANY(%(word_kinds)s)) AS word_at,
           min(occurred_at) FILTER (WHERE kind = ANY(%(triage_kinds)s)) AS triaged_at,
           min(occurred_at) FILTER (WHERE kind = 'request.decided') AS decided_at,
           min(occurred_at) FILTER (WHERE kind = 'request.planned') AS planned_at,
           min(occurred_at) FILTER (WHERE kind = 'request.shipped') AS shipped_at,
           (array_agg(coalesce(outcome, '') ORDER BY occurred_at, outcome)
               FILTER (WHERE kind = 'request.decided'))[1] AS outcome,
           -- what holds: the last decision, or nothing once it was opened again
           (array_agg(coalesce(outcome, '') ORDER BY occurred_at DESC, place DESC, outcome DESC)
               FILTER (WHERE kind IN ('request.decided', 'request.reopened')))[1] AS standing,
           (array_agg(team ORDER BY occurred_at DESC, place DESC, team DESC)
               FILTER (WHERE kind = ANY(%(team_kinds)s)
                       AND (team IS NOT NULL OR kind <> 'request.routed')))[1] AS team_id,
           (array_agg(into_id ORDER BY occurred_at DESC, place DESC, into_id DESC)
               FILTER (WHERE kind IN ('request.merged', 'request.unmerged')))[1] AS into_id,
           max(occurred_at) FILTER (WHERE kind IN ('request.merged', 'request.unmerged'))
               AS merged_at
    FROM trail GROUP BY subject_id
    HAVING bool_or(kind = 'request.submitted')
), walk AS (
    SELECT subject_id, subject_id AS node, 0 AS depth, '-infinity'::timestamptz AS from_at,
           into_id, merged_at, ARRAY[subject_id] AS seen
    FROM life WHERE %(everything)s OR subject_id = ANY(%(subjects)s)
    UNION ALL
    SELECT walk.subject_id, target.subject_id, depth + 1, GREATEST(from_at, walk.merged_at),
           target.into_id, target.merged_at, seen || target.subject_id
    FROM walk JOIN life target ON target.subject_id = walk.into_id
    WHERE target.subject_id <> ALL(seen)
), path AS MATERIALIZED (
    SELECT subject_id, node, depth, from_at,
           lead(from_at) OVER (PARTITION BY subject_id ORDER BY depth) AS to_at
    FROM walk
), fate AS (
    SELECT path.subject_id,
           (array_agg({_later("decided_at")} ORDER BY {_later("decided_at")}, depth)
               FILTER (WHERE decided_at IS NOT NULL))[1] AS ended_at,
           (array_agg(outcome ORDER BY {_later("decided_at")}, depth)
               FILTER (WHERE decided_at IS NOT NULL))[1] AS outcome,
           min({_later("planned_at")}) AS planned_at,
           min({_later("shipped_at")}) AS shipped_at,
           (array_agg(standing ORDER BY depth DESC))[1] AS standing
    FROM path JOIN life ON life.subject_id = path.node GROUP BY path.subject_id
), known AS MATERIALIZED (
    SELECT fate.subject_id, reference, started_at, fate.ended_at, fate.outcome, fate.standing,
           fate.planned_at, fate.shipped_at,
           LEAST(word_at, life.triaged_at, fate.ended_at) AS word_at,
           LEAST(life.triaged_at, fate.ended_at) AS triaged_at,
           clock.team, {reading_sql("started_at")} AS start_reading,
           -- delivered without a word on the roadmap: nobody can tell how long that took
           fate.planned_at IS NOT NULL
               OR (fate.standing IS NOT DISTINCT FROM %(accepted)s AND fate.shipped_at IS NULL)
               AS is_committing
    FROM fate JOIN life USING (subject_id) JOIN clock ON clock.team = coalesce(
        (SELECT held.team FROM clock held WHERE held.team = life.team_id), 0)
), timed AS MATERIALIZED (
    SELECT known.*,
           ARRAY[{_since_start("word_at")}, {_since_start("triaged_at")},
                 {_since_start("ended_at")}, {_since_start("planned_at")},
                 {_since_start("shipped_at")}] AS stages
    FROM known JOIN clock USING (team)
), measured AS MATERIALIZED (
    SELECT %(decision)s AS key, subject_id, started_at, ended_at,
           coalesce(outcome, '') AS outcome, stages[3] AS seconds
    FROM timed
    UNION ALL
    SELECT %(commitment)s, subject_id, started_at, planned_at,
           coalesce(standing, ''), stages[4]
    FROM timed WHERE is_committing
), marks AS (
    SELECT subject_id, occurred_at, kind, seat,
           row_number() OVER in_order AS n,
           -- a decision ends all waiting; what is asked afterwards begins anew
           count(*) FILTER (WHERE kind = 'request.decided')
               OVER (in_order ROWS UNBOUNDED PRECEDING) AS round
    FROM trail
    WHERE kind = ANY(%(wait_kinds)s) AND subject_id IN (
        SELECT subject_id FROM trail WHERE kind = ANY(%(wait_begins)s))
    WINDOW in_order AS (PARTITION BY subject_id ORDER BY occurred_at, place, seat)
), seats AS (
    SELECT *,
           CASE WHEN kind = ANY(%(forum_kinds)s) THEN
               (kind <> 'request.untabled')::int - coalesce(
                   lag((kind <> 'request.untabled')::int) OVER (
                       PARTITION BY subject_id, round, kind = ANY(%(forum_kinds)s), seat
                       ORDER BY n), 0)
           ELSE 0 END AS taken
    FROM marks
), states AS (
    SELECT subject_id, occurred_at AS since,
           lead(occurred_at, 1, 'infinity') OVER (PARTITION BY subject_id ORDER BY n) AS upto,
           CASE WHEN coalesce(max(n) FILTER (WHERE kind = 'request.asked') OVER so_far, 0)
                   > coalesce(max(n) FILTER (WHERE kind = 'request.answered') OVER so_far, 0)
                THEN 'requester'
                WHEN sum(taken) OVER so_far > 0 THEN 'forum' END AS who
    FROM seats
    WINDOW so_far AS (PARTITION BY subject_id, round ORDER BY n)
), waits AS (
    SELECT measured.key, measured.subject_id, who,
           GREATEST(states.since, path.from_at, measured.started_at) AS since,
           LEAST(states.upto, path.to_at, measured.ended_at) AS upto
    FROM states JOIN path ON path.node = states.subject_id
    JOIN measured ON measured.subject_id = path.subject_id
    WHERE who IS NOT NULL
), parts AS (
    SELECT waits.key, waits.subject_id,
           sum(CASE WHEN upto < 'infinity' THEN {_between("since", "upto")} END)
               FILTER (WHERE who = 'requester') AS requester_seconds,
           sum(CASE WHEN upto < 'infinity' THEN {_between("since", "upto")} END)
               FILTER (WHERE who = 'forum') AS forum_seconds,
           max(who) FILTER (WHERE upto = 'infinity') AS waits_on,
           max(since) FILTER (WHERE upto = 'infinity') AS waits_since,
           max(CASE WHEN upto = 'infinity' THEN {reading_sql("since")} END) AS waits_reading
    FROM waits JOIN known ON known.subject_id = waits.subject_id JOIN clock USING (team)
    WHERE since < upto
    GROUP BY waits.key, waits.subject_id
), derived AS MATERIALIZED (
    SELECT measured.key, measured.subject_id, timed.reference,
           nullif(timed.team, 0)::bigint AS team_id,
           timed.started_at, timed.start_reading, measured.ended_at, measured.outcome,
           measured.seconds AS working_seconds,
           coalesce(requester_seconds, 0) AS requester_seconds,
           coalesce(forum_seconds, 0) AS forum_seconds,
           coalesce(waits_on, '') AS waits_on, waits_since, waits_reading, stages,
           coalesce(timed.standing = %(accepted)s, false) OR timed.planned_at IS NOT NULL
               AS is_accepted
    FROM measured JOIN timed USING (subject_id)
    LEFT JOIN parts ON parts.key = measured.key AND parts.subject_id = measured.subject_id
), folded AS (
    INSERT INTO metrics_span AS span (key, subject_type, subject_id, {", ".join(_COLUMNS)})
    SELECT key, %(subject)s, subject_id, {", ".join(_COLUMNS)}
    FROM derived ORDER BY key, subject_id
    ON CONFLICT (key, subject_type, subject_id) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
    WHERE ({", ".join(f"span.{name}" for name in _COLUMNS)})
        IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _COLUMNS)})
    RETURNING 1
), gone AS (
    DELETE FROM metrics_span span
    WHERE span.key IN (%(decision)s, %(commitment)s) AND span.subject_type = %(subject)s
      AND (%(everything)s OR span.subject_id = ANY(%(subjects)s))
      AND NOT EXISTS (SELECT FROM derived
                      WHERE derived.key = span.key AND derived.subject_id = span.subject_id)
    RETURNING 1
)
SELECT (SELECT count(*) FROM derived), (SELECT count(*) FROM folded), (SELECT count(*) FROM gone)
"""


@dataclass(frozen=True)
class Folded:
    """How many spans were derived, how many of them were new or different, how many went."""

    spans: int = 0
    changed: int = 0
    removed: int = 0


def fold(calendars: Calendars, touched: Touched | None) -> Folded:
    """Derive the spans of what was touched, or of everything."""
    subjects: Sequence[int] = touched.subjects if touched else []
    with connection.cursor() as cursor:
        # Sorting a million events in 4 MB would go through the disk.
        cursor.execute("SET LOCAL work_mem = '128MB'" if touched is None else "SELECT 1")
        cursor.execute(
            _FOLD,
            {
                "decision": TIME_TO_DECISION.key,
                "commitment": TIME_TO_COMMITMENT.key,
                "accepted": str(Outcome.DO),
                "subject": subject_key_of_requests(),
                "kinds": list(KINDS),
                "team_kinds": list(TEAM_KINDS),
                "word_kinds": list(WORD_KINDS),
                "triage_kinds": list(TRIAGE_KINDS),
                "wait_kinds": list(WAIT_KINDS),
                "wait_begins": list(WAIT_BEGINS),
                "forum_kinds": list(FORUM_KINDS),
                "everything": touched is None,
                "subjects": list(subjects),
                "nodes": touched.nodes if touched else [],
                "clocks": clock_rows(calendars),
            },
        )
        return Folded(*cursor.fetchone())
