"""Process checks and error pages: what must answer even when the rest does not."""

import hmac
import re
import sys
from typing import Any

import structlog
from celery.exceptions import OperationalError as BrokerError
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import requires_csrf_token
from django.views.decorators.http import require_safe
from kombu import Connection
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from accounts.selectors import keepers_of_accounts
from accounts.unsent import typed_fields
from producthub.lib.watch import new_request_id

log = structlog.get_logger(__name__)

BROKER_WAIT_SECONDS = 2
FORM_MEGABYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024**2
# allauth counts sign-ins by the minute.
RETRY_SECONDS = 60


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up. Touches nothing else."""
    return JsonResponse({"status": "ok"})


def _check_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _check_migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(waiting)} not applied" if waiting else "ok"


def _check_broker() -> str:
    wait = BROKER_WAIT_SECONDS
    options = {
        **settings.CELERY_BROKER_TRANSPORT_OPTIONS,
        "socket_timeout": wait,
        "socket_connect_timeout": wait,
    }
    with Connection(
        settings.CELERY_BROKER_URL, connect_timeout=wait, transport_options=options
    ) as broker:
        # One try: whoever asks comes back in seconds anyway.
        broker.ensure_connection(max_retries=1, timeout=wait)
    return "ok"


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, migrations and broker are all there, else 503 naming what is missing."""
    checks: dict[str, str] = {}
    for name, check in (
        ("database", _check_database),
        ("migrations", _check_migrations),
        ("broker", _check_broker),
    ):
        if name == "migrations" and checks["database"] != "ok":
            # Asking again would only wait for the same connection a second time.
            checks[name] = "unknown without the database"
            continue
        try:
            checks[name] = check()
        except (DatabaseError, InterfaceError, KombuError, BrokerError, RedisError, OSError) as why:
            # The text of a connection error can name hosts and users: only its kind is shown.
            checks[name] = f"unreachable ({type(why).__name__})"
    ready = all(value == "ok" for value in checks.values())
    return JsonResponse(
        {"status": "ready" if ready else "not ready", "checks": checks},
        status=200 if ready else 503,
    )


@login_not_required
@never_cache
@require_safe
def prometheus(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus: to holders of METRICS_TOKEN, and nowhere when it is unset."""
    given = request.headers.get("Authorization", "")
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    if not settings.METRICS_TOKEN or not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Http404
    from producthub.lib.prometheus import request_metrics

    text = request_metrics().decode() + _database_metrics()
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _database_metrics() -> str:
    """Figures that the database knows: the same whichever process answers."""
    with connection.cursor() as cursor:
        # The sequence instead of a count over millions of rows; rolled back writes leave gaps,
        # so it may run a little ahead of the rows.
        cursor.execute(
            "SELECT coalesce(pg_sequence_last_value("
            "  pg_get_serial_sequence('activity_event', 'id')::regclass), 0),"
            " (SELECT count(*) FROM activity_eventdispatch WHERE done_at IS NULL),"
            " (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)"
            "  FROM activity_eventdispatch WHERE done_at IS NULL)"
        )
        events, waiting, oldest = cursor.fetchone()
        cursor.execute(
            "SELECT source, extract(epoch FROM now() - last_success_at)"
            " FROM integrations_sourcestate WHERE last_success_at IS NOT NULL ORDER BY source"
        )
        lags = cursor.fetchall()
    lines: list[str] = []
    for name, kind, text, value in (
        ("events_recorded_total", "counter", "Events written.", events),
        ("dispatches_waiting", "gauge", "Handlers of events that have not finished.", waiting),
        ("dispatches_oldest_seconds", "gauge", "Age of the oldest of them.", float(oldest)),
    ):
        lines += [
            f"# HELP producthub_{name} {text}",
            f"# TYPE producthub_{name} {kind}",
            f"producthub_{name} {value}",
        ]
    if lags:
        lines.append("# HELP producthub_source_lag_seconds Since the last complete sync.")
        lines.append("# TYPE producthub_source_lag_seconds gauge")
        lines += [f'producthub_source_lag_seconds{{source="{name}"}} {lag}' for name, lag in lags]
    return "\n".join(lines) + "\n"


def _frame(request: HttpRequest) -> dict[str, Any]:
    """The hub's frame around an error for people who are signed in, a bare page for others."""
    user = getattr(request, "user", None)
    inside = user is not None and user.is_authenticated
    return {"frame": "base.html" if inside else "bare.html", "inside": inside}


@requires_csrf_token
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: offers a search for the words of the address."""
    words = " ".join(re.findall(r"[^\W_]+", request.path))[:80]
    return render(request, "404.html", {**_frame(request), "words": words}, status=404)


@requires_csrf_token
def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: the sentence of the refusal, and who can change it."""
    context = {**_frame(request), "why": str(exception or "")[:300]}
    if context["inside"]:
        context["keepers"] = keepers_of_accounts(without=request.user)
    return render(request, "403.html", context, status=403)


@requires_csrf_token
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: what arrived cannot be read. Bare, for even the host name may be the wrong one.

    413 where it is longer than a form takes.
    """
    if isinstance(exception, RequestDataTooBig):
        context = {"theme": _theme(request), "megabytes": FORM_MEGABYTES}
        return HttpResponse(render_to_string("413.html", context), status=413)
    return HttpResponse(render_to_string("400.html", {"theme": _theme(request)}), status=400)


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 while the database is away. Renders without database, user or session."""
    error = sys.exc_info()[1]
    context = {"theme": _theme(request), "path": request.get_full_path()}
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database_unavailable", error=type(error).__name__)
        response = HttpResponse(render_to_string("503.html", context), status=503)
        response["Retry-After"] = "10"
        return response
    # The number is the request id: it finds every log line of this request.
    context["number"] = getattr(request, "request_id", "") or new_request_id()
    log.error("page_failed", number=context["number"], error=type(error).__name__)
    return HttpResponse(render_to_string("500.html", context), status=500)


def _theme(request: HttpRequest) -> str:
    theme = request.COOKIES.get("theme", "")
    return theme if theme in ("light", "dark") else ""


@requires_csrf_token
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A stale tab or an expired session: show what was typed, to be copied.

    Never with a button that sends it: another site may have written it.
    """
    context = {**_frame(request), "typed": typed_fields(request)}
    return render(request, "403_csrf.html", context, status=403)


@requires_csrf_token
def too_many_requests(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """429 for throttled sign-ins and posts."""
    response = render(request, "429.html", _frame(request), status=429)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response
