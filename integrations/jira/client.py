"""HTTP to Jira: the `jira` package's session and small calls, our own search and history loop.

The package's paging ends early or never, and its retries sleep in the worker and cut long
pauses short; so it runs with `max_retries=0` and a time-out, under `integrations.http`.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from jira import JIRA
from jira.exceptions import JIRAError
from requests.exceptions import RequestException

from integrations.errors import (
    CredentialsRefused,
    NotFound,
    QueryRefused,
    RateLimited,
    RetryableUpstreamError,
    UpstreamError,
)
from integrations.http import (
    CONNECT_TIMEOUT_SECONDS,
    DEFAULT_PAUSE_SECONDS,
    READ_TIMEOUT_SECONDS,
    call_with_retries,
    parse_json,
    retry_after_seconds,
)

PAGE_SIZE = 100  # the server's own cap with fields; a short page is not the end
ID_PAGE_SIZE = 5000
HISTORY_PAGE_SIZE = 10_000
MAX_PAGES = 100_000
FIELDS = [
    "summary", "status", "issuetype", "project", "assignee", "parent", "priority", "labels",
    "created", "updated", "resolutiondate", "description", "fixVersions", "issuelinks",
]  # fmt: skip


@dataclass(frozen=True)
class JiraConfig:
    """How to reach one Jira. Without an e-mail the token is sent as bearer."""

    base_url: str
    api_token: str
    email: str = ""
    projects: tuple[str, ...] = ()


@dataclass
class Page:
    """One page of issues, as parsed, and the token of the next page ("" on the last)."""

    issues: list[Any]
    next_token: str


class JiraClient:
    """Cloud, REST v3. Every method may be repeated; `requests` counts the calls made.

    `issue_fields` are read of every issue, `history_fields` of every history; a site adds its own.

    Raises CredentialsRefused, RateLimited, QueryRefused, NotFound, RetryableUpstreamError or
    UpstreamError.
    """

    def __init__(
        self,
        config: JiraConfig,
        *,
        sleep: Callable[[float], Any] = time.sleep,
        read_timeout: float = READ_TIMEOUT_SECONDS,
    ) -> None:
        auth: dict[str, Any] = (
            {"basic_auth": (config.email, config.api_token)}
            if config.email
            else {"token_auth": config.api_token}
        )
        # get_server_info would call before our retries are in place. Without it the package
        # takes the site for Data Center, which only concerns its own search: not used here.
        self._jira = JIRA(
            config.base_url,
            options={"rest_api_version": "3"},
            get_server_info=False,
            max_retries=0,
            timeout=(CONNECT_TIMEOUT_SECONDS, read_timeout),
            **auth,
        )
        self._session = self._jira._session
        self._sleep = sleep
        self.requests = 0
        self.issue_fields = list(FIELDS)
        self.history_fields = ["status"]

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def server_info(self) -> dict[str, Any]:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-server-info/"""
        return _as_dict(self._get("serverInfo"))

    def statuses(self) -> list[dict[str, Any]]:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-workflow-statuses/"""
        return _dicts(self._get("status"))

    def fields(self) -> list[dict[str, Any]]:
        """https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-fields/"""
        return _dicts(self._get("field"))

    def projects(self) -> list[dict[str, Any]]:
        """All projects the token may see.

        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/
        """
        found: list[dict[str, Any]] = []
        while True:
            reply = _as_dict(
                self._get(f"project/search?startAt={len(found)}&maxResults={PAGE_SIZE}")
            )
            values = _dicts(reply.get("values"))
            found += values
            if not values or reply.get("isLast", True):
                return found

    def search(
        self, jql: str, *, token: str = "", fields: Sequence[str] = (), size: int = PAGE_SIZE
    ) -> Page:
        """One page of issues with `fields`, or those that are always read; in Jira's order.

        Raises QueryRefused for an unbounded or unreadable query and for a stale token.
        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/
        """
        body: dict[str, Any] = {
            "jql": jql,
            "fields": list(fields or self.issue_fields),
            "maxResults": size,
        }
        if token:
            body["nextPageToken"] = token
        reply = _as_dict(self._post("search/jql", body))
        issues = reply.get("issues")
        if not isinstance(issues, list):
            raise RetryableUpstreamError("Jira answered without a list of issues.")
        next_token = reply.get("nextPageToken") or ""
        if reply.get("isLast") is True:
            next_token = ""
        return Page(issues, str(next_token))

    def count(self, jql: str) -> int | None:
        """About how many issues a query has; None when Jira will not say."""
        try:
            count = _as_dict(self._post("search/approximate-count", {"jql": jql})).get("count")
        except UpstreamError:
            return None
        return count if isinstance(count, int) else None

    def ids(self, jql: str) -> Iterator[list[str]]:
        """The ids of all issues of a query, up to 5,000 a page."""
        for page in self.search_pages(jql, fields=["id"], size=ID_PAGE_SIZE):
            yield [str(issue["id"]) for issue in _dicts(page.issues) if issue.get("id")]

    def search_pages(
        self, jql: str, *, token: str = "", fields: Sequence[str] = (), size: int = PAGE_SIZE
    ) -> Iterator[Page]:
        """Pages of a query from `token` on, until the last.

        Guards: a repeated token and a page cap raise UpstreamError, since going on would read
        the same issues for ever; an empty page with a token is passed by.
        """
        seen = {token}
        for _ in range(MAX_PAGES):
            page = self.search(jql, token=token, fields=fields, size=size)
            yield page
            token = page.next_token
            if not token:
                return
            if token in seen:
                raise UpstreamError("Jira sent the same page twice, so the run stopped.")
            seen.add(token)
        raise UpstreamError(f"Jira did not come to an end within {MAX_PAGES:,} pages.")

    def status_history(self, issue_ids: Sequence[str]) -> Iterator[list[Any]]:
        """Complete histories of status and sprints, of up to 1,000 issues, oldest first.

        Yields lists of `{"issueId", "changeHistories"}`; one issue may be spread over pages.
        `expand=changelog` on search is not used: it holds only recent entries.
        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
        """
        body: dict[str, Any] = {
            "issueIdsOrKeys": list(issue_ids),
            "fieldIds": self.history_fields,
            "maxResults": HISTORY_PAGE_SIZE,
        }
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            reply = _as_dict(self._post("changelog/bulkfetch", body))
            logs = reply.get("issueChangeLogs")
            if not isinstance(logs, list):
                raise RetryableUpstreamError("Jira answered without a list of changes.")
            yield logs
            token = str(reply.get("nextPageToken") or "")
            if not token:
                return
            if token in seen:
                raise UpstreamError("Jira sent the same page of changes twice, so the run stopped.")
            seen.add(token)
            body["nextPageToken"] = token
        raise UpstreamError(f"Changes did not come to an end within {MAX_PAGES:,} pages.")

    def status_history_of(self, issue_id: str) -> list[Any]:
        """Complete history of one issue, all fields, oldest first."""
        found: list[Any] = []
        while True:
            reply = _as_dict(
                self._get(f"issue/{issue_id}/changelog?startAt={len(found)}&maxResults={PAGE_SIZE}")
            )
            values = reply.get("values")
            if not isinstance(values, list):
                raise RetryableUpstreamError("Jira answered without a list of changes.")
            found += values
            if not values or reply.get("isLast", True):
                return found

    def issue(self, issue_id: str, *, fields: Sequence[str] = ()) -> dict[str, Any]:
        """One issue by id or key, straight from Jira's database: never behind, as a search is.

        Raises NotFound when it is gone, or the token may not see it.
        https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/
        """
        wanted = ",".join(fields or self.issue_fields)
        return _as_dict(self._get(f"issue/{quote(issue_id, safe='')}?fields={wanted}"))

    def existing_ids(self, issue_ids: Sequence[str]) -> set[str]:
        """Those of up to 100 ids that the token can still see."""
        reply = _as_dict(
            self._post("issue/bulkfetch", {"issueIdsOrKeys": list(issue_ids), "fields": ["status"]})
        )
        return {str(issue.get("id")) for issue in _dicts(reply.get("issues"))}

    def values(
        self, path: str, *, agile: bool = False, key: str = "values", size: int = 50
    ) -> list[dict[str, Any]]:
        """All entries of a list that is paged by startAt; `agile` for boards and sprints.

        Such lists may leave `total` and `isLast` out and cap the page size, so the next page
        begins after what came, and an empty page ends the list. Raises UpstreamError when pages
        repeat.
        """
        found: dict[str, dict[str, Any]] = {}
        start = 0
        sign = "&" if "?" in path else "?"
        for _ in range(MAX_PAGES):
            reply = self._get(f"{path}{sign}startAt={start}&maxResults={size}", agile=agile)
            # Some lists come bare, without an envelope.
            is_bare = isinstance(reply, list)
            entries = _dicts(reply if is_bare else _as_dict(reply).get(key))
            known = len(found)
            found.update(
                {str(entry.get("id") or entry.get("accountId")): entry for entry in entries}
            )
            # Bare lists leave entries out after cutting the page; others may cap its size.
            start += size if is_bare else len(entries)
            if not entries or (not is_bare and _is_last(reply, start)):
                return list(found.values())
            if len(found) == known:
                if is_bare:
                    return list(found.values())
                raise UpstreamError("Jira sent the same part of a list twice, so the run stopped.")
        raise UpstreamError(f"A list did not come to an end within {MAX_PAGES:,} pages.")

    def entry(self, path: str, *, agile: bool = False) -> dict[str, Any]:
        """One thing by its path. Raises NotFound."""
        return _as_dict(self._get(path, agile=agile))

    def entries(self, path: str, body: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """A list that comes whole and without an envelope; asked by POST where there is a body."""
        return _dicts(self._get(path) if body is None else self._post(path, body))

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call, never repeated: for writes, and for people who wait. None for an empty reply.

        A RetryableUpstreamError leaves open whether a write took effect.
        """
        url = f"{self._jira.server_url}/rest/api/3/{path}"
        return self._once(method, url, None if body is None else orjson.dumps(body))

    def _get(self, path: str, *, agile: bool = False) -> Any:
        return self._call("GET", path, None, agile=agile)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, orjson.dumps(body))

    def _call(self, method: str, path: str, data: bytes | None, *, agile: bool = False) -> Any:
        url = f"{self._jira.server_url}/rest/{'agile/1.0' if agile else 'api/3'}/{path}"
        return call_with_retries(lambda: self._once(method, url, data), sleep=self._sleep)

    def _once(self, method: str, url: str, data: bytes | None) -> Any:
        self.requests += 1
        try:
            response = self._session.request(method, url, data=data)
            body = response.content
        except JIRAError as error:
            raise _refusal(error) from error
        except RequestException as error:
            raise RetryableUpstreamError(
                f"Jira could not be reached ({_plain_name(error)})."
            ) from error
        if response.status_code == 204:
            return None
        return parse_json(body, who="Jira")


