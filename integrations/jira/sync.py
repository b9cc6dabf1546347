"""Jira into `planning`: page by page, each page one transaction, resumable at any page.

The cursor (query and token of the next page) is committed with the page it follows. The
watermark moves only when a whole run has been committed, and to the moment the run began.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import orjson
import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DataError, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations import runs
from integrations.errors import (
    CredentialsRefused,
    QueryRefused,
    RateLimited,
    RetryableUpstreamError,
    UpstreamError,
)
from integrations.http import storable
from integrations.jira import mapping
from integrations.jira.client import PAGE_SIZE, JiraClient, JiraConfig
from integrations.models import Source, SourceState, SyncError, SyncRun
from planning import services
from planning.models import WorkItem
from planning.services import Move, WorkItemRow

log = structlog.get_logger(__name__)

JIRA_OVERLAP_MINUTES = 10
# Page tokens live seven days; a cursor older than this starts anew.
CURSOR_DAYS = 6
# Status changes held in memory at most, however long a history is.
MAX_MOVES_HELD = 20_000
# An issue that moves to another page while pages are read is missed; a second pass finds it.
MAX_PASSES = 3
# If more than this share vanishes at once, rights changed rather than issues.
MAX_VANISHED_SHARE = 0.05
MAX_VANISHED_UNCHECKED = 10

Progress = Callable[[SyncRun, int | None], Any]


class NotConfigured(Exception):
    """No address or no token: the source is off."""


def jira_config() -> JiraConfig | None:
    """The connection as the environment sets it, or None when Jira is off."""
    if not (settings.JIRA_BASE_URL and settings.JIRA_API_TOKEN):
        return None
    return JiraConfig(
        base_url=settings.JIRA_BASE_URL.rstrip("/"),
        api_token=settings.JIRA_API_TOKEN,
        email=settings.JIRA_EMAIL,
        projects=tuple(settings.JIRA_PROJECTS),
    )


def sync_jira(
    *,
    trigger: str,
    full: bool = False,
    started_by_id: int | None = None,
    max_seconds: float | None = None,
    progress: Progress | None = None,
    sleep: Callable[[float], Any] = time.sleep,
) -> SyncRun | None:
    """Read what changed, or everything with `full`; returns the run, which tells how it ended.

    None when a scheduled run has nothing to try: Jira asked for a pause, or refused these
    credentials. Ends early, to be continued, after `max_seconds`. Raises NotConfigured and
    AlreadyRunning.
    """
    config = jira_config()
    if config is None:
        raise NotConfigured("Jira is off. Set JIRA_BASE_URL and JIRA_API_TOKEN to connect it.")
    with runs.only_one(Source.JIRA):
        state, _ = SourceState.objects.get_or_create(source=Source.JIRA)
        if trigger == SyncRun.Trigger.SCHEDULE and _must_rest(state, config):
            return None
        run = runs.open_run(Source.JIRA, trigger=trigger, started_by_id=started_by_id, is_full=full)
        _run_to_an_end(run, state, config, max_seconds, progress, sleep)
        return run


def _must_rest(state: SourceState, config: JiraConfig) -> bool:
    if state.refused_credentials == fingerprint(config):
        return True
    return state.wait_until_at is not None and state.wait_until_at > timezone.now()


def fingerprint(config: JiraConfig) -> str:
    """Tells whether credentials are the same as before, without keeping them."""
    text = "\n".join((config.base_url, config.email, config.api_token))
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def _run_to_an_end(
    run: SyncRun,
    state: SourceState,
    config: JiraConfig,
    max_seconds: float | None,
    progress: Progress | None,
    sleep: Callable[[float], Any],
) -> None:
    """Run, and whatever happens leave the run closed with a plain sentence."""
    status = SyncRun.Status
    try:
        if settings.JIRA_FLAVOUR != "cloud":
            raise UpstreamError(
                "Jira Data Center is not supported yet. Set JIRA_FLAVOUR=cloud for a Cloud site."
            )
        client = JiraClient(config, sleep=sleep)
        try:
            finished = JiraSync(run, state, config, client, max_seconds, progress).run_all()
        finally:
            run.requests = client.requests
            client.close()
    except RateLimited as error:
        until = timezone.now() + timedelta(seconds=error.wait_seconds)
        runs.close_run(run, status.WAITING, f"{error} It goes on by itself.", wait_until_at=until)
    except CredentialsRefused as error:
        runs.close_run(run, status.FAILED, str(error), refused_credentials=fingerprint(config))
    except RetryableUpstreamError as error:
        runs.close_run(run, status.FAILED, f"{error} The next run goes on from here.")
    except UpstreamError as error:
        runs.close_run(run, status.FAILED, str(error))
    except (KeyboardInterrupt, SoftTimeLimitExceeded):
        runs.close_run(run, status.INTERRUPTED, "It was stopped. The next run goes on from here.")
        raise
    except Exception:
        runs.close_run(run, status.FAILED, "It met an error of the hub's own; see the log.")
        raise
    else:
        if not finished:
            runs.close_run(run, status.WAITING, "It reads a lot and goes on in a moment.")


@dataclass
class _Trouble:
    """A bad item of the page at hand."""

    upstream_id: str
    label: str
    stage: SyncError.Stage
    message: str


@dataclass
class _PageWork:
    """What one page of issues became, before it is written."""

    rows: dict[str, WorkItemRow] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    troubles: list[_Trouble] = field(default_factory=list)
    without_history: set[str] = field(default_factory=set)


class JiraSync:
    """One run over one Jira. `run` may be None when single items are read again."""

    def __init__(
        self,
        run: SyncRun | None,
        state: SourceState,
        config: JiraConfig,
        client: JiraClient,
        max_seconds: float | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.run = run
        self.state = state
        self.config = config
        self.client = client
        self.progress = progress
        self.total: int | None = None
        self.deadline = time.monotonic() + max_seconds if max_seconds else None
        self.open_errors = runs.open_error_ids(Source.JIRA)

    # --- a whole run ------------------------------------------------------------------------

    def run_all(self) -> bool:
        """Read to the end; False when the time was up first. Closes the run when done."""
        assert self.run is not None
        self.read_surroundings()
        cursor = self._cursor()
        try:
            done = self._read(cursor)
        except QueryRefused:
            if not cursor["token"]:
                raise
            # The token of an earlier run is stale: start that window anew.
            cursor["token"] = ""
            done = self._read(cursor)
        if not done:
            return False
        vanished = self._compare_ids() if cursor["is_full"] else 0
        message = _outcome(self.run)
        if vanished:
            self.run.failed += vanished
            message += (
                f" {vanished:,} stored issues are not shown any more. That looks like a change of"
                " rights, so they were kept."
            )
        runs.close_run(
            self.run,
            SyncRun.Status.DONE,
            message,
            watermark_at=parse_datetime(cursor["started_at"]),
            scope=self._scope(),
            cursor=None,
            last_success_at=timezone.now(),
            wait_until_at=None,
            refused_credentials="",
        )
        return True

    def read_surroundings(self) -> None:
        """Site, statuses, fields and projects: their changes do not show in issues."""
        site = self.client.server_info().get("baseUrl")
        if not (isinstance(site, str) and site.startswith(("https://", "http://"))):
            site = self.config.base_url
        if site != self.state.site_url:
            self.state.site_url = site
            self.state.save(update_fields=["site_url"])
        statuses, projects = self.client.statuses(), self.client.projects()
        services.save_statuses(
            source=Source.JIRA, rows=storable([mapping.to_status(entry) for entry in statuses])
        )
        services.save_projects(
            source=Source.JIRA, rows=storable([mapping.to_project(entry) for entry in projects])
        )
        for kind, entries in (
            ("status", statuses),
            ("project", projects),
            ("field", self.client.fields()),
        ):
            named = {str(entry.get("id") or entry.get("key") or ""): entry for entry in entries}
            runs.keep_raw(
                Source.JIRA, kind, {pk: orjson.dumps(entry).decode() for pk, entry in named.items()}
            )

    def _scope(self) -> str:
        return "\n".join((self.config.base_url, *sorted(self.config.projects)))

    def _cursor(self) -> dict[str, Any]:
        """Where to begin: at an unfinished run's next page, else at the watermark."""
        assert self.run is not None
        kept = self.state.cursor
        if kept and self._can_resume(kept):
            self.run.is_resumed, self.run.is_full = True, kept["is_full"]
            return kept
        watermark = self.state.watermark_at if self.state.scope == self._scope() else None
        is_full = self.run.is_full = self.run.is_full or watermark is None
        return {
            "jql": self._jql(None if is_full else watermark),
            "token": "",
            "started_at": self.run.started_at.isoformat(),
            "is_full": is_full,
            "scope": self._scope(),
        }

    def _can_resume(self, kept: dict[str, Any]) -> bool:
        assert self.run is not None
        began = parse_datetime(kept["started_at"])
        return (
            kept["scope"] == self._scope()
            and bool(kept["token"])
            and (kept["is_full"] or not self.run.is_full)
            and began is not None
            and timezone.now() - began < timedelta(days=CURSOR_DAYS)
        )

    def _jql(self, since: datetime | None) -> str:
        """The query of a run; always bounded, or Jira refuses it.

        Relative minutes need no time zone: dates are read in the token user's. A full run goes
        by creation, which edits during the run do not change.
        """
        terms = []
        if self.config.projects:
            keys = ", ".join(_quoted(key) for key in self.config.projects)
            terms.append(f"project in ({keys})")
        if since is None:
            if not terms:
                terms.append('created >= "1970-01-01"')
            return f"{' AND '.join(terms)} ORDER BY created ASC, key ASC"
        minutes = ceil((timezone.now() - since).total_seconds() / 60) + JIRA_OVERLAP_MINUTES
        terms.append(f"updated >= -{minutes}m")
        return f"{' AND '.join(terms)} ORDER BY updated ASC, key ASC"

    def _read(self, cursor: dict[str, Any]) -> bool:
        """All pages from the cursor on; False when the time was up before the last."""
        assert self.run is not None
        if self.progress:
            self.total = self.client.count(cursor["jql"].partition(" ORDER BY")[0])
            self.progress(self.run, self.total)
        for _ in range(MAX_PASSES):
            pages = written = 0
            for page in self.client.search_pages(cursor["jql"], token=cursor["token"]):
                # Overlap and second passes bring much that is known; a full run checks all.
                cursor["token"] = page.next_token
                pages += 1
                written += self.take_page(page.issues, cursor=cursor, all_of=cursor["is_full"])
                if self.deadline and page.next_token and time.monotonic() > self.deadline:
                    return False
            cursor["token"] = ""
            if cursor["is_full"] or pages < 2 or not written:
                break
        return True

    # --- a page -----------------------------------------------------------------------------

    def take_page(
        self, issues: Sequence[Any], *, cursor: dict[str, Any] | None = None, all_of: bool = True
    ) -> int:
        """Write a page with its histories; returns how many items were created or updated."""
        work = self._mapped(issues)
        unchanged = 0 if all_of else self._drop_unchanged(work)
        self._fetch_histories(work)
        written = self._write(work, seen=len(issues), unchanged=unchanged, cursor=cursor)
        if self.run is not None and self.progress:
            self.progress(self.run, self.total)
        return written

    def _mapped(self, issues: Sequence[Any]) -> _PageWork:
        work = _PageWork()
        for issue in issues:
            try:
                row = mapping.to_work_item(issue)
            except mapping.MappingError as error:
                work.troubles.append(_trouble(issue, error))
                continue
            known = work.rows.get(row.upstream_id)
            if known is None or _time(known.updated) <= _time(row.updated):
                work.rows[row.upstream_id] = row
                work.raw[row.upstream_id] = orjson.dumps(issue).decode()
        return work

    def _drop_unchanged(self, work: _PageWork) -> int:
        """Leave out items whose stored version is the same; returns how many."""
        stored = WorkItem.objects.filter(
            source=Source.JIRA,
            upstream_id__in=list(work.rows),
            is_history_complete=True,
            deleted_at__isnull=True,
        ).values_list("upstream_id", "upstream_updated_at")
        same = [
            upstream_id
            for upstream_id, updated_at in stored
            if upstream_id not in self.open_errors
            and _time(work.rows[upstream_id].updated) <= updated_at
        ]
        for upstream_id in same:
            del work.rows[upstream_id], work.raw[upstream_id]
        return len(same)

    def _fetch_histories(self, work: _PageWork) -> None:
        """Fill `moves` with complete status histories; what cannot be read is noted per item."""
        # Jira wants ids, or keys where an old export gave no id.
        by_name = {pk.removeprefix("key:"): pk for pk in work.rows}
        if not by_name:
            return
        try:
            for logs in self.client.status_history(list(by_name)):
                for entry in logs:
                    upstream_id = by_name.get(str(entry.get("issueId")))
                    if upstream_id is not None:
                        self._take_history(work, upstream_id, entry.get("changeHistories") or ())
                if len(work.moves) > MAX_MOVES_HELD:
                    self._write_early(work)
        except (CredentialsRefused, RetryableUpstreamError):
            raise
        except UpstreamError:
            # One issue can spoil the whole call: ask for each by itself.
            work.moves.clear()
            for name, upstream_id in by_name.items():
                self._fetch_history(work, name, upstream_id)

    def _fetch_history(self, work: _PageWork, name: str, upstream_id: str) -> None:
        try:
            histories = self.client.status_history_of(name)
        except (CredentialsRefused, RetryableUpstreamError):
            raise
        except UpstreamError as error:
            self._history_trouble(work, upstream_id, f"Its history could not be read. {error}")
        else:
            self._take_history(work, upstream_id, histories)

    def _take_history(self, work: _PageWork, upstream_id: str, histories: Any) -> None:
        try:
            work.moves += mapping.status_moves(upstream_id, histories)
        except mapping.MappingError as error:
            self._history_trouble(work, upstream_id, str(error))

    @staticmethod
    def _history_trouble(work: _PageWork, upstream_id: str, message: str) -> None:
        work.without_history.add(upstream_id)
        label = work.rows[upstream_id].key
        work.troubles.append(_Trouble(upstream_id, label, SyncError.Stage.HISTORY, message))

    def _write_early(self, work: _PageWork) -> None:
        """Very long histories go to the database in parts; the page's end completes them."""
        self._upsert(list(work.rows.values()), work.moves, complete=())
        work.moves.clear()

    def _write(
        self, work: _PageWork, *, seen: int, unchanged: int, cursor: dict[str, Any] | None
    ) -> int:
        """One transaction: items, histories, payloads, errors, the run's counts, the cursor."""
        try:
            with transaction.atomic():
                done = self._upsert(
                    list(work.rows.values()), work.moves, work.rows.keys() - work.without_history
                )
                runs.keep_raw(Source.JIRA, "issue", work.raw)
                self._finish_page(work, done, seen, unchanged, cursor)
        except DataError:
            # PostgreSQL refuses some value: find whose it is.
            with transaction.atomic():
                done = self._upsert_one_by_one(work)
                self._finish_page(work, done, seen, unchanged, cursor)
        return done.created + done.updated

    def _upsert(
        self, rows: list[WorkItemRow], moves: Iterable[Move], complete: Any
    ) -> services.Upserted:
        return services.upsert_work_items(
            source=Source.JIRA,
            site_url=self.state.site_url,
            items=rows,
            moves=moves,
            complete=complete,
        )

    def _upsert_one_by_one(self, work: _PageWork) -> services.Upserted:
        total = services.Upserted()
        moves: dict[str, list[Move]] = {}
        for move in work.moves:
            moves.setdefault(move[0], []).append(tuple(storable(move)))
        for upstream_id, row in list(work.rows.items()):
            complete = {upstream_id} - work.without_history
            try:
                with transaction.atomic():
                    done = self._upsert(
                        [WorkItemRow(*storable(row))], moves.get(upstream_id, ()), complete
                    )
                    runs.keep_raw(Source.JIRA, "issue", {upstream_id: work.raw[upstream_id]})
            except DataError as error:
                reason = str(error).strip().splitlines()[0]
                message = f"The database refused a value of it: {reason}"
                work.troubles.append(
                    _Trouble(upstream_id, storable(row.key), SyncError.Stage.WRITE, message)
                )
                continue
            total.created += done.created
            total.updated += done.updated
            total.transitions += done.transitions
        return total

    def _finish_page(
        self,
        work: _PageWork,
        done: services.Upserted,
        seen: int,
        unchanged: int,
        cursor: dict[str, Any] | None,
    ) -> None:
        now = timezone.now()
        bad = {trouble.upstream_id for trouble in work.troubles}
        for trouble in work.troubles:
            runs.note_error(
                Source.JIRA,
                self.run,
                upstream_id=storable(trouble.upstream_id),
                label=storable(trouble.label),
                stage=trouble.stage,
                message=storable(trouble.message),
                at=now,
            )
        mended = (self.open_errors & work.rows.keys()) - bad
        if mended:
            runs.resolve_errors(Source.JIRA, mended, now)
        self.open_errors = (self.open_errors - mended) | bad
        if self.run is None:
            return
        run = self.run
        run.pages += 1
        run.seen += seen
        run.created += done.created
        run.updated += done.updated
        run.failed += len(bad)
        run.unchanged += unchanged + max(
            len(work.rows) - done.created - done.updated - len(bad & work.rows.keys()), 0
        )
        run.transitions += done.transitions
        run.requests = self.client.requests
        run.save()
        if cursor is not None:
            SourceState.objects.filter(pk=self.state.pk).update(cursor=cursor)

    # --- after a full run -------------------------------------------------------------------

    def _compare_ids(self) -> int:
        """Ids there against ids here: fetch what the pages missed, mark what is gone.

        Returns how many vanished when that is too much to be believed, else 0.
        """
        scope = WorkItem.objects.filter(source=Source.JIRA)
        if self.config.projects:
            scope = scope.filter(project_key__in=self.config.projects)
        there: set[str] = set()
        for ids in self.client.ids(self._jql(None)):
            there.update(ids)
        here = set(
            scope.filter(deleted_at__isnull=True)
            .exclude(upstream_id__startswith="key:")
            .values_list("upstream_id", flat=True)
        )
        missed = sorted(there - here - self.open_errors)
        for start in range(0, len(missed), PAGE_SIZE):
            self.read_again(missed[start : start + PAGE_SIZE])
        gone = [
            upstream_id
            for chunk in _chunks(sorted(here - there), PAGE_SIZE)
            for upstream_id in set(chunk) - self.client.existing_ids(chunk)
        ]
        if len(gone) > max(MAX_VANISHED_UNCHECKED, MAX_VANISHED_SHARE * len(here)):
            return len(gone)
        if gone:
            with transaction.atomic():
                services.mark_deleted(source=Source.JIRA, upstream_ids=gone)
                runs.drop_raw(Source.JIRA, "issue", gone)
                runs.resolve_errors(Source.JIRA, set(gone), timezone.now())
        return 0

    def read_again(self, upstream_ids: Sequence[str]) -> int:
        """Read single issues; returns how many Jira still has."""
        names = ", ".join(
            pk if pk.isdigit() else _quoted(pk.removeprefix("key:")) for pk in upstream_ids
        )
        found = 0
        for page in self.client.search_pages(f"issue in ({names}) ORDER BY created ASC"):
            found += len(page.issues)
            self.take_page(page.issues)
        return found


