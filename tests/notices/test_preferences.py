"""Each chooses what comes how soon by which way; nobody else can."""

from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone

from activity.events import record
from activity.models import Event
from notices.channels import Channel, forget_channel, outward_channels, register_channel
from notices.kinds import OTHER, Pace, all_kinds, kind_of, register_kind
from notices.models import Delivery, Notice, Preference
from notices.services import Message, mute_kind, notify, save_preferences
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PAGE = "/inbox/preferences/"


@pytest.fixture
def chat():
    """A second way out."""
    register_channel(Channel("chat", "Chat", lambda person: True, lambda notice: None))
    yield "chat"
    forget_channel("chat")


def ways(person, *, kind, is_action=False):
    """Channels of a new notice, with whether each waits for the digest."""
    event = record("test.happened", person)
    notify(
        event=event,
        recipients=[person],
        message=Message("Hello", "/", is_action=is_action),
        channel_kind=kind,
    )
    assert Notice.objects.filter(event_id=event.pk).count() == 1
    return set(
        Delivery.objects.filter(notice__event_id=event.pk).values_list("channel", "in_digest")
    )


@pytest.mark.parametrize(
    ("pace", "mail", "chat_on", "is_action", "is_paused"),
    list(product([None, *Pace.values], [True, False], [True, False], [True, False], [True, False])),
)
def test_every_mix_goes_the_ways_it_says(ada, chat, pace, mail, chat_on, is_action, is_paused):
    later = timezone.localdate() + timedelta(days=9)
    save_preferences(
        person=ada,
        paces={"comment": pace} if pace else {},
        channels={"mail": mail, "chat": chat_on},
        paused_until=later if is_paused else None,
    )
    chosen = pace or "at_once"
    if chosen == "inbox":
        expected = set()
    elif chosen == "digest" or is_paused:
        expected = {("mail", True)} if mail else set()
    else:
        expected = {(key, False) for key, on in (("mail", mail), ("chat", chat_on)) if on}
    assert ways(ada, kind="comment", is_action=is_action) == expected
    assert ways(make_user(), kind="comment") == {("mail", False), ("chat", False)}


def test_what_needs_a_person_comes_at_once_unless_they_chose(ada, kind_of_news):
    register_kind(kind_of_news, "Test news", "Help.", "digest")
    assert ways(ada, kind=kind_of_news) == {("mail", True)}
    assert ways(ada, kind=kind_of_news, is_action=True) == {("mail", False)}
    mute_kind(person=ada, kind=kind_of_news)
    assert ways(ada, kind=kind_of_news, is_action=True) == set()


def test_a_kind_that_nobody_registered_is_everything_else(ada):
    assert kind_of("unheard_of") == kind_of("") == OTHER == all_kinds()[-1]
    mute_kind(person=ada, kind="other")
    assert ways(ada, kind="unheard_of") == ways(ada, kind="") == set()
    assert ways(ada, kind="comment") == {("mail", False)}


@pytest.mark.parametrize("key", ["", "has space", "x" * 41, "a/b"])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(ValueError, match="no key of a kind"):
        register_kind(key, "Name", "Help.")


def test_a_guest_gets_mail_at_once_and_nothing_else(chat):
    guest = make_user("guest@customer.example", role="guest")
    assert ways(guest, kind="comment") == {("mail", False)}
    mute_kind(person=guest, kind="comment")
    assert ways(guest, kind="comment") == set()


def test_the_page_shows_what_holds_and_keeps_what_is_chosen(ada, signed_in):
    browser = signed_in(ada)
    page = browser.get(PAGE).content.decode()
    assert all(kind.name in page for kind in all_kinds())
    answers = {f"pace_{kind.key}": "at_once" for kind in all_kinds()}
    answers |= {"pace_comment": "digest", "channel_mail": "on", "paused_until": ""}
    response = browser.post(PAGE, answers)
    assert (response.status_code, response["Location"]) == (303, PAGE)
    row = Preference.objects.get(person=ada)
    assert (row.paces, row.channels, row.paused_until) == ({"comment": "digest"}, {}, None)
    assert "Saved" in browser.get(PAGE).content.decode()


def test_a_kind_left_as_it_was_follows_its_default_later(ada, signed_in, kind_of_news):
    answers = {f"pace_{kind.key}": kind.default for kind in all_kinds()}
    signed_in(ada).post(PAGE, {**answers, "channel_mail": "on", "pace_comment": "inbox"})
    register_kind(kind_of_news, "Test news", "Help.", "digest")
    assert ways(ada, kind=kind_of_news) == {("mail", True)}


def test_unticking_mail_stops_mails(ada, signed_in):
    answers = {f"pace_{kind.key}": kind.default for kind in all_kinds()}
    signed_in(ada).post(PAGE, answers)
    assert ways(ada, kind="outcome", is_action=True) == set()


def test_faults_come_back_beside_their_field_with_what_was_typed(ada, signed_in):
    answers = {f"pace_{kind.key}": "inbox" for kind in all_kinds()}
    for typed, says in (
        ("2001-01-01", "Enter a day after today"),
        ("soon <b>", "Enter a date like"),
        ("9999-12-31", "Enter a day within a year"),
    ):
        response = signed_in(ada).post(PAGE, {**answers, "paused_until": typed})
        page = response.content.decode()
        assert response.status_code == 422
        assert says in page
        assert typed.replace("<b>", "&lt;b&gt;") in page
    response = signed_in(ada).post(PAGE, {**answers, "pace_comment": "²"})
    assert response.status_code == 422
    assert "Choose how you hear of comments" in response.content.decode()
    assert signed_in(ada).post(PAGE, {}).status_code == 422
    assert not Preference.objects.exists()


def test_a_pause_that_ended_is_no_fault(ada, signed_in):
    day = timezone.localdate() - timedelta(days=1)
    Preference.objects.create(person=ada, paused_until=day)
    answers = {f"pace_{kind.key}": kind.default for kind in all_kinds()}
    response = signed_in(ada).post(PAGE, {**answers, "paused_until": day.isoformat()})
    assert response.status_code == 303


def test_the_inbox_says_that_mails_are_held(ada, signed_in):
    Preference.objects.create(person=ada, paused_until=timezone.localdate() + timedelta(days=2))
    assert "Your mails are held until" in signed_in(ada).get("/inbox/").content.decode()


def test_strangers_are_led_to_the_sign_in(client, db):
    assert client.get(PAGE)["Location"].startswith("/accounts/login/")


def test_muting_drops_what_waits_and_leaves_what_is_out(ada):
    ways(ada, kind="comment")
    Delivery.objects.update(claimed_at=timezone.now())
    ways(ada, kind="comment")
    ways(ada, kind="outcome")
    mute_kind(person=ada, kind="comment")
    rows = Delivery.objects.order_by("pk").values_list("status", flat=True)
    assert list(rows) == ["waiting", "dropped", "waiting"]


def test_a_change_is_recorded_once(ada):
    for _ in range(2):
        mute_kind(person=ada, kind="comment")
        save_preferences(person=ada, paces={"comment": "inbox"}, channels={}, paused_until=None)
    events = Event.objects.filter(kind="preference.changed")
    assert [event.data["paces"] for event in events] == [{"comment": "inbox"}]


def test_the_account_page_leads_here(ada, signed_in):
    assert PAGE in signed_in(ada).get("/me/").content.decode()
    assert PAGE in signed_in(ada).get("/inbox/").content.decode()


def test_mail_is_always_a_way(db):
    assert [channel.key for channel in outward_channels()][0] == "mail"
