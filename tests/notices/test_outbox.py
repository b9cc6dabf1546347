"""What waits for its release is seen by nobody, and can be taken back."""

from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from activity.events import record
from notices.models import Notice
from notices.selectors import inbox_for, last_heard
from notices.services import Message, cancel, mark_read, notify
from notices.tasks import send_waiting_mails
from producthub.lib.frame import counts_for

pytestmark = pytest.mark.django_db
HELLO = Message("Hello", "/requests/1/")


@pytest.fixture
def happened(ada, pm):
    return record("test.happened", ada, actor=pm)


@pytest.fixture
def waiting(happened, ada, run_on_commit):
    """A notice to ada that is released in ten seconds."""
    with run_on_commit():
        notify(
            event=happened,
            recipients=[ada],
            message=HELLO,
            release_at=timezone.now() + timedelta(seconds=10),
        )
    return Notice.objects.get()


def unread(user):
    return counts_for(user, timezone.localdate())["unread"]


def test_it_waits_unseen(waiting, ada, signed_in):
    assert mail.outbox == []
    assert not inbox_for(ada).exists()
    assert unread(ada) == 0
    assert "Hello" not in signed_in(ada).get("/inbox/").content.decode()
    assert signed_in(ada).post(f"/inbox/{waiting.pk}/open/").status_code == 404
    assert mark_read(user=ada) == 0
    send_waiting_mails()
    assert mail.outbox == []


def test_after_its_time_it_is_there_and_mailed_once(waiting, ada):
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert inbox_for(ada).get() == waiting
        send_waiting_mails()
        send_waiting_mails()
    assert len(mail.outbox) == 1


def test_the_bell_counts_what_is_released(waiting, ada):
    Notice.objects.update(release_at=timezone.now() - timedelta(seconds=1))
    assert unread(ada) == 1


def test_taken_back_in_time_it_is_gone(waiting, happened, ada):
    assert cancel(happened.pk) == 1
    assert cancel(happened.pk) == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        send_waiting_mails()
    assert mail.outbox == []
    assert not Notice.objects.exists()


def test_taken_back_too_late_it_stays(waiting, happened):
    with time_machine.travel(timezone.now() + timedelta(seconds=11)):
        assert cancel(happened.pk) == 0
    assert Notice.objects.exists()


def test_other_events_are_not_touched(waiting, ada, pm):
    other = record("test.happened", ada, actor=pm)
    assert cancel(other.pk) == 0
    assert Notice.objects.exists()


def test_the_same_event_again_writes_nothing(waiting, happened, ada):
    assert notify(event=happened, recipients=[ada], message=HELLO) == 0
    assert Notice.objects.get().release_at == waiting.release_at


def test_it_knows_who_last_heard_of_a_thing(ada, pm, team, happened):
    long_ago = timezone.now() - timedelta(days=9)
    for event, release_at in (
        (record("test.happened", team), long_ago),
        (record("test.happened", team), long_ago - timedelta(days=1)),
        (record("test.happened", team), timezone.now() + timedelta(hours=1)),
        (happened, None),
    ):
        notify(event=event, recipients=[ada], message=HELLO, release_at=release_at)
    assert last_heard("accounts.team", [team.pk, team.pk + 1]) == {(team.pk, ada.pk): long_ago}
    assert last_heard("accounts.team", []) == {}


def test_who_last_heard_costs_one_query(team, ada, django_assert_num_queries):
    notify(event=record("test.happened", team), recipients=[ada], message=HELLO)
    with django_assert_num_queries(1):
        assert last_heard("accounts.team", range(100_000)) is not None
