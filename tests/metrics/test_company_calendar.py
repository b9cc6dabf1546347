from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from metrics.windows import buckets


def test_weeks_begin_on_monday_for_readers_everywhere():
    as_of = datetime(2026, 11, 22, 12, tzinfo=UTC)
    for zone in ("America/Los_Angeles", "Europe/Lisbon", "Asia/Tokyo"):
        with timezone.override(ZoneInfo(zone)):
            assert {window.starts_on.weekday() for window in buckets(as_of, "week")} == {0}
