"""News that changes a figure."""

from django.core.cache import cache

from activity.events import on
from activity.models import Event
from metrics.tasks import compute_metrics

# Many decisions in a row cost one run; what comes after it started is in the next.
DEBOUNCE_SECONDS = 15


def refresh_soon(event: Event) -> None:
    """Compute a moment later, once for all that happens until then."""
    if cache.add("metrics:refresh", 1, timeout=DEBOUNCE_SECONDS):
        compute_metrics.apply_async(countdown=DEBOUNCE_SECONDS)


def register() -> None:
    """Called once, from `MetricsConfig.ready`."""
    on("request.submitted", refresh_soon)
    on("request.decided", refresh_soon)
