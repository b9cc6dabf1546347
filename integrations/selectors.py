"""How the sources are doing."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from integrations import circuit
from integrations.jira.config import jira_config
from integrations.models import Source, SourceState, SyncError, SyncRun
from integrations.runs import is_held
from integrations.sources import Connector, Kept, connector, connectors
from planning.freshness import Freshness

STRIP_RUNS = 24
LATEST_RUNS = 15
SHOWN_ERRORS = 50
BAD = (SyncRun.Status.FAILED,)
UNEASY = (SyncRun.Status.WAITING, SyncRun.Status.INTERRUPTED)


def connected_sources() -> list[Source]:
    """Sources that have credentials."""
    return [one.source for one in connectors() if one.is_connected()]


def troubled_count() -> int:
    """How many connected sources failed last or are late. One query, none while all are off."""
    connected = [one for one in connectors() if one.is_connected()]
    if not connected:
        return 0
    now = timezone.now()
    late = Q(last_run__status=SyncRun.Status.FAILED)
    for one in connected:
        stale = now - timedelta(minutes=one.stale_minutes)
        late |= Q(source=one.source, last_success_at__lt=stale)
    return SourceState.objects.filter(late, source__in=[one.source for one in connected]).count()


def jira_freshness() -> Freshness:
    """How fresh work items are; the time is when the last complete run ended."""
    synced_at = (
        SourceState.objects.filter(source=Source.JIRA)
        .values_list("last_success_at", flat=True)
        .first()
    )
    jira = connector(Source.JIRA)
    stale = timezone.now() - timedelta(minutes=jira.stale_minutes if jira else 0)
    return Freshness(
        is_connected=jira_config() is not None,
        synced_at=synced_at,
        is_stale=synced_at is not None and synced_at < stale,
    )


@dataclass(frozen=True)
class Health:
    """A word for the tag, its tone and icon, and a sentence where someone should know more."""

    word: str
    tone: str
    icon: str
    sentence: str = ""


@dataclass(frozen=True)
class StripBar:
    """One run in the strip: place and height in the SVG, and its class."""

    x: int
    y: int
    height: int
    css: str


@dataclass(frozen=True)
class SourceCard:
    """All that a source's card shows."""

    source: str
    name: str
    glyph: str
    noun: str
    is_connected: bool
    health: Health
    state: SourceState | None = None
    behind: str = ""
    next_run: str = ""
    next_run_at: datetime | None = None
    strip: list[StripBar] = field(default_factory=list)
    fine: int = 0
    troubled: int = 0
    is_running: bool = False
    kept: Kept | None = None
    needs: str = ""


def source_cards(runs: list[SyncRun], now: datetime | None = None) -> list[SourceCard]:
    """A card for each source that the hub can read, connected or not; `runs` as latest_runs()."""
    now = now or timezone.now()
    states = {state.source: state for state in SourceState.objects.select_related("last_run").all()}
    tasks = [one.task for one in connectors()]
    schedules = {
        entry.task: entry
        for entry in PeriodicTask.objects.select_related("interval").filter(task__in=tasks)
    }
    return [
        _card(
            one,
            states.get(one.source),
            schedules.get(one.task),
            [run for run in runs if run.source == one.source],
            now,
        )
        for one in connectors()
    ]


def _card(
    one: Connector,
    state: SourceState | None,
    schedule: PeriodicTask | None,
    runs: list[SyncRun],
    now: datetime,
) -> SourceCard:
    name = one.source.label
    if not one.is_connected():
        off = Health("Not connected", "", "plug")
        return SourceCard(one.source.value, name, one.glyph, one.noun, False, off, needs=one.needs)
    strip = _strip(runs)
    fine = sum(not bar.css for bar in strip)
    refused = state is not None and state.refused_credentials == one.fingerprint()
    last_run = state.last_run if state is not None else None
    # A killed worker leaves its run open, but not the lock.
    is_running = (
        last_run is not None
        and last_run.status == SyncRun.Status.RUNNING
        and is_held(one.source.value)
    )
    next_run, next_run_at = _next_run(state, schedule, runs, refused, now)
    return SourceCard(
        one.source.value,
        name,
        one.glyph,
        one.noun,
        True,
        _health(one, state, refused, is_running, now),
        state=state,
        behind=_behind(state.watermark_at if state else None, now),
        next_run=next_run,
        next_run_at=next_run_at,
        strip=strip,
        fine=fine,
        troubled=len(strip) - fine,
        is_running=is_running,
        kept=one.kept() if one.kept else None,
        needs=one.needs,
    )


