"""Jira into `planning`: page by page, each page one transaction, resumable at any page.

The cursor (query and token of the next page) is committed with the page it follows. The
watermark moves only when a whole run has been committed, and to the moment the run began.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations import runs, shared_fields
from integrations.errors import (
    NotFound,
    QueryRefused,
    UpstreamError,
)
from integrations.http import storable
from integrations.jira import around, fields, mapping, people, related
from integrations.jira.client import PAGE_SIZE, JiraClient, JiraConfig, quoted
from integrations.jira.coming_back import follow_links
from integrations.jira.config import NotConfigured, fingerprint, jira_config
from integrations.jira.pages import PageWriter, Progress
from integrations.jira.session import jira_client
from integrations.models import Source, SourceState, SyncError, SyncRun
from planning import services
from planning.models import WorkItem

JIRA_OVERLAP_MINUTES = 10
# Page tokens live seven days; a cursor older than this starts anew.
CURSOR_DAYS = 6
# An issue that moves to another page while pages are read is missed; a second pass finds it.
MAX_PASSES = 3
# If more than this share vanishes at once, rights changed rather than issues.
MAX_VANISHED_SHARE = 0.05
MAX_VANISHED_UNCHECKED = 10
# A project of this many issues does not vanish issue by issue.
WHOLE_PROJECT = 3
# Bad items are read again by later runs, a few at a time and not for ever.
MAX_RETRIES_A_RUN = 5
MAX_ATTEMPTS = 10


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
        if trigger == SyncRun.Trigger.SCHEDULE and runs.must_rest(state, fingerprint(config)):
            return None
        run = runs.open_run(Source.JIRA, trigger=trigger, started_by_id=started_by_id, is_full=full)
        with runs.to_an_end(run, refused=lambda error: _refused(config)):
            if settings.JIRA_FLAVOUR != "cloud":
                raise UpstreamError(
                    "Jira Data Center is not supported yet."
                    " Set JIRA_FLAVOUR=cloud for a Cloud site."
                )
            client = JiraClient(config, sleep=sleep)
            try:
                finished = JiraSync(run, state, config, client, max_seconds, progress).run_all()
            finally:
                run.requests = client.requests
                client.close()
            if not finished:
                runs.close_run(run, SyncRun.Status.WAITING, runs.GOES_ON)
        return run


def _refused(config: JiraConfig) -> dict[str, str]:
    return {"refused_credentials": fingerprint(config)}


class JiraSync:
    """One run over one Jira."""

    def __init__(
        self,
        run: SyncRun,
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
        self.writer = PageWriter(run, state, client, progress)
        self.deadline = time.monotonic() + max_seconds if max_seconds else None

    def run_all(self) -> bool:
        """Read to the end; False when the time was up first. Closes the run when done."""
        self.read_surroundings()
        cursor = self._cursor()
        # Asking for each issue of a whole site would take a call an issue.
        self.writer.read_links = not cursor["is_full"]
        troubles = around.read_due(self.client, self.config, self.state, is_full=cursor["is_full"])
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
        vanished = 0
        if cursor["is_full"]:
            vanished = self._compare_ids()
        else:
            self._retry_bad_items()
            troubles += related.read_remote_links(self.client)
        troubles += around.read_due(
            self.client, self.config, self.state, is_full=cursor["is_full"], after_issues=True
        )
        follow_links()
        shared_fields.follow(Source.JIRA)
        if self.run.created or self.run.updated:
            people.match_assignees()
        message = _outcome(self.run) + fields.unclear() + troubles
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
        listed = self.client.fields()
        fields.keep(listed)
        self.writer.use(fields.chosen())
        services.save_statuses(
            source=Source.JIRA, rows=storable([mapping.to_status(entry) for entry in statuses])
        )
        services.save_projects(
            source=Source.JIRA, rows=storable([mapping.to_project(entry) for entry in projects])
        )
        for kind, entries in (
            ("status", statuses),
            ("project", projects),
            ("field", listed),
        ):
            named = {str(entry.get("id") or entry.get("key") or ""): entry for entry in entries}
            runs.keep_raw(
                Source.JIRA, kind, {pk: orjson.dumps(entry).decode() for pk, entry in named.items()}
            )

    def _scope(self) -> str:
        # Other fields: what was read before lacks them.
        ids = ",".join(self.writer.ids.all() + ["comment"] * settings.JIRA_READ_COMMENTS)
        return "\n".join((self.config.base_url, *sorted(self.config.projects), ids))

    def _cursor(self) -> dict[str, Any]:
        """Where to begin: at an unfinished run's next page, else at the watermark."""
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
            keys = ", ".join(quoted(key) for key in self.config.projects)
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
        if self.writer.progress:
            self.writer.total = self.client.count(cursor["jql"].partition(" ORDER BY")[0])
            self.writer.progress(self.run, self.writer.total)
        for _ in range(MAX_PASSES):
            pages = written = 0
            for page in self.client.search_pages(cursor["jql"], token=cursor["token"]):
                # Overlap and second passes bring much that is known; a full run checks all.
                cursor["token"] = page.next_token
                pages += 1
                written += self.writer.take_page(
                    page.issues, cursor=cursor, all_of=cursor["is_full"]
                )
                if self.deadline and page.next_token and time.monotonic() > self.deadline:
                    return False
            cursor["token"] = ""
            if cursor["is_full"] or pages < 2 or not written:
                break
        return True

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
        here = dict(
            scope.filter(deleted_at__isnull=True)
            .exclude(upstream_id__startswith="key:")
            .values_list("upstream_id", "project_key")
        )
        missed = sorted(there - here.keys() - self.writer.open_errors)
        for start in range(0, len(missed), PAGE_SIZE):
            self.writer.read_again(missed[start : start + PAGE_SIZE])
        gone = [
            upstream_id
            for chunk in _chunks(sorted(here.keys() - there), PAGE_SIZE)
            for upstream_id in set(chunk) - self.client.existing_ids(chunk)
        ]
        believed = _believed(gone, here)
        if believed:
            with transaction.atomic():
                services.mark_deleted(source=Source.JIRA, upstream_ids=believed)
                runs.drop_raw(Source.JIRA, "issue", believed)
                runs.resolve_errors(Source.JIRA, set(believed), timezone.now())
        return len(gone) - len(believed)

    def _retry_bad_items(self) -> None:
        """Items that earlier runs could not read, one by one."""
        bad = SyncError.objects.filter(
            source=Source.JIRA, resolved_at__isnull=True, attempts__lt=MAX_ATTEMPTS
        ).exclude(run=self.run)
        for upstream_id in bad.order_by("last_at").values_list("upstream_id", flat=True)[
            :MAX_RETRIES_A_RUN
        ]:
            try:
                self.writer.read_again([upstream_id])
            except QueryRefused:
                continue  # how Jira answers for an issue that is gone; a full run buries it


