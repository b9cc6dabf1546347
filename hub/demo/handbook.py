"""How Harbourline works, as its playbook says. The words are in `pages/`, a file a page."""

from pathlib import Path
from typing import NamedTuple

_TEXTS = Path(__file__).parent / "pages"


class DemoPage(NamedTuple):
    """One playbook page; `age_days` is how long ago it last changed."""

    slug: str
    title: str
    author: str
    age_days: int
    visible_to: str

    @property
    def body(self) -> str:
        return (_TEXTS / f"{self.slug}.md").read_text(encoding="utf-8")


PAGES = tuple(
    DemoPage(*page)
    for page in (
        ("ask-for-access", "Get access to a tool", "Ines Carvalho", 34, "everyone"),
        ("where-is-the-roadmap", "Where to find the roadmap", "Tomasz Wieczorek", 12, "everyone"),
        ("ask-a-data-question", "Ask a data question", "Hye-jin Park", 20, "everyone"),
        ("launch-checklist", "Launch checklist", "Leila Haddad", 48, "everyone"),
        ("how-decisions-are-made", "How a request is decided", "Ines Carvalho", 9, "everyone"),
        ("who-owns-what", "Who owns what", "Ines Carvalho", 27, "everyone"),
        ("how-scoring-works", "How we score requests", "Tomasz Wieczorek", 6, "pms"),
        ("release-calendar", "Release calendar", "Nikos Papadakis", 15, "everyone"),
    )
)  # fmt: skip
