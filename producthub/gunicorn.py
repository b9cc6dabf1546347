"""Gunicorn's settings, for the local hub and for production: `gunicorn -c producthub/gunicorn.py`.

Two processes of four threads serve some tens of people on two cores; WEB_CONCURRENCY and
WEB_THREADS change that. Requests are logged by the application, with an id, so not again here.
"""

import os
from typing import Any

_host = os.environ.get("HOST") or "127.0.0.1"
bind = f"[{_host}]:" if ":" in _host else f"{_host}:"
bind += os.environ.get("PORT") or "8000"

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = int(os.environ.get("WEB_THREADS") or 4)
# One import serves all workers, which also share its memory.
preload_app = True

timeout = 60  # a worker that shows no sign of life for so long is replaced
graceful_timeout = 5  # what a stop leaves to requests under way
keepalive = 15  # longer than the pause between two clicks, shorter than a proxy's patience

accesslog = None
errorlog = "-"
loglevel = "info"
# It would open a socket in the home folder, which two checkouts would share.
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Keep this machine's search files in step, by a process that ends with this one."""
    from producthub.following import keep_follower

    keep_follower()


def pre_fork(server: Any, worker: Any) -> None:
    """Leave no database connection for workers to share: each opens its own."""
    close_connections()


def post_fork(server: Any, worker: Any) -> None:
    """The same on the other side, for anything opened between."""
    close_connections()


def close_connections() -> None:
    """Close what this process has open, pools with their threads included."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
