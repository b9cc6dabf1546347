"""The rows of `replay`, written by COPY: a hundred thousand requests in minutes.

A test compares both ways row by row. What a service learns to write, this learns too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from django.db import connection

from accounts.calendars import calendar_for
from accounts.permissions import is_pm
from hub.demo.company import Company
from hub.demo.plan import Planned, Step, by_time
from intake.models import OPEN_STATUSES, REQUEST_NUMBERS, FormVersion
from intake.services.deciding import REQUEST
from intake.services.groups import REQUEST_KIND
from intake.services.promises import promise, promised_days
from planning.decisions import DECISION_KIND
from planning.models import DECISION_NUMBERS
from producthub.lib.periods import Calendar, working_seconds
from producthub.lib.sequences import reserve_numbers
from search.services import Row as Found
from search.services import index_many

# Rows of one COPY.
COPY_ROWS = 20_000
REQUEST_COLUMNS = (
    "id", "number", "kind", "title", "problem", "affected", "evidence_url", "needed_on",
    "visibility", "team_id", "requester_id", "owner_id", "status", "outcome", "decision_id",
    "submitted_at", "triaged_at", "decided_at", "shipped_at", "asked_at", "asked_by_id", "due_at",
    "changed_at", "source", "submission_key", "heard_at", "acknowledged_at", "source_system",
    "source_ref", "answers", "priority", "labels", "vote_count", "similar_count",
    "merged_into_id", "root_id", "merged_at", "form_version_id",
)  # fmt: skip
VOTE_COLUMNS = ("request_id", "person_id", "case", "title", "created_at")
PROMISE_COLUMNS = (
    "request_id", "kind", "days", "started_at", "due_at", "paused_at", "waited_seconds", "met_at",
)  # fmt: skip
DECISION_COLUMNS = (
    "id", "number", "title", "outcome", "reason", "team_id", "decided_by_id", "decided_at",
    "revisit_on", "asked_at", "reason_code_id",
)  # fmt: skip
LINK_COLUMNS = (
    "decision_id", "subject_type", "subject_id", "is_settled", "created_by_id", "created_at",
)  # fmt: skip
COMMENT_COLUMNS = (
    "id", "request_id", "author_id", "kind", "body", "created_at", "key", "is_internal",
)  # fmt: skip
EVENT_COLUMNS = (
    "kind", "subject_type", "subject_id", "subject_label", "actor_id", "occurred_at", "data",
)  # fmt: skip


@dataclass(slots=True)
class Promised:
    """One promise of a request, as in the model."""

    kind: str
    days: int
    paused_at: datetime | None = None
    waited_seconds: int = 0
    met_at: datetime | None = None


@dataclass(slots=True)
class Row:
    """A request as its last step leaves it; named as in the model."""

    item: Planned
    pk: int
    number: int
    requester_id: int
    team: str
    submitted_at: datetime
    changed_at: datetime
    promises: list[Promised]
    form: FormVersion | None = None
    voters: set[int] = field(default_factory=set)
    joined: "list[Row]" = field(default_factory=list)
    root: "Row | None" = None
    merged_at: datetime | None = None
    acknowledged_at: datetime | None = None
    status: str = "new"
    outcome: str = ""
    owner_id: int | None = None
    decision_id: int | None = None
    triaged_at: datetime | None = None
    decided_at: datetime | None = None
    shipped_at: datetime | None = None
    asked_at: datetime | None = None
    asked_by_id: int | None = None


@dataclass
class Ledger:
    """What will be written."""

    company: Company
    next_request: int
    next_number: int
    next_decision: int
    next_decision_number: int
    next_comment: int
    rows: dict[int, Row] = field(default_factory=dict)
    decisions: list[tuple[Any, ...]] = field(default_factory=list)
    links: list[tuple[Any, ...]] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    comments: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    votes: list[tuple[Any, ...]] = field(default_factory=list)
    pm_ids: frozenset[int] = frozenset()

    def team_id(self, slug: str) -> int | None:
        return self.company.teams[slug].pk if slug else None

    def calendar(self, row: Row) -> Calendar:
        return calendar_for(self.company.teams.get(row.team))

    def due(self, row: Row, one: Promised) -> datetime:
        team = self.company.teams.get(row.team)
        return promise(row.submitted_at, one.days, team, one.waited_seconds)

    def next_due(self, row: Row) -> datetime | None:
        """The earliest promise still open."""
        if row.root is not None or row.status not in OPEN_STATUSES:
            return None
        return min((self.due(row, one) for one in row.promises if one.met_at is None), default=None)

    def acknowledge(self, row: Row, step: Step, actor_id: int) -> None:
        """The first word of a PM."""
        is_pm = actor_id in self.pm_ids and actor_id != row.requester_id
        if row.acknowledged_at is None and is_pm:
            row.acknowledged_at = step.at
            meet(row, step.at, "first_answer")
            self.record("request.acknowledged", row, actor_id, step.at, {})

    def record(
        self, kind: str, row: Row, actor_id: int, at: datetime, data: dict[str, Any]
    ) -> None:
        self.events.append(
            (kind, "intake.request", row.pk, f"REQ-{row.number}", actor_id, at,
             orjson.dumps(data).decode())
        )  # fmt: skip


def meet(row: Row, at: datetime, *kinds: str) -> None:
    """Promises kept; those kept before stay as they are."""
    for one in row.promises:
        if one.kind in kinds and one.met_at is None:
            one.met_at, one.paused_at = at, None


def write(items: Iterable[Planned], company: Company) -> int:
    """Write these requests; returns how many events that made."""
    held = list(items)
    decided = sum(step.kind == "decide" for item in held for step in item.steps)
    said = sum(step.kind in _SAID for item in held for step in item.steps)
    if not held:
        return 0
    ledger = Ledger(
        company,
        _reserve_ids("intake_request", len(held)),
        reserve_numbers(REQUEST_NUMBERS, len(held)),
        _reserve_ids("planning_decision", decided),
        reserve_numbers(DECISION_NUMBERS, decided) if decided else 0,
        _reserve_ids("intake_comment", said),
        pm_ids=frozenset(user.pk for user in company.users if is_pm(user)),
        codes={code: row.pk for code, row in company.reason_codes.items()},
    )
    for item, step in by_time(held):
        actor_id = company.users[step.actor].pk
        if step.kind == "submit":
            _submit(ledger, item, step, actor_id)
        else:
            _STEPS[step.kind](ledger, ledger.rows[item.number], step, actor_id)
    _copy("planning_decision", DECISION_COLUMNS, ledger.decisions)
    _copy("intake_request", REQUEST_COLUMNS, map(ledger_row(ledger), ledger.rows.values()))
    _copy("planning_decisionlink", LINK_COLUMNS, ledger.links)
    _copy("intake_vote", VOTE_COLUMNS, ledger.votes)
    _copy("intake_promise", PROMISE_COLUMNS, _promises(ledger))
    _copy("intake_comment", COMMENT_COLUMNS, ledger.comments)
    _copy("activity_event", EVENT_COLUMNS, ledger.events)
    index_many(
        Found(
            REQUEST_KIND,
            row.pk,
            row.item.title,
            row.item.problem,
            row.root.pk if row.root else None,
            row.submitted_at,
        )
        for row in ledger.rows.values()
    )
    index_many(
        Found(DECISION_KIND, pk, title, reason, None, at)
        for pk, _, title, _, reason, _, _, at, *_ in ledger.decisions
    )
    return len(ledger.events)


def vote_count(row: Row) -> int:
    """People behind it and what joined it, besides its requester."""
    people = set(row.voters)
    for other in row.joined:
        people |= other.voters | {other.requester_id}
    return len(people - {row.requester_id})


def _promises(ledger: Ledger) -> Iterable[tuple[Any, ...]]:
    for row in ledger.rows.values():
        for one in row.promises:
            yield (
                row.pk, one.kind, one.days, row.submitted_at, ledger.due(row, one), one.paused_at,
                one.waited_seconds, one.met_at,
            )  # fmt: skip


def _reserve_ids(table: str, count: int) -> int:
    """The first of `count` primary keys in a row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
        sequence = cursor.fetchone()[0]
    return reserve_numbers(sequence, count) if count else 0


