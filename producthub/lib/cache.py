"""A cache whose absence costs speed, never a page."""

from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


def _tolerant(name: str, missing: Any) -> Any:
    def call(self: RedisCacheClient, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(RedisCacheClient, name)(self, *args, **kwargs)
        except RedisError as error:
            log.warning("cache_unavailable", operation=name, error=type(error).__name__)
            return missing(*args) if callable(missing) else missing

    return call


class TolerantClient(RedisCacheClient):
    """Django's client, answering “not there” while the server is away."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept: dict[Any, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        """One client a pool: Django makes a new one for each call, half a millisecond a page."""
        pool = self._get_connection_pool(write)  # type: ignore[attr-defined]
        if pool not in self._kept:
            self._kept[pool] = self._client(connection_pool=pool)  # type: ignore[attr-defined]
        return self._kept[pool]

    # `add` answers True: a throttle that cannot count lets people in rather than locking them out.
    add = _tolerant("add", True)
    get = _tolerant("get", lambda key, default=None: default)
    set = _tolerant("set", None)
    touch = _tolerant("touch", False)
    delete = _tolerant("delete", False)
    get_many = _tolerant("get_many", lambda keys: {})
    has_key = _tolerant("has_key", False)
    incr = _tolerant("incr", 1)
    set_many = _tolerant("set_many", None)
    delete_many = _tolerant("delete_many", None)
    clear = _tolerant("clear", False)


class TolerantRedisCache(RedisCache):
    """`CACHES` backend: a page never fails because the cache does."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = TolerantClient
