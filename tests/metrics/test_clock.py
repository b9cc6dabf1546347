"""SQL and Python read the same clock."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from metrics.clock import CLOCKS, clock_rows, reading_sql
from producthub.lib.periods import Calendar
from tests.lib.test_periods import ZONES


@pytest.mark.django_db
def test_it_shows_what_python_shows():
    chance = random.Random(7)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    calendars = {None: Calendar(ZoneInfo("Europe/Amsterdam"))}
    for team in range(1, 60):
        opens = chance.randrange(4, 20)
        off = {date(2025, 1, 1) + timedelta(days=chance.randrange(700)) for _ in range(team)}
        calendars[team] = Calendar(
            ZoneInfo(chance.choice(ZONES)),
            frozenset(off),
            opens,
            chance.randrange(opens + 1, 23),
            tuple(chance.sample(range(7), chance.randrange(1, 8))),
        )
    cases = [
        (
            start + timedelta(seconds=chance.random() * 86_400 * 700),
            chance.randrange(60),
        )
        for _ in range(4000)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {reading_sql('moment')} FROM"
            " unnest(%(moments)s::timestamptz[], %(teams)s::int[])"
            f" WITH ORDINALITY AS t (moment, team, n) JOIN {CLOCKS} USING (team) ORDER BY n",
            {
                "moments": [moment for moment, _ in cases],
                "teams": [team for _, team in cases],
                "clocks": clock_rows(calendars),
            },
        )
        shown = [row[0] for row in cursor.fetchall()]
    assert shown == [calendars[team or None].reading(moment) for moment, team in cases]