def _copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = ", ".join(f'"{column}"' for column in columns)
    # Rows are made before the copy begins: making one may ask the database (working calendars,
    # once a minute), and a connection that is copying waits for itself for ever.
    made = iter(rows)
    while batch := list(islice(made, COPY_ROWS)):
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy,
        ):
            for row in batch:
                copy.write_row(row)


def ledger_row(ledger: Ledger) -> Any:
    """Turns a Row into the columns of its table."""

    def columns(row: Row) -> tuple[Any, ...]:
        item = row.item
        return (
            row.pk, row.number, item.kind, item.title, item.problem, list(item.affected), "",
            item.needed_on, item.visibility, ledger.team_id(row.team), row.requester_id,
            row.owner_id, row.status, row.outcome, row.decision_id, row.submitted_at,
            row.triaged_at, row.decided_at, row.shipped_at, row.asked_at, row.asked_by_id,
            ledger.next_due(row), row.changed_at, "web", item.key, row.submitted_at,
            row.acknowledged_at, "", "", "{}", "normal", [], vote_count(row), 0,
            row.root.pk if row.root else None, row.root.pk if row.root else None, row.merged_at,
            row.form.pk if row.form else None,
        )  # fmt: skip

    return columns


def _submit(ledger: Ledger, item: Planned, step: Step, actor_id: int) -> None:
    form = ledger.company.forms.get(item.kind)
    row = ledger.rows[item.number] = Row(
        item=item,
        form=form,
        pk=ledger.next_request,
        number=ledger.next_number,
        requester_id=actor_id,
        team=item.team,
        submitted_at=step.at,
        changed_at=step.at,
        promises=[Promised(kind, days) for kind, days in promised_days(form).items()],
    )
    ledger.next_request += 1
    ledger.next_number += 1
    data = {"kind": item.kind, "team": ledger.team_id(item.team), "source": "web"}
    data["form"] = form.form_id if form else None
    ledger.record("request.submitted", row, actor_id, step.at, data)