def quoted(text: str) -> str:
    """A value of a query in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _refusal(error: JIRAError) -> UpstreamError:
    """Our exception for an answer of 400 or more."""
    status = error.status_code or 0
    headers = getattr(error.response, "headers", None) or {}
    pause = retry_after_seconds(headers.get("Retry-After"))
    if status == 429 or (status == 503 and pause is not None):
        wait = pause if pause is not None else DEFAULT_PAUSE_SECONDS
        return RateLimited(f"Jira asks for a pause of {wait:,.0f} seconds.", wait)
    if status == 401 and "scope" in (error.text or "").lower():
        # The token is good, it only lacks a right: that is no reason to stop everything.
        return UpstreamError("The token lacks a scope for this.")
    if status == 401 or (status == 403 and "x-authentication-denied-reason" in headers):
        return CredentialsRefused(
            f"Jira refused the token ({status}). Make a new API token, set JIRA_API_TOKEN, and"
            " sync again."
        )
    if status in (408, 425) or status >= 500:
        return RetryableUpstreamError(f"Jira is in trouble ({status}).")
    if status == 400:
        return QueryRefused(f"Jira refused the question (400): {_first_line(error.text)}")
    if status == 404:
        return NotFound(f"Jira has nothing there (404): {_first_line(error.text)}")
    if status == 410:
        return UpstreamError("Jira no longer offers this address (410). The hub needs an update.")
    return UpstreamError(f"Jira refused the call ({status}): {_first_line(error.text)}")


def _is_last(reply: dict[str, Any], so_far: int) -> bool:
    is_last, total = reply.get("isLast"), reply.get("total")
    if isinstance(is_last, bool):
        return is_last
    return isinstance(total, int) and so_far >= total


def _first_line(text: str | None) -> str:
    plain = " ".join((text or "").split())
    if not plain or plain.startswith("<"):
        return "no reason given."
    return plain[:200]


def _plain_name(error: RequestException) -> str:
    words = {
        "ConnectTimeout": "no connection in time",
        "ReadTimeout": "no answer in time",
        "ConnectionError": "the connection failed",
        "ChunkedEncodingError": "the connection broke",
        "SSLError": "its certificate is not trusted",
        "TooManyRedirects": "it sends us in circles",
    }
    return words.get(type(error).__name__, type(error).__name__)


def _as_dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RetryableUpstreamError("Jira answered with something else than was asked for.")
    return value


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
