"""The scheduler of beat: one works, however many are started, and not all at the same second."""

import random
from typing import Any

import structlog
from celery import schedules
from django.db import DatabaseError, connections
from django_celery_beat.schedulers import DatabaseScheduler

log = structlog.get_logger(__name__)

# Key of the advisory lock: "beat".
LOCK = 0x62656174
WAIT_SECONDS = 5.0
# A run by interval starts up to so much later, so that what is due at once does not start at once.
JITTER_SHARE = 0.1
MAX_JITTER_SECONDS = 30.0


class OnlyOne:
    """A lock that lives as long as a database session of its own: it goes with a killed beat, and
    no clock and no clean-up is needed."""

    def __init__(self) -> None:
        self.connection = connections.create_connection("default")
        self.is_held = False

    def hold(self) -> bool:
        """Whether this process has it now; takes it when it is free."""
        try:
            with self.connection.cursor() as cursor:
                # A lost session has lost the lock, and this query tells.
                cursor.execute(
                    "SELECT 1" if self.is_held else f"SELECT pg_try_advisory_lock({LOCK})"
                )
                self.is_held = bool(cursor.fetchone()[0])
        except DatabaseError:
            self.close()
        return self.is_held

    def close(self) -> None:
        """Let it go."""
        self.is_held = False
        self.connection.close()


class HubScheduler(DatabaseScheduler):
    """Reads the schedules of admin. A second beat waits, and takes over when the first is gone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.only_one = OnlyOne()
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Start what is due; seconds until the next look."""
        was_held = self.only_one.is_held
        if not self.only_one.hold():
            if was_held:
                log.warning("beat_lost_its_lock")
            return WAIT_SECONDS
        if not was_held:
            log.info("beat_took_over")
            # What ran meanwhile was started by another beat: read the times again.
            self._initial_read = True
        return float(super().tick(*args, **kwargs))

    def apply_async(
        self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any
    ) -> Any:
        """Send one task, a little later than asked."""
        due = self.reserve(entry) if advance else entry
        if isinstance(due.schedule, schedules.schedule):
            due.options = {**due.options, "countdown": jitter(due.schedule)}
        return super().apply_async(due, producer=producer, advance=False, **kwargs)

    def close(self) -> None:
        """Save what ran, and let another beat take over."""
        super().close()
        self.only_one.close()


def jitter(schedule: schedules.schedule) -> float:
    """Seconds by which a run by interval is put off, at random."""
    longest = min(schedule.run_every.total_seconds() * JITTER_SHARE, MAX_JITTER_SECONDS)
    return random.uniform(0, longest)
