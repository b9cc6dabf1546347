"""Promises: first answer, triage, decision; made when a request arrives, met by what people do.

A promise falls due so many working days after the request was sent, on the calendar of the team
that has it now, later by the working time that the requester was waited for. All of it follows
from the row, so a team that changes moves the due time and nothing is lost.
"""

from datetime import datetime

from django.conf import settings
from django.db.models import Min

from accounts.calendars import calendar_for
from accounts.models import Team
from intake.models import FormVersion, Promise, Request
from intake.routing import Routed
from producthub.lib.periods import add_working_days, add_working_seconds, working_seconds

# Where no form says otherwise, in working days of the team's calendar.
FIRST_ANSWER_PROMISE_DAYS = 2
TRIAGE_PROMISE_DAYS = 2
DECISION_PROMISE_DAYS = 9
# Everybody behind an open request hears something at least this often, in calendar days.
HEARD_CEILING_DAYS = settings.HEARD_CEILING_DAYS


def promise(start: datetime, days: int, team: Team | None, waited: int = 0) -> datetime:
    """When a promise of `days` working days falls due, in UTC; `waited` are working seconds that
    the requester was waited for."""
    calendar = calendar_for(team)
    return add_working_seconds(add_working_days(start, days, calendar), waited, calendar)


def promised_days(version: FormVersion | None, rule: Routed | None = None) -> dict[str, int]:
    """Working days by kind of promise: the rules', else the form's, else the house's."""
    form = version.form if version is not None else None
    days = {
        Promise.Kind.FIRST_ANSWER: form.first_answer_days if form else FIRST_ANSWER_PROMISE_DAYS,
        Promise.Kind.TRIAGE: form.triage_days if form else TRIAGE_PROMISE_DAYS,
        Promise.Kind.DECISION: form.decision_days if form else DECISION_PROMISE_DAYS,
    }
    if rule is not None and rule.triage_days is not None:
        days[Promise.Kind.TRIAGE] = rule.triage_days
        days[Promise.Kind.FIRST_ANSWER] = min(days[Promise.Kind.FIRST_ANSWER], rule.triage_days)
    if rule is not None and rule.decision_days is not None:
        days[Promise.Kind.DECISION] = rule.decision_days
    return {str(kind): number for kind, number in days.items()}


def make_promises(item: Request, days: dict[str, int], start: datetime) -> None:
    """Promise everything at once and set the request's next due time, without saving it."""
    rows = [
        Promise(
            request=item,
            kind=kind,
            days=number,
            started_at=start,
            due_at=promise(start, number, item.team),
        )
        for kind, number in days.items()
    ]
    Promise.objects.bulk_create(rows)
    item.due_at = min(row.due_at for row in rows)


def meet(item: Request, *kinds: str, at: datetime) -> None:
    """These promises are kept (or kept late) now; those that never ran are left alone."""
    Promise.objects.filter(request=item, kind__in=kinds, met_at__isnull=True).update(
        met_at=at, paused_at=None
    )


def pause(item: Request, at: datetime) -> None:
    """The clock stops while the requester is asked."""
    Promise.objects.filter(request=item, met_at__isnull=True, paused_at__isnull=True).update(
        paused_at=at
    )


def resume(item: Request, at: datetime) -> None:
    """The clock runs on, later by the working time that was waited."""
    calendar = calendar_for(item.team)
    for row in Promise.objects.filter(request=item, met_at__isnull=True, paused_at__isnull=False):
        assert row.paused_at is not None
        row.waited_seconds += working_seconds(max(row.paused_at, row.started_at), at, calendar)
        row.paused_at = None
        row.due_at = promise(row.started_at, row.days, item.team, row.waited_seconds)
        row.save(update_fields=["waited_seconds", "paused_at", "due_at"])


def move(item: Request, days: dict[str, int] | None = None) -> None:
    """The request changed teams: its open promises follow the new team's calendar.

    `days` by kind changes how many were promised.
    """
    for row in Promise.objects.filter(request=item, met_at__isnull=True):
        row.days = (days or {}).get(row.kind, row.days)
        due = promise(row.started_at, row.days, item.team, row.waited_seconds)
        if due != row.due_at:
            row.due_at = due
            row.warned_at = row.breached_at = None
        row.save(update_fields=["days", "due_at", "warned_at", "breached_at"])


def renew(item: Request, kind: str, *, at: datetime) -> None:
    """Promise something again, from now on, by as many days as the first time."""
    for row in Promise.objects.filter(request=item, kind=kind):
        row.started_at, row.waited_seconds = at, 0
        row.due_at = promise(at, row.days, item.team)
        row.paused_at = row.met_at = row.warned_at = row.breached_at = None
        row.save(
            update_fields=[
                "started_at",
                "waited_seconds",
                "due_at",
                "paused_at",
                "met_at",
                "warned_at",
                "breached_at",
            ]
        )


def next_due(item: Request) -> datetime | None:
    """The earliest promise still open, None once all are kept."""
    found = Promise.objects.filter(request=item, met_at__isnull=True)
    earliest: datetime | None = found.aggregate(at=Min("due_at"))["at"]
    return earliest
