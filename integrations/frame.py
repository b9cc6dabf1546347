"""The integrations' number in the frame: connected sources that failed last or are stale."""

from typing import Any

from accounts.permissions import is_product_ops
from integrations.selectors import STALE_MINUTES, connected_sources
from producthub.lib.frame import register_count

# The same as `selectors.troubled_count`, as part of the frame's one query (a test compares them).
_TROUBLED = f"""
SELECT count(*) FROM integrations_sourcestate s
LEFT JOIN integrations_syncrun r ON r.id = s.last_run_id
WHERE r.status = 'failed' OR s.last_success_at < now() - interval '{STALE_MINUTES} minutes'
"""


def _may_see(user: Any) -> bool:
    return is_product_ops(user) and bool(connected_sources())


def register() -> None:
    """Called once from `ready()`."""
    register_count("troubled", _TROUBLED, _may_see)
