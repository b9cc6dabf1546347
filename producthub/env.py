"""Read the environment once, and refuse bad values with a sentence that says how to fix them.

`.env.example` lists every variable. django-environ parses the URL forms; the checks are ours.
"""

import base64
import os
import re
import zoneinfo
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from producthub.lib.logs import hidden

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def env_str(name: str, default: str = "") -> str:
    """The variable without surrounding blanks, or the default when unset or empty."""
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool = False) -> bool:
    """1/true/yes/on or 0/false/no/off; anything else stops the start."""
    raw = os.environ.get(name)
    if raw is None or not raw.strip():
        return default
    value = raw.strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is “{raw}”. Set it to 1 or 0.")


def env_int(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number between low and high, both included."""
    raw = env_str(name)
    if not raw:
        return default
    if not re.fullmatch("-?[0-9]+", raw) or not low <= int(raw) <= high:
        raise ImproperlyConfigured(f"{name} is “{raw}”. Set it to a number from {low} to {high}.")
    return int(raw)


def env_list(name: str, default: str = "") -> list[str]:
    """Comma-separated words, blanks dropped."""
    return [word.strip() for word in env_str(name, default).split(",") if word.strip()]


def _split(raw: str) -> SplitResult:
    """The parts of an address; all empty where it cannot be taken apart."""
    try:
        return urlsplit(raw)
    except ValueError:
        return urlsplit("")


def env_url(name: str, default: str = "", *, schemes: tuple[str, ...] = ("http", "https")) -> str:
    """An absolute URL without a trailing slash, or an empty string when unset."""
    raw = env_str(name, default)
    if not raw:
        return ""
    parts = _split(raw)
    if parts.scheme not in schemes or not parts.netloc:
        example = f"{schemes[-1]}://example.com"
        shown = hidden(raw)  # an address may carry a password
        raise ImproperlyConfigured(f"{name} is “{shown}”. Set it to an address like {example}.")
    return raw.rstrip("/")


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """One of the given words."""
    value = env_str(name, default).lower()
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is “{value}”. Set it to one of: {', '.join(choices)}.")
    return value


def env_secret(name: str, *, insecure_default: str, allow_default: bool) -> str:
    """A secret of at least 50 characters; the default only where `allow_default` says so."""
    value = env_str(name)
    if not value or value == insecure_default:
        if allow_default:
            return insecure_default
        raise ImproperlyConfigured(
            f"{name} is not set. Set it to a random text of at least 50 characters, for example"
            ' from: python3 -c "import secrets; print(secrets.token_urlsafe(50))"'
        )
    if len(value) < 50 and not allow_default:
        raise ImproperlyConfigured(f"{name} is too short. Set it to at least 50 random characters.")
    return value


def env_fernet_keys(name: str) -> list[str]:
    """Comma-separated Fernet keys: the first encrypts, all decrypt."""
    keys = env_list(name)
    for number, key in enumerate(keys, start=1):
        try:
            size = len(base64.urlsafe_b64decode(key))
        except ValueError:
            size = 0
        if size != 32:
            raise ImproperlyConfigured(
                f"Key {number} in {name} is not a Fernet key. Make one with: python3 -c "
                '"import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
            )
    return keys


def env_time_zone(name: str, default: str) -> str:
    """An IANA time zone name."""
    value = env_str(name, default)
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ImproperlyConfigured(
            f"{name} is “{value}”. Set it to a time zone like Europe/Lisbon."
        ) from error
    return value


def database_config(name: str) -> dict[str, Any]:
    """Django's database settings from a postgres:// URL; PostgreSQL is the only engine."""
    raw = env_str(name)
    if not raw:
        raise ImproperlyConfigured(
            f"{name} is not set. Set it to postgres://user:password@host:5432/name,"
            " or use `make run`, which brings a database along."
        )
    if raw.partition("://")[0] not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            f"{name} must start with postgres://. ProductHub needs PostgreSQL."
        )
    try:
        config: dict[str, Any] = dict(environ.Env.db_url_config(raw))
    except ValueError as error:
        # The error itself would repeat parts of the address, and with it perhaps the password.
        raise ImproperlyConfigured(
            f"{name} cannot be read. Set it to postgres://user:password@host:5432/name, with"
            " special characters of the password percent-encoded."
        ) from error
    if not config.get("NAME"):
        raise ImproperlyConfigured(f"{name} names no database. End it with /producthub.")
    config["ENGINE"] = "django.db.backends.postgresql"
    config["HOST"] = unquote(str(config.get("HOST") or ""))
    return config


def redis_urls(name: str) -> tuple[str, str]:
    """The one Redis address in the two forms its users want: (cache, Celery broker).

    Accepts redis://, rediss:// and unix:///path?db=0.
    """
    raw = env_str(name)
    if not raw:
        raise ImproperlyConfigured(
            f"{name} is not set. Set it to redis://host:6379/0, or use `make run`,"
            " which brings a server along."
        )
    parts = _split(raw)
    if parts.scheme in {"redis", "rediss"} and parts.netloc:
        return raw, raw
    if parts.scheme == "unix" and parts.path:
        db = parse_qs(parts.query).get("db", ["0"])[0]
        return f"unix://{parts.path}?db={db}", f"redis+socket://{parts.path}?virtual_host={db}"
    # Not repeated: it may hold a password in a form that we cannot recognise.
    raise ImproperlyConfigured(f"{name} is no Redis address. Set it to redis://host:6379/0.")


def email_config(name: str, default: str) -> dict[str, Any]:
    """Django's EMAIL_* settings from smtp://, smtp+tls://, consolemail:// or filemail:// URLs."""
    raw = env_str(name, default)
    try:
        config = dict(environ.Env.email_url_config(raw))
    except Exception as error:
        raise ImproperlyConfigured(
            f"{name} cannot be read. Set it to smtp+tls://user:password@host:587."
        ) from error
    return config
