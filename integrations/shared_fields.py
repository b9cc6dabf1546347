"""Fields that both sides have: looked at after each change, sent, taken, or put to a person.

A source says what its things hold and how a value is written there. One link is looked at under
its lock, so that runs, webhooks and people do not cross. What was sent is known when it comes
back, and is no change.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from accounts.models import User
from accounts.permissions import is_pm, is_product_ops, require
from activity.events import on, record
from activity.models import Event
from intake.models import Request, Revision
from intake.services import RequestError, assign_from, retitle_from
from integrations import deliveries
from integrations.agreement import Step, step
from integrations.models import (
    Delivery,
    FieldRule,
    FieldState,
    ItemLink,
    SharedField,
    Source,
)

REQUEST = "intake.request"
ACTION = "set_field"
TITLE_LENGTH = 120
# A value that does not come back is sent so often, then a person is asked.
MAX_SAME = 2
HUB_KINDS = (
    "request.edited", "request.triaged", "request.reassigned", "request.routed", "request.linked",
    "request.unmerged",
)  # fmt: skip
State = FieldState.State


class AlreadySettled(Exception):
    """Somebody chose first, or both sides agree by now."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one thing holds in its source: values by field, when it changed, where it stands.

    A field that is left out cannot be told (an owner whom nobody here is).
    """

    values: Mapping[str, str]
    changed_at: datetime | None = None
    is_gone: bool = False


@dataclass(frozen=True)
class Adapter:
    """How one source's fields are read and written.

    `readings` gives them by upstream id from what is stored; `versions` says cheaply which things
    changed; `read` reads one thing again, `write` sets one value there.
    """

    source: Source
    kind: str
    fields: tuple[SharedField, ...]
    readings: Callable[[Collection[str]], dict[str, Reading]]
    versions: Callable[[Collection[str]], dict[str, str]]
    read: Callable[[str], None]
    write: Callable[[str, str, str], None]


_adapters: dict[Source, Adapter] = {}


def register(adapter: Adapter) -> None:
    """Let a source's fields be synced. Call when the app is ready."""
    _adapters[adapter.source] = adapter
    deliveries.delivers(adapter.source, ACTION, then=landed)(send_field)


def adapters() -> list[Adapter]:
    """All sources whose fields may be synced."""
    return list(_adapters.values())


def title_of(text: str) -> str:
    """A title as both sides are compared: the hub's are shorter."""
    return " ".join(text.split())[:TITLE_LENGTH].rstrip()


def values_here(item: Request) -> dict[str, str]:
    """What a request holds."""
    return {
        SharedField.TITLE: title_of(item.title),
        SharedField.OWNER: str(item.owner_id or ""),
    }


def shown(field: str, value: str, people: Mapping[int, User]) -> str:
    """A value as people read it."""
    if field == SharedField.OWNER:
        person = people.get(int(value)) if value.isdigit() else None
        return person.name if person is not None else value or "Nobody"
    return value or "–"


# --- Looking --------------------------------------------------------------------------------------


def link_counts() -> dict[Source, int]:
    """How many links each source has whose fields may be synced. One query."""
    kinds = {adapter.kind: adapter.source for adapter in adapters()}
    counts = (
        ItemLink.objects.filter(subject_type=REQUEST, kind__in=kinds)
        .order_by()
        .values_list("source", "kind")
        .annotate(number=Count("pk"))
    )
    return {Source(source): number for source, kind, number in counts if kinds[kind] == source}


def follow(source: Source) -> int:
    """Look at the links whose things changed there since they were last looked at; returns how
    many. One query where no field of the source has a rule."""
    if not FieldRule.objects.filter(source=source).exists():
        return 0
    adapter = _adapters[source]
    links = {
        pk: (upstream_id, data.get("version", ""))
        for pk, upstream_id, data in _links(adapter).values_list("pk", "upstream_id", "data")
    }
    versions = adapter.versions({upstream_id for upstream_id, _ in links.values()})
    changed = [
        pk
        for pk, (upstream_id, version) in sorted(links.items())
        if versions.get(upstream_id, version) != version
    ]
    for pk in changed:
        look(pk)
    return len(changed)


def _links(adapter: Adapter) -> "QuerySet[ItemLink]":
    return ItemLink.objects.filter(source=adapter.source, kind=adapter.kind, subject_type=REQUEST)


