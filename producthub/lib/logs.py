"""Structured logs with a request id, and no secret in them."""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_KEY = re.compile(r"password|secret|token|authorization|cookie|api_key|dsn", re.I)
_SECRET_VALUE = re.compile(
    r"(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]{8,}|xox[abprs]-[A-Za-z0-9-]+|://[^/\s:@]+:[^/\s@]+@", re.I
)


def hide_secrets(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Blank values under telling names, and credentials inside texts."""
    for key, value in event.items():
        if _SECRET_KEY.search(key) and value:
            event[key] = "[hidden]"
        elif isinstance(value, str) and (
            "://" in value or "earer" in value or "xox" in value or "asic" in value
        ):
            event[key] = _SECRET_VALUE.sub(_blank, value)
    return event


def _blank(match: re.Match[str]) -> str:
    return "://[hidden]@" if match.group(0).startswith("://") else "[hidden]"


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
            "httpx": {"level": "WARNING"},
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
    sentry_sdk.init(dsn=dsn, environment=environment, send_default_pii=False)
