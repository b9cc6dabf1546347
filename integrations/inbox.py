"""What sources send us by themselves: kept, answered at once, worked on by a task.

A source registers what it does with each kind of message: `@hears(Source.JIRA, "jira:")`. The
handler may run again after a crash, so it must be repeatable; messages are hints to re-read.
"""

import random
from collections.abc import Callable
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from integrations.errors import RateLimited, RetryableUpstreamError, UpstreamError
from integrations.models import InboundMessage, Source
from integrations.sources import connector

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 8
FIRST_WAIT_SECONDS = 15
LONGEST_WAIT_SECONDS = 3600
SWEEP_ROWS = 200
# Kept so that it can be played again.
KEPT_DAYS = 30

# Returns what became of it in a sentence; "" where nothing concerned us.
Handler = Callable[[InboundMessage], str]

_handlers: dict[Source, list[tuple[str, Handler]]] = {}


def hears(source: Source, kind: str = "") -> Callable[[Handler], Handler]:
    """Register a handler for kinds that begin so; the longest beginning wins."""

    def register(handler: Handler) -> Handler:
        _handlers.setdefault(source, []).append((kind, handler))
        return handler

    return register


def receive(
    *, source: Source, kind: str, key: str, body: str = "", subject: str = ""
) -> tuple[InboundMessage, bool]:
    """Keep a message; returns it and whether it is new. Sent again, it only counts up.

    Has a worker handle it after commit; where the broker is away the sweep finds it.
    """
    message, is_new = InboundMessage.objects.get_or_create(
        source=source,
        key=key[:200],
        defaults={
            "kind": kind[:60],
            "body": body.replace("\x00", ""),
            "subject": subject.replace("\x00", "")[:200],
        },
    )
    if not is_new:
        InboundMessage.objects.filter(pk=message.pk).update(times=F("times") + 1)
    else:
        _hand_on(message.pk)
    return message, is_new


def _hand_on(pk: int) -> None:
    from integrations.tasks import handle_message

    def send() -> None:
        try:
            handle_message.delay(pk)
        except Exception as error:  # noqa: BLE001  many kinds; the sweep finds it
            log.warning("task_not_enqueued", error=type(error).__name__)

    transaction.on_commit(send)


def handle(message_id: int) -> bool:
    """Work on one message, unless it is done or another worker has it; True when it was tried."""
    with transaction.atomic():
        message = (
            InboundMessage.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(pk=message_id, state=InboundMessage.State.WAITING)
            .first()
        )
        if message is None:
            return False
        # Whoever dies now leaves it to the sweep, after a while.
        message.attempts += 1
        message.due_at = timezone.now() + timedelta(seconds=_wait_seconds(message.attempts))
        message.save(update_fields=["attempts", "due_at"])
    handler = _handler(message)
    try:
        said = handler(message) if handler else ""
    except RateLimited as pause:
        _put_off(message, str(pause), pause.wait_seconds, counts=False)
    except RetryableUpstreamError as error:
        _put_off(message, str(error), _wait_seconds(message.attempts))
    except UpstreamError as error:
        _end(message, InboundMessage.State.FAILED, str(error))
    except Exception as error:
        log.exception("message_failed", message_id=message.pk)
        _put_off(message, f"A fault in the hub ({type(error).__name__}).", 60)
    else:
        state = InboundMessage.State.DONE if said else InboundMessage.State.IGNORED
        _end(message, state, said or "It concerns nothing that the hub keeps.")
    return True


def replay(message: InboundMessage) -> None:
    """Have a message worked on again, whatever became of it."""
    InboundMessage.objects.filter(pk=message.pk).update(
        state=InboundMessage.State.WAITING, attempts=0, due_at=timezone.now(), handled_at=None
    )
    _hand_on(message.pk)


def waiting_ids(limit: int = SWEEP_ROWS) -> list[int]:
    """Messages that are due, oldest first."""
    due = InboundMessage.objects.filter(
        state=InboundMessage.State.WAITING, due_at__lte=timezone.now()
    )
    return list(due.order_by("due_at").values_list("pk", flat=True)[:limit])


def forget_old() -> int:
    """Drop messages that are done and older than KEPT_DAYS; returns how many."""
    old = timezone.now() - timedelta(days=KEPT_DAYS)
    return (
        InboundMessage.objects.filter(received_at__lt=old)
        .exclude(state=InboundMessage.State.WAITING)
        .delete()[0]
    )


def _handler(message: InboundMessage) -> Handler | None:
    connector(message.source)  # its folder is loaded, and has registered what it hears
    found = [
        pair
        for pair in _handlers.get(Source(message.source), [])
        if message.kind.startswith(pair[0])
    ]
    return max(found, key=lambda pair: len(pair[0]))[1] if found else None


def _wait_seconds(attempts: int) -> float:
    wait = min(FIRST_WAIT_SECONDS * 2.0 ** (attempts - 1), LONGEST_WAIT_SECONDS)
    return wait * random.uniform(0.75, 1.25)


def _put_off(message: InboundMessage, why: str, seconds: float, *, counts: bool = True) -> None:
    if counts and message.attempts >= MAX_ATTEMPTS:
        _end(message, InboundMessage.State.FAILED, why)
        return
    InboundMessage.objects.filter(pk=message.pk).update(
        due_at=timezone.now() + timedelta(seconds=seconds),
        attempts=message.attempts if counts else message.attempts - 1,
        message=why,
    )


def _end(message: InboundMessage, state: str, said: str) -> None:
    InboundMessage.objects.filter(pk=message.pk).update(
        state=state, handled_at=timezone.now(), message=said
    )