@transaction.atomic
def look(link_id: int) -> None:
    """Look at both sides of one link and do what its rules say. Repeatable."""
    link = ItemLink.objects.select_for_update().filter(pk=link_id).first()
    adapter = _adapters.get(Source(link.source)) if link is not None else None
    if link is None or adapter is None or link.kind != adapter.kind:
        return
    rules = dict(FieldRule.objects.filter(source=link.source).values_list("field", "owner"))
    if not rules:
        return
    item = Request.objects.filter(pk=link.subject_id).select_related("owner").first()
    reading = adapter.readings([link.upstream_id]).get(link.upstream_id)
    if item is None or item.is_merged or reading is None or reading.is_gone:
        return
    version = adapter.versions([link.upstream_id]).get(link.upstream_id, "")
    if link.data.get("version") != version:
        link.data = {**link.data, "version": version}
        link.save(update_fields=["data"])
    here = values_here(item)
    for field in adapter.fields:
        if field in rules and field in reading.values:
            _look_at(link, item, field, here[field], reading, rules[field])


def _look_at(
    link: ItemLink, item: Request, field: str, here: str, reading: Reading, owner: str
) -> None:
    there = reading.values[field]
    now = timezone.now()
    row, is_new = FieldState.objects.select_for_update().get_or_create(
        link=link,
        field=field,
        defaults={
            "here": here, "there": there, "agreed_here": here, "agreed_there": there,
            "agreed_at": now if here == there else None, "there_at": reading.changed_at,
        },
    )  # fmt: skip
    before = (row.here, row.there)
    if row.there != there:
        row.there, row.there_at, row.there_by = there, reading.changed_at or now, ""
    if row.here != here or is_new:
        row.here = here
        row.here_at, row.here_by = _changed_here(item, field)
    if there in row.own:
        # A value of our own came back, perhaps an earlier one: that is no change of theirs.
        row.agreed_here = row.agreed_there = there
        row.agreed_at, row.own = now, row.own[row.own.index(there) + 1 :]
    if row.state == State.SENDING:
        if here == row.sent and there == row.agreed_there and here != there:
            _save(row, before)
            return  # it has not arrived yet
        row.state, row.sent = State.SETTLED, ""
    todo = step(
        here=here,
        there=there,
        agreed_here=row.agreed_here,
        agreed_there=row.agreed_there,
        has_agreed=row.agreed_at is not None,
        owner=owner,
    )
    if todo == Step.AGREE:
        _agree(row, here, there)
    elif todo == Step.SEND:
        _send(row, link, item, here)
    elif todo == Step.TAKE:
        _take(row, item, link, None)
    elif todo == Step.ASK:
        _ask(row, item, "Both sides changed it since they last agreed.")
    elif row.state == State.CONFLICT:
        row.state, row.message = State.SETTLED, ""
    _save(row, before)


def _save(row: FieldState, before: tuple[str, str]) -> None:
    if before != (row.here, row.there):
        row.changed_at = timezone.now()
    row.save()


def _agree(row: FieldState, here: str, there: str) -> None:
    row.agreed_here, row.agreed_there, row.agreed_at = here, there, timezone.now()
    row.here, row.there = here, there
    row.state, row.sent, row.message, row.own = State.SETTLED, "", "", []


def _send(row: FieldState, link: ItemLink, item: Request, value: str) -> None:
    if not value:
        _ask(row, item, "It is empty here, and an empty value is never sent.")
        return
    if row.own.count(value) >= MAX_SAME:
        _ask(row, item, f"{link.get_source_display()} does not keep the hub’s value.")
        return
    row.state, row.sent, row.message = State.SENDING, value, ""
    # What stands there now is known and is written over: seen again, it is no news.
    row.agreed_there = row.there
    row.own = [*row.own, value]
    row.sends += 1
    deliveries.plan(
        source=Source(link.source),
        action=ACTION,
        key=f"{link.source}:field:{row.pk}:{row.sends}",
        lane=f"{link.source}:field:{row.pk}",
        payload={"state": row.pk, "send": row.sends, "value": value},
        subject_type=REQUEST,
        subject_id=item.pk,
        subject_label=f"{item.reference}: {row.get_field_display().lower()}",
    )


def _take(row: FieldState, item: Request, link: ItemLink, actor: User | None) -> None:
    """Let the request have the other side's value."""
    try:
        if row.field == SharedField.TITLE:
            retitle_from(item=item, source=link.source, title=row.there, actor=actor)
        else:
            owner = User.objects.filter(pk=int(row.there)).first() if row.there else None
            if owner is None:
                raise RequestError("Nobody owns it there, and the hub keeps its owner.")
            assign_from(item=item, source=link.source, owner=owner, actor=actor)
    except RequestError as why:
        if actor is not None:
            raise
        _ask(row, item, str(why))
        return
    _agree(row, row.there, row.there)
    row.here_at, row.here_by = timezone.now(), actor.name if actor is not None else ""


def _ask(row: FieldState, item: Request, why: str) -> None:
    if row.state != State.CONFLICT:
        data = {"field": row.field, "source": row.link.source}
        record("request.disputed", item, data=data)
    row.state, row.message, row.sent = State.CONFLICT, why, ""


