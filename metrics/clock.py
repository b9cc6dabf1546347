"""The working clock in SQL: `producthub.lib.periods.working_seconds`, for many rows at once."""

from typing import Any

from django.db import models

from producthub.lib.periods import WORKDAY_ENDS_HOUR, WORKDAY_SECONDS, WORKDAY_STARTS_HOUR

_OPENS = WORKDAY_STARTS_HOUR * 3600
_LASTS = WORKDAY_SECONDS
assert WORKDAY_ENDS_HOUR * 3600 - _OPENS == _LASTS


def _reading(at: str, zone: str) -> str:
    """Working seconds from Monday 5 January 1970 to a moment: what the clock shows then."""
    local = f"({at} AT TIME ZONE {zone})"
    days = f"({local}::date - DATE '1970-01-05')"
    today = f"floor(extract(epoch FROM {local}::time))::bigint - {_OPENS}"
    return (
        f"(({days} / 7 * 5 + LEAST({days} % 7, 5))::bigint * {_LASTS}"
        f" + CASE WHEN {days} % 7 < 5 THEN LEAST(GREATEST({today}, 0), {_LASTS}) ELSE 0 END)"
    )


def working_seconds_sql(start: str, end: str, zone: str) -> str:
    """SQL for the working seconds between two `timestamptz` expressions in a zone expression.

    The expressions are repeated, so they must be columns or constants, never parameters.
    """
    return f"GREATEST({_reading(end, zone)} - {_reading(start, zone)}, 0)"


class WorkingSeconds(models.Func):
    """`WorkingSeconds(start, end, zone)`: the same inside a queryset."""

    output_field = models.BigIntegerField()

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, Any]:
        parts = [compiler.compile(source) for source in self.get_source_expressions()]
        # Parameters come in the order in which their expressions stand in the text.
        pieces = working_seconds_sql("⟨0⟩::timestamptz", "⟨1⟩::timestamptz", "⟨2⟩").split("⟨")
        sql, params = [pieces[0].replace("%", "%%")], []
        for piece in pieces[1:]:
            mark, _, rest = piece.partition("⟩")
            sql += [parts[int(mark)][0], rest.replace("%", "%%")]
            params += parts[int(mark)][1]
        return "".join(sql), params
