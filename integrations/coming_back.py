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

from accounts.models import User
from activity.events import on, record
from activity.models import Event
from intake.models import Request, Status
from intake.services import RequestError, begin_request, ship_request
from integrations import deliveries
from integrations.models import Delivery, FieldState, ItemLink, SharedField, Source, StatusRule
from integrations.shared_fields import choose_with
from planning.models import DecisionLink, Outcome

REQUEST = "intake.request"
ACTION = "set_status"
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


@dataclass(frozen=True)
class Mover:
    """How things of a source are moved: `read` reads one again, `write` sets its status."""

    read: Callable[[str], None]
    write: Callable[[str, str], None]


_movers: dict[Source, Mover] = {}


def move_with(source: Source, mover: Mover) -> None:
    """Let a person have things of a source moved into another status."""
    _movers[source] = mover
    deliveries.delivers(source, ACTION)(send_status)


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


def carry_link(link: ItemLink) -> None:
    """Carry where one thing stands to its request, without looking at others."""
    _carry(_followers[Source(link.source)], link.pk)


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
            "done": "", "before": link.data.get("done", ""),
        }  # fmt: skip
    link.save(update_fields=["label", "state", "synced_at", "data"])
    _apply(follower, link, standing)


def _standing(follower: Follower, link: ItemLink) -> Standing | None:
    return follower.standings([link.upstream_id]).get(link.upstream_id)


def _apply(follower: Follower, link: ItemLink, standing: Standing) -> str:
    """What the status means for the request, or for the one that this joined; says what became
    of it where that is not seen in the request's own status."""
    effect = effect_of(follower, standing)
    item = (
        Request.objects.select_related("root__decision__decided_by", "decision__decided_by")
        .filter(pk=link.subject_id)
        .first()
    )
    if item is None or effect == Effect.NOTHING or standing.is_gone:
        _end_dispute(link)
        return ""
    if link.data.get("done") == effect:
        return ""  # this arrival has done that already
    item = item.root or item
    if why := _against(item, effect, link):
        return _dispute(link, item, standing, why)
    _end_dispute(link)
    said = ""
    try:
        if effect == Effect.DROPPED:
            return ""  # nothing was promised, or it was declined here too
        if effect == Effect.BEGUN:
            said = "Work has begun" if begin_request(item=item) else ""
        elif _are_all_done(follower, link):
            ship_request(item=item, actor=None)
        else:
            return ""
    except RequestError:
        return ""  # not decided yet: the decision looks here again
    link.data = {**link.data, "done": effect}
    link.save(update_fields=["data"])
    return said


def _against(item: Request, effect: str, link: ItemLink) -> str:
    """Why a person is asked first: what they decided here says something else; "" where not."""
    is_no = item.status == Status.DECIDED and item.outcome != Outcome.DO
    if effect in (Effect.BEGUN, Effect.SHIPPED) and is_no:
        return "It is worked on there, and was not decided to be done here."
    if effect == Effect.DROPPED and (item.status == Status.SHIPPED or item.outcome == Outcome.DO):
        return "It was given up there, and stands otherwise here."
    if (
        effect == Effect.BEGUN
        and item.status == Status.SHIPPED
        and link.data.get("before") == Effect.SHIPPED
    ):
        return "It was delivered, and work on it has begun again there."
    return ""


def _dispute(link: ItemLink, item: Request, standing: Standing, why: str) -> str:
    """Put it to a person; nothing that they decided is changed."""
    row, is_new = FieldState.objects.select_for_update().get_or_create(
        link=link, field=SharedField.STATUS
    )
    if not is_new and row.state == FieldState.State.CONFLICT and row.there == standing.status_name:
        return ""  # one is asked already
    decided_by = item.decision.decided_by.name if item.decision is not None else ""
    row.state, row.message = FieldState.State.CONFLICT, why
    row.here, row.there = item.state[0], standing.status_name
    row.here_at, row.here_by = item.shipped_at or item.decided_at, decided_by
    row.there_at, row.there_by = link.synced_at, ""
    row.changed_at = timezone.now()
    row.save()
    record("request.disputed", item, data={"field": row.field, "source": link.source})
    return "A person is asked"


def _end_dispute(link: ItemLink) -> None:
    FieldState.objects.filter(
        link=link, field=SharedField.STATUS, state=FieldState.State.CONFLICT
    ).update(state=FieldState.State.SETTLED, changed_at=timezone.now())


def counterpart(source: Source, item: Request) -> StatusRule | None:
    """The status there that says what was decided here, where exactly one does."""
    if source not in _movers:
        return None
    if item.status == Status.SHIPPED:
        effect = Effect.SHIPPED
    elif item.status == Status.DECIDED and item.outcome != Outcome.DO:
        effect = Effect.DROPPED
    else:
        return None
    rules = list(StatusRule.objects.filter(source=source, effect=effect)[:2])
    return rules[0] if len(rules) == 1 else None


def keep_status(row: FieldState, link: ItemLink, item: Request, side: str, actor: User) -> None:
    """A person lets the hub's state stand: this arrival there changes nothing here. "send" also
    moves the thing there into the status that says so. Raises RequestError for the other side:
    a decision is changed on its own page, with a reason."""
    if side not in ("here", "send"):
        raise RequestError("Change the decision on its own page: it needs a reason.")
    how = _followers[Source(link.source)]
    standing = _standing(how, link)
    if standing is not None:
        link.data = {**link.data, "done": effect_of(how, standing)}
        link.save(update_fields=["data"])
    row.state, row.message = FieldState.State.SETTLED, ""
    if side == "here" or standing is None:
        return
    rule = counterpart(how.source, item.root or item)
    if rule is None:
        raise RequestError("No one status there says so. Set its rule first.")
    row.sends += 1
    deliveries.plan(
        source=how.source,
        action=ACTION,
        key=f"{link.source}:status:{row.pk}:{row.sends}",
        lane=f"{link.source}:status:{row.pk}",
        payload={"link": link.pk, "from": standing.status_key, "to": rule.status_key},
        subject_type=REQUEST,
        subject_id=item.pk,
        subject_label=f"{item.reference}: {rule.name}",
    )


def send_status(delivery: Delivery) -> deliveries.Result:
    """Move one thing into a status, unless it has moved by itself since that was chosen."""
    link = ItemLink.objects.filter(pk=delivery.payload["link"]).first()
    if link is None:
        return {"left": "It is not linked any more."}
    how = _followers[Source(link.source)]
    mover = _movers[how.source]
    mover.read(link.upstream_id)
    standing = _standing(how, link)
    if standing is None or standing.is_gone:
        return {"left": "It is gone there."}
    if standing.status_key == delivery.payload["to"]:
        return {"found": True}
    if standing.status_key != delivery.payload["from"]:
        return {"left": "It was moved there in the meantime."}
    mover.write(link.upstream_id, delivery.payload["to"])
    mover.read(link.upstream_id)
    follow(how.source)
    return {"status": delivery.payload["to"]}


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


def decision_superseded(event: Event) -> None:
    """Another decision may end a dispute, or let begin what waited."""
    settled = DecisionLink.objects.filter(
        decision_id=event.data["by"], subject_type=REQUEST, is_settled=True
    )
    apply_again(
        ItemLink.objects.filter(subject_type=REQUEST, subject_id__in=settled.values("subject_id"))
    )


on("request.decided", request_decided)
on("decision.superseded", decision_superseded)
choose_with(SharedField.STATUS, keep_status)
