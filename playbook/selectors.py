"""The tool directory, read."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from playbook.models import Category, Tool, ToolStatus


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
