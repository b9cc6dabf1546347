"""The one press in every mail: no sign-in, no change by looking, no fault on nonsense."""

from email import message_from_bytes
from email.policy import default

import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.test import Client

from activity.events import record
from notices import optout
from notices.models import Delivery, Notice, Preference
from notices.optout import DIGEST, OptOut, path_for
from notices.services import Message, notify, save_preferences
from tests.factories import make_user

pytestmark = pytest.mark.django_db
NEWS = Message("Secret title", "/teams/dispatch/", "Secret words", why="You voted for it")


@pytest.fixture
def browser(db):
    """Somebody's mail program: nobody is signed in, and forged posts are refused where they are."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def send(ada, team, run_on_commit):
    """Mail ada something about a team; the answer is the mail."""

    def tell(message=NEWS, person=ada, kind="comment"):
        with run_on_commit():
            notify(
                event=record("test.happened", team),
                recipients=[person],
                message=message,
                channel_kind=kind,
            )
        return mail.outbox[-1]

    return tell


def address(sent):
    """The path that the mail's header names."""
    raw = message_from_bytes(sent.message().as_bytes(), policy=default)
    assert raw["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = raw["List-Unsubscribe"].strip()
    assert found.startswith(f"<{settings.BASE_URL}/inbox/stop/")
    return found.strip("<>").removeprefix(settings.BASE_URL)


def test_a_mail_program_stops_a_thing_with_one_post(send, browser, mutes, ada, team):
    sent = send()
    path = address(sent)
    assert f"{settings.BASE_URL}{path}" in sent.body
    assert path.replace("&", "&amp;") in sent.alternatives[0].content
    response = browser.post(path, "List-Unsubscribe=One-Click", "application/x-www-form-urlencoded")
    assert response.status_code == 200
    assert mutes == [(ada, team.pk, True)]


def test_a_thing_that_cannot_be_muted_stops_its_kind(send, browser, ada):
    path = address(send())
    assert browser.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Preference.objects.get().paces == {"comment": "inbox"}
    assert Delivery.objects.count() == 1
    send()
    assert (Delivery.objects.count(), Notice.objects.count()) == (1, 2)


def test_looking_changes_nothing(send, browser, mutes):
    path = address(send())
    for _ in range(3):
        assert browser.get(path).status_code == 200
        assert browser.head(path).status_code == 200
        assert browser.options(path).status_code == 405
    assert mutes == []
    assert not Preference.objects.exists()


def test_the_page_reveals_only_kind_and_reference(send, browser, mutes, ada, team):
    page = browser.get(address(send())).content.decode()
    assert "Stop mails about Dispatch" in page
    for secret in ("Secret", ada.name, ada.email):
        assert secret not in page
    page = browser.get(path_for(OptOut(ada.pk, "comment"))).content.decode()
    assert "Stop mails of the kind “Comments”" in page
    assert ada.name not in page


def test_it_can_be_taken_back_at_once(send, browser, mutes, ada, team):
    path = address(send())
    assert "Send them again" in browser.post(path).content.decode()
    assert "again" in browser.post(path, {"again": "1"}).content.decode()
    assert mutes == [(ada, team.pk, True), (ada, team.pk, False)]
    kind = path_for(OptOut(ada.pk, "comment"))
    browser.post(kind)
    browser.post(kind)
    browser.post(kind, {"again": "1"})
    assert Preference.objects.get().paces == {}


def test_the_digest_can_be_stopped(browser, ada, run_on_commit):
    save_preferences(
        person=ada,
        paces={"comment": "digest", "outcome": "at_once"},
        channels={},
        paused_until=None,
    )
    notify(
        event=record("test.happened", ada), recipients=[ada], message=NEWS, channel_kind="comment"
    )
    path = path_for(OptOut(ada.pk, DIGEST))
    assert "Stop the daily digest" in browser.get(path).content.decode()
    assert "does not come any more" in browser.post(path).content.decode()
    assert Preference.objects.get().paces == {"comment": "inbox", "outcome": "at_once"}
    assert Delivery.objects.get().status == "dropped"
    assert "comes when something waits" in browser.post(path, {"again": "1"}).content.decode()


@pytest.mark.parametrize(
    "token", ["x", "a:b:c", "²", "%F0%9F%98%80", "9" * 30, "..%2f", "WzFd:1vN:x", "<b>", "a%0Ab"]
)
def test_nonsense_gets_a_clear_page(browser, token):
    for answer in (browser.get, browser.post):
        response = answer(f"/inbox/stop/{token}/")
        assert response.status_code == 404
    assert not Preference.objects.exists()


def test_bent_old_and_foreign_tokens_change_nothing(browser, ada, monkeypatch):
    path = path_for(OptOut(ada.pk, "comment"))
    with time_machine.travel("2020-01-01"):
        old = path_for(OptOut(ada.pk, "comment"))
    gone = path_for(OptOut(ada.pk + 10_000, "comment"))
    monkeypatch.setattr(optout, "SALT", "something else")
    foreign = path_for(OptOut(ada.pk, "comment"))
    monkeypatch.undo()
    for wrong in (path[:-3] + "/", path.replace("stop/W", "stop/X"), old, gone, foreign):
        response = browser.post(wrong)
        assert response.status_code == 404
        assert "This address does not work" in response.content.decode()
    assert not Preference.objects.exists()


def test_two_presses_at_once_leave_one_choice(browser, ada):
    for kind in ("comment", "comment", "outcome"):
        browser.post(path_for(OptOut(ada.pk, kind)))
    assert Preference.objects.get().paces == {"comment": "inbox", "outcome": "inbox"}


def test_a_guest_gets_no_address_that_needs_a_sign_in(send, browser, mutes):
    guest = make_user("guest@customer.example", "Gil", role="guest")
    sent = send(person=guest)
    html = sent.alternatives[0].content
    for text in (sent.body, html):
        assert "/teams/dispatch/" not in text
        assert "preferences" not in text
        assert "/inbox/stop/" in text
    sent = send(Message("Hello", "/requests/1/", guest_url="/ask/abc/"), person=guest)
    assert f"{settings.BASE_URL}/ask/abc/" in sent.body
    assert "/requests/1/" not in sent.body
    assert "preferences" not in browser.post(address(sent)).content.decode()


def test_a_mail_says_why_it_came(send):
    sent = send()
    assert "You voted for it" in sent.body
    assert "You voted for it" in sent.alternatives[0].content


@pytest.mark.parametrize(
    ("title", "subject"),
    [
        ("Hello\nthere", "Hello there"),
        ("Hi\r\nBcc: all@harbourline.example", "Hi Bcc: all@harbourline.example"),
        ("A\u2028B\x85C\x1fD\x0bE", "A B C D E"),
        ("مرحبا \u202eevil 🎉", "مرحبا evil 🎉"),
        ("<b>²</b>", "<b>²</b>"),
    ],
)
def test_no_title_breaks_out_of_its_header(send, title, subject):
    sent = send(Message(title, "/", title))
    raw = message_from_bytes(sent.message().as_bytes(), policy=default)
    assert raw["Subject"] == subject
    assert raw["Bcc"] is None
    assert "<b>" not in sent.alternatives[0].content


def test_no_name_breaks_out_of_its_header(send):
    person = make_user("x@harbourline.example", "Eve\r\nBcc: all@harbourline.example, <x>")
    sent = send(person=person)
    raw = message_from_bytes(sent.message().as_bytes(), policy=default)
    assert raw["Bcc"] is None
    assert [one.addr_spec for one in raw["To"].addresses] == ["x@harbourline.example"]
