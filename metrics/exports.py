"""The rows behind a figure, as lines of a table."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone

from metrics.definitions import STAGES, Definition
from metrics.selectors import Row
from producthub.lib.periods import working_days


def headings(definition: Definition) -> tuple[str, ...]:
    """Names of the columns; seconds are exact, so that they recompute to the figure."""
    return (
        "Request",
        "Title",
        "Team",
        "Sent",
        definition.ends_with.capitalize(),
        "Outcome",
        "Working seconds",
        "Working days",
        "Calendar days",
        "Waited on product managers, days",
        "Waited on the requester, days",
        "Waited on a session or review, days",
        *(f"{stage.name} after, days" for stage in STAGES),
    )


def row_lines(rows: Iterable[Row], total: int) -> Iterator[tuple[Any, ...]]:
    """The rows behind a figure, and how many are counted but not shown to this reader."""
    shown = 0
    for row in rows:
        shown += 1
        yield (
            row.reference,
            row.title,
            row.team,
            timezone.localtime(row.started_at).isoformat(timespec="minutes"),
            timezone.localtime(row.ended_at).isoformat(timespec="minutes") if row.ended_at else "",
            row.outcome if row.ended_at else "open",
            row.seconds,
            _days(row.seconds),
            f"{row.life.calendar / 86_400:.4f}",
            _days(row.life.managers),
            _days(row.life.requester),
            _days(row.life.forum),
            *(_days(at) for at in row.life.stages),
        )
    if shown < total:
        yield (f"{total - shown} more counted, not shown to you",)


def _days(seconds: int | None) -> str:
    return "" if seconds is None else f"{working_days(seconds):.4f}"