def _triage(ledger: Ledger, row: Row, step: Step, actor_id: int) -> None:
    owner_id = None if step.owner is None else ledger.company.users[step.owner].pk
    is_first = row.status == "new"
    if not is_first and (row.team, row.owner_id) == (step.team, owner_id):
        return
    owner_changed = row.owner_id != owner_id
    row.team, row.owner_id, row.changed_at, row.status = step.team, owner_id, step.at, "triaged"
    ledger.acknowledge(row, step, actor_id)
    if is_first:
        row.triaged_at = step.at
        meet(row, step.at, "triage", "first_answer")
    data = {"team": ledger.team_id(row.team), "owner": owner_id, "owner_changed": owner_changed}
    kind = "request.triaged" if is_first else "request.reassigned"
    ledger.record(kind, row, actor_id, step.at, data)


def _say(ledger: Ledger, row: Row, step: Step, actor_id: int, kind: str) -> int:
    pk = ledger.next_comment
    ledger.next_comment += 1
    ledger.comments.append((pk, row.pk, actor_id, kind, step.text, step.at, step.key, False))
    row.changed_at = step.at
    return pk


def _ask(ledger: Ledger, row: Row, step: Step, actor_id: int) -> None:
    pk = _say(ledger, row, step, actor_id, "question")
    if row.asked_at is None:
        for one in row.promises:
            one.paused_at = step.at if one.met_at is None else None
    row.asked_at = row.asked_at or step.at
    row.asked_by_id = actor_id
    ledger.acknowledge(row, step, actor_id)
    ledger.record("request.asked", row, actor_id, step.at, {"comment": pk})


