from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producthub.lib.periods import WORKDAY_SECONDS, add_working_days, working_days, working_seconds

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


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


def by_the_minute(start, end):
    """The same, counted the slow way."""
    seconds, now = 0, start
    while now < end:
        here = now.astimezone(AMSTERDAM)
        seconds += 60 * (here.weekday() < 5 and 9 <= here.hour < 17)
        now += timedelta(minutes=1)
    return seconds


@given(
    st.integers(0, 60 * 24 * 30).map(
        lambda m: datetime(2026, 3, 10, tzinfo=UTC) + timedelta(minutes=m)
    ),
    st.integers(0, 60 * 24 * 6),
)
def test_it_equals_counting_minutes(start, minutes):
    end = start + timedelta(minutes=minutes)
    assert working_seconds(start, end, AMSTERDAM) == by_the_minute(start, end)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.integers(0, 30))
def test_a_promise_falls_due_in_working_time(start, days):
    start = start.replace(tzinfo=UTC)
    due = add_working_days(start, days, AMSTERDAM).astimezone(AMSTERDAM)
    assert due.weekday() < 5 and 9 <= due.hour < 17
    # exactly so much working time lies between, give or take what lay outside at the start
    assert working_seconds(start, due, AMSTERDAM) == days * WORKDAY_SECONDS


def test_days_are_eight_hours():
    assert working_days(12 * 3600) == 1.5
