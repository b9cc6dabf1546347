"""The integrations' number in the frame: connected sources that failed last or are late."""

from typing import Any

from accounts.permissions import is_product_ops
from integrations.selectors import connected_sources
from integrations.sources import connectors
from producthub.lib.frame import register_count

# The same as `selectors.troubled_count`, as part of the frame's one query (a test compares them).
_TROUBLED = """
SELECT count(*) FROM integrations_sourcestate s
LEFT JOIN integrations_syncrun r ON r.id = s.last_run_id
WHERE r.status = 'failed'
   OR s.last_success_at < now() - CASE s.source {late} END
"""


def _may_see(user: Any) -> bool:
    return is_product_ops(user) and bool(connected_sources())


def register() -> None:
    """Called once from `ready()`."""
    late = " ".join(
        f"WHEN '{one.source.value}' THEN interval '{one.stale_minutes} minutes'"
        for one in connectors()
    )
    register_count("troubled", _TROUBLED.format(late=late), _may_see)
