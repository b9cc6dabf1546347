"""What Jira tells of an issue only when asked by itself: links elsewhere, long talks, work logs.

Links elsewhere are read of issues that changed. Work logs come by their own lists of what was
written and deleted since, so that none asks for an issue.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson
from django.conf import settings
from django.utils import timezone

from integrations import runs
from integrations.errors import CredentialsRefused, NotFound, UpstreamError
from integrations.http import storable
from integrations.jira.client import PAGE_SIZE, JiraClient, JiraConfig
from integrations.jira.mapping import MappingError, moment
from integrations.models import Source, SourceState
from planning import tracker
from planning.models import WorkItem, WorkLog
from planning.tracker import Row

# A run goes on to other work after so many; the rest waits for the next.
MAX_ISSUES_A_RUN = 200
LOGS_A_CALL = 1000
MAX_LOG_PAGES = 10_000
# The list of work logs is up to a minute behind.
LOG_OVERLAP = timedelta(minutes=5)
OUR_LINKS = "producthub:"


def read_remote_links(client: JiraClient, upstream_ids: Sequence[str] | None = None) -> str:
    """Of issues that changed, or of these among them; returns a sentence about troubles, or "".

    Raises CredentialsRefused.
    """
    due = WorkItem.objects.filter(
        source=Source.JIRA, are_remote_links_due=True, deleted_at__isnull=True
    )
    if upstream_ids is not None:
        due = due.filter(upstream_id__in=upstream_ids)
    for item in due.only("pk", "upstream_id").order_by("upstream_updated_at")[:MAX_ISSUES_A_RUN]:
        began = timezone.now()
        name = quote(item.upstream_id.removeprefix("key:"), safe="")
        try:
            listed = client.entries(f"issue/{name}/remotelink")
        except NotFound:
            listed = []
        except CredentialsRefused:
            raise
        except UpstreamError as error:
            return f" Links elsewhere were not read: {error}"
        rows = [row for link in listed if (row := to_remote_link(storable(link)))]
        tracker.save_remote_links(item, rows, read_at=began)
    return ""


def to_remote_link(link: dict[str, Any]) -> dict[str, Any] | None:
    """A link elsewhere; None for the hub's own, whose title not everybody may see."""
    told = link.get("object")
    target = told if isinstance(told, dict) else {}
    place = link.get("application")
    url = str(target.get("url") or "")
    pk = str(link.get("id") or link.get("globalId") or "")
    if not pk or not url or str(link.get("globalId") or "").startswith(OUR_LINKS):
        return None
    return {
        "upstream_id": pk,
        "title": str(target.get("title") or url),
        "url": url,
        "summary": str(target.get("summary") or ""),
        "application": str(place.get("name") or "") if isinstance(place, dict) else "",
    }


# --- comments -----------------------------------------------------------------------------------


def comments(client: JiraClient, upstream_id: str, told: Any) -> Iterator[Row]:
    """Rows of an issue's comments; those beyond the first that a search brings are asked for.

    A comment for some people only, or for agents of a service desk, is left out: here everybody
    could read it. So is one without an id or time.
    """
    block = told if isinstance(told, dict) else {}
    listed = block.get("comments")
    listed = listed if isinstance(listed, list) else []
    total = block.get("total")
    if isinstance(total, int) and total > len(listed):
        name = quote(upstream_id.removeprefix("key:"), safe="")
        listed = client.values(f"issue/{name}/comment", key="comments", size=PAGE_SIZE)
    for one in listed:
        if not isinstance(one, dict) or one.get("visibility") or one.get("jsdPublic") is False:
            continue
        try:
            created = moment(one.get("created"))
            updated = moment(one.get("updated") or created)
        except MappingError:
            continue
        if one.get("id"):
            document = orjson.dumps(one.get("body") or "").decode()
            yield (upstream_id, str(one["id"]), _author(one), document, created, updated)


def _author(entry: dict[str, Any]) -> str:
    author = entry.get("author")
    return str(author.get("displayName") or "") if isinstance(author, dict) else ""


# --- work logs ----------------------------------------------------------------------------------


def read_work_logs(client: JiraClient, config: JiraConfig, *, is_full: bool) -> bool:
    """What was written down, changed and deleted since the last time; False while it is off."""
    state = SourceState.objects.filter(source=Source.JIRA).first()
    if not settings.JIRA_READ_WORKLOGS:
        if WorkLog.objects.filter(work_item__source=Source.JIRA).delete()[0] and state:
            runs.keep_part(state, worklogs_since=0)
        return False
    kept = state.parts.get("worklogs_since", 0) if state else 0
    since = 0 if is_full else int(kept)
    began = int((timezone.now() - LOG_OVERLAP).timestamp() * 1000)
    for ids in _log_ids(client, "worklog/updated", since):
        for start in range(0, len(ids), LOGS_A_CALL):
            listed = client.entries("worklog/list", {"ids": ids[start : start + LOGS_A_CALL]})
            rows, hidden = [], []
            for entry in storable(listed):
                row = to_work_log(entry)
                if row is not None:
                    rows.append(row)
                elif entry.get("id"):
                    hidden.append(str(entry["id"]))
            tracker.save_work_logs(source=Source.JIRA, rows=rows)
            if hidden:
                tracker.drop_work_logs(source=Source.JIRA, upstream_ids=hidden)
    for ids in _log_ids(client, "worklog/deleted", since):
        tracker.drop_work_logs(source=Source.JIRA, upstream_ids=list(map(str, ids)))
    if state is not None:
        runs.keep_part(state, worklogs_since=began)
    return True


def _log_ids(client: JiraClient, path: str, since: int) -> Iterator[list[int]]:
    """Ids of a list by time, in pages; each begins where the one before ended."""
    for _ in range(MAX_LOG_PAGES):
        page = client.entry(f"{path}?since={since}")
        values = page.get("values")
        values = values if isinstance(values, list) else []
        yield [one["worklogId"] for one in values if isinstance(one, dict) and "worklogId" in one]
        until = page.get("until")
        if page.get("lastPage") is not False or not isinstance(until, int) or until <= since:
            return
        since = until
    raise UpstreamError("The list of work logs did not come to an end.")


def to_work_log(entry: dict[str, Any]) -> dict[str, Any] | None:
    """A work log's row; None for one that only some people may see, or that lacks its times."""
    seconds = entry.get("timeSpentSeconds")
    if entry.get("visibility") or not entry.get("id") or not entry.get("issueId"):
        return None
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        return None
    try:
        started = datetime.fromisoformat(moment(entry.get("started"))).astimezone(UTC)
        updated = datetime.fromisoformat(moment(entry.get("updated"))).astimezone(UTC)
    except MappingError:
        return None
    note = entry.get("comment")
    return {
        "upstream_id": str(entry["id"]),
        "item": str(entry["issueId"]),
        "author_name": _author(entry),
        "started_at": started,
        "spent_seconds": seconds,
        "document": orjson.dumps(note).decode() if note else "",
        "updated_at": updated,
    }
