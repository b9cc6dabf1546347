"""What Jira's webhooks say: whether one is genuine, what it is about. Pure.

https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

from integrations.errors import UpstreamError
from integrations.http import parse_json
from producthub.lib.input import whole_number

# Jira itself sends up to 25 MB; the longest on record are 50 kB, and polling finds the rest.
MAX_BODY_BYTES = 2 * 1024**2
UNREADABLE = "unreadable"
_is_kind = re.compile(r"[\w:.-]{1,60}").fullmatch


@dataclass(frozen=True)
class Hint:
    """What a webhook is about. `issue_id` is empty where it is about no single issue."""

    kind: str
    issue_id: str = ""
    key: str = ""
    project_key: str = ""


def signature_fits(body: bytes, header: str, secret: str) -> bool:
    """Whether `X-Hub-Signature` was made from these very bytes; any other header does not fit."""
    method, _, given = header.partition("=")
    if method.strip().lower() != "sha256" or not secret:
        return False
    made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    # Bytes: text with other letters than ASCII cannot be compared in constant time.
    return hmac.compare_digest(made.encode(), given.strip().lower().encode("utf-8", "replace"))


def dedupe_key(body: bytes, identifier: str) -> str:
    """The same for each time that Jira sends a message; servers without identifiers repeat
    themselves to the letter, time stamp included."""
    plain = identifier.strip()[:150]
    if plain.isascii() and plain.isprintable() and plain:
        return f"id:{plain}"
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def read_hint(body: bytes | str) -> Hint:
    """What it is about; kind UNREADABLE for what is no message of Jira's."""
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
    try:
        payload = parse_json(raw, who="Jira")
    except UpstreamError:
        return Hint(UNREADABLE)
    if not isinstance(payload, dict):
        return Hint(UNREADABLE)
    kind = payload.get("webhookEvent")
    if not isinstance(kind, str) or not _is_kind(kind):
        return Hint(UNREADABLE)
    issue = _dict(payload.get("issue"))
    fields = _dict(issue.get("fields"))
    key = issue.get("key") if isinstance(issue.get("key"), str) else ""
    project = _dict(fields.get("project")).get("key")
    return Hint(
        kind,
        _issue_id(issue.get("id")) or _id_in_comment(payload.get("comment")),
        key or "",
        project if isinstance(project, str) else (key or "").rpartition("-")[0],
    )


def _issue_id(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if whole_number(text, digits=18) is not None else ""


def _id_in_comment(comment: Any) -> str:
    """Servers tell of a deleted comment without its issue, but for the comment's address."""
    address = _dict(comment).get("self")
    _, found, rest = (address if isinstance(address, str) else "").partition("/issue/")
    return _issue_id(rest.partition("/")[0]) if found else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
