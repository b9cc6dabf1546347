"""HTTP to Productboard, API v2: its envelope, its cursors and its refusals.

No package speaks v2 well, so this is our own loop on one `requests` session. Every call goes
through the shared limiter and the shared retries.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import orjson
import requests
from requests.exceptions import RequestException

from integrations import limiter
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

# The vendor allows 50 to a token, which other tools of the company may share.
CALLS_A_SECOND = 8.0
MAX_PAGES = 20_000
# The system that our own notes name as theirs.
OWN_SYSTEM = "ProductHub"

Params = list[tuple[str, str]]


class ScopeMissing(UpstreamError):
    """The token is good and may not do this."""


@dataclass(frozen=True)
class ProductboardConfig:
    """How to reach one workspace."""

    base_url: str
    api_token: str


class ProductboardClient:
    """API v2. `requests` counts the calls made.

    Raises CredentialsRefused, ScopeMissing, RateLimited, QueryRefused, NotFound,
    RetryableUpstreamError or UpstreamError. Addresses that replies hold are never called: some
    are of the dead v1, and any of them could point elsewhere.
    """

    def __init__(
        self, config: ProductboardConfig, *, sleep: Callable[[float], Any] = time.sleep
    ) -> None:
        self._base_url = config.base_url
        self._session = requests.Session()
        # Without this the session reads ~/.netrc, whose entry would replace the token.
        self._session.trust_env = False
        self._session.headers.update(
            {"Authorization": f"Bearer {config.api_token}", "Accept": "application/json"}
        )
        self._sleep = sleep
        self.requests = 0

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    # --- reading ----------------------------------------------------------------------------

    def configuration(self, entity_type: str) -> dict[str, Any]:
        """The fields of one type: names, kinds, options."""
        return _data_dict(self._call("GET", f"entities/configurations/{_part(entity_type)}"))

    def field_values(self, field_id: str) -> Iterator[list[dict[str, Any]]]:
        """The options of one field that is chosen from a list, in pages."""
        return self._pages("GET", f"entities/fields/{_part(field_id)}/values")

    def entities(self, entity_type: str) -> Iterator[list[dict[str, Any]]]:
        """All entities of one type with all fields, also empty ones."""
        return self._pages("GET", "entities", [("type[]", entity_type), ("fields[]", "all")])

    def entities_changed(self, entity_type: str, since: datetime) -> Iterator[list[dict[str, Any]]]:
        """Entities of one type that changed at or after `since` (aware), with all fields."""
        moment = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        chosen = {"type": [entity_type], "updatedAt": {"from": moment}}
        body = {"data": {"filter": chosen, "return": {"fields": "all"}}}
        return self._pages("POST", "entities/search", body=body)

    def entity(self, entity_id: str) -> dict[str, Any]:
        """One entity with all fields. Raises NotFound when it is gone or not for this token."""
        reply = self._call("GET", f"entities/{_part(entity_id)}", [("fields[]", "all")])
        return _data_dict(reply)

    def relationships(self, entity_id: str) -> Iterator[list[dict[str, Any]]]:
        """All relationships of one entity; the list inside the entity holds only the first."""
        return self._pages("GET", f"entities/{_part(entity_id)}/relationships")

    def jira_integrations(self) -> list[dict[str, Any]]:
        """The Jira sites that the workspace is connected with, enabled or not."""
        return [entry for page in self._pages("GET", "jira-integrations") for entry in page]

    def jira_connections(self, integration_id: str) -> Iterator[list[dict[str, Any]]]:
        """Which issue stands for which entity; `id` is the entity's."""
        return self._pages("GET", f"jira-integrations/{_part(integration_id)}/connections")

    def members(self) -> Iterator[list[dict[str, Any]]]:
        """All members, also disabled ones."""
        return self._pages("GET", "members", [("includeDisabled", "true")])

    def member_activities(self, first: date, last: date) -> Iterator[list[dict[str, Any]]]:
        """One row a member and day, both days included."""
        params = [("dateFrom", first.isoformat()), ("dateTo", last.isoformat())]
        return self._pages("GET", "analytics/member-activities", params)

    # --- notes ------------------------------------------------------------------------------

    def own_notes(self, record_id: str) -> list[dict[str, Any]]:
        """Notes that carry this record of ours."""
        params = [
            ("metadata[source][system]", OWN_SYSTEM),
            ("metadata[source][recordId]", record_id),
        ]
        return [
            note
            for page in self._pages("GET", "notes", params)
            for note in page
            if _record_id(note) == record_id
        ]

    def create_note(self, note: dict[str, Any]) -> dict[str, Any]:
        """Make a note; returns its reference. Not repeatable, so it is tried once."""
        reply = self._call("POST", "notes", body={"data": note}, repeatable=False)
        return _data_dict(reply)

    def own_notes_changed(self, since: datetime) -> Iterator[list[dict[str, Any]]]:
        """Our notes that changed at or after `since` (aware)."""
        moment = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        params = [("metadata[source][system]", OWN_SYSTEM), ("updatedFrom", moment)]
        return self._pages("GET", "notes", params)

    def note_relationships(self, note_id: str) -> Iterator[list[dict[str, Any]]]:
        """The customer of a note and the features that it is linked with."""
        return self._pages("GET", f"notes/{_part(note_id)}/relationships")

    def update_note(self, note_id: str, fields: dict[str, Any]) -> None:
        """Set fields of a note to these values; may be repeated. Raises NotFound.

        https://developer.productboard.com/v2.0.0/reference/updatenote
        """
        self._call("PATCH", f"notes/{_part(note_id)}", body={"data": {"fields": fields}})

    def update_entity(self, entity_id: str, fields: dict[str, Any]) -> None:
        """Set fields of an entity to these values; may be repeated. Raises NotFound."""
        self._call("PATCH", f"entities/{_part(entity_id)}", body={"data": {"fields": fields}})

    # --- the wire ---------------------------------------------------------------------------

    def _pages(
        self, method: str, path: str, params: Params | None = None, body: Any = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Pages until `links.next` is null.

        Only the cursor is taken from there: its other parameters have been seen wrong
        (`type=` for `type[]=`), and its address is not trusted.
        """
        cursor, seen = "", set[str]()
        for _ in range(MAX_PAGES):
            asked = [*(params or []), *([("pageCursor", cursor)] if cursor else [])]
            reply = self._call(method, path, asked, body)
            entries = reply.get("data")
            if not isinstance(entries, list):
                raise RetryableUpstreamError("Productboard answered without a list.")
            yield [entry for entry in entries if isinstance(entry, dict)]
            cursor = _next_cursor(reply)
            if not cursor:
                return
            if cursor in seen:
                raise UpstreamError("Productboard sent the same page twice, so the run stopped.")
            seen.add(cursor)
        raise UpstreamError(f"Productboard did not come to an end within {MAX_PAGES:,} pages.")

    def _call(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        body: Any = None,
        *,
        repeatable: bool = True,
    ) -> dict[str, Any]:
        def once() -> dict[str, Any]:
            return self._once(method, path, params, body)

        return call_with_retries(once, sleep=self._sleep) if repeatable else once()

    def _once(self, method: str, path: str, params: Params | None, body: Any) -> dict[str, Any]:
        limiter.take("productboard:all", per_second=CALLS_A_SECOND, sleep=self._sleep)
        self.requests += 1
        try:
            response = self._session.request(
                method,
                f"{self._base_url}/{path}",
                params=params,
                data=orjson.dumps(body) if body is not None else None,
                headers={"Content-Type": "application/json"} if body is not None else None,
                timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
                allow_redirects=False,
            )
            content = response.content
        except RequestException as error:
            raise RetryableUpstreamError(
                f"Productboard could not be reached ({type(error).__name__})."
            ) from error
        if response.status_code >= 300:
            raise _refusal(response)
        reply = parse_json(content, who="Productboard")
        if not isinstance(reply, dict):
            raise RetryableUpstreamError("Productboard answered without its usual envelope.")
        return reply


def _refusal(response: requests.Response) -> UpstreamError:
    """Our exception for an answer that is no success."""
    status, reason = response.status_code, _reason(response)
    pause = retry_after_seconds(response.headers.get("Retry-After"))
    if status == 429 or (status == 503 and pause is not None):
        wait = pause if pause is not None else DEFAULT_PAUSE_SECONDS
        limiter.pause("productboard", wait)
        return RateLimited(f"Productboard asks for a pause of {wait:,.0f} seconds.", wait)
    if status == 401:
        return CredentialsRefused(
            "Productboard refused the token (401). Make a new API token, set"
            " PRODUCTBOARD_API_TOKEN, and sync again."
        )
    if status == 403:
        return ScopeMissing(f"The token may not read this (403): {reason}")
    if status in (404, 410):
        return NotFound(f"Productboard has nothing there ({status}): {reason}")
    if status in (408, 425) or status >= 500:
        return RetryableUpstreamError(f"Productboard is in trouble ({status}).")
    if status in (400, 422):
        return QueryRefused(f"Productboard refused the question ({status}): {reason}")
    if status < 400:
        return UpstreamError(
            f"Productboard sends us elsewhere ({status}). Check PRODUCTBOARD_BASE_URL."
        )
    return UpstreamError(f"Productboard refused the call ({status}): {reason}")


def _reason(response: requests.Response) -> str:
    """What the vendor says, and the id of its answer, which its support asks for."""
    try:
        reply = orjson.loads(response.content)
        first = reply["errors"][0]
        said = str(first.get("detail") or first.get("title") or first.get("code") or "")
        mark = f" ({reply['id']})" if reply.get("id") else ""
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return "no reason given."
    return f"{' '.join(said.split())[:200] or 'no reason given.'}{mark[:60]}"


def _next_cursor(reply: dict[str, Any]) -> str:
    links = reply.get("links")
    address = links.get("next") if isinstance(links, dict) else None
    if not isinstance(address, str) or not address:
        return ""
    cursors = parse_qs(urlsplit(address).query).get("pageCursor", [])
    if not cursors:
        raise UpstreamError("Productboard promises another page and does not say which.")
    return cursors[0]


def _record_id(note: dict[str, Any]) -> str:
    try:
        return str(note["metadata"]["source"]["recordId"])
    except (LookupError, TypeError):
        return ""


def _part(text: str) -> str:
    """An id as one part of an address, whatever stands in it."""
    if not text or text in {".", ".."}:
        raise NotFound("There is no such id.")
    return quote(text, safe="")


def _data_dict(reply: dict[str, Any]) -> dict[str, Any]:
    data = reply.get("data")
    if not isinstance(data, dict):
        raise RetryableUpstreamError("Productboard answered without data.")
    return data
