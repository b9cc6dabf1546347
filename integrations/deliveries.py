"""What the hub does in other systems: planned in the transaction that wants it, done at most once.

A source registers how each action is done: `@delivers(Source.JIRA, "create_issue")`. A handler
gets the delivery and answers with what the source said (ids, addresses), which is kept. From the
second attempt on it must look first whether the effect is there already: the worker may have died
between doing and noting. `Delivery.attempts` says which attempt this is.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from accounts.permissions import is_product_ops, require
from integrations import circuit
from integrations.errors import (
    CredentialsRefused,
    RateLimited,
    RetryableUpstreamError,
    UpstreamError,
)
from integrations.models import Delivery, Source
from integrations.sources import connector

log = structlog.get_logger(__name__)

LEASE_SECONDS = 120
MAX_ATTEMPTS = 10
FIRST_WAIT_SECONDS = 10
LONGEST_WAIT_SECONDS = 3600
SWEEP_ROWS = 200

Result = dict[str, Any]
Handler = Callable[[Delivery], Result]

_handlers: dict[tuple[str, str], Handler] = {}
_done: dict[tuple[str, str], Callable[[Delivery], None]] = {}


def delivers(
    source: Source, action: str, *, then: Callable[[Delivery], None] | None = None
) -> Callable[[Handler], Handler]:
    """Register how an action is done. `then` writes what follows here, in the transaction that
    notes the delivery as done."""

    def register(handler: Handler) -> Handler:
        _handlers[source.value, action] = handler
        if then is not None:
            _done[source.value, action] = then
        return handler

    return register


def plan(
    *,
    source: Source,
    action: str,
    key: str,
    payload: dict[str, Any] | None = None,
    lane: str = "",
    subject_type: str = "",
    subject_id: int | None = None,
    subject_label: str = "",
    due_at: datetime | None = None,
) -> Delivery:
    """Write down an effect; call it in the transaction that wants it.

    `key` names the effect: planned again, it stays one. Those of one `lane` go out in order.
    """
    delivery, is_new = Delivery.objects.get_or_create(
        key=key[:200],
        defaults={
            "source": source.value,
            "action": action,
            "lane": lane[:200],
            "payload": payload or {},
            "subject_type": subject_type,
            "subject_id": subject_id,
            "subject_label": subject_label,
            "due_at": due_at or timezone.now(),
        },
    )
    if is_new:
        _hand_on(delivery.pk)
    return delivery


def plan_again(delivery: Delivery, payload: dict[str, Any]) -> None:
    """Want an effect that was given up after all, with another payload; its attempts stay, so
    that its handler looks first."""
    given_up = [Delivery.State.DEAD, Delivery.State.SKIPPED]
    changed = Delivery.objects.filter(pk=delivery.pk, state__in=given_up).update(
        state=Delivery.State.WAITING, payload=payload, due_at=timezone.now(), message=""
    )
    if changed:
        delivery.state, delivery.payload = Delivery.State.WAITING, payload
        _hand_on(delivery.pk)


def _hand_on(pk: int) -> None:
    from integrations.tasks import send_delivery

    def send() -> None:
        try:
            send_delivery.delay(pk)
        except Exception as error:  # noqa: BLE001  many kinds; the sweep finds it
            log.warning("task_not_enqueued", error=type(error).__name__)

    transaction.on_commit(send)


def deliver(delivery_id: int) -> bool:
    """Try one delivery, if it is due and nobody else has it; True when it was tried."""
    delivery = _claim(delivery_id)
    if delivery is None:
        return False
    source = Source(delivery.source)
    connector(source)  # its folder is loaded, and has registered what it does
    handler = _handlers.get((delivery.source, delivery.action))
    try:
        if handler is None:
            raise UpstreamError(f"The hub does not know how to {delivery.action}.")
        circuit.require_closed(source)
        result = handler(delivery)
    except CredentialsRefused as error:
        # It waits until somebody renews the token: no attempt is lost.
        _put_off(delivery, str(error), circuit.WAIT_SECONDS, counts=False)
    except RateLimited as pause:
        _put_off(delivery, str(pause), pause.wait_seconds, counts=False)
    except RetryableUpstreamError as error:
        _put_off(delivery, str(error), _wait_seconds(delivery.attempts))
    except UpstreamError as error:
        _settle(delivery, Delivery.State.DEAD, message=str(error))
    except Exception as error:
        log.exception("delivery_failed", delivery_id=delivery.pk)
        reason = f"A fault in the hub ({type(error).__name__})."
        _put_off(delivery, reason, _wait_seconds(delivery.attempts))
    else:
        _settle(delivery, Delivery.State.DONE, result=result)
    return True


@transaction.atomic
def _claim(delivery_id: int) -> Delivery | None:
    now = timezone.now()
    delivery = (
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(_due(now), pk=delivery_id)
        .first()
    )
    if delivery is None:
        return None
    delivery.state = Delivery.State.SENDING
    delivery.attempts += 1
    delivery.leased_until = now + timedelta(seconds=LEASE_SECONDS)
    delivery.save(update_fields=["state", "attempts", "leased_until"])
    return delivery


def _due(now: datetime) -> Q:
    """Waiting and due, or left by a worker that died; and nothing before it in its lane."""
    before = Delivery.objects.filter(
        lane=OuterRef("lane"),
        pk__lt=OuterRef("pk"),
        state__in=[Delivery.State.WAITING, Delivery.State.SENDING],
    )
    is_due = Q(state=Delivery.State.WAITING, due_at__lte=now)
    is_left = Q(state=Delivery.State.SENDING, leased_until__lte=now)
    return (is_due | is_left) & (Q(lane="") | ~Q(Exists(before)))


def due_ids(limit: int = SWEEP_ROWS) -> list[int]:
    """Deliveries that can go out now, oldest first."""
    due = Delivery.objects.filter(_due(timezone.now()))
    return list(due.order_by("due_at", "pk").values_list("pk", flat=True)[:limit])


def _wait_seconds(attempts: int) -> float:
    wait = min(FIRST_WAIT_SECONDS * 2.0 ** (attempts - 1), LONGEST_WAIT_SECONDS)
    return wait * random.uniform(0.75, 1.25)


def _mine(delivery: Delivery) -> Any:
    """The row, as long as this worker's claim on it holds."""
    return Delivery.objects.filter(
        pk=delivery.pk, state=Delivery.State.SENDING, attempts=delivery.attempts
    )


