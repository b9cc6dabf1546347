"""So many times in so long, counted in the cache."""

import hashlib
from collections.abc import Iterable

from django.core.cache import cache


def is_allowed(*limits: tuple[str, int, int]) -> bool:
    """Count one try under each (name, how many, in how many seconds); False past any of them.

    Windows are fixed: they begin with the first try. Without a cache nothing is counted and
    everything is allowed, see `producthub.lib.cache`.
    """
    return all(list(_counted(limits)))


def _counted(limits: Iterable[tuple[str, int, int]]) -> Iterable[bool]:
    for name, limit, seconds in limits:
        # Names may hold addresses, which a cache should not list in plain.
        key = "throttle:" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
        cache.add(key, 0, seconds)
        try:
            yield int(cache.incr(key)) <= limit
        except ValueError:
            yield True  # it ran out between the two
