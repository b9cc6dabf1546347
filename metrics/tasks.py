"""Keep the figures fresh."""

import structlog
from celery import shared_task

from metrics import compute

log = structlog.get_logger(__name__)

# A rebuild over a long history takes longer than a task may by default.
REBUILD_LIMIT_SECONDS = 900


@shared_task(soft_time_limit=REBUILD_LIMIT_SECONDS, time_limit=REBUILD_LIMIT_SECONDS + 30)
def compute_metrics() -> None:
    """Fold new events into spans and figures; nothing happens while another run is at it."""
    outcome = compute.compute()
    log.info("metrics_computed", **outcome.__dict__)
