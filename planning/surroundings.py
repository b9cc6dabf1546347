"""Read what stands around one work item: sprints, versions, links, its text, what people said."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import DateTimeField, Q, Value
from django.utils.safestring import SafeString

from planning.models import Phase, SprintStay, Version, WorkItem, WorkLink
from producthub.lib import adf

MAX_SHOWN = 200


@dataclass(frozen=True)
class LinkLine:
    """A link as its item has it: “is blocked by”, and the other end. `title` is empty where the
    hub does not have the other item."""

    words: str
    key: str
    title: str
    is_done: bool


@dataclass(frozen=True)
class Remark:
    """A comment, or a piece of work that was written down, then with its time."""

    author: str
    at: datetime
    html: SafeString
    spent_seconds: int

    @property
    def hours(self) -> float:
        return self.spent_seconds / 3600


@dataclass(frozen=True)
class Surroundings:
    """All of it, at most MAX_SHOWN of a kind."""

    text: SafeString
    stays: tuple[SprintStay, ...]
    versions: tuple[Version, ...]
    links: tuple[LinkLine, ...]
    remote_links: tuple[dict[str, str], ...]
    comments: tuple[Remark, ...]
    work_logs: tuple[Remark, ...]
    has_parent: bool

    @property
    def hours(self) -> float:
        """Of the work that was written down."""
        return sum(one.hours for one in self.work_logs)


def surroundings(item: WorkItem) -> Surroundings:
    """At most five queries; `item` comes with its text selected."""
    links = list(
        WorkLink.objects.filter(source=item.source).filter(
            Q(from_upstream_id=item.upstream_id) | Q(to_upstream_id=item.upstream_id)
        )[:MAX_SHOWN]
    )
    others = _others(item, links)
    stays = item.sprint_stays.select_related("sprint")[:MAX_SHOWN]
    versions = (
        Version.objects.filter(source=item.source, upstream_id__in=item.version_ids)
        if item.version_ids
        else ()
    )
    comments, logs, links_elsewhere = _remarks(item)
    text = getattr(item, "text", None)
    return Surroundings(
        text=adf.to_html(text.document) if text is not None else SafeString(),
        stays=tuple(stays),
        versions=tuple(versions),
        links=tuple(_lines(item, links, others)),
        remote_links=tuple(links_elsewhere),
        comments=tuple(comments),
        work_logs=tuple(logs),
        has_parent=any(
            row["key"] == item.parent_key and row["deleted_at"] is None for row in others.values()
        ),
    )


def _others(item: WorkItem, links: Iterable[WorkLink]) -> dict[str, dict[str, Any]]:
    """The parent and the other ends of links, by upstream id; in one query."""
    ids = {pk for link in links for pk in (link.from_upstream_id, link.to_upstream_id)}
    keys = {pk.removeprefix("key:") for pk in ids if pk.startswith("key:")}
    if item.parent_key:
        keys.add(item.parent_key)
    if not (ids or keys):
        return {}
    rows: Any = WorkItem.objects.filter(
        Q(source=item.source, upstream_id__in=ids) | Q(key__in=keys)
    ).values("upstream_id", "key", "title", "phase", "deleted_at")
    return {row["upstream_id"]: row for row in rows}


def _lines(
    item: WorkItem, links: Iterable[WorkLink], others: dict[str, dict[str, Any]]
) -> Iterable[LinkLine]:
    by_key = {row["key"]: row for row in others.values()}
    for link in links:
        is_first = link.from_upstream_id == item.upstream_id
        pk, key = (
            (link.to_upstream_id, link.to_key)
            if is_first
            else (link.from_upstream_id, link.from_key)
        )
        other = others.get(pk) or by_key.get(key)
        if other is not None and other["deleted_at"] is not None:
            continue
        yield LinkLine(
            words=link.outward if is_first else link.inward,
            key=other["key"] if other else key,
            title=other["title"] if other else "",
            is_done=other is not None and other["phase"] == Phase.DONE,
        )


def _remarks(
    item: WorkItem,
) -> tuple[list[Remark], list[Remark], list[dict[str, str]]]:
    """Comments, oldest first, work logs, newest first, and links elsewhere; in one query."""
    none: Any = Value(None, DateTimeField())
    said = item.comments.order_by().values_list(
        Value("comment"), "author_name", "document", Value(0), "created_at", Value(""), Value("")
    )
    done = item.work_logs.order_by().values_list(
        Value("log"), "author_name", "document", "spent_seconds", "started_at", Value(""), Value("")
    )
    linked = item.remote_links.order_by().values_list(
        Value("remote"), "title", "url", Value(0), none, "summary", "application"
    )
    rows = said.union(done, linked, all=True)[: MAX_SHOWN * 3]
    found: dict[str, list[Remark]] = {"comment": [], "log": []}
    links = []
    for kind, name, words, seconds, at, summary, application in rows:
        if kind != "remote":
            found[kind].append(Remark(name, at, adf.to_html(words), seconds))
        # Somebody typed it: a script is no page.
        elif words.lower().startswith(("https://", "http://")):
            links.append(
                {"title": name, "url": words, "summary": summary, "application": application}
            )
    said_first = sorted(found["comment"], key=lambda one: one.at)
    done_last = sorted(found["log"], key=lambda one: one.at, reverse=True)
    return said_first, done_last, sorted(links, key=lambda link: link["title"])