def _believed(gone: Sequence[str], here: dict[str, str]) -> list[str]:
    """Those of the issues gone that were deleted, as far as one can tell. `here` are all stored
    ones with their project.

    None where too many vanish at once. Rights are given by project, so it is also looked at
    project by project: where all of one vanishes, the token lost sight of it.
    """
    if len(gone) > max(MAX_VANISHED_UNCHECKED, MAX_VANISHED_SHARE * len(here)):
        return []
    held = Counter(here.values())
    lost = Counter(here[upstream_id] for upstream_id in gone)
    doubted = {
        project
        for project, count in lost.items()
        if count == held[project] and count >= WHOLE_PROJECT
    }
    return [upstream_id for upstream_id in gone if here[upstream_id] not in doubted]


def read_issues(upstream_ids: Sequence[str]) -> set[str]:
    """Read single issues now, with their histories; returns those that Jira still shows.

    Raises NotConfigured, and UpstreamError when Jira cannot be asked.
    """
    state, _ = SourceState.objects.get_or_create(source=Source.JIRA)
    with jira_client() as client:
        writer = PageWriter(None, state, client)
        found = {pk for pk in upstream_ids if _is_read(writer, pk)}
        # What cannot be read now stays due for the next run.
        related.read_remote_links(client, list(found))
    follow_links()
    shared_fields.follow(Source.JIRA)
    return found


def _is_read(writer: PageWriter, upstream_id: str) -> bool:
    """By id, not by search: the search index is behind for a while after a change."""
    try:
        issue = writer.client.issue(upstream_id.removeprefix("key:"))
    except (NotFound, QueryRefused):
        return False
    writer.take_page([issue])
    return True


def retry_item(error: SyncError) -> None:
    """Read the item of an error again; the error is closed when that works.

    Raises NotConfigured, and UpstreamError when Jira cannot be asked; the error then stays.
    """
    if not read_issues([error.upstream_id]):
        runs.note_error(
            Source.JIRA,
            error.run,
            upstream_id=error.upstream_id,
            label=error.label,
            stage=SyncError.Stage.ITEM,
            message="Jira does not show it any more. It was deleted, or the token may not see it.",
            at=timezone.now(),
        )


def _chunks(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _outcome(run: SyncRun) -> str:
    changed = run.created + run.updated
    text = f"{run.seen:,} {'issue' if run.seen == 1 else 'issues'} read, {changed:,} changed."
    if run.failed:
        text += f" {run.failed:,} could not be read in full."
    return text
