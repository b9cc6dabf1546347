"""SQL and Python read the same clock."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from metrics.clock import working_seconds_sql
from producthub.lib.periods import working_seconds

ZONES = ["Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "UTC"]


@pytest.mark.django_db
def test_it_counts_what_python_counts():
    chance = random.Random(7)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    cases = []
    for number in range(400):
        first = start + timedelta(seconds=chance.randrange(86_400 * 600))
        last = first + timedelta(seconds=chance.randrange(-3600, 86_400 * (number % 40 + 1)))
        cases.append((first, last, chance.choice(ZONES)))
    sql = working_seconds_sql("first", "last", "zone")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {sql.replace('%', '%%')} FROM"
            " unnest(%s::timestamptz[], %s::timestamptz[], %s::text[])"
            " WITH ORDINALITY AS t (first, last, zone, n) ORDER BY n",
            [list(column) for column in zip(*cases, strict=True)],
        )
        counted = [row[0] for row in cursor.fetchall()]
    assert counted == [working_seconds(a, b, ZoneInfo(zone)) for a, b, zone in cases]
