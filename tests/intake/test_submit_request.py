import threading
import uuid
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.db import connection

from activity.models import Event
from intake.models import Request, Status
from intake.services import submit_request
from tests.factories import make_user

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
    assert event.data == {"kind": "idea", "team": team.pk, "source": "web", "form": None}


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


def test_other_words_under_a_used_key_are_not_lost(ada):
    key = uuid.uuid4()
    first = submit_request(requester=ada, submission_key=key, **TEXT)
    second = submit_request(
        requester=ada, submission_key=key, title="Another wish", problem="Another case."
    )
    assert second != first
    assert Request.objects.count() == 2


def test_a_stranger_s_key_gives_nothing_away(ada, outsider):
    key = uuid.uuid4()
    first = submit_request(requester=ada, submission_key=key, **TEXT)
    second = submit_request(requester=outsider, submission_key=key, **TEXT)
    assert second != first and second.requester == outsider


@pytest.mark.django_db(transaction=True)
def test_two_posts_at_once_make_one_request():
    ada, key = make_user(), uuid.uuid4()
    barrier, made = threading.Barrier(2), []

    def post():
        try:
            barrier.wait()
            made.append(submit_request(requester=ada, submission_key=key, **TEXT))
        finally:
            connection.close()

    threads = [threading.Thread(target=post) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2
    assert Request.objects.get() == made[0] == made[1]
    assert Event.objects.filter(kind="request.submitted").count() == 1
