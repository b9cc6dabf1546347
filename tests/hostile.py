"""Two thousand texts that break software: deterministic, so that a failure names its text."""

import random
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import product
from urllib.parse import quote_plus

COUNT = 2000
# Whatever is markup says this word, so that a page can be asked whether any came alive.
MARK = "pwnd"

MARKUP = [
    f"<script>{MARK}()</script>",
    f"</textarea><script>{MARK}()</script>",
    f"</title><svg onload={MARK}()>",
    f"\"><img src=x onerror={MARK}()>",
    f"' autofocus onfocus={MARK}() x='",
    f"<{MARK}>",
    f"<a href=\"javascript:{MARK}()\">x</a>",
    f"<iframe srcdoc=\"<script>{MARK}()</script>\">",
    f"<style>*{{background:url(//{MARK}.example)}}</style>",
    f"<form action=//{MARK}.example><button>x",
    f"--><script>{MARK}()</script><!--",
    f"]]><{MARK}/>",
    f"<div hx-get=\"/{MARK}\" hx-trigger=load>",
    f"[x](javascript:{MARK}())",
    f"![x](//{MARK}.example/x.png)",
    f"> [!NOTE]\n> <{MARK}>",
    f"&lt;script&gt;{MARK}()&lt;/script&gt;",
    f"<svg><{MARK} xlink:href=data:,x>",
    "&#x3c;b&#x3e;", "<!doctype html>", "<br", "</main></body></html>", "<![CDATA[x]]>",
]  # fmt: skip
TEMPLATES = [
    "{{ 7|add:7 }}", "{% csrf_token %}", "{% include 'base.html' %}", "{{ request.user.password }}",
    "{% load", "{#", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{constructor.constructor('x')()}}",
    "%(name)s", "%s%s%n", "{0.__class__}", "{}", "\\N{BULLET}", "$(id)", "`id`", "%00",
    "%0d%0aX: 1",
]  # fmt: skip
SQL = [
    "'; DROP TABLE accounts_user; --", "' OR '1'='1", "\" OR 1=1 --", "1; SELECT pg_sleep(9)",
    "') UNION SELECT email FROM accounts_user --", "%' AND 1=0 UNION ALL SELECT 1 --", "\\'; --",
    "$$; --", "/* */", "E'\\x00'", "a & b | c ! ( ) <-> :*", "':*'", "!!!", "<-> <2>", "& & |",
]  # fmt: skip
FORMULAS = [
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "﹣1+1",
    "  =1", "\u200b=1", "=HYPERLINK(\"//x.example\";\"y\")", "-5", "+31612345678", "−1", "\ufeff=1",
]  # fmt: skip
PATHS = [
    "../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "C:\\con", "CON", "aux.txt",
    "nul", "a/../../b", "....//....//x", "file:///etc/passwd", "~root", "a\x00.png", "x.php.jpg",
    ".htaccess", "\u2024\u2024/", "a:b", "a*b?", " ", ".", "..", "%2e%2e%2f", "x" * 255 + ".txt",
]  # fmt: skip
NUMBERS = [
    "9" * 30, "9" * 400, "-1", "0", "-0", "1e309", "NaN", "Infinity", "0x7f", "1_000", "²", "½",
    "٣٤٥", "१२३", "１２３", "Ⅷ", "2147483648", "9223372036854775808", "-9223372036854775809",
    "0.1e-400", "1,5", "1.5.2", "REQ-" + "9" * 30, "#0", "REQ-²", "00000000000142",
]  # fmt: skip
SCRIPTS = [
    "مرحبا بالعالم", "שלום עולם", "你好，世界", "こんにちは", "안녕하세요", "สวัสดีชาวโลก",
    "नमस्ते दुनिया",
    "Ελληνικά", "Київ", "İstanbul ıI", "Straße ẞ", "ﬁ ﬂ ﬃ", "Ǆ ǅ ǆ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𓂀𓃠", "ᚠᛇᚻ",
    "Zürich Ångström Łódź", "naïve café", "ʻOkina", "a\u0301e\u0301", "Å vs Å",
    "ｆｕｌｌ　ｗｉｄｔｈ",
]  # fmt: skip
EMOJI = [
    "🚚", "👩‍💻", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇳🇱🇵🇱", "👍🏽", "1️⃣", "🫥" * 200, "\U0001f9d1\u200d" * 50, "☺︎☺️",
    "\U000e0041\U000e007f", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
]  # fmt: skip
INVISIBLE = [
    "\u200b", "\u200e\u200f", "\u202a\u202b\u202c\u202d\u202e", "\u2066\u2067\u2068\u2069",
    "\ufeff",
    "\u00ad", "\u2060", "\u180e", "\u3164", "\u115f", "\u034f", "\u061c", "\ufff9\ufffa\ufffb",
    "\u2028", "\u2029", "\x85", "\u00a0", "\u3000", "\ue000", "\U000f0000", "\ufffe", "\uffff",
    "\U0010ffff", "\ufffd",
]  # fmt: skip
CONTROLS = [chr(code) for code in (*range(32), 127, *range(128, 160))]
SURROGATES = ["\ud800", "\udfff", "a\ud83d b", "\udc80\udcff", "\ud800\udc00"]
LONG = [
    "a" * 300, "a" * 5001, "W" * 70_000, "word " * 20_000, "\n" * 5000, "🚚" * 9000, "(" * 20_000,
    "[" * 20_000, "> " * 5000, "*" * 20_000, "a\u0301" * 8000, "Z" + "\u0300" * 3000,
    "x" * 1_048_576,
    "é " * 524_288, "<b>" * 40_000, "- " * 8000, "`" * 9999, "\u202e" * 2000, ":" * 30_000,
]  # fmt: skip
KINDS = [MARKUP, TEMPLATES, SQL, FORMULAS, PATHS, NUMBERS, SCRIPTS, EMOJI, INVISIBLE, SURROGATES]


