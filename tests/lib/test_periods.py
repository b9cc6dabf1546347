from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producthub.lib.periods import (
    EPOCH,
    WORKDAY_SECONDS,
    Calendar,
    add_working_days,
    add_working_seconds,
    weekdays_in_words,
    working_days,
    working_seconds,
)

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
# Clocks change on Sundays at 2 or 3, on Thursdays and Fridays at midnight, on Saturdays at 22,
# by half an hour, or never.
ZONES = [
    "Europe/Amsterdam",
    "America/New_York",
    "Africa/Cairo",
    "Pacific/Easter",
    "Australia/Lord_Howe",
    "America/Nuuk",
    "Asia/Kolkata",
    "UTC",
]


def local(*parts):
    return datetime(*parts, tzinfo=AMSTERDAM)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (local(2026, 3, 2, 9), local(2026, 3, 2, 17), 8),  # a Monday
        (local(2026, 3, 2, 16), local(2026, 3, 3, 10), 2),  # over night
        (local(2026, 3, 6, 16), local(2026, 3, 9, 10), 2),  # over a weekend
        (local(2026, 3, 7, 10), local(2026, 3, 8, 20), 0),  # inside it
        (local(2026, 3, 2, 9), local(2026, 3, 16, 9), 80),  # two weeks
        (local(2026, 3, 27, 16), local(2026, 3, 30, 10), 2),  # clocks go forward between
        (local(2026, 3, 3, 9), local(2026, 3, 2, 9), 0),  # the wrong way round
    ],
)
def test_only_working_time_counts(start, end, hours):
    assert working_seconds(start, end, AMSTERDAM) == hours * 3600


EASTER = Calendar(
    AMSTERDAM,
    frozenset({date(2026, 4, 3), date(2026, 4, 5), date(2026, 4, 6), date(2026, 4, 27)}),
    10,
    18,
)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (local(2026, 4, 2, 17), local(2026, 4, 7, 11), 2),  # Good Friday to Easter Monday
        (local(2026, 4, 3, 12), local(2026, 4, 6, 12), 0),  # from one holiday to the next
        (local(2026, 4, 2, 9), local(2026, 4, 2, 20), 8),  # opens at 10
        (local(2026, 4, 24, 10), local(2026, 4, 28, 18), 16),  # King's Day on a Monday
        (local(2026, 4, 1, 10), local(2026, 5, 1, 10), 8 * (22 - 3)),  # one falls on a Sunday
    ],
)
def test_holidays_and_other_hours_count(start, end, hours):
    assert working_seconds(start, end, EASTER) == hours * 3600


def test_a_promise_steps_over_holidays():
    thursday = local(2026, 4, 2, 12)
    assert add_working_days(thursday, 1, EASTER) == local(2026, 4, 7, 12)
    assert add_working_days(local(2026, 4, 4, 12), 0, EASTER) == local(2026, 4, 7, 10)
    assert add_working_seconds(thursday, 7 * 3600, EASTER) == local(2026, 4, 7, 11)
    # what is used up at the end of a day is due then
    assert add_working_seconds(thursday, 6 * 3600, EASTER) == local(2026, 4, 2, 18)


def test_a_year_of_holidays_is_stepped_over():
    off = frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(365))
    calendar = Calendar(AMSTERDAM, off)
    assert add_working_days(local(2025, 12, 31, 12), 1, calendar) == local(2027, 1, 1, 12)


@pytest.mark.parametrize("hours", [(3, 12), (9, 23), (17, 9), (9, 9)])
def test_hours_in_which_clocks_change_are_refused(hours):
    with pytest.raises(ValueError, match="between 4 and 22"):
        Calendar(AMSTERDAM, frozenset(), *hours)


def test_a_week_needs_a_day():
    with pytest.raises(ValueError, match="weekday"):
        Calendar(AMSTERDAM, weekdays=())
    with pytest.raises(ValueError, match="added"):
        add_working_seconds(local(2026, 4, 2), -1, AMSTERDAM)


# --- For any calendar -------------------------------------------------------------------------

