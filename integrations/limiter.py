"""One limiter across all workers: so many calls a second to each source, and its own pauses.

Kept in Redis, so that four workers together stay below what one may do. While Redis is away
each caller goes slowly by itself.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from integrations.errors import RateLimited

log = structlog.get_logger(__name__)

# Longer than this nobody sleeps in a worker: the task comes back instead.
LONGEST_SLEEP_SECONDS = 2.0
WITHOUT_REDIS_SECONDS = 0.2
# Hubs that share a Redis, as tests do, would wait for each other.
PREFIX = "hub"

# Each call takes the next free place in a row of places `gap` apart; up to `burst` places may be
# behind the clock. Times are Redis' own, so that clocks of machines do not matter. A pause that
# the source asked for moves the first free place.
_TAKE = """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local pause = tonumber(redis.call('GET', KEYS[2]) or '0')
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
local gap, burst, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
free = math.max(free, now - gap * (burst - 1), pause - gap * (burst - 1))
local wait = math.max(free - now, pause - now, 0)
if wait > longest then return wait end
redis.call('SET', KEYS[1], free + gap, 'PX', 120000)
return wait
"""

_redis: Redis | None = None


def _client() -> Redis:
    global _redis
    if _redis is None:
        _redis = Redis.from_url(
            settings.REDIS_CACHE_URL, socket_connect_timeout=1, socket_timeout=1
        )
    return _redis


def take(
    bucket: str,
    *,
    per_second: float,
    burst: int = 1,
    sleep: Callable[[float], Any] = time.sleep,
) -> None:
    """Wait for the next free call of a bucket ("jira:GET", "slack:chat.postMessage:C1").

    Raises RateLimited when that is more than LONGEST_SLEEP_SECONDS away: come back later.
    """
    keys = [f"{PREFIX}:limit:{bucket}", f"{PREFIX}:pause:{bucket.split(':', 1)[0]}"]
    gap_ms = 1000 / per_second
    try:
        reply = _client().eval(_TAKE, 2, *keys, gap_ms, burst, LONGEST_SLEEP_SECONDS * 1000)
        wait = float(str(reply)) / 1000
    except RedisError as error:
        log.warning("limiter_unavailable", error=type(error).__name__)
        wait = WITHOUT_REDIS_SECONDS
    if wait > LONGEST_SLEEP_SECONDS:
        name = bucket.split(":", 1)[0].capitalize()
        raise RateLimited(f"{name} may be called again in {wait:,.0f} seconds.", wait)
    if wait > 0:
        sleep(wait)


def pause(source: str, seconds: float) -> None:
    """The source asked all of us to wait."""
    try:
        now = _client().time()
        until = int((now[0] + now[1] / 1e6 + seconds) * 1000)
        _client().set(f"{PREFIX}:pause:{source}", until, px=max(int(seconds * 1000), 1))
    except RedisError as error:
        log.warning("limiter_unavailable", error=type(error).__name__)


def paused_seconds(source: str) -> float:
    """How long the source still wants to be left alone."""
    try:
        left = _client().pttl(f"{PREFIX}:pause:{source}")
    except RedisError:
        return 0.0
    return max(float(str(left)), 0.0) / 1000
