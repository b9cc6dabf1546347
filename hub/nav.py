"""The side bar: what stands where, and who sees it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.urls import reverse

from accounts.permissions import is_pm, is_product_ops


def everyone(user: Any) -> bool:
    """Shown to all who are signed in."""
    return True


@dataclass(frozen=True)
class Entry:
    """One line of the side bar. `count_key` names a number of `shell_counts`; `also` holds
    beginnings of other addresses that belong to it."""

    icon: str
    name: str
    url_name: str
    may_see: Callable[[Any], bool] = everyone
    count_key: str = ""
    unit: str = ""
    hot: bool = False
    also: tuple[str, ...] = ()
    href: str = ""
    count: int = 0
    current: bool = False


@dataclass(frozen=True)
class Group:
    """Entries under one word."""

    name: str
    entries: tuple[Entry, ...]


GROUPS = (
    Group(
        "",
        (
            Entry("home", "Home", "hub:home"),
            Entry("search", "Search", "hub:search"),
            Entry("bell", "Inbox", "notices:inbox", count_key="unread", unit="new"),
            Entry("mine", "My requests", "intake:request-mine", count_key="mine", unit="open"),
        ),
    ),
    Group(
        "Intake",
        (
            Entry("inbox", "Triage", "intake:triage", is_pm, "triage", "waiting", hot=True),
            Entry(
                "scale",
                "Prioritise",
                "intake:sessions",
                is_pm,
                "to_score",
                "to score",
                also=("/scoring/",),
            ),
        ),
    ),
    Group(
        "Direction",
        (
            Entry("gavel", "Decisions", "planning:decisions"),
            Entry("play", "Work items", "planning:work"),
        ),
    ),
    Group(
        "Ways of working",
        (
            Entry("book", "Playbook", "playbook:articles"),
            Entry("tools", "Tools", "playbook:tools"),
            Entry("people", "Teams", "accounts:teams", also=("/people/",)),
        ),
    ),
    Group("Impact", (Entry("chart", "Metrics", "metrics:time-to-decision"),)),
    Group(
        "Run",
        (
            Entry(
                "plug",
                "Integrations",
                "integrations:index",
                is_product_ops,
                "troubled",
                "in trouble",
                hot=True,
            ),
            Entry("gear", "Admin", "admin:index", is_product_ops),
        ),
    ),
)


@lru_cache(maxsize=1)
def _with_addresses() -> tuple[Group, ...]:
    return tuple(
        Group(
            group.name,
            tuple(replace(entry, href=reverse(entry.url_name)) for entry in group.entries),
        )
        for group in GROUPS
    )


def navigation(user: Any, path: str, counts: Mapping[str, int]) -> list[Group]:
    """The side bar for one reader, with counts, the entry of `path` marked as current.

    The longest address that begins the path wins, so `/requests/mine/` is not also `/`.
    """
    shown = [
        Group(group.name, tuple(entry for entry in group.entries if entry.may_see(user)))
        for group in _with_addresses()
    ]
    here = max(
        (
            (len(start), entry.href)
            for group in shown
            for entry in group.entries
            for start in (entry.href, *entry.also)
            if _leads_to(start, path)
        ),
        default=(0, ""),
    )[1]
    return [
        Group(
            group.name,
            tuple(
                replace(entry, count=counts.get(entry.count_key, 0), current=entry.href == here)
                if entry.count_key or entry.href == here
                else entry
                for entry in group.entries
            ),
        )
        for group in shown
        if group.entries
    ]


def _leads_to(start: str, path: str) -> bool:
    return path == start or (start != "/" and path.startswith(start))
