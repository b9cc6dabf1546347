from datetime import UTC, datetime

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied

from accounts.models import Role
from activity.models import Event
from intake.models import Status
from intake.services import AlreadyDecided, AlreadyTaken, triage_request
from notices.models import Notice
from tests.factories import make_request, make_user

pytestmark = pytest.mark.django_db


def test_it_works(pm, ada, team):
    item = make_request(ada, at=datetime(2026, 3, 2, 10, tzinfo=UTC))
    at = datetime(2026, 3, 3, 9, tzinfo=UTC)
    item = triage_request(item=item, actor=pm, team=team, owner=pm, at=at)
    assert (item.status, item.team, item.owner, item.triaged_at) == (Status.TRIAGED, team, pm, at)
    assert item.due_at == datetime(2026, 3, 13, 10, tzinfo=UTC)  # nine working days from receipt
    event = Event.objects.get(kind="request.triaged")
    assert event.data == {"team": team.pk, "owner": pm.pk, "owner_changed": True}


def test_it_requires_a_pm(ada, item, team, pm):
    with pytest.raises(PermissionDenied):
        triage_request(item=item, actor=ada, team=team, owner=pm)


def test_the_owner_must_be_a_pm(ada, item, team, pm):
    with pytest.raises(PermissionDenied, match="not a product manager"):
        triage_request(item=item, actor=pm, team=team, owner=ada)


def test_it_rejects_a_decided_request(pm, decided, team):
    with pytest.raises(AlreadyDecided, match="Tomasz Wieczorek decided this first: Do it"):
        triage_request(item=decided, actor=pm, team=team, owner=pm)


def test_the_second_to_take_it_hears_who_was_first(pm, item, team):
    priya = make_user(name="Priya Raman", role=Role.PM)
    triage_request(item=item, actor=pm, team=team, owner=pm, owner_seen=None)
    with pytest.raises(AlreadyTaken, match="Tomasz Wieczorek took this first"):
        triage_request(item=item, actor=priya, team=team, owner=priya, owner_seen=None)
    item.refresh_from_db()
    assert item.owner == pm


def test_repeating_it_changes_nothing(pm, triaged, team):
    triage_request(item=triaged, actor=pm, team=team, owner=pm)
    assert Event.objects.filter(kind__in=["request.triaged", "request.reassigned"]).count() == 1


def test_requester_and_new_owner_are_told(pm, item, team, run_on_commit):
    priya = make_user("priya@harbourline.example", name="Priya Raman", role=Role.PM)
    with run_on_commit():
        triage_request(item=item, actor=pm, team=team, owner=priya)
    assert {
        n.recipient.name: n.is_action for n in Notice.objects.filter(kind="request.triaged")
    } == {
        "Ada Mensah": False,
        "Priya Raman": True,
    }
    assert len(mail.outbox) == 2


def test_what_was_given_up_meanwhile_is_free_to_take(pm, item, team):
    item = triage_request(item=item, actor=pm, team=team, owner=pm, owner_seen=999)
    assert item.owner == pm
