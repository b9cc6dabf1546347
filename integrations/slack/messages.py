"""What the hub says in Slack, and what Slack's texts say in plain words. Pure.

Everything that people wrote is escaped: “<!channel>” in a title must not ping anybody.
"""

import re
from html import unescape
from typing import Any

# https://api.slack.com/reference/block-kit/blocks
SECTION_LENGTH = 3000
_MARK = re.compile(r"<([^<>\n]*)>")


def escape(text: str) -> str:
    """User text inside mrkdwn."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shortened(text: str, length: int) -> str:
    """At most so many characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def plain(text: str) -> str:
    """A message of Slack's as people read it: names for ids, addresses as they are."""
    return unescape(_MARK.sub(_mark_words, text)).replace("\x00", "")


def _mark_words(match: re.Match[str]) -> str:
    target, _, label = match[1].partition("|")
    if target[:1] in "@#":
        return target[0] + (label or target[1:])
    if target[:1] == "!":
        return "@" + (label.lstrip("@") or target[1:].partition("^")[0])
    return f"{label} ({target})" if label and label not in target else target


def link(url: str, words: str) -> str:
    """A link whose words were typed by people."""
    return f"<{url}|{escape(words).replace('|', '¦')}>"


def section(text: str, **more: Any) -> dict[str, Any]:
    """A paragraph of mrkdwn."""
    words = {"type": "mrkdwn", "text": shortened(text, SECTION_LENGTH), "verbatim": True}
    return {"type": "section", "text": words, **more}


def context(text: str) -> dict[str, Any]:
    """A small line."""
    words = {"type": "mrkdwn", "text": shortened(text, 2000), "verbatim": True}
    return {"type": "context", "elements": [words]}


def header(text: str) -> dict[str, Any]:
    """A heading."""
    return {"type": "header", "text": words(text, 150)}


def words(text: str, length: int) -> dict[str, Any]:
    """Plain text, where nothing is read as a mark; never empty, which Slack refuses."""
    return {"type": "plain_text", "text": shortened(text, length) or "–", "emoji": False}
