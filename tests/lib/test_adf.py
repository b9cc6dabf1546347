"""Jira's documents as HTML and text: what is known, what is not, and what is hostile."""

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producthub.lib.adf import MAX_DEPTH, to_html, to_text

ALLOWED = set(
    "a b blockquote br code div em h3 h4 h5 h6 hr li ol p pre s span strong table tbody td th tr"
    " ul svg use".split()
)


def words(value, *marks):
    return {"type": "text", "text": value, **({"marks": list(marks)} if marks else {})}


def doc(*content):
    return json.dumps({"type": "doc", "version": 1, "content": list(content)})


def block(kind, *content, **attrs):
    return {"type": kind, "content": list(content), **({"attrs": attrs} if attrs else {})}


@pytest.mark.parametrize(
    "node,html",
    [
        (block("paragraph", words("Hi")), "<p>Hi</p>"),
        (block("heading", words("Top"), level=1), "<h3>Top</h3>"),
        (block("heading", words("Low"), level=6), "<h6>Low</h6>"),
        (block("paragraph", words("a", {"type": "strong"})), "<p><strong>a</strong></p>"),
        (block("paragraph", words("a", {"type": "code"})), "<p><code>a</code></p>"),
        (
            block(
                "paragraph", words("x", {"type": "link", "attrs": {"href": "https://a.example/"}})
            ),
            '<p><a href="https://a.example/" rel="noopener nofollow">x</a></p>',
        ),
        (
            block("paragraph", words("x", {"type": "link", "attrs": {"href": "javascript:1"}})),
            "<p>x</p>",
        ),
        (
            block("bulletList", block("listItem", block("paragraph", words("one")))),
            '<ul class="dots"><li><p>one</p></li></ul>',
        ),
        (
            block("orderedList", block("listItem", words("two")), order=2),
            '<ol start="2"><li>two</li></ol>',
        ),
        (
            block("paragraph", {"type": "mention", "attrs": {"text": "@Ann", "id": "1"}}),
            "<p>@Ann</p>",
        ),
        (block("paragraph", {"type": "emoji", "attrs": {"shortName": ":tada:"}}), "<p>:tada:</p>"),
        (
            block("paragraph", {"type": "date", "attrs": {"timestamp": "1793577600000"}}),
            "<p>2 November 2026</p>",
        ),
        (
            block("mediaSingle", {"type": "media", "attrs": {"alt": "map.png"}}),
            "<p>[map.png]</p>",
        ),
        (block("rule"), "<hr>"),
        (block("shinyNew", words("kept")), "<div>kept</div>"),
        ({"type": "extension", "attrs": {"text": "A macro"}}, "<span>A macro</span>"),
        ({"type": "unknown"}, ""),
    ],
)
def test_nodes_become_html(node, html):
    assert to_html(doc(node)) == html


def test_tables_panels_and_tasks_use_the_design():
    html = to_html(
        doc(
            block("table", block("tableRow", block("tableHeader", words("h")))),
            block("panel", block("paragraph", words("Mind")), panelType="warning"),
            block("taskList", block("taskItem", words("ship"), state="DONE")),
        )
    )
    assert '<table class="tbl"><tbody><tr><th>h</th></tr></tbody></table>' in html
    assert '<div class="note warn" role="note">' in html
    assert '<span class="sr">Done: </span>ship' in html


def test_text_is_a_line_a_block():
    document = doc(
        block("heading", words("Goal"), level=1),
        block("paragraph", words("One"), {"type": "hardBreak"}, words("two")),
        block("bulletList", *(block("listItem", block("paragraph", words(x))) for x in "ab")),
        block("table", block("tableRow", *(block("tableCell", words(x)) for x in "cd"))),
    )
    assert to_text(document) == "Goal\nOne\ntwo\na\nb\nc d"


def test_old_texts_are_shown_as_they_are():
    assert to_html(json.dumps("h1. <b>\n\nnext")) == "<p>h1. &lt;b&gt;</p>\n\n<p>next</p>"
    assert to_html("no json <i>") == "<p>no json &lt;i&gt;</p>"
    assert (to_html(""), to_text(""), to_text("null"), to_text("[1]")) == ("", "", "", "")


def test_very_deep_documents_end_as_text():
    node = words("bottom")
    for _ in range(MAX_DEPTH * 5):
        node = block("blockquote", node)
    assert "bottom" in to_html(doc(node))
    assert to_text(doc(node)) == "bottom"
    assert to_html("[" * 100_000)


class Seen(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs


hostile = st.sampled_from(
    [
        "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)",
        " JaVaScRiPt:alert(1)", "data:text/html,<script>", "//evil.example", "\x00", "'", "</p>",
        "https://a.example/?\"onmouseover=alert(1)", "https://a.example\" style=\"x",
        "https://x\njavascript:alert(1)", "vbscript:x", "&lt;script&gt;", "\u202e", "é", "<!--",
        "]]>", "<svg/onload=alert(1)>", "https://a.example/<script>", "java\tscript:alert(1)",
    ]
) | st.text(max_size=20)  # fmt: skip
scalar = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | hostile
kinds = st.sampled_from(
    "doc paragraph heading bulletList orderedList listItem codeBlock blockquote panel rule text"
    " hardBreak mention emoji date status inlineCard blockCard embedCard media mediaSingle table"
    " tableRow tableHeader tableCell taskList taskItem expand extension nonsense script".split()
)
names = st.sampled_from(
    ["href", "url", "text", "title", "alt", "level", "order", "panelType", "timestamp", "state"]
)
attributes = st.dictionaries(names, scalar, max_size=4) | scalar
mark = st.fixed_dictionaries(
    {"type": st.sampled_from(["link", "strong", "code", "textColor", "script"]) | scalar},
    optional={"attrs": attributes},
)


def nodes(children):
    return st.fixed_dictionaries(
        {"type": kinds | scalar},
        optional={
            "text": scalar,
            "attrs": attributes,
            "marks": st.lists(mark, max_size=3) | scalar,
            "content": st.lists(children | scalar, max_size=4) | scalar,
        },
    )


tree = st.recursive(nodes(st.none()), nodes, max_leaves=25)


@settings(max_examples=300, deadline=None)
@given(tree | scalar)
def test_nothing_hostile_comes_through(document):
    seen = Seen()
    seen.feed(to_html(json.dumps(document)))
    assert seen.tags <= ALLOWED | {"path", "rect", "circle"}
    for name, value in seen.attributes:
        assert not name.startswith("on") and name not in ("style", "srcset", "src", "formaction")
        if name == "href":
            assert value.lower().startswith(("https://", "http://", "mailto:", "/static/", "#"))
    assert "<" not in to_text(json.dumps(document)) or "<" in json.dumps(document)
