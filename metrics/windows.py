"""Periods that a reader may choose, and the buckets of a trend; days of the hub's time zone."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone


def company_date(moment: datetime) -> date:
    """The day on the company's calendar: windows are the same for every reader."""
    return timezone.localdate(moment, timezone.get_default_timezone())


@dataclass(frozen=True)
class Window:
    """From a local midnight (inclusive) to another (exclusive)."""

    key: str
    name: str
    starts_at: datetime
    ends_at: datetime

    @property
    def starts_on(self) -> date:
        """Its first day."""
        return company_date(self.starts_at)


# Key, name, and the trend that goes with it.
PERIODS = {
    "30d": ("Last 30 days", "week"),
    "90d": ("Last 90 days", "week"),
    "quarter": ("This quarter", "month"),
    "12m": ("Last 12 months", "month"),
}
DEFAULT_PERIOD = "90d"
WEEKS = 13
MONTHS = 12


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_default_timezone())


def _window(key: str, name: str, first: date, after: date) -> Window:
    return Window(key, name, _midnight(first), _midnight(after))


def add_months(day: date, months: int) -> date:
    """The first of the month that many months later."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def periods(as_of: datetime) -> list[Window]:
    """The periods a reader may choose, as they stand at a moment; all end after its day."""
    today = company_date(as_of)
    after = today + timedelta(days=1)
    first = {
        "30d": today - timedelta(days=29),
        "90d": today - timedelta(days=89),
        "quarter": date(today.year, (today.month - 1) // 3 * 3 + 1, 1),
        "12m": add_months(today, 1 - MONTHS),
    }
    return [_window(key, name, first[key], after) for key, (name, _) in PERIODS.items()]


def buckets(as_of: datetime, size: str) -> list[Window]:
    """The weeks or months of the trend, oldest first; the last one is still running."""
    today = company_date(as_of)
    if size == "week":
        monday = today - timedelta(days=today.weekday())
        starts = [monday - timedelta(weeks=back) for back in range(WEEKS - 1, -2, -1)]
        return [
            _window(f"week:{first}", f"{first.day} {first:%b}", first, after)
            for first, after in zip(starts, starts[1:], strict=False)
        ]
    starts = [add_months(today, -back) for back in range(MONTHS - 1, -2, -1)]
    return [
        _window(f"month:{first:%Y-%m}", f"{first:%b}", first, after)
        for first, after in zip(starts, starts[1:], strict=False)
    ]


def every_window(as_of: datetime) -> list[Window]:
    """All for which figures are kept."""
    return [*periods(as_of), *buckets(as_of, "month"), *buckets(as_of, "week")]