def _put_off(delivery: Delivery, why: str, seconds: float, *, counts: bool = True) -> None:
    if counts and delivery.attempts >= MAX_ATTEMPTS:
        _settle(delivery, Delivery.State.DEAD, message=why)
        return
    _mine(delivery).update(
        state=Delivery.State.WAITING,
        due_at=timezone.now() + timedelta(seconds=seconds),
        leased_until=None,
        message=why,
    )


@transaction.atomic
def _settle(
    delivery: Delivery, state: str, *, message: str = "", result: Result | None = None
) -> None:
    is_done = state == Delivery.State.DONE
    changed = _mine(delivery).update(
        state=state,
        leased_until=None,
        message=message,
        result=result or {},
        sent_at=timezone.now() if is_done else None,
    )
    if not changed:
        return  # the lease ran out, and another worker has it
    delivery.state, delivery.result = state, result or {}
    if is_done and (then := _done.get((delivery.source, delivery.action))):
        then(delivery)
    if delivery.lane:
        following = Delivery.objects.filter(lane=delivery.lane, state=Delivery.State.WAITING)
        if (pk := following.order_by("pk").values_list("pk", flat=True).first()) is not None:
            _hand_on(pk)


# --- What Product Ops does about them ----------------------------------------------------------


def retry(*, delivery: Delivery, actor: User) -> None:
    """Try again at once, also what was given up or skipped. Raises PermissionDenied."""
    require(is_product_ops(actor), "Only Product Ops may retry.")
    changed = Delivery.objects.filter(pk=delivery.pk).exclude(
        state__in=[Delivery.State.DONE, Delivery.State.SENDING]
    )
    if changed.update(state=Delivery.State.WAITING, due_at=timezone.now(), message=""):
        _hand_on(delivery.pk)


def skip(*, delivery: Delivery, actor: User) -> bool:
    """Decide to do without it; False when it went out in the meantime. Raises PermissionDenied."""
    require(is_product_ops(actor), "Only Product Ops may skip.")
    open_states = [Delivery.State.WAITING, Delivery.State.DEAD]
    skipped = Delivery.objects.filter(pk=delivery.pk, state__in=open_states).update(
        state=Delivery.State.SKIPPED, message=f"Skipped by {actor.name}."
    )
    return bool(skipped)
