"""What Productboard posts: read as a hint, never believed. Pure: no database, no network.

There is no signature, only the header that was agreed on; and every address in a message is of
the dead v1, so none is ever called.
"""

import hmac
import re
from dataclasses import dataclass
from typing import Any

import orjson

MAX_BODY_BYTES = 256 * 1024
# The same entity and kind within this time is one message: the vendor gives none an id. Short,
# since a second change looks just the same as the first one sent twice.
WINDOW_SECONDS = 5
# The form of tokens that we would have given; nothing else is ever echoed.
_TOKEN_FORM = re.compile(r"[A-Za-z0-9_-]{8,200}").fullmatch
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Hint:
    """What a message is about; `entity_id` is empty where it names none."""

    kind: str
    entity_id: str


def header_fits(header: str, token: str) -> bool:
    """Whether the Authorization header is the agreed one, with or without “Bearer”."""
    given = header.removeprefix("Bearer ").strip().encode("utf-8", "replace")
    return bool(token) and hmac.compare_digest(given, token.encode())


def is_probe_token(text: str) -> bool:
    """Whether this may be echoed when an address is probed."""
    return bool(_TOKEN_FORM(text))


def read_hint(body: bytes | str) -> Hint:
    """Kind and entity of a message; both empty for what is none.

    Kinds of custom fields and releases carry no id of their own: it is looked for in their links
    as the first id that stands there.
    """
    try:
        data = orjson.loads(body)["data"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return Hint("", "")
    if not isinstance(data, dict):
        return Hint("", "")
    kind = data.get("eventType")
    found = _id_in(data.get("id")) or _id_in(_values(data.get("links")))
    return Hint(kind[:60] if isinstance(kind, str) else "", found)


def ids_in(body: str) -> set[str]:
    """All ids that a message names, in its addresses too."""
    return {found.lower() for found in _UUID.findall(body)}


def dedupe_key(hint: Hint, now: float, mark: str) -> str:
    """The same for a message that is sent again within the window; `mark` stands for bodies
    without an id."""
    slot = int(now // WINDOW_SECONDS)
    return f"{hint.kind}:{hint.entity_id or mark}:{slot}"


def _values(links: Any) -> str:
    return " ".join(str(value) for value in links.values()) if isinstance(links, dict) else ""


def _id_in(value: Any) -> str:
    match = _UUID.search(value) if isinstance(value, str) else None
    return match[0].lower() if match else ""