BEGINNING = datetime(2025, 12, 20, tzinfo=UTC)
days_off = st.frozensets(
    st.integers(0, 140).map(lambda n: BEGINNING.date() + timedelta(days=n)), max_size=40
)
calendars = st.builds(
    lambda zone, off, opens, lasts, week: Calendar(
        ZoneInfo(zone), off, opens, min(opens + lasts, 22), week
    ),
    st.sampled_from(ZONES),
    days_off,
    st.integers(4, 20),
    st.integers(1, 18),
    st.sets(st.integers(0, 6), min_size=1).map(tuple),
)
moments = st.integers(0, 86_400 * 130).map(lambda s: BEGINNING + timedelta(seconds=s)) | st.builds(
    lambda s, micro: BEGINNING + timedelta(seconds=s, microseconds=micro),
    st.integers(0, 86_400 * 130),
    st.integers(0, 999_999),
)


def by_the_minute(start, end, calendar):
    """The same, counted the slow way."""
    seconds, now = 0, start
    while now < end:
        here = now.astimezone(calendar.zone)
        seconds += 60 * (
            here.weekday() in calendar.weekdays
            and here.date() not in calendar.holidays
            and calendar.opens_hour <= here.hour < calendar.closes_hour
        )
        now += timedelta(minutes=1)
    return seconds


@given(calendars, st.integers(0, 60 * 24 * 120), st.integers(0, 60 * 24 * 6))
def test_it_equals_counting_minutes(calendar, first, minutes):
    start = BEGINNING + timedelta(minutes=first)
    end = start + timedelta(minutes=minutes)
    assert working_seconds(start, end, calendar) == by_the_minute(start, end, calendar)


@given(calendars, moments, st.integers(0, 3_000_000))
def test_adding_is_counting_the_other_way_round(calendar, start, seconds):
    due = add_working_seconds(start, seconds, calendar)
    assert due >= start
    assert working_seconds(start, due, calendar) == seconds
    # and no earlier moment would do
    if seconds:
        before = max(start, due - timedelta(seconds=1))
        assert working_seconds(start, before, calendar) < seconds


@given(calendars, moments, st.integers(0, 500_000), st.integers(0, 500_000))
def test_adding_twice_is_adding_the_sum(calendar, start, first, second):
    at_once = add_working_seconds(start, first + second, calendar)
    assert at_once == add_working_seconds(
        add_working_seconds(start, first, calendar), second, calendar
    )


@given(calendars, moments, moments, moments)
def test_parts_add_up_to_the_whole(calendar, a, b, c):
    a, b, c = sorted([a, b, c])
    parts = working_seconds(a, b, calendar) + working_seconds(b, c, calendar)
    assert parts == working_seconds(a, c, calendar)


@given(calendars, moments, moments, st.integers(0, 500_000))
def test_who_begins_later_is_not_due_earlier(calendar, a, b, seconds):
    a, b = sorted([a.replace(microsecond=0), b.replace(microsecond=0)])
    assert calendar.reading(a) <= calendar.reading(b)
    assert add_working_seconds(a, seconds, calendar) <= add_working_seconds(b, seconds, calendar)


@given(calendars, st.integers(0, 30_000))
def test_days_are_numbered_and_found_again(calendar, count):
    day = calendar.nth_day(count)
    assert calendar.is_working_day(day)
    assert calendar.days_before(day) == count
    assert day.toordinal() >= EPOCH


@given(calendars, moments, st.integers(0, 60))
def test_a_promise_falls_due_in_working_time(calendar, start, days):
    due = add_working_days(start, days, calendar)
    here = due.astimezone(calendar.zone)
    assert calendar.is_working_day(here.date())
    assert calendar.opens_hour <= here.hour < calendar.closes_hour
    assert working_seconds(start, due, calendar) == days * calendar.day_seconds


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.integers(0, 30))
def test_a_bare_time_zone_is_monday_to_friday(start, days):
    start = start.replace(tzinfo=UTC)
    due = add_working_days(start, days, AMSTERDAM).astimezone(AMSTERDAM)
    assert due.weekday() < 5 and 9 <= due.hour < 17
    assert working_seconds(start, due, AMSTERDAM) == days * WORKDAY_SECONDS


def test_days_are_eight_hours():
    assert working_days(12 * 3600) == 1.5


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ([0, 1, 2, 3, 4], "Monday to Friday"),
        ([6, 0, 1, 2, 3], "Sunday to Thursday"),
        ([0, 2, 4], "Monday, Wednesday, Friday"),
        ([5, 6], "Saturday, Sunday"),
        (range(7), "every day"),
    ],
)
def test_weekdays_are_said_as_people_say_them(days, words):
    assert weekdays_in_words(days) == words
