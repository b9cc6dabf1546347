"""From what stands for a request back to it: where that stands, and what follows.

What a status means is a rule that Product Ops keeps. A source says where its things stand; what
has no rule is shown and counted as unmapped. One arrival in a status acts at most once.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from activity.events import on
from activity.models import Event
from intake.models import Request
from intake.services import RequestError, begin_request, ship_request
from integrations.models import ItemLink, Source, StatusRule

REQUEST = "intake.request"
Effect = StatusRule.Effect


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one thing stands in its source, as last read."""

    label: str
    status_key: str
    status_name: str
    is_finished: bool = False
    is_gone: bool = False


@dataclass(frozen=True)
class Follower:
    """How links of one kind are followed.

    `news` gives the ids of links whose things moved, in one query. `standings` says where things
    stand, by upstream id. With `finished_ships` finished things without a rule deliver.
    """

    source: Source
    kind: str
    news: Callable[[], list[int]]
    standings: Callable[[Collection[str]], dict[str, Standing]]
    finished_ships: bool = False

    def links(self) -> "QuerySet[ItemLink]":
        """The links of requests that it follows."""
        return ItemLink.objects.filter(source=self.source, kind=self.kind, subject_type=REQUEST)


_followers: dict[Source, Follower] = {}


def register(follower: Follower) -> None:
    """Follow the links of a source. Call when the app is ready."""
    _followers[follower.source] = follower


def follower(source: Source) -> Follower:
    """How links of a source are followed. Raises KeyError for a source that is not."""
    return _followers[source]


def followers() -> list[Follower]:
    """All that are followed."""
    return list(_followers.values())


def follow(source: Source) -> int:
    """Carry to requests what changed in a source; returns how many links had news.

    One query where nothing did. Repeatable, and any run catches up with what was missed.
    """
    how = _followers[source]
    found = how.news()
    for pk in found:
        _carry(how, pk)
    return len(found)


@transaction.atomic
def _carry(follower: Follower, link_id: int) -> None:
    link = ItemLink.objects.select_for_update().filter(pk=link_id).first()
    standing = _standing(follower, link) if link is not None else None
    if link is None or standing is None:
        return
    now = timezone.now()
    link.label, link.state, link.synced_at = standing.label, standing.status_name, now
    if link.data.get("status_id") != standing.status_key:
        link.data = {
            **link.data, "status_id": standing.status_key, "arrived_at": now.isoformat(),
            "done": "",
        }  # fmt: skip
    link.save(update_fields=["label", "state", "synced_at", "data"])
    _apply(follower, link, standing)


def _standing(follower: Follower, link: ItemLink) -> Standing | None:
    return follower.standings([link.upstream_id]).get(link.upstream_id)


def _apply(follower: Follower, link: ItemLink, standing: Standing) -> str:
    """What the status means for the request, or for the one that this joined; says what became
    of it where that is not seen in the request's own status."""
    effect = effect_of(follower, standing)
    item = Request.objects.select_related("root").filter(pk=link.subject_id).first()
    if item is None or effect == Effect.NOTHING or standing.is_gone:
        return ""
    if link.data.get("done") == effect:
        return ""  # this arrival has done that already
    item = item.root or item
    said = ""
    try:
        if effect == Effect.BEGUN:
            said = "Work has begun" if begin_request(item=item) else ""
        elif _are_all_done(follower, link):
            ship_request(item=item, actor=None)
        else:
            return ""
    except RequestError:
        return ""  # not decided yet, or declined: the decision looks here again
    link.data = {**link.data, "done": effect}
    link.save(update_fields=["data"])
    return said


def _are_all_done(follower: Follower, link: ItemLink) -> bool:
    """A request with several is delivered with the last of them."""
    ids = follower.links().filter(subject_id=link.subject_id).values_list("upstream_id", flat=True)
    standings = follower.standings(list(ids)).values()
    effects = _effects(follower, standings)
    return all(
        _effect(follower, one, effects) == Effect.SHIPPED for one in standings if not one.is_gone
    )


def effect_of(follower: Follower, standing: Standing) -> str:
    """By its rule; without one, finished things may deliver."""
    return _effect(follower, standing, _effects(follower, [standing]))


def _effects(follower: Follower, standings: Iterable[Standing]) -> dict[str, str]:
    keys = {one.status_key for one in standings}
    rules = StatusRule.objects.filter(source=follower.source, status_key__in=keys)
    return dict(rules.values_list("status_key", "effect"))


def _effect(follower: Follower, standing: Standing, effects: dict[str, str]) -> str:
    if standing.status_key in effects:
        return effects[standing.status_key]
    return Effect.SHIPPED if follower.finished_ships and standing.is_finished else Effect.NOTHING


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A status without a rule, and how many things of requests stand in it."""

    source: Source
    status_key: str
    name: str
    count: int


def unmapped(source: Source) -> list[Unmapped]:
    """Statuses that things of requests stand in and that have no rule. Three queries at most."""
    how = _followers[source]
    ids = list(how.links().values_list("upstream_id", flat=True))
    standings = [one for one in how.standings(ids).values() if not one.is_gone] if ids else []
    if not standings:
        return []
    effects = _effects(how, standings)
    names = {one.status_key: one.status_name for one in standings}
    counts = Counter(one.status_key for one in standings if one.status_key)
    return [
        Unmapped(source, key, names[key], count)
        for key, count in sorted(counts.items(), key=lambda pair: (-pair[1], names[pair[0]]))
        if key not in effects
    ]


def apply_again(links: Iterable[ItemLink]) -> dict[int, str]:
    """Look at links again, though nothing moved there: a rule or a decision is new. Returns what
    is to be said of them, by id."""
    said = {}
    for link in links:
        how = _followers.get(Source(link.source))
        if how is None or how.kind != link.kind:
            continue
        with transaction.atomic():
            held = ItemLink.objects.select_for_update().filter(pk=link.pk).first()
            standing = _standing(how, held) if held is not None else None
            if held is not None and standing is not None:
                said[held.pk] = _apply(how, held, standing)
    return said


def apply_rule(rule: StatusRule) -> None:
    """A rule also holds for what stands in its status already."""
    apply_again(
        ItemLink.objects.filter(
            source=rule.source, subject_type=REQUEST, data__status_id=rule.status_key
        )
    )


def request_decided(event: Event) -> None:
    """Work may have been finished before the decision was written down."""
    apply_again(ItemLink.objects.filter(subject_type=REQUEST, subject_id=event.subject_id))


on("request.decided", request_decided)
