"""Markdown as people write it: CommonMark with tables, task lists, bare links and callouts.

Two walls stand between a text and the page. The parser knows no HTML, so that tags come out as
the letters they are; and what it makes passes a sanitiser that lets through only what is listed
here. The sanitiser's word is last: after it only marks of our own become icons.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import nh3
from django.utils.html import linebreaks
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.token import Token

from producthub.lib.tags import icon_html

# A long book has a tenth of this. Longer texts are shown as they were typed: parsing takes about
# a second for each half million characters.
MAX_LENGTH = 200_000

# GitHub's five callouts: (tone of the note, icon, its word).
CALLOUTS = {
    "NOTE": ("", "info", "Note"),
    "TIP": ("good", "bulb", "Tip"),
    "IMPORTANT": ("", "flag", "Important"),
    "WARNING": ("warn", "alert", "Warning"),
    "CAUTION": ("bad", "alert", "Caution"),
}
# Pictures come from the hub alone: one from elsewhere would tell its owner who reads what.
_OWN_IMAGE = re.compile(r"/(?!/)[A-Za-z0-9_./%?=&~+-]*")
_MARK = re.compile(r'<span class="mark-([a-z]+)"></span>')

_TAGS = set(
    "a b blockquote br code del div em h2 h3 h4 h5 h6 hr img li ol p pre s span strong"
    " table tbody td th thead tr ul".split()
)
_CLASSES = {
    "div": {"note", "good", "warn", "bad", "scroll"},
    "p": {"strong"},
    "ol": {"num-list"},
    "ul": {"dots", "tasks"},
    "table": {"tbl"},
    "th": {"r"},
    "td": {"r"},
    "span": {"sr", *(f"mark-{name}" for name in ("info", "bulb", "flag", "alert", "done", "todo"))},
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "div": {"aria-label"},
    "pre": {"class", "tabindex"},
    **{f"h{level}": {"id"} for level in range(2, 7)},
}
_ATTRIBUTE_VALUES = {
    "div": {"role": {"region", "note"}, "tabindex": {"0"}},
    "th": {"scope": {"col"}},
    "img": {"loading": {"lazy"}},
}
_SCHEMES = {"http", "https", "mailto"}


@dataclass(frozen=True)
class Heading:
    """A heading of a text, for a table of contents. `level` is 2 to 6."""

    level: int
    ident: str
    title: str


@dataclass(frozen=True)
class Rendered:
    """A text as HTML that is safe to show, and its headings in order."""

    html: SafeString
    headings: tuple[Heading, ...] = ()


def to_html(text: str, *, namespace: str = "h") -> SafeString:
    """The text as sanitised HTML; headings get ids that begin with `namespace-`."""
    return render(text, namespace=namespace).html


def render(text: str, *, namespace: str = "h") -> Rendered:
    """The text as sanitised HTML with its headings.

    The highest heading becomes an h2, since the page has the h1. Several texts on one page need
    a namespace each. Texts over MAX_LENGTH come out as plain paragraphs.
    """
    if len(text) > MAX_LENGTH:
        return Rendered(mark_safe(linebreaks(text, autoescape=True)))
    tokens = _parser.parse(text)
    headings = _name_headings(tokens, namespace)
    raw = _parser.renderer.render(list(_dressed(tokens, namespace)), _parser.options, {})
    return Rendered(sanitise(raw), headings)


def sanitise(raw: str) -> SafeString:
    """Let through what a text of ours may hold, and nothing else; marks become icons."""
    clean = nh3.clean(
        raw,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        tag_attribute_values=_ATTRIBUTE_VALUES,
        allowed_classes=_CLASSES,
        # Long lines scroll by keyboard, too.
        set_tag_attribute_values={"pre": {"class": "code", "tabindex": "0"}},
        attribute_filter=_attribute,
        url_schemes=_SCHEMES,
        link_rel="noopener nofollow",
    )
    return mark_safe(_MARK.sub(_icon, clean))


def to_text(text: str) -> str:
    """The words alone, a line a block: for search, mails and previews."""
    if len(text) > MAX_LENGTH:
        return text
    lines = []
    for token in _parser.parse(text):
        if token.type == "inline":
            lines.append(_plain(token))
        elif token.type in ("fence", "code_block"):
            lines.append(token.content)
    return "\n".join(line for line in (line.strip() for line in lines) if line)


def _plain(token: Token) -> str:
    """The words of one block: of a picture its description, of a link its text."""
    parts = []
    for child in token.children or []:
        if child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type == "image":
            parts.append(child.content)
        elif child.type in ("text", "code_inline", "text_special"):
            parts.append(child.content)
    return "".join(parts)


def _name_headings(tokens: list[Token], namespace: str) -> tuple[Heading, ...]:
    """Give headings ids, each once, and levels from 2 on."""
    opened = [i for i, token in enumerate(tokens) if token.type == "heading_open"]
    if not opened:
        return ()
    shift = 2 - min(int(tokens[i].tag[1]) for i in opened)
    taken: set[str] = set()
    found = []
    for i in opened:
        level = min(int(tokens[i].tag[1]) + shift, 6)
        title = _plain(tokens[i + 1])
        ident = base = f"{namespace}-{_slug(title)}"
        number = 1
        while ident in taken:
            number += 1
            ident = f"{base}-{number}"
        taken.add(ident)
        tokens[i].tag = tokens[i + 2].tag = f"h{level}"
        tokens[i].attrs = {"id": ident}
        found.append(Heading(level, ident, title))
    return tuple(found)


def _slug(title: str) -> str:
    return slugify(title, allow_unicode=True)[:60] or "part"


def _dressed(tokens: list[Token], namespace: str) -> Iterator[Token]:
    """The tokens with the classes of the design system, and without what a page may not hold."""
    for token in tokens:
        kind = token.type
        if kind == "inline":
            token.children = list(_dressed_inline(token.children or [], namespace))
        elif kind == "ordered_list_open":
            start = token.attrs.get("start")
            # The counter of the design begins at one; where a list goes on, the browser counts.
            token.attrs = {"class": "num-list"} if start is None else {"start": start}
        elif kind == "bullet_list_open":
            is_tasks = "task" in str(token.attrs.get("class", ""))
            token.attrs = {"class": "tasks" if is_tasks else "dots"}
        elif kind == "list_item_open" and "checked" in token.meta:
            token.attrs = {}
            token.type = "hub_task"
        elif kind == "table_open":
            yield _html('<div class="scroll" tabindex="0" role="region" aria-label="Table">')
            token.attrs = {"class": "tbl"}
        elif kind in ("th_open", "td_open"):
            is_right = "right" in str(token.attrs.get("style", ""))
            token.attrs = {"class": "r"} if is_right else {}
            if kind == "th_open":
                token.attrs["scope"] = "col"
        elif kind == "fence":
            token.info = ""  # no colours by language, so its name has no use
        elif kind == "alert_open":
            tone, icon, _ = CALLOUTS[token.meta["kind"]]
            token.attrs = {"class": f"note {tone}".strip(), "role": "note"}
            yield token
            yield _html(f'<span class="mark-{icon}"></span><div>')
            continue
        elif kind == "alert_title_open":
            token.attrs = {"class": "strong"}
        elif kind == "alert_close":
            yield _html("</div>")
        yield token
        if kind == "table_close":
            yield _html("</div>")


def _dressed_inline(children: list[Token], namespace: str) -> Iterator[Token]:
    for child in children:
        if child.type == "link_open":
            href = str(child.attrs.get("href", ""))
            if href.startswith("#"):
                child.attrs["href"] = f"#{namespace}-{href[1:]}"
        elif child.type == "image":
            source = str(child.attrs.get("src", ""))
            if not _OWN_IMAGE.fullmatch(source):
                yield from _link_to_picture(child, source)
                continue
            child.attrs["loading"] = "lazy"
        yield child


def _link_to_picture(image: Token, source: str) -> Iterator[Token]:
    """A picture from elsewhere: its description, leading there."""
    words = Token("text", "", 0, content=image.content or "picture")
    opened = Token("link_open", "a", 1, attrs={"href": source})
    yield from (opened, words, Token("link_close", "a", -1))


def _html(text: str) -> Token:
    return Token("html_block", "", 0, content=text)


def _task(tokens: list[Token], index: int, options: Any, env: Any) -> str:
    """A box that shows how it stands and cannot be pressed; its word is for screen readers."""
    is_done = bool(tokens[index].meta["checked"])
    word, mark = ("Done", "done") if is_done else ("To do", "todo")
    return f'<li><span class="mark-{mark}"></span><span class="sr">{word}: </span>'


def _icon(match: re.Match[str]) -> str:
    name = match[1]
    if name in ("done", "todo"):
        drawn = icon_html("check") if name == "done" else ""
        return f'<span class="box {name}" aria-hidden="true">{drawn}</span>'
    return icon_html(name)


def _attribute(tag: str, name: str, value: str) -> str | None:
    if tag == "img" and name == "src":
        return value if _OWN_IMAGE.fullmatch(value) else None
    return value


def _made() -> MarkdownIt:
    options: Any = {"html": False, "linkify": True, "alerts": True, "tasklists": True}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough", "linkify"])
    assert parser.linkify is not None  # linkify-it-py is among the requirements
    # Only what is written as an address: guesses at names such as README.md go wrong.
    parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    for scheme in ("ftp:", "//"):
        parser.linkify.add(scheme, None)
    parser.add_render_rule("hub_task", lambda self, *args: _task(*args))
    return parser


_parser = _made()
