"""What intake does in the background: ids in, one service call each."""

import structlog
from celery import shared_task

from intake import likely, services

log = structlog.get_logger(__name__)


@shared_task(soft_time_limit=50, time_limit=60)
def find_likely(request_id: int) -> None:
    """Keep the likely duplicates of a request for triage."""
    likely.find(request_id)


@shared_task(soft_time_limit=50, time_limit=60)
def abandon_drafts() -> None:
    """Count drafts as left behind that nobody touched for a day."""
    done = services.abandon_idle_drafts()
    log.info("drafts_abandoned", drafts=done)
