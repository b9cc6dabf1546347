"""The command line of the drill: `python -m tests.drill --kills 50`. Exit status 1 on a fault."""

import argparse
import os
import random
import shutil
import sys
import time
from collections import Counter

from producthub.embedded import hub_folder, say
from tests.drill.hub import PARTS, Hub

MOST_SECONDS = 1500
WARM_UP_SECONDS = 6


def main() -> int:
    """Start, kill, settle, compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how many deaths")
    parser.add_argument("--seed", type=int, default=None, help="the same deaths again")
    parser.add_argument("--issues", type=int, default=300, help="issues in Jira at the start")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.randrange(10_000)
    folder = hub_folder() / "drill"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say(f"Drill of {asked.kills} deaths, seed {seed}.")

    from tests.drill.source import SlowJira
    from tests.fakes.jira import make_issues

    with SlowJira(make_issues(asked.issues, moves_each=3.5), seed=seed) as jira:
        jira.page_size = 25
        from tests.drill.traffic import SECRET

        hub = Hub(
            folder, DEBUG="1", JIRA_BASE_URL=jira.url, JIRA_EMAIL="hub@drill.example",
            JIRA_API_TOKEN="token-1", JIRA_WEBHOOK_SECRET=SECRET, LOG_LEVEL="WARNING",
        )  # fmt: skip
        try:
            hub.await_start()
            os.environ.update(hub.environment())
            found = drill(hub, jira, asked.kills, random.Random(seed))
        finally:
            hub.stop()
    for fault in found:
        say(f"FAULT {fault}")
    say("Nothing was lost, nothing came twice." if not found else f"{len(found)} faults.")
    return 1 if found else 0


def drill(hub: Hub, jira: "SlowJira", kills: int, chance: random.Random) -> list[str]:  # noqa: F821
    """Work, deaths, and what is wrong afterwards."""
    import django

    django.setup()
    from tests.drill import truth
    from tests.drill.traffic import Traffic

    _people()
    _hurry()
    traffic = Traffic(hub.url, jira)
    traffic.start()
    time.sleep(WARM_UP_SECONDS)
    deaths: Counter[str] = Counter()
    begun = time.monotonic()
    while sum(deaths.values()) < kills and time.monotonic() - begun < MOST_SECONDS:
        part = chance.choice(list(PARTS))
        if how := hub.kill(part, chance):
            deaths[part] += 1
            say(f"{sum(deaths.values())} killed {how}")
        time.sleep(chance.uniform(0.5, 5.0))
    traffic.stop()
    worked = time.monotonic() - begun
    waiting = truth.settle(jira)
    say(
        f"{worked:.0f} s of work, {dict(deaths)} died;"
        f" {len(traffic.sent)} wishes, {len(jira.made)} issues made, {len(traffic.heard)} webhooks"
        f" heard, {len(jira.requests)} calls to Jira. Settled"
        f" {time.monotonic() - begun - worked:.0f} s later."
    )
    found = [f"still waiting: {what}" for what in waiting] + truth.faults(traffic, jira)
    if sum(deaths.values()) < kills:
        found.append(f"only {sum(deaths.values())} deaths in {MOST_SECONDS} s")
    if not (traffic.sent and jira.made and traffic.heard):
        found.append("there was no work to disturb")
    return found


def _people() -> None:
    from accounts.models import Role, Team
    from accounts.services import create_user
    from tests.drill.traffic import ASKER, MANAGER, PASSWORD

    Team.objects.create(name="Drill", slug="drill")
    create_user(email=ASKER, name="Ada Mensah", password=PASSWORD)
    create_user(email=MANAGER, name="Tomasz Wieczorek", role=Role.PM)


def _hurry() -> None:
    """What beat does every minutes is done every few seconds here."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    soon, _ = IntervalSchedule.objects.get_or_create(every=3, period=IntervalSchedule.SECONDS)
    for entry in PeriodicTask.objects.filter(
        name__in=["Sync Jira", "Send waiting deliveries", "Handle waiting messages",
                  "Dispatch missed events"]
    ):  # fmt: skip
        entry.interval = soon
        entry.save()


if __name__ == "__main__":
    sys.exit(main())
