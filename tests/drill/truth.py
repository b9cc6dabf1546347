"""What must hold when the dust has settled."""

import time
from collections import Counter
from collections.abc import Callable

from tests.drill.source import SlowJira
from tests.drill.traffic import Traffic, patiently


def settle(jira: SlowJira, seconds: float = 300) -> list[str]:
    """Wait until nothing is under way and a whole run has ended since; says what still waits."""
    from integrations.models import SyncRun
    from integrations.tasks import sync_jira

    last = patiently(lambda: SyncRun.objects.order_by("-pk").values_list("pk", flat=True).first())
    deadline = time.monotonic() + seconds
    asked = 0.0
    while True:
        waiting = patiently(_waiting)
        done = SyncRun.objects.filter(pk__gt=last or 0, status="done", is_full=True)
        if not waiting and patiently(done.exists):
            return []
        if time.monotonic() > deadline:
            return waiting or ["no full run ended"]
        if time.monotonic() - asked > 15:
            patiently(lambda: sync_jira.delay(full=True, trigger="manual"))
            asked = time.monotonic()
        time.sleep(1)


def _waiting() -> list[str]:
    from activity.models import EventDispatch
    from integrations.models import Delivery, InboundMessage

    counts = {
        "deliveries": Delivery.objects.filter(state__in=["waiting", "sending"]).count(),
        "messages": InboundMessage.objects.filter(state="waiting").count(),
        "events to hand out": EventDispatch.objects.filter(done_at=None).count(),
    }
    return [f"{number} {what}" for what, number in counts.items() if number]


def faults(traffic: Traffic, jira: SlowJira) -> list[str]:
    """Everything that was lost, doubled or differs from the source; [] is what we want."""
    checks: list[Callable[[Traffic, SlowJira], list[str]]] = [
        _wishes, _issues, _links, _messages, _work,
    ]  # fmt: skip
    return [*traffic.errors, *(fault for check in checks for fault in check(traffic, jira))]


def _wishes(traffic: Traffic, jira: SlowJira) -> list[str]:
    """Each form that the hub said it took is one request."""
    from intake.models import Request

    titles = Counter(Request.objects.values_list("title", flat=True))
    keys = set(Request.objects.values_list("submission_key", flat=True))
    lost = [f"wish {key} is lost" for key in traffic.sent if key not in keys]
    return lost + [f"“{title}” is there {n} times" for title, n in titles.items() if n > 1]


def _issues(traffic: Traffic, jira: SlowJira) -> list[str]:
    """Each push made one issue, and no issue was made without."""
    from integrations.models import Delivery

    made = jira.labels_made()
    planned = Delivery.objects.filter(action="create_issue")
    labels = {row.payload["label"]: row for row in planned}
    found = [
        f"{label} was promised and is lost" for label in traffic.planned if label not in labels
    ]
    for label, row in labels.items():
        if row.state != "done":
            found.append(f"{label}: the delivery is {row.state}: {row.message}")
        if made.get(label, 0) != 1:
            found.append(f"{label}: {made.get(label, 0)} issues")
    return found + [f"{label}: made by nobody" for label in made if label not in labels]


def _links(traffic: Traffic, jira: SlowJira) -> list[str]:
    """Each issue is linked with its request, here and there."""
    from integrations.models import ItemLink

    here = Counter(ItemLink.objects.filter(source="jira").values_list("upstream_id", flat=True))
    found = []
    for issue in jira.made:
        if here.get(issue.id) != 1:
            found.append(f"{issue.key}: {here.get(issue.id, 0)} links here")
        if len(jira.links.get(issue.id, {})) != 1:
            found.append(f"{issue.key}: {len(jira.links.get(issue.id, {}))} links in Jira")
    return found


def _messages(traffic: Traffic, jira: SlowJira) -> list[str]:
    """Each webhook that was answered with 200 is kept once and was worked on."""
    from integrations.models import InboundMessage

    states = dict(InboundMessage.objects.values_list("key", "state"))
    lost = [f"webhook {key} is lost" for key in traffic.heard if key not in states]
    return lost + [f"webhook {key} failed" for key, state in states.items() if state == "failed"]


def _work(traffic: Traffic, jira: SlowJira) -> list[str]:
    """The hub holds what Jira holds, row by row, histories too."""
    from tests.factories_work import stored_moves, stored_rows
    from tests.integrations.conftest import source_moves, source_rows

    found = []
    for what, here, there in (
        ("issue", set(stored_rows()), set(source_rows(jira))),
        ("move", set(stored_moves()), set(source_moves(jira))),
    ):
        found += [f"{what} only in the hub: {row}" for row in sorted(here - there)[:5]]
        found += [f"{what} only in Jira: {row}" for row in sorted(there - here)[:5]]
    return found
