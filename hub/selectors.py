"""What home shows, each block in one query."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import Team, User
from accounts.permissions import is_pm
from intake.models import OPEN_STATUSES, Request
from intake.selectors import RequestRow, due_tag, rows
from planning.models import WorkItem
from producthub.lib.tags import spoken, tag_html

NEEDS_LIMIT = 6


@dataclass(slots=True)
class Need:
    """Something that waits for the reader."""

    icon: str
    title: str
    url: str
    meta: str
    tag: SafeString | str
    due_at: datetime | None

    @property
    def is_due_today(self) -> bool:
        """Due by this evening, or past it."""
        if self.due_at is None:
            return False
        evening = timezone.localtime().replace(hour=23, minute=59, second=59)
        return self.due_at <= evening


def needs(user: User) -> list[Need]:
    """Questions to answer and decisions owed, the most urgent first; one query."""
    wanted = Q(requester=user, asked_at__isnull=False)
    if is_pm(user):
        wanted |= Q(owner=user, status__in=OPEN_STATUSES, asked_at__isnull=True)
    found = (
        Request.objects.filter(wanted, status__in=OPEN_STATUSES)
        .order_by("due_at", "id")
        .values_list("number", "title", "asked_at", "due_at", "requester_id", "asked_by__name")
    )
    return [_need(user, *values) for values in found[:NEEDS_LIMIT]]


def _need(
    user: User,
    number: int,
    title: str,
    asked_at: datetime | None,
    due_at: datetime | None,
    requester_id: int,
    asked_by: str | None,
) -> Need:
    if asked_at is not None and requester_id == user.pk:
        meta = f"REQ-{number} · {asked_by or 'A product manager'} asked {spoken(asked_at)}"
        days = round((timezone.now() - asked_at).total_seconds() / 86_400)
        waiting = f"Waiting {days} day{'s' if days != 1 else ''}" if days else "Asked today"
        return Need(
            "msg",
            f"Answer a question on {title}",
            f"/requests/{number}/#answer",
            meta,
            tag_html(waiting, "warn"),
            None,
        )
    return Need(
        "gavel",
        f"Decide: {title}",
        f"/requests/{number}/#decide",
        f"REQ-{number} · {_due(due_at)}",
        due_tag(due_at),
        due_at,
    )


def _due(due_at: datetime | None) -> str:
    if due_at is None:
        return "no date promised"
    return f"was due {spoken(due_at)}" if due_at < timezone.now() else f"due {spoken(due_at)}"


def latest_of_mine(user: User, limit: int = 4) -> list[RequestRow]:
    """My requests with the newest news."""
    return rows(Request.objects.filter(requester=user).order_by("-changed_at", "-id")[:limit])


@dataclass(slots=True)
class Finished:
    """A piece of work that was finished."""

    key: str
    title: str
    assignee: str
    finished_at: datetime
    cycle_seconds: int | None
    is_complete: bool

    @property
    def url(self) -> str:
        return f"/work/{self.key}/"

    @property
    def days(self) -> float | None:
        """Days from start to end; None where the history is not complete."""
        if self.cycle_seconds is None or not self.is_complete:
            return None
        return self.cycle_seconds / 86_400


def finished_lately(limit: int = 5) -> list[Finished]:
    """The work items that were finished last, as the tracker says; one query."""
    done: Any = WorkItem.objects.filter(finished_at__isnull=False, deleted_at__isnull=True)
    return [
        Finished(*values)
        for values in done.order_by("-finished_at").values_list(
            "key", "title", "assignee_name", "finished_at", "cycle_seconds", "is_history_complete"
        )[:limit]
    ]


def product_teams(limit: int = 12) -> list[tuple[Any, ...]]:
    """(slug, name, mission, channel, lead) of the teams that take requests."""
    return list(
        Team.objects.filter(is_active=True, takes_requests=True)
        .values_list("slug", "name", "mission", "channel", "lead__name")
        .order_by("name")[:limit]
    )


def greeting(user: User) -> str:
    """By the reader's own clock."""
    hour = timezone.now().astimezone(user.zone).hour
    part = "morning" if 4 <= hour < 12 else "afternoon" if 12 <= hour < 18 else "evening"
    return f"Good {part}, {user.first_name}"
