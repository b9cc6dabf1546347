"""Working time: the one place that knows which hours count."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WORKDAY_STARTS_HOUR = 9
WORKDAY_ENDS_HOUR = 17
# What “a working day” means where days are only counted, whatever a team's hours are.
WORKDAY_SECONDS = (WORKDAY_ENDS_HOUR - WORKDAY_STARTS_HOUR) * 3600
MONDAY_TO_FRIDAY = (0, 1, 2, 3, 4)
# Clocks are put forward and back outside these hours everywhere, so every working day is as
# long as any other and shows each hour once.
EARLIEST_HOUR, LATEST_HOUR = 4, 22
# Monday 5 January 1970: where every working clock stands at zero.
EPOCH = date(1970, 1, 5).toordinal()


@dataclass(frozen=True)
class Calendar:
    """When a team works: hours of its own time zone, weekdays (Monday is 0), less holidays.

    Raises ValueError for hours outside EARLIEST_HOUR to LATEST_HOUR or without a weekday.
    """

    zone: ZoneInfo
    holidays: frozenset[date] = frozenset()
    opens_hour: int = WORKDAY_STARTS_HOUR
    closes_hour: int = WORKDAY_ENDS_HOUR
    weekdays: tuple[int, ...] = MONDAY_TO_FRIDAY
    # Working days of a week that lie before each weekday: (0, 1, 2, 3, 4, 5, 5, 5).
    before: tuple[int, ...] = field(init=False, repr=False, compare=False)
    # Days since EPOCH of the holidays that fall on a weekday of ours, sorted.
    off: tuple[int, ...] = field(init=False, repr=False, compare=False)
    # For each of these, the true working days before it.
    _worked_until: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not EARLIEST_HOUR <= self.opens_hour < self.closes_hour <= LATEST_HOUR:
            raise ValueError("Working hours must lie between 4 and 22 and end after they begin.")
        days = tuple(sorted({day for day in self.weekdays if 0 <= day <= 6}))
        if not days:
            raise ValueError("A calendar needs a weekday.")
        fix = object.__setattr__  # a frozen dataclass may only be filled this way
        fix(self, "weekdays", days)
        fix(self, "holidays", frozenset(self.holidays))
        fix(self, "before", tuple(sum(day < end for day in days) for end in range(8)))
        off = sorted(day.toordinal() - EPOCH for day in self.holidays if day.weekday() in days)
        fix(self, "off", tuple(off))
        fix(self, "_worked_until", tuple(self._usual(day) - i for i, day in enumerate(off)))

    @property
    def day_seconds(self) -> int:
        """How long a working day is."""
        return (self.closes_hour - self.opens_hour) * 3600

    def _usual(self, day: int) -> int:
        """Weekdays of ours before a day, as if there were no holidays."""
        weeks, weekday = divmod(day, 7)
        return weeks * self.before[7] + self.before[weekday]

    def days_before(self, day: date) -> int:
        """Working days from Monday 5 January 1970 to a day, which is not counted."""
        number = day.toordinal() - EPOCH
        return self._usual(number) - bisect_left(self.off, number)

    def nth_day(self, count: int) -> date:
        """The working day that `count` others precede; `days_before` the other way round."""
        usual = count + bisect_right(self._worked_until, count)
        weeks, rest = divmod(usual, self.before[7])
        return date.fromordinal(EPOCH + weeks * 7 + self.weekdays[rest])

    def is_working_day(self, day: date) -> bool:
        """One of our weekdays and no holiday."""
        return day.weekday() in self.weekdays and day not in self.holidays

    def opening(self, day: date) -> datetime:
        """When a day begins, local."""
        return datetime.combine(day, time(self.opens_hour), self.zone)

    def reading(self, moment: datetime) -> int:
        """What the working clock shows at an aware moment: working seconds since 1970.

        It stands still outside working hours. Constant time: whole weeks are multiplied.
        """
        local = moment.astimezone(self.zone)
        whole = self.days_before(local.date()) * self.day_seconds
        if not self.is_working_day(local.date()):
            return whole
        today = (local.hour - self.opens_hour) * 3600 + local.minute * 60 + local.second
        return whole + min(max(today, 0), self.day_seconds)


def as_calendar(calendar: Calendar | ZoneInfo) -> Calendar:
    """A bare time zone stands for Monday to Friday, 9 to 17, without holidays."""
    return calendar if isinstance(calendar, Calendar) else Calendar(calendar)


def working_seconds(start: datetime, end: datetime, calendar: Calendar | ZoneInfo) -> int:
    """Seconds between two aware times that fall into working time.

    Start inclusive, end exclusive; 0 when end is not after start. Constant time, however far
    apart they lie.
    """
    if end <= start:
        return 0
    calendar = as_calendar(calendar)
    return calendar.reading(end) - calendar.reading(start)


def add_working_seconds(start: datetime, seconds: int, calendar: Calendar | ZoneInfo) -> datetime:
    """The earliest moment that has so much working time between `start` and itself, in UTC.

    What is used up exactly at the end of a day is due then, not on the next morning. Raises
    ValueError for negative seconds.
    """
    if seconds < 0:
        raise ValueError("Working time is added, not taken away.")
    if seconds == 0:
        return start.astimezone(UTC)
    calendar = as_calendar(calendar)
    days, rest = divmod(calendar.reading(start) + seconds, calendar.day_seconds)
    if rest == 0:
        days, rest = days - 1, calendar.day_seconds
    due = calendar.opening(calendar.nth_day(days)) + timedelta(seconds=rest)
    if due.time() < time(calendar.closes_hour) and _is_running(start, calendar):
        due = due.replace(microsecond=start.microsecond)
    return due.astimezone(UTC)


def _is_running(moment: datetime, calendar: Calendar) -> bool:
    local = moment.astimezone(calendar.zone)
    return (
        calendar.is_working_day(local.date())
        and calendar.opens_hour <= local.hour < calendar.closes_hour
    )


def add_working_days(start: datetime, days: int, calendar: Calendar | ZoneInfo) -> datetime:
    """The moment `days` working days after `start`, at the same local time of day, in UTC.

    A start outside working time counts from the next opening.
    """
    calendar = as_calendar(calendar)
    local = start.astimezone(calendar.zone)
    if not _is_running(start, calendar):
        day = local.date()
        if local.hour >= calendar.closes_hour:
            day += timedelta(days=1)
        local = calendar.opening(calendar.nth_day(calendar.days_before(day)))
    day = calendar.nth_day(calendar.days_before(local.date()) + days)
    return datetime.combine(day, local.time(), calendar.zone).astimezone(UTC)


def working_days(seconds: float) -> float:
    """Seconds of working time as days of eight hours."""
    return seconds / WORKDAY_SECONDS


def weekdays_in_words(weekdays: Iterable[int]) -> str:
    """How people say it: Monday to Friday; Sunday to Thursday; Monday, Wednesday."""
    days = sorted(set(weekdays))
    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    # A week may begin on any day: look for one run, also over its end.
    for first in range(7):
        run = [(first + step) % 7 for step in range(len(days))]
        if len(days) > 2 and sorted(run) == days:
            return "every day" if len(days) == 7 else f"{names[first]} to {names[run[-1]]}"
    return ", ".join(names[day] for day in days)
