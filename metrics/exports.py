"""The rows behind a figure, as lines of a table."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone

from metrics.selectors import Row
from producthub.lib.periods import working_days

HEADINGS = (
    "Request",
    "Title",
    "Team",
    "Sent",
    "Decided",
    "Outcome",
    "Working days",
    "Of these, waiting for the requester",
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
            row.outcome or "open",
            f"{working_days(row.seconds):.4f}",
            f"{working_days(row.waiting_seconds):.4f}",
        )
    if shown < total:
        yield (f"{total - shown} more counted, not shown to you",)
