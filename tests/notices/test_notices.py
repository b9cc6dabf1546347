import pytest
from django.core import mail

from activity.events import record
from notices.models import Notice
from notices.services import Message, mark_read, notify
from tests.factories import make_user

pytestmark = pytest.mark.django_db
HELLO = Message("Hello\nthere", "/requests/1/", "Words <b>")


@pytest.fixture
def told(ada, pm):
    """A notice to ada whose mail is not out yet."""
    event = record("test.happened", ada, actor=pm)
    notify(event=event, recipients=[ada], message=HELLO)
    return Notice.objects.get()


def test_it_tells_each_once_and_nobody_who_left(ada, pm, run_on_commit):
    event = record("test.happened", ada)
    gone = make_user(is_active=False)
    with run_on_commit():
        assert notify(event=event, recipients=[ada, pm, gone, ada], message=HELLO) == 2
        assert notify(event=event, recipients=[ada, pm], message=HELLO) == 0
    assert Notice.objects.count() == len(mail.outbox) == 2


def test_the_inbox_shows_my_own_alone(ada, pm, told, signed_in):
    assert "Hello" in signed_in(ada).get("/inbox/").content.decode()
    assert "Hello" not in signed_in(pm).get("/inbox/").content.decode()


def test_opening_one_marks_it_as_read_and_leads_on(ada, told, signed_in):
    response = signed_in(ada).post(f"/inbox/{told.pk}/open/")
    assert (response.status_code, response["Location"]) == (303, "/requests/1/")
    told.refresh_from_db()
    assert told.read_at is not None


def test_others_cannot_open_mine(pm, told, signed_in):
    assert signed_in(pm).post(f"/inbox/{told.pk}/open/").status_code == 404
    assert mark_read(user=pm) == 0


def test_all_are_read_in_one_press(ada, told, signed_in):
    signed_in(ada).post("/inbox/read/")
    assert not Notice.objects.filter(read_at=None).exists()
    assert "Nothing new" in signed_in(ada).get("/inbox/?show=unread").content.decode()
