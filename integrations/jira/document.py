"""Plain text to Atlassian's document format, which Jira wants for descriptions. Pure.

Text is put in as text: nothing a person wrote becomes markup. Jira refuses empty text nodes.
https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
"""

from collections.abc import Iterable
from typing import Any

from integrations.http import storable

Node = dict[str, Any]

# Jira refuses descriptions above 32,767 letters.
MAX_TEXT = 30_000


def text(words: str, *, href: str = "", strong: bool = False) -> list[Node]:
    """One run of words; none where there is nothing to say."""
    if not words:
        return []
    marks: list[Node] = [{"type": "strong"}] if strong else []
    if href.startswith(("https://", "http://")):
        marks.append({"type": "link", "attrs": {"href": href}})
    return [{"type": "text", "text": words, **({"marks": marks} if marks else {})}]


def paragraph(*runs: list[Node]) -> list[Node]:
    """A paragraph of runs; none where all are empty."""
    content = [node for run in runs for node in run]
    return [{"type": "paragraph", "content": content}] if content else []


def paragraphs(words: str) -> list[Node]:
    """A text as it was typed: empty lines part paragraphs, others are line breaks."""
    nodes: list[Node] = []
    plain = "".join(c for c in storable(words[:MAX_TEXT]) if c in "\n\t" or c.isprintable())
    for block in plain.replace("\r\n", "\n").split("\n\n"):
        content: list[Node] = []
        for line in block.strip("\n").split("\n"):
            if content:
                content.append({"type": "hardBreak"})
            content += text(line.rstrip())
        if any(node["type"] == "text" for node in content):
            nodes.append({"type": "paragraph", "content": content})
    return nodes


def document(blocks: Iterable[Node]) -> Node:
    """A whole document. An empty one has one empty paragraph, as Jira's editor makes it."""
    return {"type": "doc", "version": 1, "content": list(blocks) or [{"type": "paragraph"}]}