def retry_item(error: SyncError) -> None:
    """Read the item of an error again; the error is closed when that works.

    Raises NotConfigured, and UpstreamError when Jira cannot be asked; the error then stays.
    """
    config = jira_config()
    if config is None:
        raise NotConfigured("Jira is off. Set JIRA_BASE_URL and JIRA_API_TOKEN to connect it.")
    state, _ = SourceState.objects.get_or_create(source=Source.JIRA)
    client = JiraClient(config)
    try:
        found = JiraSync(None, state, config, client).read_again([error.upstream_id])
    except QueryRefused:
        found = 0  # how Jira answers for an issue that is gone
    finally:
        client.close()
    if not found:
        runs.note_error(
            Source.JIRA,
            error.run,
            upstream_id=error.upstream_id,
            label=error.label,
            stage=SyncError.Stage.ITEM,
            message="Jira does not show it any more. It was deleted, or the token may not see it.",
            at=timezone.now(),
        )


def _trouble(issue: Any, error: Exception) -> _Trouble:
    known = issue if isinstance(issue, dict) else {}
    label = str(known.get("key") or known.get("id") or "an issue without a name")
    return _Trouble(str(known.get("id") or label), label, SyncError.Stage.ITEM, str(error))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _quoted(text: str) -> str:
    """A value of a query in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _chunks(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _outcome(run: SyncRun) -> str:
    changed = run.created + run.updated
    text = f"{run.seen:,} {'issue' if run.seen == 1 else 'issues'} read, {changed:,} changed."
    if run.failed:
        text += f" {run.failed:,} could not be read in full."
    return text