def texts() -> list[str]:
    """The corpus, each text once: each oddity alone, then in pairs, then mixed at random.

    Some hold lone surrogates, which no form can carry; see `arriving`.
    """
    found: dict[str, None] = {}
    for text in _all():
        found[text] = None
        if len(found) == COUNT:
            break
    return list(found)


def _all() -> Iterator[str]:
    yield from LONG
    for kind in (*KINDS, CONTROLS):
        yield from kind
    yield from (f"Move{control}deliveries" for control in CONTROLS)
    yield from (f"{hidden}{text}{hidden}" for hidden in INVISIBLE for text in MARKUP[:4])
    for one, other in product(KINDS, KINDS):
        for left, right in zip(one[:6], other[-6:], strict=False):
            yield f"{left} {right}"
    draw = random.Random(20261103)
    every = [text for kind in (*KINDS, CONTROLS) for text in kind]
    while True:
        yield draw.choice(["", " ", "\n", "\r\n", "\t"]).join(
            draw.choice(every) for _ in range(draw.randint(2, 7))
        )


def arriving(text: str) -> str:
    """The text as a form brings it in: bytes that are no UTF-8 became marks of replacement."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def as_form(**fields: str) -> bytes:
    """A form body with the very bytes, lone surrogates among them."""
    return "&".join(
        f"{name}={quote_plus(value.encode('utf-8', 'surrogatepass'))}"
        for name, value in fields.items()
    ).encode()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.alive: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag, attrs):
        self._in_script = tag in ("script", "style")
        given = {name: value or "" for name, value in attrs}
        if tag == MARK or MARK in "".join(given) or tag in ("iframe", "object", "embed", "base"):
            self.alive.append(tag)
        for name, value in given.items():
            address = re.sub(r"[\x00-\x20]", "", value).lower()
            if name.startswith("on") or name in ("srcdoc", "style"):
                self.alive.append(f"{tag} {name}")
            elif name in ("href", "src", "action", "formaction", "hx-get", "hx-post"):
                is_script = address.startswith(("javascript:", "data:text"))
                # A link may lead anywhere; nothing is fetched from elsewhere by itself.
                is_theirs = name != "href" and MARK in address
                if is_script or is_theirs:
                    self.alive.append(f"{tag} {name}={value[:40]}")

    def handle_endtag(self, tag):
        self._in_script = False

    def handle_data(self, data):
        if self._in_script and MARK in data:
            self.alive.append("script")


def alive_in(page: str) -> list[str]:
    """Markup of the corpus that a browser would act on; empty when all of it is letters."""
    reader = _Page()
    reader.feed(page)
    reader.close()
    return reader.alive
