"""Record facts and hand them to those who act on them.

`record()` writes the event and one open receipt a handler in the caller's transaction. After
commit a task runs the handlers and closes the receipts. Whatever is left open, by a crash or an
absent broker, a beat task picks up: at least once, so handlers must be repeatable.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import models, transaction
from django.utils import timezone

from activity.models import Event, EventDispatch

log = structlog.get_logger(__name__)

Handler = Callable[[Event], None]
_handlers: dict[str, dict[str, Handler]] = {}
_replaying: ContextVar[bool] = ContextVar("replaying", default=False)
MAX_ATTEMPTS = 20


@dataclass(frozen=True)
class Fact:
    """One event to be written in bulk; times aware."""

    kind: str
    subject: models.Model
    occurred_at: datetime
    actor_id: int | None = None
    label: str = ""
    data: dict[str, Any] = field(default_factory=dict)


def on(kind: str, handler: Handler) -> None:
    """Call `handler(event)` after each committed event of this kind. Call from `ready()`."""
    name = f"{handler.__module__}.{handler.__qualname__}"
    _handlers.setdefault(kind, {})[name] = handler


def handler_names(kind: str) -> list[str]:
    """Names of the handlers of one kind, for writers that insert events by SQL."""
    return [] if _replaying.get() else list(_handlers.get(kind, {}))


@contextmanager
def replaying() -> Iterator[None]:
    """Write history without telling anyone: seeding and imports of past facts."""
    token = _replaying.set(True)
    try:
        yield
    finally:
        _replaying.reset(token)


def subject_key(subject: models.Model) -> str:
    """`intake.request`: how a subject's type is written in an event."""
    return subject._meta.label_lower


def record(
    kind: str,
    subject: models.Model,
    *,
    actor: models.Model | None = None,
    at: datetime | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Write one event in the current transaction and have it handed out after commit.

    `at` (aware) is when it truly happened, now by default. `data` holds ids and codes only.
    """
    event = Event.objects.create(
        kind=kind,
        subject_type=subject_key(subject),
        subject_id=subject.pk,
        subject_label=_label(subject),
        actor_id=actor.pk if actor is not None else None,
        occurred_at=at or timezone.now(),
        data=data or {},
    )
    _open_receipts([event])
    return event


def record_many(facts: Iterable[Fact]) -> list[Event]:
    """Write many events with one INSERT; same rows as `record` one by one."""
    events = Event.objects.bulk_create(
        [
            Event(
                kind=fact.kind,
                subject_type=subject_key(fact.subject),
                subject_id=fact.subject.pk,
                subject_label=fact.label or _label(fact.subject),
                actor_id=fact.actor_id,
                occurred_at=fact.occurred_at,
                data=fact.data,
            )
            for fact in facts
        ],
        batch_size=2000,
    )
    _open_receipts(events)
    return events


def _label(subject: models.Model) -> str:
    return str(getattr(subject, "reference", None) or subject)[:120]


def _open_receipts(events: list[Event]) -> None:
    if _replaying.get():
        return
    receipts = [
        EventDispatch(event_id=event.pk, handler=name)
        for event in events
        for name in _handlers.get(event.kind, {})
    ]
    if receipts:
        EventDispatch.objects.bulk_create(receipts, batch_size=2000)
        hand_out_after_commit(sorted({receipt.event_id for receipt in receipts}))


def hand_out_after_commit(event_ids: list[int]) -> None:
    """Enqueue the dispatch of these events once the transaction has committed."""
    transaction.on_commit(lambda: _enqueue(event_ids), robust=True)


def _enqueue(event_ids: list[int]) -> None:
    from activity.tasks import dispatch_events

    for start in range(0, len(event_ids), 100):
        try:
            dispatch_events.delay(event_ids[start : start + 100])
        except Exception as error:  # noqa: BLE001  broker clients raise many kinds
            # The receipts are stored: the straggler sweep hands them out when the broker is back.
            log.warning("dispatch_not_enqueued", error=type(error).__name__)
            return


def dispatch(event_id: int) -> int:
    """Run the open handlers of one event; returns how many finished.

    Each receipt is locked while its handler runs, so two dispatchers never run the same handler
    at once; a handler's failure is kept on its receipt and does not stop the others.
    """
    finished = 0
    open_ids = EventDispatch.objects.filter(event_id=event_id, done_at__isnull=True).values_list(
        "pk", flat=True
    )
    for pk in list(open_ids):
        finished += _run_one(pk)
    return finished


def _run_one(pk: int) -> int:
    with transaction.atomic():
        receipt = (
            EventDispatch.objects.select_for_update(skip_locked=True)
            .filter(pk=pk, done_at__isnull=True)
            .first()
        )
        if receipt is None:
            return 0
        event = Event.objects.get(pk=receipt.event_id)
        handler = _handlers.get(event.kind, {}).get(receipt.handler)
        receipt.attempts += 1
        try:
            if handler is not None:  # a handler that no longer exists has nothing left to do
                with transaction.atomic():
                    handler(event)
        except Exception as error:
            receipt.last_error = f"{type(error).__name__}: {error}"[:300]
            receipt.save(update_fields=["attempts", "last_error"])
            log.exception("handler_failed", handler=receipt.handler, event_id=event.pk)
            return 0
        receipt.done_at = timezone.now()
        receipt.last_error = ""
        receipt.save(update_fields=["attempts", "done_at", "last_error"])
        return 1