def _changed_here(item: Request, field: str) -> tuple[datetime | None, str]:
    """When and by whom a request's value was changed last, as its history says."""
    if field == SharedField.TITLE:
        latest = Revision.objects.filter(request=item).select_related("replaced_by").first()
        if latest is None:
            return item.submitted_at, item.requester.name
        who = latest.replaced_by.name if latest.replaced_by else Source(latest.source).label
        return latest.replaced_at, who
    event = (
        Event.objects.filter(
            subject_type=REQUEST,
            subject_id=item.pk,
            kind__in=["request.triaged", "request.reassigned", "request.routed"],
        )
        .order_by("-occurred_at", "-pk")
        .first()
    )
    if event is None:
        return None, ""
    actor = User.objects.filter(pk=event.actor_id).first() if event.actor_id else None
    return event.occurred_at, actor.name if actor is not None else "a rule"


# --- Sending --------------------------------------------------------------------------------------


def send_field(delivery: Delivery) -> deliveries.Result:
    """Set one value there, unless another one is wanted by now. Setting it may be repeated."""
    row = _wanted(delivery)
    if row is not None:
        # Neither source refuses a write over a newer value, so that is looked for first.
        adapter = _adapters[Source(row.link.source)]
        adapter.read(row.link.upstream_id)
        look(row.link_id)
        row = _wanted(delivery)
    if row is None:
        return {"left": "Something else is wanted by now."}
    adapter.write(row.link.upstream_id, row.field, delivery.payload["value"])
    adapter.read(row.link.upstream_id)
    return {"value": delivery.payload["value"]}


def _wanted(delivery: Delivery) -> FieldState | None:
    return (
        FieldState.objects.select_related("link")
        .filter(pk=delivery.payload["state"], state=State.SENDING, sends=delivery.payload["send"])
        .first()
    )


def landed(delivery: Delivery) -> None:
    """The source has the value; where it shows another one, a person is asked, never a loop."""
    row = FieldState.objects.filter(pk=delivery.payload["state"]).first()
    if row is None or "left" in delivery.result:
        return
    look(row.link_id)
    row = FieldState.objects.select_for_update().get(pk=row.pk)
    if row.state == State.SENDING and row.sends == delivery.payload["send"]:
        item = Request.objects.get(pk=row.link.subject_id)
        _ask(row, item, f"{row.link.get_source_display()} did not take the hub’s value.")
        row.save()


# --- Deciding -------------------------------------------------------------------------------------


def conflict_count(reader: User) -> int:
    """How many wait for a person. One query."""
    seen = Request.objects.visible_to(reader).values("pk")
    return FieldState.objects.filter(state=State.CONFLICT, link__subject_id__in=seen).count()


def disputed_links(links: Collection[ItemLink]) -> set[int]:
    """Ids of those of these links that wait for a person. One query."""
    rows = FieldState.objects.filter(link__in=links, state=State.CONFLICT)
    return set(rows.values_list("link_id", flat=True))


def conflicts(reader: User) -> list[FieldState]:
    """What waits for a person, latest first, of requests that the reader may see."""
    rows = FieldState.objects.filter(state=State.CONFLICT).select_related("link")
    seen = Request.objects.visible_to(reader).filter(pk__in=rows.values("link__subject_id"))
    items = {item.pk: item for item in seen.select_related("decision")}
    found = []
    for row in rows:
        if row.link.subject_id in items:
            row.item = items[row.link.subject_id]  # type: ignore[attr-defined]
            found.append(row)
    return found


@transaction.atomic
def settle(*, row: FieldState, side: str, actor: User) -> FieldState:
    """Let one side's value stand on both: "here" sends the hub's, "there" takes the other. Of a
    status "here" only stays, and "send" also moves the thing there.

    Raises AlreadySettled, RequestError where the hub cannot have the value, PermissionDenied.
    """
    require(is_pm(actor), "Only product managers choose between two values.")
    link = ItemLink.objects.select_for_update().get(pk=row.link_id)
    row = FieldState.objects.select_for_update().get(pk=row.pk)
    if row.state != State.CONFLICT:
        raise AlreadySettled("It is settled already: somebody chose, or both sides agree by now.")
    item = Request.objects.select_for_update(of=("self",)).get(pk=link.subject_id)
    chosen = _choosers.get(row.field)
    if chosen is not None:
        chosen(row, link, item, side, actor)
    elif side == "here":
        # Values may have moved since the page was shown: what stands here now goes out.
        row.here = values_here(item)[row.field]
        if not row.here:
            raise RequestError("It is empty here, and an empty value is never sent.")
        row.own = []
        _send(row, link, item, row.here)
    else:
        _take(row, item, link, actor)
    row.settled_by, row.changed_at = actor, timezone.now()
    row.save()
    data = {"field": row.field, "source": link.source, "side": side}
    record("request.settled", item, actor=actor, data=data)
    return row


