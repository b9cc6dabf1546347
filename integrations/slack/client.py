"""Calls to Slack's Web API. https://api.slack.com/methods"""

import ssl
import time
from collections.abc import Callable, Iterator
from functools import cache
from http.client import HTTPException
from typing import Any

from django.conf import settings
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from integrations import circuit, limiter
from integrations.errors import (
    CredentialsRefused,
    RateLimited,
    RetryableUpstreamError,
    UpstreamError,
)
from integrations.http import (
    DEFAULT_PAUSE_SECONDS,
    call_with_retries,
    retry_after_seconds,
    storable,
)
from integrations.models import Source
from integrations.slack.config import NEEDS, is_connected

# While Slack waits for our answer, which it does for three seconds.
HURRY_SECONDS = 1.2
TIMEOUT_SECONDS = 10
PAGE_SIZE = 200
REFUSED = frozenset("invalid_auth not_authed account_inactive token_revoked token_expired".split())
PASSING = frozenset(
    "internal_error fatal_error service_unavailable request_timeout team_added_to_org".split()
)
# Calls a second that Slack allows a workspace, by method; what is not listed is tier 3.
PER_SECOND = {
    "chat.postMessage": 1.0,
    "users.info": 1.6,
    "users.list": 0.5,
    "views.publish": 1.6,
    "conversations.list": 0.33,
    "conversations.members": 1.6,
}


@cache
def _trusted() -> ssl.SSLContext:
    """Made once: reading the certificates takes longer than most calls."""
    return ssl.create_default_context()


class SlackRefused(UpstreamError):
    """Slack says no; `code` is its word for why."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"Slack refused {method}: {code.replace('_', ' ')}.")
        self.code = code


class SlackClient:
    """`hurry` is for calls while Slack waits: short, and never held up by the limiter."""

    def __init__(self, *, hurry: bool = False, sleep: Callable[[float], Any] = time.sleep) -> None:
        if not is_connected():
            raise UpstreamError(f"Slack is not connected. {NEEDS}")
        self.hurry = hurry
        self.sleep = sleep
        self.requests = 0
        # A repeated chat.postMessage would post twice, so nothing is repeated down there.
        self._web = WebClient(
            token=settings.SLACK_BOT_TOKEN,
            base_url=settings.SLACK_BASE_URL,
            timeout=HURRY_SECONDS if hurry else TIMEOUT_SECONDS,  # type: ignore[arg-type]
            retry_handlers=[],
            ssl=_trusted(),
        )

    def call(self, method: str, *, place: str = "", **arguments: Any) -> dict[str, Any]:
        """One call; `place` is the channel where Slack counts by channel.

        Raises SlackRefused, RateLimited, CredentialsRefused and RetryableUpstreamError.
        """
        return self._ask(method, place, json=arguments)

    def form(self, method: str, **arguments: str | int) -> dict[str, Any]:
        """The same for methods that read no JSON."""
        return self._ask(method, "", params=arguments)

    def _ask(self, method: str, place: str, **sent: Any) -> dict[str, Any]:
        if not self.hurry:
            bucket = f"slack.{method}:{place}"
            limiter.take(bucket, per_second=PER_SECOND.get(method, 0.8), burst=5)
        self.requests += 1
        try:
            reply = self._web.api_call(method, **sent)
        except SlackApiError as error:
            raise self._told(method, error) from error
        except (OSError, HTTPException, SlackClientError, ValueError) as error:
            raise RetryableUpstreamError("Slack cannot be reached.") from error
        if not isinstance(reply.data, dict):
            raise RetryableUpstreamError("Slack answered with something else than data.")
        found: dict[str, Any] = storable(reply.data)
        return found

    def pages(self, method: str, **arguments: str | int) -> Iterator[dict[str, Any]]:
        """All pages of a list, each asked for again where that may help; Slack ends them with an
        empty cursor. Raises as `call`."""
        cursor, seen = "", set()
        while True:
            sent = {"limit": PAGE_SIZE, **arguments, "cursor": cursor}
            page = call_with_retries(lambda sent=sent: self.form(method, **sent), sleep=self.sleep)  # type: ignore[misc]
            yield page
            following = page.get("response_metadata")
            cursor = following.get("next_cursor", "") if isinstance(following, dict) else ""
            if not cursor:
                return
            if cursor in seen:
                raise RetryableUpstreamError("Slack gave the same page twice.")
            seen.add(cursor)

    def _told(self, method: str, error: SlackApiError) -> UpstreamError:
        response = error.response
        status = getattr(response, "status_code", 0)
        data = getattr(response, "data", response)
        code = str(data.get("error", "")) if isinstance(data, dict) else ""
        if status == 429 or code in ("ratelimited", "rate_limited"):
            headers = {key.lower(): value for key, value in (response.headers or {}).items()}
            told = retry_after_seconds(str(headers.get("retry-after", "")))
            wait = DEFAULT_PAUSE_SECONDS if told is None else told
            limiter.pause(f"slack.{method}", wait)
            return RateLimited(f"Slack asks for a pause of {wait:,.0f} seconds.", wait)
        if code in REFUSED:
            said = f"Slack refused the token ({code.replace('_', ' ')}). Install the app again."
            circuit.refused(Source.SLACK, said)
            return CredentialsRefused(said)
        if status >= 500 or code in PASSING or not code:
            return RetryableUpstreamError("Slack is not well just now.")
        return SlackRefused(method, code)
