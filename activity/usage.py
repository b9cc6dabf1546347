"""Who used what on which day: counted once a person, part of the hub and day."""

from datetime import datetime, time, timedelta

import structlog
from django.core.cache import cache
from django.db import DatabaseError, connection, models
from django.utils import timezone

from activity.events import hand_out_after_commit, handler_names, subject_key

log = structlog.get_logger(__name__)

SIGN_IN = "sign_in"
# Parts of the hub, named as their apps; search is one of its own.
MODULES = frozenset(
    "hub search intake planning playbook metrics notices integrations accounts".split()
)

# One statement, so that the row, its event and the receipts of the event's handlers are written
# together or not at all, at the price of one query on the first page of a day.
INSERT = """
WITH used AS (
    INSERT INTO activity_dailyuse (person_id, module, day) VALUES (%(person)s, %(module)s, %(day)s)
    ON CONFLICT DO NOTHING RETURNING person_id
), event AS (
    INSERT INTO activity_event
        (kind, subject_type, subject_id, subject_label, actor_id, occurred_at, data)
    SELECT %(kind)s, %(type)s, person_id, %(label)s, person_id, %(at)s, %(data)s::jsonb FROM used
    RETURNING id
), receipt AS (
    INSERT INTO activity_eventdispatch (event_id, handler, attempts, last_error)
    SELECT event.id, handler, 0, '' FROM event, unnest(%(handlers)s::text[]) AS handler
)
SELECT id FROM event
"""


def note_use(person: models.Model, module: str, at: datetime | None = None) -> bool:
    """Note that a person used a part of the hub; True when it is the first time that day.

    `at` (aware) is now by default; the day is the company's. Records `person.signed_in {}` for
    SIGN_IN and `module.used {module}` for all else. The cache remembers whom it has seen, so
    that most pages cost no query; without it each costs one. Never raises DatabaseError: the
    page that was asked for matters more.
    """
    moment = at or timezone.now()
    company = timezone.get_default_timezone()
    day = moment.astimezone(company).date()
    key = f"used:{day}:{person.pk}:{module}"
    if not cache.add(key, 1, _seconds_left(moment.astimezone(company))):
        return False
    is_sign_in = module == SIGN_IN
    kind = "person.signed_in" if is_sign_in else "module.used"
    handlers = handler_names(kind)
    values = {
        "person": person.pk,
        "module": module,
        "day": day,
        "kind": kind,
        "type": subject_key(person),
        "label": str(getattr(person, "reference", person))[:120],
        "at": moment,
        # A name of MODULES, so nothing to escape.
        "data": "{}" if is_sign_in else f'{{"module": "{module}"}}',
        "handlers": handlers,
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, values)
            row = cursor.fetchone()
    except DatabaseError as error:
        cache.delete(key)
        log.warning("use_not_noted", error=type(error).__name__)
        return False
    if row and handlers:
        hand_out_after_commit([row[0]])
    return row is not None


def _seconds_left(moment: datetime) -> int:
    """Until the day is over, an hour more for the switch of summer time."""
    midnight = datetime.combine(moment.date() + timedelta(days=1), time(), moment.tzinfo)
    return max(int((midnight - moment).total_seconds()), 0) + 3600
