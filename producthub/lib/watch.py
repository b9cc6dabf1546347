"""One log line a request, its id in the answer, and counts for Prometheus."""

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

log = structlog.get_logger(__name__)

Handler = Callable[[HttpRequest], HttpResponse]

# What a proxy may hand in; anything else could forge lines or fill the log.
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Keys of mailed links are as good as a password until they are used.
_KEY_IN_PATH = re.compile(r"(/(?:password/reset/key|confirm-email)/)[^/]+")
# Asked every few seconds by machines: only worth a line when they fail.
_QUIET = {"/healthz", "/readyz", "/metrics/prometheus"}


def new_request_id() -> str:
    """Short enough to read out over the phone: `4f2a-9c31-77b0`."""
    raw = secrets.token_hex(6)
    return f"{raw[:4]}-{raw[4:8]}-{raw[8:]}"


class RequestLogMiddleware:
    """Gives every request an id, puts it into each log line and into `X-Request-ID`.

    In place of django-structlog's own, which writes two lines a request, with the query string,
    and asks for the user where nobody else did. Its Celery side passes the same id to tasks.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else new_request_id()
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            self._write(request, response, time.perf_counter() - began)
            return response
        finally:
            structlog.contextvars.clear_contextvars()

    def _write(self, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        status = response.status_code
        if status < 400 and request.path in _QUIET:
            return
        level = logging.ERROR if status >= 500 else logging.INFO
        # Only a user that the request has looked up anyway: a log line must not cost a query.
        user = getattr(request, "_cached_user", None)
        match = request.resolver_match
        log.log(
            level,
            "request",
            method=request.method,
            path=_KEY_IN_PATH.sub(r"\1[hidden]", request.path),
            view=match.view_name if match else "",
            status=status,
            ms=round(seconds * 1000, 1),
            user_id=getattr(user, "pk", None),
        )


class MetricsMiddleware:
    """Counts and times requests by view and status; in the chain only with METRICS_TOKEN."""

    def __init__(self, get_response: Handler) -> None:
        from producthub.lib import prometheus

        self.get_response = get_response
        self.seconds: Any = prometheus.REQUEST_SECONDS

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        # By view, never by path: people and robots make up endless paths.
        view = (match.view_name if match else "") or "none"
        method = request.method if request.method in ("GET", "POST", "HEAD") else "other"
        self.seconds.labels(view, method, str(response.status_code)).observe(
            time.perf_counter() - began
        )
        return response
