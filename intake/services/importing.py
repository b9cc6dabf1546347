"""Bring requests in from a file: tried first, safe to repeat, taken back with one press."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import Team, User
from accounts.permissions import is_product_ops, require
from accounts.services import guest_for
from activity.events import record, replaying, subject_key
from activity.models import Event
from intake import importing
from intake.models import Customer, ImportProfile, ImportRow, ImportRun, Request
from intake.services import groups
from intake.services.deciding import decide_request, ship_request
from intake.services.errors import RequestError
from intake.services.locks import locked
from intake.services.requests import submit_request
from intake.services.voting import vote_for_request
from planning.models import Decision
from search.services import forget

log = structlog.get_logger(__name__)

State = ImportRun.State
CHUNK = 50
# A run whose worker died is taken up again after so long without a row.
STALLED_MINUTES = 3
NO_REASON = "Brought in from {system} without a reason."
# What people do to a request afterwards keeps it here when its import is taken back.
TOUCHED = (
    "request.triaged", "request.reassigned", "request.asked", "request.answered",
    "request.commented", "request.decided", "request.merged", "request.voted", "request.edited",
    "request.snoozed", "request.labelled", "request.shipped",
)  # fmt: skip


class ImportRefused(RequestError):
    """The file or its mapping cannot be used; the text says what to do."""


@transaction.atomic
def start_import(*, upload: UploadedFile, system: str, actor: User) -> ImportRun:
    """Keep a file and guess what its columns mean. Raises ImportRefused, PermissionDenied."""
    require(is_product_ops(actor), "Product Ops brings requests in.")
    name = slugify(system)[:40]
    if not name:
        raise ImportRefused("Name the system that the file comes from, like airtable.")
    data = upload.read(importing.MAX_BYTES + 1)
    try:
        table = importing.read_table(data)
    except importing.Unreadable as error:
        raise ImportRefused(str(error)) from error
    profile = ImportProfile.objects.filter(name=name).first()
    mapping = importing.guess_mapping(table.columns)
    if profile is not None:
        kept = {key: column for key, column in profile.mapping.items() if column in table.columns}
        mapping = {**{k: c for k, c in mapping.items() if c not in kept.values()}, **kept}
    run = ImportRun(
        file_name=str(upload.name or "requests.csv")[-200:],
        sha256=hashlib.sha256(data).hexdigest(),
        system=name,
        dialect={
            "encoding": table.encoding,
            "separator": table.separator,
            "date_order": _guess_order(table, mapping),
        },
        columns=table.columns,
        mapping=mapping,
        rows=len(table.lines),
        created_by=actor,
    )
    run.file.save("requests.csv", ContentFile(data), save=False)
    run.save()
    record("import.started", run, actor=actor, data={"rows": run.rows})
    return run


def _guess_order(table: importing.Table, mapping: Mapping[str, str]) -> str:
    places = [
        table.columns.index(mapping[key])
        for key in ("submitted_at", "decided_at", "needed_on")
        if key in mapping
    ]
    return importing.guess_date_order(
        [cells[place] for _, cells in table.lines for place in places if place < len(cells)]
    )


@transaction.atomic
def try_import(
    *, run: ImportRun, actor: User, mapping: Mapping[str, str], date_order: str
) -> ImportRun:
    """Keep the mapping and have every row tried, without writing a request."""
    require(is_product_ops(actor), "Product Ops brings requests in.")
    run = ImportRun.objects.select_for_update().get(pk=run.pk)
    if run.state not in (State.MAPPING, State.TRIED, State.FAILED):
        raise ImportRefused("This file is being worked on. Wait until it is done.")
    missing = [t.label for t in importing.TARGETS if t.is_required and not mapping.get(t.key)]
    if missing:
        raise ImportRefused(f"Choose a column for: {', '.join(missing)}.")
    columns = [column for column in mapping.values() if column]
    double = next((name for name, times in Counter(columns).items() if times > 1), "")
    if double:
        raise ImportRefused(f"“{double}” is chosen twice. Each column fills one thing.")
    run.mapping = {key: column for key, column in mapping.items() if column}
    run.dialect = {**run.dialect, "date_order": date_order}
    _begin(run, State.TRYING)
    ImportProfile.objects.update_or_create(
        name=run.system, defaults={"mapping": run.mapping, "changed_at": timezone.now()}
    )
    return run


@transaction.atomic
def confirm_import(*, run: ImportRun, actor: User) -> ImportRun:
    """Bring in what was tried. Rows that need a change are left out and listed."""
    require(is_product_ops(actor), "Product Ops brings requests in.")
    run = ImportRun.objects.select_for_update().get(pk=run.pk)
    if run.state in (State.RUNNING, State.DONE):
        return run
    if run.state != State.TRIED:
        raise ImportRefused("Try the file first.")
    _begin(run, State.RUNNING)
    return run


@transaction.atomic
def undo_import(*, run: ImportRun, actor: User) -> ImportRun:
    """Take everything back that nobody has worked on since."""
    require(is_product_ops(actor), "Product Ops takes imports back.")
    run = ImportRun.objects.select_for_update().get(pk=run.pk)
    if run.state in (State.UNDOING, State.UNDONE):
        return run
    if run.state != State.DONE:
        raise ImportRefused("Only what was brought in can be taken back.")
    _begin(run, State.UNDOING)
    return run


def _begin(run: ImportRun, state: str) -> None:
    from intake.tasks import work_on_import

    run.state, run.done_rows, run.error, run.finished_at = state, 0, "", None
    run.touched_at = timezone.now()
    run.save()
    pk = run.pk
    transaction.on_commit(lambda: work_on_import.delay(pk), robust=True)


def work(run_id: int) -> None:
    """Go on with a run where it stopped; called by a worker, repeatable at any point."""
    run = ImportRun.objects.filter(pk=run_id).first()
    if run is None:
        return
    steps = {State.TRYING: _try, State.RUNNING: _bring_in, State.UNDOING: _take_back}
    step = steps.get(State(run.state))
    if step is None:
        return
    try:
        step(run)
    except (importing.Unreadable, OSError) as error:
        log.warning("import_failed", run=run.pk, error=type(error).__name__)
        ImportRun.objects.filter(pk=run.pk).update(
            state=State.FAILED, error=str(error)[:300], finished_at=timezone.now()
        )


def stalled_runs() -> list[int]:
    """Runs whose worker died, by id."""
    since = timezone.now() - timedelta(minutes=STALLED_MINUTES)
    waiting = ImportRun.objects.filter(
        state__in=(State.TRYING, State.RUNNING, State.UNDOING), touched_at__lt=since
    )
    return list(waiting.values_list("pk", flat=True))


def _known(now: datetime) -> importing.Known:
    teams: dict[str, Team] = {}
    for team in Team.objects.filter(is_active=True):
        teams[importing.folded(team.slug)] = teams[importing.folded(team.name)] = team
    customers = {importing.folded(one.name): one for one in Customer.objects.all()}
    return importing.Known(teams, customers, ZoneInfo(settings.TIME_ZONE), now)


def _drafts(run: ImportRun) -> Iterator[tuple[int, importing.Draft]]:
    """Every row, read again from the kept file; ids that come twice are refused."""
    with run.file.open("rb") as held:
        table = importing.read_table(held.read())
    known, seen = _known(timezone.now()), set()
    order = run.dialect.get("date_order", "dmy")
    for number, cells in table.lines:
        row = importing.read_row(table.columns, cells, run.mapping, order, known)
        if row.source_ref and row.source_ref in seen:
            row.fault(run.mapping["source_ref"], "This id stands in an earlier row too")
        seen.add(row.source_ref)
        yield number, row


def _progress(run: ImportRun, done: int) -> None:
    ImportRun.objects.filter(pk=run.pk).update(done_rows=done, touched_at=timezone.now())


def _finish(run: ImportRun, state: str, counts: Mapping[str, int]) -> None:
    ImportRun.objects.filter(pk=run.pk).update(
        state=state, counts=dict(counts), finished_at=timezone.now(), touched_at=timezone.now()
    )


def _try(run: ImportRun) -> None:
    counts: Counter[str] = Counter()
    lines: list[ImportRow] = []
    held = _held(run)
    for number, row in _drafts(run):
        known = held.get(row.source_ref)
        if row.faults:
            result = ImportRow.Result.FAULTY
        elif known is None:
            result = ImportRow.Result.NEW
        else:
            changes, kept = _differences(known, row, _set_before(known))
            for name in kept:
                row.lose(run.mapping.get(name, name), "was changed here since; kept as it is")
            result = ImportRow.Result.CHANGED if changes else ImportRow.Result.SAME
        counts[str(result)] += 1
        counts["lost"] += bool(row.lost)
        lines.append(_line(run, number, row, result))
        if len(lines) % 500 == 0:
            _progress(run, len(lines))
    with transaction.atomic():
        run.lines.all().delete()
        ImportRow.objects.bulk_create(lines, batch_size=1000)
        _finish(run, State.TRIED, counts)
    _progress(run, len(lines))


def _held(run: ImportRun) -> dict[str, Request]:
    found = Request.objects.filter(source_system=run.system).exclude(source_ref="")
    return {item.source_ref: item for item in found.defer("search_vector")}


def _line(run: ImportRun, number: int, row: importing.Draft, result: str, **more: Any) -> ImportRow:
    return ImportRow(
        run=run,
        number=number,
        source_ref=row.source_ref,
        result=result,
        faults=row.faults,
        lost=row.lost,
        **more,
    )


def _set_before(item: Request) -> dict[str, Any]:
    """What the last import of this request wrote; what differs from it was changed here."""
    last = (
        ImportRow.objects.filter(
            request=item,
            result__in=(ImportRow.Result.NEW, ImportRow.Result.CHANGED),
            run__state__in=(State.DONE, State.RUNNING),
        )
        .order_by("-pk")
        .first()
    )
    written: dict[str, Any] = last.before.get("set", {}) if last else {}
    return written


def _now_held(item: Request) -> dict[str, Any]:
    return importing.as_json({name: getattr(item, name) for name in importing.TEXT_TARGETS})


def _differences(
    item: Request, row: importing.Draft, written: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """What the row changes, and what it would change but somebody here has changed since."""
    new, now = importing.as_json(row.values), _now_held(item)
    changes, kept = {}, []
    for name, value in new.items():
        if value == now[name]:
            continue
        if name in written and written[name] == value:
            continue  # the file says what it said before: only we have changed it
        if name in written and written[name] != now[name]:
            kept.append(name)
        else:
            changes[name] = value
    return changes, kept


def _bring_in(run: ImportRun) -> None:
    """Row by row in small transactions: what a dead worker had written is recognised by its id."""
    counts: Counter[str] = Counter()
    done, chunk = 0, []
    for number, row in _drafts(run):
        chunk.append((number, row))
        if len(chunk) == CHUNK:
            counts += _write(run, chunk)
            done += len(chunk)
            _progress(run, done)
            chunk = []
    counts += _write(run, chunk)
    with transaction.atomic():
        _finish(run, State.DONE, counts)
        ImportRun.objects.filter(pk=run.pk).update(done_at=timezone.now())
        record("import.done", run, actor=run.created_by, data=dict(counts))
    _progress(run, done + len(chunk))


@transaction.atomic
def _write(run: ImportRun, chunk: list[tuple[int, importing.Draft]]) -> Counter[str]:
    ImportRun.objects.select_for_update().get(pk=run.pk)  # of two workers one waits
    counts: Counter[str] = Counter()
    with replaying():
        for number, row in chunk:
            line = _write_row(run, number, row)
            counts[line.result] += 1
            counts["lost"] += bool(line.lost)
    return counts


def _write_row(run: ImportRun, number: int, row: importing.Draft) -> ImportRow:
    line = ImportRow.objects.filter(run=run, number=number).first()
    if line is not None and line.before:
        return line  # written before the worker died
    if line is not None:
        line.delete()
    if row.faults:
        line = _line(run, number, row, ImportRow.Result.FAULTY)
        line.save()
        return line
    item = Request.objects.filter(source_system=run.system, source_ref=row.source_ref).first()
    if item is None:
        item = _create(run, row)
        result, before = ImportRow.Result.NEW, {"set": importing.as_json(row.values)}
    else:
        item = locked(item)
        changes, kept = _differences(item, row, _set_before(item))
        for name in kept:
            row.lose(run.mapping.get(name, name), "was changed here since; kept as it is")
        was = {name: value for name, value in _now_held(item).items() if name in changes}
        before = {"set": {**importing.as_json(row.values)}, "was": was}
        result = ImportRow.Result.CHANGED if changes else ImportRow.Result.SAME
        _apply(item, changes)
    line = _line(run, number, row, result, request=item, before=before)
    line.save()
    return line


def _apply(item: Request, changes: Mapping[str, Any]) -> None:
    if not changes:
        return
    for name, value in changes.items():
        is_day = name == "needed_on" and value
        setattr(item, name, date.fromisoformat(value) if is_day else value)
    item.save(update_fields=list(changes))
    groups.index_groups([item.root_id or item.pk])


def _create(run: ImportRun, row: importing.Draft) -> Request:
    values = row.values
    requester = run.created_by
    if values["requester"]:
        person = guest_for(values["requester"], values["requester_name"])
        if person.is_active:
            requester = person
        else:
            row.lose(run.mapping["requester"], "has left; you stand for them")
    elif values["requester_name"]:
        row.lose(run.mapping["requester_name"], "has no mail address; you stand for them")
    sent = values["submitted_at"] or timezone.now()
    item = submit_request(
        requester=requester,
        kind=values["kind"],
        title=values["title"],
        problem=values["problem"],
        team=values["team"],
        affected=values["affected"],
        evidence_url=values.get("evidence_url", ""),
        needed_on=values["needed_on"],
        source="import",
        source_system=run.system,
        source_ref=row.source_ref,
        customer=values["customer"],
        priority=values["priority"],
        labels=values["labels"],
        at=sent,
    )
    for address in values["voters"]:
        voter = guest_for(address)
        if voter.is_active:
            vote_for_request(item=item, person=voter, at=sent)
    if values["outcome"]:
        decided = max(values["decided_at"] or sent, sent)
        decide_request(
            item=item,
            actor=run.created_by,
            outcome=values["outcome"],
            reason=values["reason"] or NO_REASON.format(system=run.system),
            at=decided,
        )
        if values["is_shipped"]:
            ship_request(item=item, actor=run.created_by, at=decided)
        item.refresh_from_db()
    return item


def _take_back(run: ImportRun) -> None:
    counts: Counter[str] = Counter(run.counts)
    lines = run.lines.select_related("request", "run").order_by("-number")
    for done, line in enumerate(lines, 1):
        with transaction.atomic():
            counts["kept"] += _take_row_back(line)
        if done % CHUNK == 0:
            _progress(run, done)
    with transaction.atomic():
        _finish(run, State.UNDONE, counts)
        record("import.undone", run, actor=run.created_by, data={"kept": counts["kept"]})


def _take_row_back(line: ImportRow) -> int:
    """Remove or restore one row's request; returns 1 where people have worked on it since."""
    if line.request is None or "undone" in line.before:
        return 0
    item = locked(line.request)
    if line.result == ImportRow.Result.NEW:
        if _was_touched(item, line):
            return 1
        decision = item.decision
        pk = item.pk
        Request.objects.filter(pk=item.pk).update(decision=None)
        item.delete()
        forget(kind=groups.REQUEST_KIND, object_id=pk)
        if isinstance(decision, Decision) and not decision.requests.exists():
            decision.delete()
        line.request = None
    elif line.result == ImportRow.Result.CHANGED:
        now, was, put = _now_held(item), line.before.get("was", {}), line.before.get("set", {})
        back = {name: value for name, value in was.items() if now[name] == put.get(name)}
        _apply(item, back)
    line.before = {**line.before, "undone": True}
    line.save(update_fields=["before", "request"])
    return 0


def _was_touched(item: Request, line: ImportRow) -> bool:
    finished = line.run.done_at or timezone.now()
    return (
        item.merged.exists()
        or Event.objects.filter(
            subject_type=subject_key(Request),  # type: ignore[arg-type]
            subject_id=item.pk,
            kind__in=TOUCHED,
            recorded_at__gt=finished,
        ).exists()
    )
