"""Django's admin wears the hub's colours and follows its theme."""

import re
from pathlib import Path

CSS = Path(__file__).resolve().parents[2] / "static" / "css"


def tokens(text: str) -> dict[str, str]:
    block = text[text.index("color-scheme: light dark;") :]
    block = block[: block.index("\n}") if "\n}" in block else len(block)]
    return dict(re.findall(r"(--[\w-]+): ([^;]+);", block.split("\n  }")[0]))


def test_its_tokens_are_those_of_the_hub():
    hub = tokens((CSS / "app.css").read_text())
    admin = tokens((CSS / "admin.css").read_text())
    assert len(hub) > 40
    assert admin == hub


def test_it_follows_the_hubs_theme_and_leads_back(admin, signed_in):
    browser = signed_in(admin)
    browser.cookies["theme"] = "dark"
    text = browser.get("/admin/").content.decode()
    assert "theme-dark" in text
    assert "theme.js" not in text
    assert "Back to the hub" in text
    assert 'action="/theme/"' in text
