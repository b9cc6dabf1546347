"""Requests as things that a decision answers or touches; planning keeps the links."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.permissions import is_pm
from activity.events import record, subject_key
from activity.models import Event
from intake.models import KIND_ICONS, Kind, Request, Status, Visibility
from intake.services.locks import locked_many
from planning import links
from planning.models import Decision
from producthub.lib.tags import count_of, tag_html
from search.queries import parse

REQUEST = "intake.request"


def register() -> None:
    """Called once from `ready()`."""
    links.register(
        REQUEST, cards, word="Request", find=find, hidden=hidden, story=story, follow=follow
    )


def cards(ids: Collection[int], reader: Any) -> dict[int, links.Card]:
    """Those that the reader may see, with votes and who asked."""
    found = (
        Request.objects.visible_to(reader)
        .filter(pk__in=ids)
        .select_related("requester")
        .only(
            "number", "title", "kind", "status", "outcome", "asked_at", "merged_into_id",
            "vote_count", "requester__name",
        )
    )  # fmt: skip
    return {item.pk: _card(item) for item in found}


def _card(item: Request) -> links.Card:
    about = [item.reference]
    if item.vote_count:
        about.append(count_of(item.vote_count, "vote"))
    about.append(f"asked by {item.requester.name}")
    return links.Card(
        item.title,
        item.get_absolute_url(),
        " · ".join(about),
        tag_html(*item.state),
        KIND_ICONS[Kind(item.kind)],
    )


def find(references: Collection[str], reader: Any) -> dict[str, int]:
    """Requests by REQ-142, #142 or 142, as far as the reader may see them."""
    numbers: dict[int, list[str]] = {}
    for one in references:
        number = parse(one).request_number
        if number is not None:
            numbers.setdefault(number, []).append(one)
    rows = Request.objects.visible_to(reader).filter(number__in=numbers)
    return {
        typed: pk for number, pk in rows.values_list("number", "pk") for typed in numbers[number]
    }


def hidden(reader: Any) -> QuerySet[Any]:
    """What this person may not see: the rule of `visible_to` turned round (a test compares).

    Few requests are not for everyone, so this is a short list, whatever the number of requests.
    """
    kept = Request.objects.exclude(visibility=Visibility.COMPANY)
    if is_pm(reader):
        return kept.none().values("pk")
    return kept.exclude(
        pk__in=Request.objects.filter(
            Q(requester=reader)
            | Q(owner=reader)
            | Q(sent_by=reader)
            | Q(visibility=Visibility.TEAM, team_id__in=reader.memberships.current().values("team"))
        ).values("pk")
    ).values("pk")


_WORDS = {
    "request.submitted": ("mine", "asked"),
    "request.triaged": ("route", "read it and routed it"),
    "request.merged": ("merge", "merged it"),
    "request.reopened": ("gavel", "asked to look again"),
    "request.decided": ("gavel", "decided"),
    "request.shipped": ("check", "marked it as delivered"),
}
MOMENTS = 60


def story(ids: Collection[int], reader: Any) -> Iterable[links.Moment]:
    """The steps of the requests that the reader may see, without what was taken back."""
    names = {
        pk: f"REQ-{number}"
        for pk, number in Request.objects.visible_to(reader)
        .filter(pk__in=ids)
        .values_list("pk", "number")
    }
    events = list(
        Event.objects.filter(
            subject_type=subject_key(Request),  # type: ignore[arg-type]
            subject_id__in=names,
            kind__in=(*_WORDS, "request.undone"),
        )
        .select_related("actor")
        .order_by("-occurred_at", "-id")[: MOMENTS * 2]
    )
    undone = {event.data["event"] for event in events if event.kind == "request.undone"}
    for event in events:
        if event.kind in _WORDS and event.pk not in undone:
            drawn, words = _WORDS[event.kind]
            text = f"{words} ({names[event.subject_id]})"
            yield links.Moment(event.occurred_at, event.actor, text, drawn)


def follow(
    ids: Collection[int], old: Decision, new: Decision, actor: User, at: datetime
) -> list[int]:
    """A decision took another's place: the requests that waited on the old one follow the new.

    Delivered ones and those that somebody decided anew meanwhile stay. Whoever is behind them is
    told, as of any decision.
    """
    moved = []
    for item in locked_many(ids).values():
        if item.decision_id != old.pk or item.status != Status.DECIDED:
            continue
        item.decision, item.outcome, item.changed_at = new, new.outcome, at
        item.save(update_fields=["decision", "outcome", "changed_at"])
        record(
            "request.decided",
            item,
            actor=actor,
            at=at,
            data={
                "outcome": new.outcome,
                "decision": new.pk,
                "team": item.team_id,
                "reason_code": new.reason_code.code if new.reason_code else None,
                "instead_of": old.pk,
            },
        )
        moved.append(item.pk)
    return moved