Chooser = Callable[[FieldState, ItemLink, Request, str, User], None]
_choosers: dict[str, Chooser] = {}


def choose_with(field: SharedField, chooser: Chooser) -> None:
    """Let a field that is no plain value be settled in its own way."""
    _choosers[field] = chooser


# --- Rules ----------------------------------------------------------------------------------------


@transaction.atomic
def save_field_rules(*, source: Source, owners: Mapping[str, str], actor: User) -> int:
    """Set who owns these fields; "" takes a rule away, and each side keeps its own. Returns how
    many changed. Links follow after commit. Raises PermissionDenied."""
    require(is_product_ops(actor), "Rules are for Product Ops.")
    held = {
        rule.field: rule
        for rule in FieldRule.objects.select_for_update().filter(source=source, field__in=owners)
    }
    changed = 0
    for field, owner in owners.items():
        rule = held.get(field)
        before = rule.owner if rule is not None else ""
        if before == owner:
            continue
        changed += 1
        data = {"source": str(source), "field": field, "before": before, "owner": owner}
        if not owner and rule is not None:
            record("field_rule.removed", rule, actor=actor, data=data)
            rule.delete()
            FieldState.objects.filter(link__source=source, field=field).delete()
            continue
        rule, _ = FieldRule.objects.update_or_create(
            source=source, field=field, defaults={"owner": owner}
        )
        record("field_rule.saved", rule, actor=actor, data=data)
    return changed


@dataclass(frozen=True, slots=True)
class FieldTrial:
    """One request under changed rules: which side would change, from what to what."""

    item: Request
    link: ItemLink
    field: str
    where: str
    before: str
    after: str


def try_field_rules(
    *, source: Source, owners: Mapping[str, str], actor: User, limit: int = 20
) -> tuple[int, list[FieldTrial]]:
    """On how many real links it was tried, and what these rules would change there; nothing is
    saved, sent or taken. Three queries and one a field. Raises PermissionDenied."""
    require(is_product_ops(actor), "Rules are for Product Ops.")
    adapter = _adapters[source]
    links = list(_links(adapter).order_by("-pk")[:limit])
    readings = adapter.readings([link.upstream_id for link in links])
    items = Request.objects.select_related("owner").in_bulk([link.subject_id for link in links])
    states = {(row.link_id, row.field): row for row in FieldState.objects.filter(link__in=links)}
    found: list[tuple[ItemLink, Request, str, str, str, str]] = []
    for link in links:
        item, reading = items.get(link.subject_id), readings.get(link.upstream_id)
        if item is None or item.is_merged or reading is None or reading.is_gone:
            continue
        here = values_here(item)
        for field in adapter.fields:
            owner, there = owners.get(field, ""), reading.values.get(field)
            if not owner or there is None:
                continue
            row = states.get((link.pk, field))
            todo = step(
                here=here[field],
                there=there,
                agreed_here=row.agreed_here if row else here[field],
                agreed_there=row.agreed_there if row else there,
                has_agreed=row is not None and row.agreed_at is not None,
                owner=owner,
            )
            if todo == Step.SEND and here[field]:
                found.append((link, item, field, source.label, there, here[field]))
            elif todo == Step.TAKE and there:
                found.append((link, item, field, "The hub", here[field], there))
            elif todo == Step.ASK:
                found.append((link, item, field, "A person is asked", here[field], there))
    people = people_in((row[2], value) for row in found for value in row[4:])
    return len(links), [
        FieldTrial(
            item, link, SharedField(field).label, where,
            shown(field, before, people), shown(field, after, people),
        )
        for link, item, field, where, before, after in found
    ]  # fmt: skip


def people_in(values: Iterable[tuple[str, str]]) -> dict[int, User]:
    """The people that these values of fields name."""
    ids = {int(value) for field, value in values if field == SharedField.OWNER and value.isdigit()}
    return User.objects.in_bulk(ids) if ids else {}


# --- Events ---------------------------------------------------------------------------------------


def request_changed(event: Event) -> None:
    """A request says something else: look at what stands for it."""
    for pk in ItemLink.objects.filter(
        subject_type=REQUEST, subject_id=event.subject_id, source__in=list(_adapters)
    ).values_list("pk", flat=True):
        look(pk)


def rule_saved(event: Event) -> None:
    """A rule also holds for what is linked already."""
    adapter = _adapters.get(Source(event.data["source"]))
    if adapter is not None:
        for pk in _links(adapter).order_by("pk").values_list("pk", flat=True):
            look(pk)


for _kind in HUB_KINDS:
    on(_kind, request_changed)
on("field_rule.saved", rule_saved)
