"""Working time: the one place that knows which hours count."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

WORKDAY_STARTS_HOUR = 9
WORKDAY_ENDS_HOUR = 17
WORKDAY_SECONDS = (WORKDAY_ENDS_HOUR - WORKDAY_STARTS_HOUR) * 3600


def working_seconds(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    """Seconds between two aware times that fall on Monday to Friday, 9 to 17, in `zone`.

    Start inclusive, end exclusive; 0 when end is not after start. Constant time: whole weeks
    are multiplied, only the days at both ends are looked at.
    """
    if end <= start:
        return 0
    return _since_epoch(end.astimezone(zone)) - _since_epoch(start.astimezone(zone))


def _since_epoch(local: datetime) -> int:
    """Working seconds from Monday 5 January 1970 to a local time."""
    days = local.toordinal() - datetime(1970, 1, 5).toordinal()
    weeks, weekday = divmod(days, 7)
    whole = weeks * 5 + min(weekday, 5)
    if weekday >= 5:
        return whole * WORKDAY_SECONDS
    today = (local.hour - WORKDAY_STARTS_HOUR) * 3600 + local.minute * 60 + local.second
    return whole * WORKDAY_SECONDS + min(max(today, 0), WORKDAY_SECONDS)


def add_working_days(start: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The moment `days` working days after `start`, at the same local time of day, in UTC.

    A start outside working time counts from the next opening.
    """
    local = start.astimezone(zone)
    if local.weekday() >= 5 or local.hour >= WORKDAY_ENDS_HOUR:
        local = _opening(local + timedelta(days=1))
    elif local.hour < WORKDAY_STARTS_HOUR:
        local = local.replace(hour=WORKDAY_STARTS_HOUR, minute=0, second=0, microsecond=0)
    for _ in range(days):
        local = _skip_weekend(local + timedelta(days=1))
    return local.astimezone(UTC)


def _opening(local: datetime) -> datetime:
    opening = local.replace(hour=WORKDAY_STARTS_HOUR, minute=0, second=0, microsecond=0)
    return _skip_weekend(opening)


def _skip_weekend(local: datetime) -> datetime:
    while local.weekday() >= 5:
        local += timedelta(days=1)
    return local


def working_days(seconds: float) -> float:
    """Seconds of working time as days of eight hours."""
    return seconds / WORKDAY_SECONDS
