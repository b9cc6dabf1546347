import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied

from activity.models import Event
from intake.models import Comment
from intake.services import (
    AlreadyDecided,
    NothingAsked,
    answer_question,
    ask_requester,
    comment_on_request,
)
from tests.factories import make_request

pytestmark = pytest.mark.django_db
TUESDAY = datetime(2026, 3, 3, 9, tzinfo=UTC)


def test_a_question_waits_for_the_requester(pm, item):
    ask_requester(item=item, actor=pm, question="How many stops?", at=TUESDAY)
    item.refresh_from_db()
    assert (item.asked_at, item.asked_by) == (TUESDAY, pm)
    assert Event.objects.get(kind="request.asked").actor == pm


def test_the_promises_run_on_by_the_working_time_that_they_waited(pm, ada, team):
    item = make_request(ada, team=team, at=TUESDAY)
    ask_requester(item=item, actor=pm, question="How many stops?", at=TUESDAY)
    assert set(item.promises.values_list("kind", "met_at", "paused_at")) == {
        ("first_answer", TUESDAY, None),  # a question is a first word
        ("triage", None, TUESDAY),
        ("decision", None, TUESDAY),
    }
    answer_question(item=item, actor=ada, answer="640.", at=TUESDAY + timedelta(hours=30))
    item.refresh_from_db()
    # Thirty hours from Tuesday 10:00 hold a working day and six hours of the next.
    assert item.promises.get(kind="triage").waited_seconds == (8 + 6) * 3600
    assert item.due_at == datetime(2026, 3, 6, 15, tzinfo=UTC)
    assert item.asked_at is None
    assert Event.objects.get(kind="request.answered").data["waited_seconds"] == 30 * 3600


def test_only_pms_ask(ada, item):
    with pytest.raises(PermissionDenied):
        ask_requester(item=item, actor=ada, question="?")


def test_strangers_do_not_answer(pm, outsider, item):
    ask_requester(item=item, actor=pm, question="How many stops?")
    with pytest.raises(PermissionDenied):
        answer_question(item=item, actor=outsider, answer="Many.")


def test_a_decided_request_is_asked_nothing(pm, decided):
    with pytest.raises(AlreadyDecided):
        ask_requester(item=decided, actor=pm, question="How many stops?")
    assert not Comment.objects.exists()


def test_an_answer_needs_a_question(ada, item):
    with pytest.raises(NothingAsked):
        answer_question(item=item, actor=ada, answer="640.")
    assert not Comment.objects.exists()


def test_a_form_posted_twice_speaks_once(pm, ada, item, run_on_commit):
    ask, answer, say = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    with run_on_commit():
        for _ in range(2):
            ask_requester(item=item, actor=pm, question="How many stops?", key=ask)
        for _ in range(2):
            answer_question(item=item, actor=ada, answer="640.", key=answer)
        for _ in range(2):
            comment_on_request(item=item, actor=ada, body="In Rotterdam.", key=say)
    assert [c.body for c in Comment.objects.all()] == ["How many stops?", "640.", "In Rotterdam."]
    subjects = [m.subject for m in mail.outbox if "received" not in m.subject]
    # pm does not own it yet, so the comment has nobody else to reach
    assert [s.split(" REQ")[0] for s in subjects] == [
        "Tomasz Wieczorek asks about",
        "Ada Mensah answered on",
    ]


def test_other_words_under_a_used_key_are_said_too(ada, item):
    key = uuid.uuid4()
    comment_on_request(item=item, actor=ada, body="In Rotterdam.", key=key)
    comment_on_request(item=item, actor=ada, body="And in Ghent.", key=key)
    assert [c.body for c in Comment.objects.all()] == ["In Rotterdam.", "And in Ghent."]
