"""N07: whoever is behind an outcome hears it, with the reason, exactly once."""

import pytest

from accounts.services import guest_for
from activity.events import dispatch
from activity.models import Event
from intake.hearing import mute
from intake.models import Request
from intake.services import (
    decide_request,
    follow_request,
    merge_requests,
    ship_request,
    triage_request,
    vote_for_request,
)
from notices.models import Delivery, Notice
from tests.factories import make_request, make_user, reason_code

pytestmark = pytest.mark.django_db

REASON = "Two other wishes bring more this quarter."
ORIGINS = ["asked", "asked as a guest", "was written for", "wrote for them", "voted", "follows"]
ORIGINS += ["asked for what joined it", "voted for what joined it"]
OUTCOMES = {
    "do": "request.decided",
    "later": "request.decided",
    "no": "request.decided",
    "delivered": "request.shipped",
    "merged": "request.merged",
}


def behind(origin, team):
    """A request, and the person behind it in this way."""
    if origin == "asked as a guest":
        person = guest_for("eve@haulier.example", "Eve")
        return make_request(person, team=team), person
    person = make_user("lea@harbourline.example", "Lea Brandt")
    if origin == "asked":
        return make_request(person, team=team), person
    if origin == "was written for":
        return make_request(person, team=team, sent_by=make_user()), person
    item = make_request(team=team, sent_by=person if origin == "wrote for them" else None)
    if origin == "voted":
        vote_for_request(item=item, person=person)
    elif origin == "follows":
        follow_request(item=item, person=person)
    elif "joined" in origin:
        asker = person if origin.startswith("asked") else make_user()
        other = make_request(asker, title="The same once more", team=team)
        if asker != person:
            vote_for_request(item=other, person=person)
        merge_requests(items=[other], into=item, actor=make_user(role="pm"))
    return Request.objects.get(pk=item.pk), person


def bring_about(outcome, item, pm, team):
    """The outcome on a request; the event that says so."""
    if outcome == "merged":
        merge_requests(items=[item], into=make_request(title="The first", team=team), actor=pm)
    else:
        item = triage_request(item=item, actor=pm, team=team, owner=pm)
        decide_request(
            item=item,
            actor=pm,
            outcome="do" if outcome == "delivered" else outcome,
            reason=REASON,
            reason_code=None if outcome in ("do", "delivered") else reason_code(),
        )
    if outcome == "delivered":
        ship_request(item=Request.objects.get(pk=item.pk), actor=pm)
    return Event.objects.filter(kind=OUTCOMES[outcome]).latest("id")


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_hears_each_outcome_once(origin, outcome, pm, team, run_on_commit):
    with run_on_commit():
        item, person = behind(origin, team)
        event = bring_about(outcome, item, pm, team)
    told = Notice.objects.filter(recipient=person, event_id=event.pk)
    assert told.count() == 1
    said = told.get()
    assert f"{said.title} {said.text}".count(REASON) == (outcome in ("do", "later", "no"))
    # Guests hear by mail and by their own page, everyone else in the inbox as well.
    assert Delivery.objects.filter(notice=said).exists() or not person.is_guest

    with run_on_commit():
        dispatch(event.pk)
    assert told.count() == 1


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_who_stopped_it_hears_nothing(outcome, pm, team, run_on_commit):
    with run_on_commit():
        item, person = behind("voted", team)
        mute(person, item.pk, True)
        event = bring_about(outcome, item, pm, team)
    assert not Notice.objects.filter(recipient=person, event_id=event.pk).exists()
