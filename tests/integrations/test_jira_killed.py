"""A worker process that is really killed while it makes an issue: one issue all the same."""

import os
import signal
from importlib import import_module

import pytest
from django.db import connections
from django.utils import timezone

from integrations import deliveries
from integrations.jira import outgoing
from integrations.jira import requests as about
from integrations.jira.outgoing_fields import Filled
from integrations.models import Delivery, ItemLink

POINTS = {
    "before the call": ("integrations.jira.writes.create_issue", False),
    "after the call": ("integrations.jira.writes.create_issue", True),
    "before it is noted": ("integrations.deliveries._settle", False),
    "while it is noted": ("integrations.jira.outgoing._link", True),
}


def killed_in(name, is_after, delivery_id):
    """A process of its own tries the delivery and is killed at that point."""
    connections.close_all()  # no connection belongs to two processes
    pid = os.fork()
    if pid == 0:
        module, _, function = name.rpartition(".")
        place = import_module(module)
        real = getattr(place, function)

        def dies(*args, **kwargs):
            if is_after:
                real(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(place, function, dies)
        try:
            deliveries.deliver(delivery_id)
        finally:
            os._exit(1)  # not reached: it was to be killed
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", POINTS)
def test_a_killed_worker_leaves_one_issue(jira, decided, pm, where):
    fields = about.fields_for(
        decided, project="PLT", type_id="10100", summary=decided.title, filled=Filled()
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deliveries, "_hand_on", lambda pk: None)
        sent = outgoing.plan_issue(item=decided, actor=pm, fields=fields)
    assert killed_in(*POINTS[where], sent.pk) == -signal.SIGKILL
    held = Delivery.objects.get(pk=sent.pk)
    assert held.state == Delivery.State.SENDING and not ItemLink.objects.exists()
    # The lease runs out, and a search can be trusted again.
    held.payload["tried_at"] = "2026-01-01T00:00:00+00:00" if held.payload.get("tried_at") else ""
    Delivery.objects.filter(pk=sent.pk).update(leased_until=timezone.now(), payload=held.payload)
    assert deliveries.deliver(sent.pk)
    held.refresh_from_db()
    assert (held.state, len(jira.made)) == (Delivery.State.DONE, 1)
    assert ItemLink.objects.get().upstream_id == jira.made[0].id
