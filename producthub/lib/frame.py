"""The numbers in every page's frame: apps register theirs, one query fetches them all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass(frozen=True)
class Count:
    """One number. `sql` is a scalar SELECT that may use %(user)s and %(today)s; written by hand
    because building it through the ORM on every page costs more than running it."""

    key: str
    sql: str
    may_see: Callable[[Any], bool]


_counts: dict[str, Count] = {}


def register_count(key: str, sql: str, may_see: Callable[[Any], bool]) -> None:
    """Add a number to the frame. Call from `ready()`."""
    _counts[key] = Count(key, sql, may_see)


def counts_for(user: Any, today: Any) -> dict[str, int]:
    """The numbers that this reader sees, in one query."""
    shown = [count for count in _counts.values() if count.may_see(user)]
    if not shown:
        return {}
    statement = "SELECT " + ", ".join(f"({count.sql})" for count in shown)
    with connection.cursor() as cursor:
        cursor.execute(statement, {"user": user.pk, "today": today})
        return dict(zip((count.key for count in shown), cursor.fetchone(), strict=True))