def _health(
    one: Connector, state: SourceState | None, refused: bool, is_running: bool, now: datetime
) -> Health:
    run = state.last_run if state else None
    if state is None or run is None:
        return Health("Not yet read", "info", "clock", "The first sync has not started yet.")
    if refused:
        return Health("Refused", "bad", "lock", state.refused_message or run.message)
    if run.status == SyncRun.Status.FAILED:
        return Health("Failing", "bad", "alert", run.message)
    if run.status == SyncRun.Status.WAITING:
        return Health("Delayed", "warn", "clock", run.message)
    if run.status == SyncRun.Status.INTERRUPTED or (
        run.status == SyncRun.Status.RUNNING and not is_running
    ):
        sentence = "The last run was stopped before its end. The next one goes on from there."
        return Health("Interrupted", "warn", "alert", sentence)
    if state.last_success_at is None:
        sentence = "The first sync reads everything. Numbers are complete when it ends."
        return Health("First sync", "info", "sync", sentence)
    if now - state.last_success_at > timedelta(minutes=one.stale_minutes):
        sentence = "No run has finished for a while. Is a worker running?"
        return Health("Delayed", "warn", "alert", sentence)
    if ends := circuit.expiry_sentence(state, timezone.localdate(now)):
        return Health("Token ends", "warn", "clock", ends)
    return Health("Healthy", "good", "check")


def _behind(watermark: datetime | None, now: datetime) -> str:
    if watermark is None:
        return "not read yet"
    minutes = int((now - watermark).total_seconds() // 60)
    if minutes < 5:
        return "under 5 minutes"
    if minutes < 120:
        return f"{minutes} minutes"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def _next_run(
    state: SourceState | None,
    schedule: PeriodicTask | None,
    runs: list[SyncRun],
    refused: bool,
    now: datetime,
) -> tuple[str, datetime | None]:
    """A word, or the moment; from beat's own schedule, which an admin may have changed."""
    if refused:
        return "after a new token", None
    if state is not None and state.wait_until_at and state.wait_until_at > now:
        return "", state.wait_until_at
    if schedule is not None and not schedule.enabled:
        return "switched off in admin", None
    if schedule is None or schedule.interval is None:
        return "by schedule", None
    every = schedule.interval.schedule.run_every
    last = next((run for run in runs if run.trigger == SyncRun.Trigger.SCHEDULE), None)
    due = last.started_at + every if last else None
    if due is None or due <= now:
        return f"within {max(round(every.total_seconds() / 60), 1)} minutes", None
    return "", due


def _strip(runs: list[SyncRun]) -> list[StripBar]:
    bars = []
    for index, run in enumerate(reversed(runs)):
        css = _strip_class(run)
        bars.append(StripBar(1 + 8 * index, 0 if css else 6, 24 if css else 18, css))
    return bars


def _strip_class(run: SyncRun) -> str:
    if run.status in BAD:
        return "b"
    return "w" if run.status in UNEASY or run.failed else ""


def latest_runs() -> list[SyncRun]:
    """The last STRIP_RUNS of each source, newest first, without those that were skipped."""
    ran = SyncRun.objects.exclude(status=SyncRun.Status.SKIPPED)
    first, *others = (ran.filter(source=source)[:STRIP_RUNS] for source in Source)
    found = first.union(*others, all=True)
    return sorted(found, key=lambda run: (run.started_at, run.pk), reverse=True)


def troubled_runs() -> QuerySet[SyncRun]:
    """Runs that did not end well, or left items out; newest first."""
    return SyncRun.objects.filter(Q(status__in=[*BAD, *UNEASY]) | Q(failed__gt=0))


def open_errors() -> QuerySet[SyncError]:
    """Items that could not be read and still cannot, latest first."""
    return SyncError.objects.filter(resolved_at__isnull=True)


def run_tag(run: SyncRun) -> tuple[str, str, str]:
    """Word, tone and icon of a run."""
    status = SyncRun.Status
    return {
        status.DONE: ("Done", "warn" if run.failed else "good", "alert" if run.failed else "check"),
        status.RUNNING: ("Running", "info", "sync"),
        status.WAITING: ("Retrying", "warn", "clock"),
        status.FAILED: ("Failed", "bad", "alert"),
        status.INTERRUPTED: ("Interrupted", "warn", "alert"),
        status.SKIPPED: ("Skipped", "", "clock"),
    }[status(run.status)]


def run_errors(run: SyncRun) -> list[Any]:
    """The bad items of one run, at most SHOWN_ERRORS."""
    return list(run.errors.all()[:SHOWN_ERRORS])
