"""Pages and the tool directory, read."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.postgres.search import SearchRank
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Left

from playbook.models import PAGE, Article, Category, Tool, ToolStatus
from producthub.lib.markdown import to_text
from search.engine import similar
from search.queries import Query
from search.words import stems

# What the engine takes for alike is alike among pages, which is not enough to interrupt someone. A
# page is offered if its title has a word of what was typed and its text at least half of them, or
# if it has all of several. Tried on questions and wishes with and without the engine's files, see
# tests/playbook/test_answers.
LIKE_SCORE = 0.3
SURE_SCORE = 0.6
HALF = 0.5
# Far behind the best one it is no answer, only a page with words in common.
SHARE_OF_BEST = 0.5
ANSWERS_LOOKED_AT = 30
# The beginning of a page says what it is about.
OPENING_LENGTH = 600
SUMMARY_LENGTH = 160


@dataclass(frozen=True)
class ToolGroup:
    """The tools of one category, in order."""

    name: str
    tools: list[Tool]


def all_tools() -> QuerySet[Tool]:
    """Every tool with its owner and team."""
    return Tool.objects.select_related("owner", "team").defer("access", "owner__password")


def tools_for_home(limit: int = 8) -> list[Tool]:
    """The first tools to start with: not those that go. One query."""
    return list(Tool.objects.exclude(status=ToolStatus.RETIRING).defer("access")[:limit])


def tool_groups(*, category: str = "", status: str = "") -> list[ToolGroup]:
    """The directory by category, filtered; unknown filter values filter nothing. One query."""
    tools = all_tools()
    if category in Category.values:
        tools = tools.filter(category=category)
    if status in ToolStatus.values:
        tools = tools.filter(status=status)
    by_category: dict[str, list[Tool]] = {}
    for tool in tools:
        by_category.setdefault(tool.category, []).append(tool)
    return [
        ToolGroup(choice.label, by_category[choice]) for choice in Category if choice in by_category
    ]


def search_tools(words: list[str], limit: int) -> list[Tool]:
    """Tools whose name or purpose has every word, those by name first. One query."""
    tools = all_tools()
    for word in words:
        tools = tools.filter(Q(name__icontains=word) | Q(purpose__icontains=word))
    first = words[0].lower() if words else ""
    found = list(tools[:limit])
    found.sort(key=lambda tool: first not in tool.name.lower())
    return found


# --- Pages ------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def summary_of(opening: str) -> str:
    """The first paragraph of a page, cut between words; headings are no paragraph."""
    blocks = [block for block in re.split(r"\n\s*\n", opening) if not block.startswith("#")]
    words = " ".join(to_text(blocks[0] if blocks else "").split())
    if len(words) <= SUMMARY_LENGTH:
        return words
    return words[: words.rfind(" ", 0, SUMMARY_LENGTH) + 1 or SUMMARY_LENGTH].rstrip() + "…"


@dataclass(frozen=True, slots=True)
class PageRow:
    """A page in a list."""

    pk: int
    slug: str
    title: str
    summary: str
    updated_at: Any
    visible_to: str
    readers: str

    @property
    def url(self) -> str:
        return f"/playbook/{self.slug}/"


def page_rows(articles: QuerySet[Article]) -> list[PageRow]:
    """Pages as rows, in their order; one query."""
    labels = dict(Article._meta.get_field("visible_to").choices or [])
    columns = articles.annotate(opening=Left("body", OPENING_LENGTH)).values_list(
        "pk", "slug", "title", "opening", "updated_at", "visible_to"
    )
    return [
        PageRow(pk, slug, title, summary_of(opening), at, level, labels[level])
        for pk, slug, title, opening, at, level in columns
    ]


def pages_for(user: Any, query: Query) -> QuerySet[Article]:
    """The pages this person may read: all by title, or those with all the words, best first."""
    articles = Article.objects.visible_to(user)
    if query.is_empty:
        return articles.order_by("title")
    return articles.filter(search_vector=query.tsquery).order_by(
        SearchRank(F("search_vector"), query.tsquery).desc(), "title"
    )


def drafts_for(user: Any) -> list[Article]:
    """What is not published yet, for those who write; one query."""
    drafts = Article.objects.open_to(user).filter(is_published=False)
    return list(drafts.defer("body", "search_vector").order_by("-updated_at"))


def answers_for(user: Any, text: str, limit: int = 3) -> list[PageRow]:
    """Pages that may answer what someone types (first line a title), best first.

    Trimmed by rights after the engine looked; nothing where no page is close enough. Two queries
    beside the engine's own.
    """
    title, _, body = text.strip().partition("\n")
    typed = frozenset(stems(text))
    if not typed:
        return []
    found = similar(title=title, body=body, kind=PAGE, limit=ANSWERS_LOOKED_AT)
    scores = {c.object_id: c.score for c in found.candidates if c.score >= LIKE_SCORE}
    if not scores:
        return []
    articles = Article.objects.visible_to(user).filter(pk__in=scores)
    words = {pk: (title, body) for pk, title, body in articles.values_list("pk", "title", "body")}
    fitting = [pk for pk in scores if pk in words and _fits(typed, *words[pk], scores[pk])]
    best = max((scores[pk] for pk in fitting), default=0.0)
    chosen = [pk for pk in fitting if scores[pk] >= best * SHARE_OF_BEST][:limit]
    rows = {row.pk: row for row in page_rows(articles.filter(pk__in=chosen))} if chosen else {}
    return [rows[pk] for pk in chosen if pk in rows]


def _fits(typed: frozenset[str], title: str, body: str, score: float) -> bool:
    """Whether a page says enough of what was typed to be offered."""
    said = len(typed & _stems_of(f"{title}\n{body}")) / len(typed)
    if typed & _stems_of(title):
        return said >= HALF
    return said == 1 and len(typed) > 1 and score >= SURE_SCORE


@lru_cache(maxsize=256)
def _stems_of(text: str) -> frozenset[str]:
    return frozenset(stems(to_text(text)))
