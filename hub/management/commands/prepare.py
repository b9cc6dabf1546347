"""`manage.py prepare`: everything between an empty machine and a hub that may start.

One process, because starting Django is what costs: migrations, static files, schedules, the
demonstration company and the first figures. Safe to run again and from several places at once.
"""

import hashlib
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from hub.demo import load
from metrics.compute import compute
from producthub.schedules import fill_schedules

DATABASE_WAIT_SECONDS = 30
# Any number will do, as long as nobody else takes it.
LOCK = 5_032_017
STAMP = ".fingerprint"


class Command(BaseCommand):
    help = "Migrate, collect static files, fill in schedules and compute the figures."
    # The database may not be there yet; checks that need it run with the migrations.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--demo",
            action="store_true",
            help="Load the demonstration company into an empty embedded database.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wait_for_database()
        with alone():
            self.migrate()
            self.collect_static()
            if added := fill_schedules():
                self.say(f"Added {added} schedules.")
            if options["demo"]:
                self.seed()
            compute()
        self.say("Ready.")

    def say(self, text: str) -> None:
        """A line at once: someone watches."""
        self.stdout.write(text)
        self.stdout.flush()

    def migrate(self) -> None:
        """Apply what is missing; looking costs a fraction of Django's own command."""
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if not plan:
            return
        self.say(f"Applying {len(plan)} migrations.")
        call_command("migrate", verbosity=0, interactive=False)

    def collect_static(self) -> None:
        """Collect and compress when a file, or what is done with it, has changed."""
        if settings.DEBUG:
            return
        root = Path(settings.STATIC_ROOT)
        stamp = root / STAMP
        now = fingerprint()
        if stamp.is_file() and stamp.read_text() == now:
            return
        self.say("Collecting static files.")
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", verbosity=0, interactive=False)
        stamp.write_text(now)

    def seed(self) -> None:
        """The demonstration company, on the first start of the embedded database alone."""
        if not settings.EMBEDDED or not load.is_empty():
            return
        self.say("Loading the demonstration company.")
        done = load.load(now=timezone.now())
        self.say(f"Loaded {done.people} people and {done.requests:,} requests.")


def wait_for_database() -> None:
    """Until it takes connections; raises CommandError after half a minute."""
    deadline = time.monotonic() + DATABASE_WAIT_SECONDS
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            if time.monotonic() > deadline:
                reason = str(error).strip().splitlines()[0]
                raise CommandError(f"The database does not answer: {reason}") from error
            time.sleep(0.5)
        else:
            return


@contextmanager
def alone() -> Iterator[None]:
    """Hold the database's lock: of several containers that start at once one does the work.

    The lock belongs to the connection, so a crash lets go of it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def fingerprint() -> str:
    """Changes with any static file's name, size or time, and with the storage."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            stat = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
