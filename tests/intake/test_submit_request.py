import uuid
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied

from activity.models import Event
from intake.models import Request, Status
from intake.services import submit_request

pytestmark = pytest.mark.django_db
TEXT = {"title": "Show driver hours", "problem": "Planners phone drivers to ask."}


def test_it_works(ada, team):
    monday = datetime(2026, 3, 2, 10, tzinfo=UTC)
    item = submit_request(requester=ada, team=team, at=monday, **TEXT)
    assert item.reference == f"REQ-{item.number}"
    assert (item.status, item.requester, item.team) == (Status.NEW, ada, team)
    assert item.due_at == datetime(2026, 3, 4, 10, tzinfo=UTC)  # two working days on
    event = Event.objects.get(kind="request.submitted")
    assert (event.subject_id, event.actor, event.occurred_at) == (item.pk, ada, monday)
    assert event.data == {"kind": "idea", "team": team.pk, "source": "web"}


def test_numbers_follow_each_other(ada):
    first, second = (submit_request(requester=ada, **TEXT) for _ in range(2))
    assert second.number == first.number + 1


def test_a_weekend_is_no_working_day(ada, team):
    friday_evening = datetime(2026, 3, 6, 20, tzinfo=UTC)
    item = submit_request(requester=ada, team=team, at=friday_evening, **TEXT)
    assert item.due_at == datetime(2026, 3, 11, 8, tzinfo=UTC)  # Wednesday 9:00 in Amsterdam


def test_it_requires_an_open_account(ada):
    ada.is_active = False
    with pytest.raises(PermissionDenied):
        submit_request(requester=ada, **TEXT)


def test_the_same_form_makes_one_request(ada):
    key = uuid.uuid4()
    first = submit_request(requester=ada, submission_key=key, **TEXT)
    second = submit_request(requester=ada, submission_key=key, **TEXT)
    assert first == second
    assert Request.objects.count() == 1
    assert Event.objects.filter(kind="request.submitted").count() == 1


def test_the_requester_gets_its_number_by_mail(ada, run_on_commit):
    with run_on_commit():
        item = submit_request(requester=ada, **TEXT)
    (sent,) = mail.outbox
    assert sent.to == ["Ada Mensah <ada@harbourline.example>"]
    assert sent.subject == f"{item.reference} received: Show driver hours"
    assert item.get_absolute_url() in sent.body