def _answer(ledger: Ledger, row: Row, step: Step, actor_id: int) -> None:
    pk = _say(ledger, row, step, actor_id, "answer")
    assert row.asked_at is not None
    waited = step.at - row.asked_at
    data = {
        "comment": pk,
        "asked_by": row.asked_by_id,
        "waited_seconds": int(waited.total_seconds()),
    }
    row.asked_at = row.asked_by_id = None
    calendar = ledger.calendar(row)
    for one in row.promises:
        if one.paused_at is not None:
            one.waited_seconds += working_seconds(one.paused_at, step.at, calendar)
            one.paused_at = None
    ledger.record("request.answered", row, actor_id, step.at, data)


def _comment(ledger: Ledger, row: Row, step: Step, actor_id: int) -> None:
    pk = _say(ledger, row, step, actor_id, "comment")
    ledger.acknowledge(row, step, actor_id)
    ledger.record("request.commented", row, actor_id, step.at, {"comment": pk})


def _vote(ledger: Ledger, row: Row, step: Step, actor_id: int) -> None:
    row.voters.add(actor_id)
    ledger.votes.append((row.pk, actor_id, step.text, "", step.at))
    ledger.record("request.voted", row, actor_id, step.at, {"person": actor_id})


def _merge(ledger: Ledger, row: Row, step: Step, actor_id: int) -> None:
    assert step.into is not None
    top = ledger.rows[step.into.number]
    row.root, row.merged_at, row.changed_at = top, step.at, step.at
    top.changed_at = step.at
    top.joined.append(row)
    ledger.record("request.merged", row, actor_id, step.at, {"into": top.pk})
    ledger.acknowledge(row, step, actor_id)
    meet(row, step.at, "triage", "first_answer")


def _decide(ledger: Ledger, row: Row, step: Step, actor_id: int) -> None:
    ledger.acknowledge(row, step, actor_id)
    pk, number = ledger.next_decision, ledger.next_decision_number
    ledger.next_decision += 1
    ledger.next_decision_number += 1
    team_id = ledger.team_id(row.team)
    ledger.decisions.append(
        (pk, number, row.item.title, step.outcome, step.text, team_id, actor_id, step.at,
         step.revisit_on, row.submitted_at, ledger.codes.get(step.reason_code))
    )  # fmt: skip
    ledger.links.append((pk, REQUEST, row.pk, True, actor_id, step.at))
    code = step.reason_code if step.reason_code in ledger.codes else None
    data = {"outcome": step.outcome, "team": team_id, "reason_code": code}
    ledger.events.append(
        ("decision.recorded", "planning.decision", pk, f"DEC-{number}", actor_id, step.at,
         orjson.dumps(data).decode())
    )  # fmt: skip
    row.decision_id, row.status, row.outcome = pk, "decided", step.outcome
    row.decided_at = row.changed_at = step.at
    row.triaged_at = row.triaged_at or step.at
    row.owner_id = row.owner_id or actor_id
    row.asked_at = row.asked_by_id = None
    for one in (row, *row.joined):
        meet(one, step.at, *_DAYS)
    ledger.record("request.decided", row, actor_id, step.at, {**data, "decision": pk})


def _ship(ledger: Ledger, row: Row, step: Step, actor_id: int) -> None:
    row.status = "shipped"
    row.shipped_at = row.changed_at = step.at
    ledger.record("request.shipped", row, actor_id, step.at, {})


_DAYS = promised_days(None)
_SAID = ("ask", "answer", "comment")
_STEPS = {
    "triage": _triage,
    "reassign": _triage,
    "vote": _vote,
    "merge": _merge,
    "ask": _ask,
    "answer": _answer,
    "comment": _comment,
    "decide": _decide,
    "ship": _ship,
}
