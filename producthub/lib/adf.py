"""Atlassian's document format, in which Jira keeps descriptions and comments, for our pages.

All text is escaped, links lead only to web and mail addresses, and what comes out passes the
sanitiser of `markdown`. A node that is not known shows as what it contains, or as its text.
https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.utils.html import escape, linebreaks
from django.utils.safestring import SafeString, mark_safe

from producthub.lib.markdown import sanitise

# Deeper than any editor nests; below it the text alone is shown.
MAX_DEPTH = 40
# Jira takes 32,767 letters; a longer document is shown as its text, as far as this.
MAX_LENGTH = 500_000
_SCHEMES = ("https://", "http://", "mailto:")
_PANELS = {
    "info": ("", "info"),
    "note": ("", "info"),
    "tip": ("good", "bulb"),
    "success": ("good", "bulb"),
    "warning": ("warn", "alert"),
    "error": ("bad", "alert"),
}
_MARKS = {"strong": "strong", "em": "em", "strike": "s", "code": "code"}
_BLOCKS = frozenset(
    "paragraph heading listItem codeBlock blockquote panel taskItem decisionItem tableRow rule"
    " mediaSingle mediaGroup blockCard embedCard expand nestedExpand caption".split()
)


def to_html(document: str) -> SafeString:
    """A stored document, JSON of either a document or a plain text, as safe HTML."""
    tree = _tree(document)
    if isinstance(tree, dict) and len(document) <= MAX_LENGTH:
        return sanitise(_node(tree, 0))
    words = _text(tree)[:MAX_LENGTH]
    return mark_safe(linebreaks(words, autoescape=True) if words else "")


def to_text(document: str) -> str:
    """The words alone, a line a block."""
    return _text(_tree(document))[:MAX_LENGTH]


def _tree(document: str) -> Any:
    """The document; text that is no JSON is what it is."""
    try:
        return json.loads(document) if document else ""
    except (ValueError, RecursionError):
        return document


def _text(tree: Any) -> str:
    if isinstance(tree, str):
        return tree.strip()
    if not isinstance(tree, dict):
        return ""
    lines = "".join(_words(tree)).split("\n")
    return "\n".join(line for one in lines if (line := " ".join(one.split())))


def _words(root: dict[str, Any]) -> Iterator[str]:
    """Texts and line ends in order; a stack of its own, however deep the tree."""
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
            continue
        kind = _kind(node)
        children = _children(node)
        is_block = kind in _BLOCKS
        if is_block:
            yield "\n"
        if kind == "hardBreak":
            yield "\n"
        elif not children or kind in ("expand", "nestedExpand"):
            yield _own_words(node, kind)
        if is_block or kind in ("tableCell", "tableHeader"):
            stack.append("\n" if is_block else " ")
        stack.extend(reversed(children))


def _node(node: dict[str, Any], depth: int) -> str:
    """One node as HTML."""
    kind = _kind(node)
    if depth > MAX_DEPTH:
        return escape(_text(node))
    if kind == "text":
        return _marked(node)
    draw = _DRAWN.get(kind)
    inner = "".join(_node(child, depth + 1) for child in _children(node))
    if draw is not None:
        return draw(node, inner)
    words = inner or escape(_own_words(node, kind))
    if not words:
        return ""
    # An unknown block must not run into its neighbours; inside of a text a span is as good.
    return f"<div>{words}</div>" if _children(node) else f"<span>{words}</span>"


def _marked(node: dict[str, Any]) -> str:
    words: str = escape(_string(node.get("text")))
    marks = node.get("marks")
    for mark in marks if isinstance(marks, list) else ():
        if not isinstance(mark, dict):
            continue
        kind = mark.get("type")
        if isinstance(kind, str) and (tag := _MARKS.get(kind)):
            words = f"<{tag}>{words}</{tag}>"
        elif kind == "link":
            words = _link(_attr(mark, "href"), words)
    return words


def _link(href: str, words: str) -> str:
    """A link; its words alone where it leads to anything but a web or mail address."""
    if not href.strip().lower().startswith(_SCHEMES):
        return words
    return f'<a href="{escape(href.strip())}">{words}</a>'


def _own_words(node: dict[str, Any], kind: str) -> str:
    """What a node says itself: its text, its title, its address, its date."""
    if kind == "text":
        return _string(node.get("text"))
    if kind == "date":
        return _day(_attr(node, "timestamp"))
    if kind in ("media", "mediaInline"):
        return f"[{_attr(node, 'alt') or 'Attachment'}]"
    for name in ("text", "title", "shortName", "url"):
        if words := _attr(node, name):
            return words
    return ""


def _day(stamp: str) -> str:
    try:
        return f"{datetime.fromtimestamp(int(stamp) / 1000, UTC):%d %B %Y}".lstrip("0")
    except (ValueError, OverflowError, OSError):
        return ""


def _card(node: dict[str, Any], inner: str) -> str:
    url = _attr(node, "url")
    return _link(url, escape(url)) or inner


def _heading(node: dict[str, Any], inner: str) -> str:
    level = _attrs(node).get("level")
    # The page has the first two.
    shown = min(max(level, 1) + 2, 6) if isinstance(level, int) else 3
    return f"<h{shown}>{inner}</h{shown}>"


def _ordered(node: dict[str, Any], inner: str) -> str:
    start = _attrs(node).get("order")
    if isinstance(start, int) and not isinstance(start, bool) and 1 < start < 10**6:
        return f'<ol start="{start}">{inner}</ol>'
    return f'<ol class="num-list">{inner}</ol>'


def _panel(node: dict[str, Any], inner: str) -> str:
    tone, icon = _PANELS.get(_attr(node, "panelType"), ("", "info"))
    head = f'<div class="{f"note {tone}".strip()}" role="note">'
    return f'{head}<span class="mark-{icon}"></span><div>{inner}</div></div>'


def _task(node: dict[str, Any], inner: str) -> str:
    done = _attr(node, "state") in ("DONE", "DECIDED")
    word, mark = ("Done", "done") if done else ("To do", "todo")
    return f'<li><span class="mark-{mark}"></span><span class="sr">{word}: </span>{inner}</li>'


def _expand(node: dict[str, Any], inner: str) -> str:
    title = escape(_attr(node, "title"))
    return f'<p class="strong">{title}</p>{inner}' if title else inner


def _words_node(node: dict[str, Any], inner: str) -> str:
    return escape(_own_words(node, _kind(node)))


def _wrapped(head: str, tag: str) -> Any:
    return lambda node, inner: f"<{head}>{inner}</{tag}>"


_DRAWN: dict[str, Any] = {
    "doc": lambda node, inner: inner,
    "paragraph": _wrapped("p", "p"),
    "heading": _heading,
    "bulletList": _wrapped('ul class="dots"', "ul"),
    "orderedList": _ordered,
    "listItem": _wrapped("li", "li"),
    "codeBlock": lambda node, inner: f"<pre><code>{inner}</code></pre>",
    "blockquote": _wrapped("blockquote", "blockquote"),
    "panel": _panel,
    "rule": lambda node, inner: "<hr>",
    "hardBreak": lambda node, inner: "<br>",
    "inlineCard": _card,
    "blockCard": lambda node, inner: f"<p>{_card(node, inner)}</p>",
    "embedCard": lambda node, inner: f"<p>{_card(node, inner)}</p>",
    "mention": _words_node,
    "emoji": _words_node,
    "date": _words_node,
    "status": lambda node, inner: f"<strong>{_words_node(node, inner)}</strong>",
    "media": _words_node,
    "mediaInline": _words_node,
    "mediaSingle": _wrapped("p", "p"),
    "mediaGroup": _wrapped("p", "p"),
    "caption": _wrapped("p", "p"),
    "expand": _expand,
    "nestedExpand": _expand,
    "taskList": _wrapped('ul class="tasks"', "ul"),
    "taskItem": _task,
    "decisionList": _wrapped('ul class="tasks"', "ul"),
    "decisionItem": _task,
    "table": lambda node, inner: (
        '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table class="tbl">'
        f"<tbody>{inner}</tbody></table></div>"
    ),
    "tableRow": _wrapped("tr", "tr"),
    "tableHeader": _wrapped("th", "th"),
    "tableCell": _wrapped("td", "td"),
    "layoutSection": lambda node, inner: inner,
    "layoutColumn": lambda node, inner: inner,
}


def _kind(node: dict[str, Any]) -> str:
    return _string(node.get("type"))


def _children(node: dict[str, Any]) -> list[dict[str, Any]]:
    content = node.get("content")
    if not isinstance(content, list):
        return []
    return [child for child in content if isinstance(child, dict)]


def _attrs(node: dict[str, Any]) -> dict[str, Any]:
    attrs = node.get("attrs")
    return attrs if isinstance(attrs, dict) else {}


def _attr(node: dict[str, Any], name: str) -> str:
    value = _attrs(node).get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
