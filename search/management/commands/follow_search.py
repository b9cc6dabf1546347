"""`manage.py follow_search`: keep this machine's search files in step with the database."""

import ctypes
import os
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from search import follower

SET_PARENT_DEATH_SIGNAL = 1


class Command(BaseCommand):
    """Runs until it is told to stop; ends at once, well, where another one runs already."""

    help = "Follows the database into the search files of this machine; one process a machine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--parent", type=int, default=0, help="End when this process ends.")

    def handle(self, *args: Any, **options: Any) -> None:
        stops: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: stops.append(number))
        parent = options["parent"]
        if parent:
            libc = ctypes.CDLL(None)
            libc.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        with follower.only_follower() as is_mine:
            if is_mine:
                # A parent that died before the line above is seen here.
                follower.follow(lambda: bool(stops) or bool(parent and os.getppid() != parent))
            else:
                self.stdout.write("Another process follows already.")
