from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.forms.models import model_to_dict
from django.utils import timezone

from activity.events import dispatch
from activity.models import Event
from intake.models import Comment, Promise, Request, RoutingHit, RoutingRule
from intake.services import (
    CannotUndo,
    ask_requester,
    decide_request,
    label_request,
    merge_requests,
    snooze_request,
    triage_request,
    undo_action,
    vote_for_request,
    window,
)
from notices.models import Notice
from planning.models import Decision
from tests.factories import make_request, make_team, make_user

pytestmark = pytest.mark.django_db


def state(item):
    """Everything about a request that an action may change."""
    item = Request.objects.get(pk=item.pk)
    promises = list(Promise.objects.filter(request=item).order_by("kind").values())
    return model_to_dict(item), promises


def act(name, item, pm, undo):
    if name == "triage":
        triage_request(item=item, actor=pm, team=make_team(), owner=pm, undo=undo)
    elif name == "ask":
        ask_requester(item=item, actor=pm, question="How many?", undo=undo)
    elif name == "snooze":
        until = timezone.now() + timedelta(days=3)
        snooze_request(item=item, actor=pm, until=until, undo=undo)
    elif name == "label":
        label_request(item=item, actor=pm, labels=["Depot"], priority="high", undo=undo)
    elif name == "merge":
        merge_requests(items=[item], into=make_request(), actor=pm, undo=undo)
    else:
        decide_request(item=item, actor=pm, outcome="do", reason="Yes.", undo=undo)


ACTIONS = ["triage", "ask", "snooze", "label", "merge", "decide"]


@pytest.mark.parametrize("name", ACTIONS)
def test_it_restores_everything_and_tells_nobody(name, pm, ada, item, run_on_commit):
    vote_for_request(item=item, person=make_user())
    item.refresh_from_db()
    before = state(item)
    undo = window(pm)
    with run_on_commit():
        act(name, item, pm, undo)
        assert state(item) != before
    with run_on_commit():
        assert undo_action(key=undo.key, actor=pm) == [item]
    assert state(item) == before
    assert not Notice.objects.exclude(kind="request.submitted").exists()
    undone = {event.data["event"] for event in Event.objects.filter(kind="request.undone")}
    kinds = set(Event.objects.filter(pk__in=undone).values_list("kind", flat=True))
    assert kinds - {"request.acknowledged"} <= {
        f"request.{name}{tail}" for tail in ("d", "ed", "led", "ged", "aged", "")
    } | {"request.snoozed", "request.triaged"}
    assert not Comment.objects.exists()
    assert not Decision.objects.filter(withdrawn_at__isnull=True).exists()


@pytest.mark.parametrize("name", ACTIONS)
def test_a_handler_that_comes_late_tells_nobody_either(name, pm, item):
    undo = window(pm)
    act(name, item, pm, undo)
    undo_action(key=undo.key, actor=pm)
    for event in Event.objects.exclude(kind="request.submitted"):
        dispatch(event.pk)
    assert not Notice.objects.exists()


def test_only_who_did_it_takes_it_back(pm, opsadmin, item):
    undo = window(pm)
    act("triage", item, pm, undo)
    with pytest.raises(PermissionDenied):
        undo_action(key=undo.key, actor=opsadmin)


def test_its_time_passes(pm, item):
    undo = window(pm)
    act("triage", item, pm, undo)
    with pytest.raises(CannotUndo, match="time to undo has passed"):
        undo_action(key=undo.key, actor=pm, at=timezone.now() + timedelta(seconds=30))


def test_it_is_taken_back_once(pm, item):
    undo = window(pm)
    act("triage", item, pm, undo)
    undo_action(key=undo.key, actor=pm)
    with pytest.raises(CannotUndo, match="already"):
        undo_action(key=undo.key, actor=pm)


def test_what_another_did_since_is_not_thrown_away(pm, opsadmin, item):
    undo = window(pm)
    act("triage", item, pm, undo)
    decide_request(item=item, actor=opsadmin, outcome="no", reason="No.")
    with pytest.raises(CannotUndo, match=f"{item.reference} was changed since"):
        undo_action(key=undo.key, actor=pm)


def test_a_bulk_goes_back_as_a_whole(pm, item):
    items = [make_request() for _ in range(3)]
    before = [state(one) for one in [item, *items]]
    undo = window(pm)
    merge_requests(items=items, into=item, actor=pm, undo=undo)
    assert set(undo_action(key=undo.key, actor=pm)) == set(items)
    after = [state(one) for one in [item, *items]]
    before[0][0]["changed_at"] = after[0][0]["changed_at"]  # the target had news
    assert after == before


def test_a_rule_is_not_blamed_for_a_mistake_that_was_taken_back(pm, item, team):
    rule = RoutingRule.objects.create(name="Depots", to_team=team)
    hit = RoutingHit.objects.create(rule=rule, request=item, team=team)
    undo = window(pm)
    triage_request(item=item, actor=pm, team=make_team(), owner=pm, undo=undo)
    hit.refresh_from_db()
    assert hit.rerouted_at is not None
    undo_action(key=undo.key, actor=pm)
    hit.refresh_from_db()
    assert (hit.rerouted_at, hit.rerouted_to) == (None, None)
