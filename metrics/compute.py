"""Bring the measures up to date: events to spans, spans to figures.

Restartable: doing it twice changes nothing, and a rebuild gives the same rows.
"""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.calendars import calendars_by_team
from activity.selectors import horizon
from metrics.clock import clock_rows
from metrics.definitions import TIME_TO_DECISION
from metrics.figures import refresh_figures
from metrics.fold import Calendars, Folded, fold, touched_since
from metrics.models import FillState

# Counts as another formula when the statement of `fold` changes its meaning: spans are rebuilt.
# 2: calendars with holidays. 3: merged requests follow, undone events do not count, commitment,
# stages, and who a request waited on.
FORMULA_VERSION = 3


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
    """Bring spans and figures of time to decision and to commitment up to date.

    Source: the events of requests. Events that commit late are not lost: the next run starts at
    the oldest transaction that was still open when this one began. A database restored from a
    copy, a changed calendar or formula leads to a rebuild. Of two runs at once the second
    returns with `is_busy`.
    """
    key = TIME_TO_DECISION.key  # one state for both: they are folded together
    FillState.objects.get_or_create(key=key)
    state = FillState.objects.select_for_update(skip_locked=True).filter(key=key).first()
    if state is None:
        return Outcome(is_busy=True)
    # Read before the events: what commits meanwhile is seen now or next time, or both.
    as_of, below = timezone.now(), horizon()
    calendars = calendars_by_team()
    rules, database = _rules(calendars), _database()
    is_rebuild = rebuild or state.rules != rules or state.database != database or state.tx > below
    touched = None if is_rebuild else touched_since(state.tx)
    is_quiet = touched is not None and not touched.subjects
    folded = Folded() if is_quiet else fold(calendars, touched)
    state.tx, state.rules, state.database, state.as_of = below, rules, database, as_of
    state.readings = {str(team or 0): one.reading(as_of) for team, one in calendars.items()}
    state.save(update_fields=["tx", "rules", "database", "as_of", "readings"])
    figures = refresh_figures(as_of, state.readings)
    return Outcome(folded.spans, folded.changed, folded.removed, figures, is_rebuild)


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
