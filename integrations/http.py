"""Retry policy, Retry-After and JSON for every source."""

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import orjson

from integrations.errors import RateLimited, RetryableUpstreamError

Result = TypeVar("Result")

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30
MAX_TRIES = 4
FIRST_WAIT_SECONDS = 0.5
# A source that names no time gets this long.
DEFAULT_PAUSE_SECONDS = 60.0
MAX_PAUSE_SECONDS = 3600.0


def retry_after_seconds(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds from a Retry-After header, which is a number or an HTTP date; None if neither.

    Never negative, never above MAX_PAUSE_SECONDS.
    """
    text = (header or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    if seconds != seconds:  # NaN
        return None
    return min(max(seconds, 0.0), MAX_PAUSE_SECONDS)


def call_with_retries(
    call: Callable[[], Result], *, sleep: Callable[[float], Any] = time.sleep
) -> Result:
    """Call until it works, at most MAX_TRIES times, with growing and jittered pauses.

    Only for calls that may be repeated. A rate limit is not waited for here: it goes to the
    caller, who gives the worker free. Raises what the last try raised.
    """
    for attempt in range(1, MAX_TRIES + 1):
        try:
            return call()
        except RateLimited:
            raise
        except RetryableUpstreamError:
            if attempt == MAX_TRIES:
                raise
            # Full jitter: workers that failed together do not come back together.
            sleep(FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
    raise AssertionError("unreachable")


def parse_json(body: bytes, *, who: str) -> Any:
    """Parse a reply. Raises RetryableUpstreamError for HTML or a body that was cut short."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    # orjson is strict; Python's own parser takes lone surrogates, which one bad title may hold.
    try:
        return storable(json.loads(body))
    except (ValueError, RecursionError) as error:
        looks = "a web page" if body.lstrip()[:1] == b"<" else "an incomplete or unreadable reply"
        raise RetryableUpstreamError(f"{who} answered with {looks} instead of data.") from error


def storable(value: Any) -> Any:
    """The same tree with texts that PostgreSQL takes: no NUL, no lone surrogates."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [storable(entry) for entry in value]
    if isinstance(value, dict):
        return {storable(key): storable(entry) for key, entry in value.items()}
    return value
