"""A page of Jira's issues with their histories into the database, in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.db import DataError, transaction
from django.utils import timezone

from integrations import runs
from integrations.errors import CredentialsRefused, RetryableUpstreamError, UpstreamError
from integrations.http import storable
from integrations.jira import fields, mapping, related
from integrations.jira.client import JiraClient, quoted
from integrations.models import Source, SourceState, SyncError, SyncRun
from planning import services
from planning.models import WorkItem
from planning.services import Move, WorkItemRow
from planning.tracker import Related

# Status changes held in memory at most, however long a history is.
MAX_MOVES_HELD = 20_000

Progress = Callable[[SyncRun, int | None], Any]


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
    issues: dict[str, Any] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    related: Related = field(default_factory=Related)
    troubles: list[_Trouble] = field(default_factory=list)
    without_history: set[str] = field(default_factory=set)


class PageWriter:
    """Writes pages for one run; `run` is None when single items are read again.

    With `read_links`, links elsewhere of what changes are due to be read.
    """

    read_links = True

    def __init__(
        self,
        run: SyncRun | None,
        state: SourceState,
        client: JiraClient,
        progress: Progress | None = None,
    ) -> None:
        self.run = run
        self.state = state
        self.client = client
        self.progress = progress
        self.total: int | None = None
        self.open_errors = runs.open_error_ids(Source.JIRA)
        self.use(fields.chosen())

    def use(self, ids: mapping.FieldIds) -> None:
        """Read these fields from now on, besides those that every site has."""
        self.ids = ids
        fields.have_read(self.client, ids)

    def take_page(
        self, issues: Sequence[Any], *, cursor: dict[str, Any] | None = None, all_of: bool = True
    ) -> int:
        """Write a page with its histories; returns how many items were created or updated."""
        work = self._mapped(issues)
        unchanged = 0 if all_of else self._drop_unchanged(work)
        self._take_contents(work)
        self._fetch_histories(work)
        written = self._write(work, seen=len(issues), unchanged=unchanged, cursor=cursor)
        if self.run is not None and self.progress:
            self.progress(self.run, self.total)
        return written

    def _mapped(self, issues: Sequence[Any]) -> _PageWork:
        work = _PageWork()
        for issue in issues:
            try:
                row = mapping.to_work_item(issue, self.ids)
            except mapping.MappingError as error:
                work.troubles.append(_trouble(issue, error))
                continue
            known = work.rows.get(row.upstream_id)
            if known is None or _time(known.updated) <= _time(row.updated):
                work.rows[row.upstream_id] = row
                work.issues[row.upstream_id] = issue
        return work

    def _take_contents(self, work: _PageWork) -> None:
        """Payloads, and what issues say about links, sprints and versions."""
        for upstream_id, row in work.rows.items():
            issue = work.issues[upstream_id]
            work.raw[upstream_id] = orjson.dumps(issue).decode()
            mapping.add_related(upstream_id, row.key, issue["fields"], self.ids, work.related)
            if settings.JIRA_READ_COMMENTS:
                told = issue["fields"].get("comment")
                work.related.comments += related.comments(self.client, upstream_id, told)

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
            del work.rows[upstream_id]
        return len(same)

    def _fetch_histories(self, work: _PageWork) -> None:
        """Fill in complete histories of status and sprints; troubles are noted per item."""
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
            work.related.sprint_changes.clear()
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
            mapping.read_history(
                upstream_id, histories, work.moves, work.related.sprint_changes, self.ids.sprint
            )
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
                    list(work.rows.values()),
                    work.moves,
                    work.rows.keys() - work.without_history,
                    work.related,
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
        self,
        rows: list[WorkItemRow],
        moves: Iterable[Move],
        complete: Any,
        around: Related | None = None,
    ) -> services.Upserted:
        return services.upsert_work_items(
            source=Source.JIRA,
            site_url=self.state.site_url,
            items=rows,
            moves=moves,
            complete=complete,
            related=around,
            read_links=self.read_links,
        )

    def _upsert_one_by_one(self, work: _PageWork) -> services.Upserted:
        total = services.Upserted()
        moves: dict[str, list[Move]] = {}
        for move in work.moves:
            moves.setdefault(move[0], []).append(tuple(storable(move)))
        around = Related(**storable(vars(work.related)))
        for upstream_id, row in list(work.rows.items()):
            complete = {upstream_id} - work.without_history
            try:
                with transaction.atomic():
                    done = self._upsert(
                        [WorkItemRow(*storable(row))],
                        moves.get(upstream_id, ()),
                        complete,
                        around.of(upstream_id),
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

    def read_again(self, upstream_ids: Sequence[str]) -> int:
        """Read single issues; returns how many Jira still has. Raises QueryRefused if none is."""
        names = ", ".join(
            pk if pk.isdigit() else quoted(pk.removeprefix("key:")) for pk in upstream_ids
        )
        found = 0
        for page in self.client.search_pages(f"issue in ({names}) ORDER BY created ASC"):
            found += len(page.issues)
            self.take_page(page.issues)
        return found


def _trouble(issue: Any, error: Exception) -> _Trouble:
    known = issue if isinstance(issue, dict) else {}
    label = str(known.get("key") or known.get("id") or "an issue without a name")
    return _Trouble(str(known.get("id") or label), label, SyncError.Stage.ITEM, str(error))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
