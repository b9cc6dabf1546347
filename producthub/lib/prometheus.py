"""Prometheus in several processes: all gunicorn workers write into files of one folder.

Imported only with METRICS_TOKEN. gunicorn loads the application before it forks, so the folder
made here is shared by all workers; PROMETHEUS_MULTIPROC_DIR, when set, is used instead.
"""

import atexit
import os
import shutil
import tempfile

from django.core.exceptions import ImproperlyConfigured


def _shared_folder() -> None:
    # The library reads the variable when it is imported, and then chooses its kind of value.
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return
    folder = tempfile.mkdtemp(prefix="producthub-prometheus-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # a worker that ends must leave the others' numbers
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)


_shared_folder()

try:
    from prometheus_client import CollectorRegistry, Histogram, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector
except ImportError as error:
    raise ImproperlyConfigured(
        "METRICS_TOKEN is set, but prometheus-client is missing."
        " Install requirements/production.txt."
    ) from error

# The count of a histogram is the number of requests: one metric serves both questions.
REQUEST_SECONDS = Histogram(
    "producthub_request_seconds",
    "Time to answer, by view, method and status.",
    ["view", "method", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=None,
)


def request_metrics() -> bytes:
    """The request figures of all processes in Prometheus' text form."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    text: bytes = generate_latest(registry)
    return text
