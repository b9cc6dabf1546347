"""What goes out and what came in, as Product Ops reads it."""

from dataclasses import dataclass

from django.db.models import Count, QuerySet

from integrations.models import Delivery, InboundMessage, Source

OPEN = [Delivery.State.WAITING, Delivery.State.SENDING]
# Word of the tab, and the states that it shows; the first is what needs somebody.
DELIVERY_VIEWS: dict[str, tuple[str, list[str]]] = {
    "dead": ("Given up", [Delivery.State.DEAD]),
    "open": ("On their way", list(OPEN)),
    "done": ("Done", [Delivery.State.DONE]),
    "skipped": ("Skipped", [Delivery.State.SKIPPED]),
}
MESSAGE_VIEWS: dict[str, tuple[str, list[str]]] = {
    "failed": ("Failed", [InboundMessage.State.FAILED]),
    "waiting": ("Waiting", [InboundMessage.State.WAITING]),
    "done": ("Done", [InboundMessage.State.DONE]),
    "ignored": ("Ignored", [InboundMessage.State.IGNORED]),
}
DELIVERY_TAGS = {
    Delivery.State.WAITING: ("Waiting", "info", "clock"),
    Delivery.State.SENDING: ("Being sent", "info", "sync"),
    Delivery.State.DONE: ("Done", "good", "check"),
    Delivery.State.DEAD: ("Given up", "bad", "alert"),
    Delivery.State.SKIPPED: ("Skipped", "", "clock"),
}
MESSAGE_TAGS = {
    InboundMessage.State.WAITING: ("Waiting", "info", "clock"),
    InboundMessage.State.DONE: ("Done", "good", "check"),
    InboundMessage.State.IGNORED: ("Ignored", "", "eye"),
    InboundMessage.State.FAILED: ("Failed", "bad", "alert"),
}


@dataclass(frozen=True)
class Tab:
    """One tab of a list, with how many it holds."""

    key: str
    word: str
    count: int


def tabs(model: type[Delivery] | type[InboundMessage]) -> list[Tab]:
    """The tabs of a list with their counts, in one query."""
    views = DELIVERY_VIEWS if model is Delivery else MESSAGE_VIEWS
    rows = model.objects.order_by().values_list("state").annotate(Count("pk"))
    counts = dict(rows)
    return [
        Tab(key, word, sum(counts.get(state, 0) for state in states))
        for key, (word, states) in views.items()
    ]


def deliveries(view: str, source: str) -> QuerySet[Delivery]:
    """Deliveries of a tab, newest first, without their payload."""
    found = Delivery.objects.filter(state__in=DELIVERY_VIEWS[view][1]).defer("payload")
    return found.filter(source=source) if source in Source.values else found


def messages(view: str, source: str) -> QuerySet[InboundMessage]:
    """Messages of a tab, newest first, without their text."""
    found = InboundMessage.objects.filter(state__in=MESSAGE_VIEWS[view][1]).defer("body")
    return found.filter(source=source) if source in Source.values else found


def action_words(action: str) -> str:
    """`create_issue` as people say it."""
    return action.replace("_", " ").capitalize()
