"""The working clock in SQL: `producthub.lib.periods.Calendar.reading`, for many rows at once.

Calendars reach the database as a parameter, made from the very objects that Python counts with:
what a weekday or a holiday is stays written in one place.
"""

from collections.abc import Mapping

import orjson

from producthub.lib.periods import EPOCH, Calendar

# One row a team, 0 for the company: a FROM item of the name `clock`.
CLOCKS = (
    "jsonb_to_recordset(%(clocks)s::jsonb) AS clock"
    " (team int, zone text, opens int, lasts int, before int[], off int[])"
)
assert EPOCH == 719_167, "Monday 5 January 1970 is where SQL begins to count, too"


def clock_rows(calendars: Mapping[int | None, Calendar]) -> str:
    """The parameter `clocks` of CLOCKS."""
    rows = [
        {
            "team": team or 0,
            "zone": calendar.zone.key,
            "opens": calendar.opens_hour * 3600,
            "lasts": calendar.day_seconds,
            "before": calendar.before,
            "off": calendar.off,
        }
        for team, calendar in calendars.items()
    ]
    return orjson.dumps(rows).decode()


def reading_sql(at: str) -> str:
    """SQL for what the clock of the row `clock` shows at a `timestamptz` expression.

    The expression is repeated, so it must be a column or a constant, never a parameter. Percent
    signs are doubled, as for a statement with parameters.
    """
    local = f"({at} AT TIME ZONE clock.zone)"
    day = f"({local}::date - DATE '1970-01-05')"
    today = f"floor(extract(epoch FROM {local}::time))::bigint - clock.opens"
    # Holidays are sorted: width_bucket counts by halving how many come up to a day.
    before = f"width_bucket({day} - 1, clock.off)"
    whole = (
        f"({day} / 7 * clock.before[8] + clock.before[{day} %% 7 + 1] - {before})::bigint"
        " * clock.lasts"
    )
    is_working = (
        f"clock.before[{day} %% 7 + 2] > clock.before[{day} %% 7 + 1]"
        f" AND width_bucket({day}, clock.off) = {before}"
    )
    return (
        f"({whole} + CASE WHEN {is_working}"
        f" THEN LEAST(GREATEST({today}, 0), clock.lasts) ELSE 0 END)"
    )
