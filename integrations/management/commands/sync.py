"""`manage.py sync SOURCE [--full] [--json]`: the scheduled sync, in the foreground."""

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations import runs
from integrations.errors import AlreadyRunning, NotConfigured
from integrations.models import Source, SyncRun
from integrations.sources import connector, connectors
from producthub.lib.tags import count_of

BAR_WIDTH = 30
LINE_EVERY_PAGES = 10
MAX_PAUSES = 50


class Command(BaseCommand):
    """Exit status 0 only when everything was read."""

    help = "Reads a source now and says how it went. Exit status 0 only when it is complete."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", choices=[one.source.value for one in connectors()])
        parser.add_argument("--full", action="store_true", help="read everything, not only changes")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        is_json = options["json"]
        self.is_terminal = sys.stdout.isatty() and not is_json
        progress = None if is_json else self._show
        full = options["full"]
        chosen = connector(options["source"])
        assert chosen is not None
        self.noun = count_of(2, chosen.noun).removeprefix("2 ")
        run: SyncRun | None = None
        for _ in range(MAX_PAUSES):
            try:
                run = chosen.sync(trigger=SyncRun.Trigger.COMMAND, full=full, progress=progress)
            except (NotConfigured, AlreadyRunning) as reason:
                self._leave(is_json, {"status": "skipped", "message": str(reason)}, str(reason))
            except KeyboardInterrupt:
                raise CommandError("Stopped. The next run goes on from here.") from None
            if run is None or run.status != SyncRun.Status.WAITING:
                break
            pause = runs.pause_seconds(Source(run.source))
            if not is_json:
                self.stdout.write(f"\n{run.message} Going on in {pause:,.0f} seconds.")
            time.sleep(pause)
            full = False  # the cursor remembers what kind of run this is
        assert run is not None
        self._report(run, is_json)

    def _show(self, run: SyncRun, total: int | None) -> None:
        counts = f"{run.seen:,}" + (f" of about {total:,}" if total else "") + f" {self.noun}"
        if self.is_terminal:
            share = min(run.seen / total, 1) if total else 0
            bar = "█" * round(share * BAR_WIDTH)
            self.stdout.write(f"\r{bar:<{BAR_WIDTH}} {counts} ", ending="")
            self.stdout.flush()
        elif run.pages % LINE_EVERY_PAGES == 1:
            self.stdout.write(f"{counts} read")

    def _report(self, run: SyncRun, is_json: bool) -> None:
        facts = {
            "status": run.status,
            "message": run.message,
            "run": run.pk,
            "full": run.is_full,
            "resumed": run.is_resumed,
            "seconds": round(run.duration.total_seconds(), 2) if run.duration else None,
            **{
                name: getattr(run, name)
                for name in (
                    "pages", "seen", "created", "updated", "unchanged", "failed", "transitions",
                    "requests",
                )
            },
        }  # fmt: skip
        if run.status != SyncRun.Status.DONE or run.failed:
            self._leave(is_json, facts, run.message)
        if is_json:
            self.stdout.write(json.dumps(facts))
        else:
            self.stdout.write(
                f"{chr(10) if self.is_terminal else ''}{run.message} {run.created:,} new,"
                f" {run.updated:,} updated, {run.transitions:,} changes of status."
            )

    def _leave(self, is_json: bool, facts: dict[str, Any], message: str) -> None:
        if is_json:
            self.stdout.write(json.dumps(facts))
            sys.exit(1)
        raise CommandError(message)
