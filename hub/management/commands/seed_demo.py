"""`manage.py seed_demo`: load Harbourline, the demonstration company."""

import json
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from hub.demo import load
from hub.demo.people import DOMAIN, LOGINS, PASSWORD


class Command(BaseCommand):
    help = "Load the demonstration company, with eighteen months of history up to now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--scale", type=int, default=1, help="So many times the company.")
        parser.add_argument(
            "--if-empty", action="store_true", help="Do nothing where there is something already."
        )
        parser.add_argument("--now", help="The moment up to which things happened (ISO 8601).")
        parser.add_argument("--json", action="store_true", help="Say what was written as JSON.")
        parser.add_argument(
            "--force",
            "--yes",
            action="store_true",
            help="Load it into a database that is not the embedded one, or not empty.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["scale"] < 1:
            raise CommandError("--scale takes a number from 1.")
        now = moment(options["now"])
        if load.is_loaded():
            return self.say(options, "The demonstration company is there already.", {})
        if not load.is_empty():
            if options["if_empty"]:
                return self.say(options, "The database is in use: nothing was loaded.", {})
            if not options["force"]:
                raise CommandError(
                    "The database is in use. Add --force to load the demonstration company "
                    "beside what is there."
                )
        if not settings.EMBEDDED and not options["force"]:
            raise CommandError(
                "This is not the embedded database. Add --force to load the demonstration "
                "company, with its public password, all the same."
            )
        done = load.load(now=now, scale=options["scale"])
        logins = ", ".join(f"{local}@{DOMAIN}" for local in LOGINS.values())
        self.say(
            options,
            f"Loaded {done.people:,} people, {done.requests:,} requests, {done.events:,} events "
            f"and {done.work_items:,} work items in {done.seconds:.0f} s.\n"
            f"Sign in as {logins} with the password {PASSWORD}.",
            done.as_dict(),
        )

    def say(self, options: dict[str, Any], text: str, facts: dict[str, float]) -> None:
        """A sentence for people, or the same for programs."""
        if options["json"]:
            self.stdout.write(json.dumps({"loaded": bool(facts), **facts}))
        else:
            self.stdout.write(text)


def moment(text: str | None) -> datetime:
    """`--now` as an aware time; without zone in the hub's. Raises CommandError."""
    if not text:
        return timezone.now()
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError("--now takes a time like 2026-11-02T09:30.")
    return found if timezone.is_aware(found) else timezone.make_aware(found)
