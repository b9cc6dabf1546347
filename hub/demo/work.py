"""What the teams build, as Jira would tell it."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from hub.demo.company import Company
from hub.demo.people import PEOPLE, TEAMS, Person, mail_of
from hub.demo.plan import HISTORY_DAYS, SEED, ZONE, aware, earlier, later, opening
from hub.demo.stories import CARRIERS, DEPOTS, SHIPPERS
from planning.models import WorkProject
from planning.services import (
    Move,
    WorkItemRow,
    save_projects,
    save_statuses,
    upsert_work_items,
)

# Its own source: a real Jira that is connected later neither claims nor misses these items.
SOURCE = "demo"
SITE = "https://jira.harbourline.example"
WORK_ITEMS = 300
PAGE = 2000

STATUSES = {
    "todo": ("10000", "To Do", "new"),
    "ready": ("10001", "Ready", "new"),
    "doing": ("10002", "In Progress", "indeterminate"),
    "review": ("10003", "In Review", "indeterminate"),
    "testing": ("10004", "Testing", "indeterminate"),
    "done": ("10005", "Done", "done"),
    "dropped": ("10006", "Won't do", "done"),
}
TYPES = ("Story", "Story", "Story", "Task", "Task", "Bug", "Bug", "Spike")
PRIORITIES = ("Medium", "Medium", "Medium", "High", "Low", "Highest")
LABELS = ("customer-request", "tech-debt", "security", "performance", "peak", "")

# What a team works on; each is met by each of the tasks below.
THINGS = {
    "dispatch": ("the route board", "bulk rescheduling", "driver hours", "the window promise",
                 "the reject and offer flow", "stop order", "van weights", "the morning freeze"),
    "yard": ("the gate queue", "dock booking", "plate reading", "seal numbers",
             "trailer standing time", "visitor records", "the dock board", "driver texts"),
    "billing": ("the dispute inbox", "credit notes", "surcharges", "self-billing",
                "invoice layouts", "lane prices", "waiting time", "the month-end report"),
    "driver-app": ("sign-in", "damage photographs", "night mode", "receiver signatures",
                   "failure reasons", "hours export", "navigation heights", "neighbour consent"),
    "insights": ("on-time share", "the evening warning", "arrival accuracy", "carbon per parcel",
                 "empty kilometres", "the delivery map", "the shipper dashboard",
                 "the volume forecast"),
    "platform": ("carrier sign-on", "webhook retries", "the audit log", "address search",
                 "the sandbox", "API version 2", "password resets", "integration limits"),
    "notifications": ("message preferences", "the ten-minute text", "quiet hours",
                      "shipper branding", "the move-my-delivery link", "message counts",
                      "sender names", "depot hours"),
    "product-ops": ("the roadmap digest", "the launch checklist", "the ownership map",
                    "request routing", "tool renewals", "release notes", "the freeze calendar",
                    "interview consent"),
}  # fmt: skip
TASKS = (
    "Add a first version of {thing}", "Measure {thing} before we change it",
    "Fix {thing} after the clock change", "Write tests for {thing}",
    "Show {thing} on small screens", "Move {thing} to the new roles",
    "Let Support see {thing}", "Log who changed {thing}", "Speed up {thing}",
    "Translate {thing} into Polish and Dutch", "Roll {thing} out behind a switch",
    "Remove the old way into {thing}", "Export {thing} for auditors",
    "Handle time-outs in {thing}", "Interview five people about {thing}",
    "Explain {thing} on a help page",
)  # fmt: skip


def build(company: Company, now: datetime, scale: int = 1) -> int:
    """Write the work items of a company `scale` times as large; returns how many."""
    save_statuses(source=SOURCE, rows=STATUSES.values())
    save_projects(
        source=SOURCE,
        rows=[(_project_id(number), t.project, t.name) for number, t in enumerate(TEAMS)],
    )
    for team in TEAMS:
        WorkProject.objects.filter(source=SOURCE, key=team.project).update(
            team=company.teams[team.slug]
        )
    count = 0
    rows: list[WorkItemRow] = []
    moves: list[Move] = []
    for row, steps in draw(now, WORK_ITEMS * scale):
        rows.append(row)
        moves += steps
        count += 1
        if len(rows) == PAGE:
            _write(rows, moves, now)
            rows, moves = [], []
    _write(rows, moves, now)
    return count


def _write(rows: list[WorkItemRow], moves: list[Move], now: datetime) -> None:
    if rows:
        upsert_work_items(
            source=SOURCE,
            site_url=SITE,
            items=rows,
            moves=moves,
            complete={row.upstream_id for row in rows},
            at=now,
        )


def _project_id(number: int) -> str:
    return f"demo-{20000 + number}"


def draw(now: datetime, count: int) -> Iterator[tuple[WorkItemRow, list[Move]]]:
    """Items by the time they were created, each with its changes of status; pure."""
    chance = random.Random(SEED + 1)
    local_now = now.astimezone(ZONE).replace(tzinfo=None, microsecond=0)
    begin = local_now - timedelta(days=HISTORY_DAYS)
    builders: dict[str, list[Person]] = {}
    for person in PEOPLE:
        if person.duty in ("engineering", "data", "design"):
            builders.setdefault(person.team, []).append(person)
    numbers = dict.fromkeys((team.slug for team in TEAMS), 100)
    for index in range(count):
        created = opening(begin + (local_now - begin) * ((index + chance.random()) / count))
        if created >= local_now:
            created = earlier(local_now, 1)
        place = index % len(TEAMS)
        team = TEAMS[place]
        numbers[team.slug] += 1
        # One in twelve lies and waits; the last weeks are still moving.
        path = _path(chance, created, local_now)
        status = path[-1][0] if path else "todo"
        who = chance.choice(builders.get(team.slug) or builders["platform"])
        is_assigned = status not in ("todo", "ready") or chance.random() < 0.3
        upstream_id = f"demo-{index + 1}"
        touched = path[-1][1] if path else created
        updated = min(later(touched, chance.random() * 0.4), local_now) if path else created
        pk, name, category = STATUSES[status]
        row = WorkItemRow(
            upstream_id=upstream_id,
            key=f"{team.project}-{numbers[team.slug]}",
            title=_title(place, index // len(TEAMS)),
            type_name=chance.choice(TYPES),
            project_id=_project_id(place),
            project_key=team.project,
            project_name=team.name,
            status_id=pk,
            status_name=name,
            status_category=category,
            assignee_name=who.name if is_assigned else "",
            assignee_account_id=f"demo:{mail_of(who)}" if is_assigned else "",
            assignee_email=mail_of(who) if is_assigned else "",
            parent_key="",
            priority=chance.choice(PRIORITIES),
            labels=chance.choice(LABELS),
            created=aware(created).isoformat(),
            updated=aware(max(updated, touched)).isoformat(),
            resolved=aware(touched).isoformat() if category == "done" else None,
        )
        yield row, _moves(upstream_id, path, who.name)


def _title(place: int, round_: int) -> str:
    things = THINGS[TEAMS[place].slug]
    thing = things[round_ % len(things)]
    task = TASKS[(round_ * 5 + round_ // len(things) + place * 3) % len(TASKS)]
    title = task.format(thing=thing)
    lap = round_ // (len(things) * len(TASKS))
    where = ("", f" in {DEPOTS[lap % len(DEPOTS)]}", f" for {CARRIERS[lap % len(CARRIERS)]}",
             f" for {SHIPPERS[lap % len(SHIPPERS)]}")  # fmt: skip
    return title if not lap else title + where[lap % 3 + 1]


def _path(chance: random.Random, created: datetime, now: datetime) -> list[tuple[str, datetime]]:
    """The statuses after “To Do”, with their times, up to now."""
    at = later(created, chance.expovariate(1 / 4))
    path = [("ready", at)]
    if chance.random() < 0.06:
        path.append(("dropped", later(at, 3 + chance.random() * 20)))
    elif chance.random() < 0.95:
        at = later(at, chance.expovariate(1 / 3))
        path.append(("doing", at))
        for _ in range(2 if chance.random() < 0.2 else 1):
            if path[-1][0] == "testing":
                at = later(at, 0.2 + chance.random())
                path.append(("doing", at))
            at = later(at, 0.3 + chance.expovariate(1 / 2.6))
            path.append(("review", at))
            at = later(at, 0.1 + chance.expovariate(1 / 0.8))
            path.append(("testing", at))
        at = later(at, 0.1 + chance.expovariate(1 / 0.9))
        path.append(("done", at))
        if chance.random() < 0.03:
            at = later(at, 1 + chance.random() * 6)
            path.append(("doing", at))
            path.append(("done", later(at, 0.4 + chance.random() * 2)))
    return [(status, moment) for status, moment in path if moment < now]


def _moves(upstream_id: str, path: list[tuple[str, datetime]], author: str) -> list[Move]:
    moves: list[Move] = []
    before = STATUSES["todo"]
    for index, (status, at) in enumerate(path):
        after = STATUSES[status]
        moves.append(
            (upstream_id, f"{upstream_id}-{index + 1}", 0, aware(at).isoformat(), before[0],
             before[1], after[0], after[1], author)
        )  # fmt: skip
        before = after
    return moves
