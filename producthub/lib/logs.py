"""Structured logs with a request id, and no secret in them."""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(
    r"passw|secret|token|authorization|cookie|api_?key|dsn|encryption_keys|csrf|otp|recovery", re.I
)
_SECRET_VALUE = re.compile(
    r"(?:Basic|Bearer)\s+[A-Za-z0-9+/=._~-]{12,}"  # authorization headers
    r"|xox[abeprs]-[A-Za-z0-9-]+"  # Slack
    r"|://[^/\s@]*:[^/\s@]+@"  # user and password in an address
    r"|(?:password|secret|token|api_?key)['\"]?\s*[=:]\s*['\"]?[^\s'\",;&)]+",
    re.I,
)
# Looked for first, because most lines hold none of them and a regular expression costs more.
_SUSPECT = ("://", "earer", "asic ", "xox", "assword", "ecret", "oken", "api")
_BODY_LIMIT = 8  # nesting that is looked into


def hide_secrets(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Blank values under telling names, and credentials inside texts, at any depth."""
    for key, value in event.items():
        event[key] = hidden(value, key)
    return event


def hidden(value: Any, name: str = "", depth: int = 0) -> Any:
    """A value as it may be written down; `name` is what it is called."""
    if name and value and not isinstance(value, bool) and _SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, str):
        return _SECRET_VALUE.sub(_blank, value) if any(s in value for s in _SUSPECT) else value
    if depth >= _BODY_LIMIT:
        return value
    if isinstance(value, dict):
        return {key: hidden(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(item, "", depth + 1) for item in value]
    return value


def _blank(match: re.Match[str]) -> str:
    return f"://{HIDDEN}@" if match.group(0).startswith("://") else HIDDEN


_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def logging_config(level: str, form: str) -> dict[str, Any]:
    """Django's LOGGING: JSON lines (or coloured ones for a terminal) from structlog and stdlib."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    )
    last = [structlog.processors.format_exc_info] if form == "json" else []
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "hub": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *last,
                    hide_secrets,
                    renderer,
                ],
                "foreign_pre_chain": _PROCESSORS,
            }
        },
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "hub"}},
        "root": {"handlers": ["out"], "level": level},
        "loggers": {
            "django.server": {"handlers": ["out"], "propagate": False},
            "django.utils.autoreload": {"level": "WARNING"},
            # Every answer has its own line with an id; Django's repeat of 4xx would add nothing,
            # its tracebacks of 5xx stay.
            "django.request": {"level": "ERROR"},
            "django.security.csrf": {"level": "ERROR"},
            "asyncio": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            # django-structlog writes the line of each task; Celery would write it again.
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }


def start_sentry(dsn: str, *, environment: str) -> None:
    """Report errors to Sentry; without the package the start stops with a clear sentence."""
    try:
        import sentry_sdk
    except ImportError as error:
        from django.core.exceptions import ImproperlyConfigured

        raise ImproperlyConfigured(
            "SENTRY_DSN is set, but sentry-sdk is missing. Install requirements/production.txt."
        ) from error
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        send_default_pii=False,
        # What people typed and what a function held at the time stays here.
        max_request_body_size="never",
        include_local_variables=False,
        before_send=scrub,  # type: ignore[arg-type]  # its Event is a dict with known keys
    )


def scrub(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    """What may leave for Sentry: no headers, cookies, queries or secrets, but the request id."""
    request = event.get("request")
    if isinstance(request, dict):
        event["request"] = {
            key: request[key].split("?")[0] if key == "url" else request[key]
            for key in ("url", "method")
            if key in request
        }
    clean: dict[str, Any] = hidden(event)
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id:
        clean.setdefault("tags", {})["request_id"] = request_id
    return clean
