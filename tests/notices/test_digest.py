"""One mail at 8:00 of a working day in each one's own zone, once, and never an empty one."""

from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core import mail
from django.db import connection

from accounts.calendars import calendar_for, forget_calendars
from accounts.models import Holiday, WorkCalendar
from activity.events import record
from notices.mail import by_thing
from notices.models import Delivery, Digest, Notice
from notices.selectors import digest_cutoff, digests_due
from notices.services import (
    Message,
    deliver,
    make_digest,
    mark_read,
    notify,
    save_preferences,
    send_digest,
)
from notices.tasks import send_digests, send_waiting_mails
from tests.factories import make_team, make_user

pytestmark = pytest.mark.django_db
# A Monday; 8:00 in Amsterdam is 7:00 UTC.
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def at(moment):
    return time_machine.travel(moment, tick=False)


def wants_digest(person, **fields):
    save_preferences(
        person=person, paces={"other": "digest"}, channels={}, paused_until=None, **fields
    )


def tell(*people, subject=None, title="News", is_action=False):
    event = record("test.happened", subject or people[0])
    notify(
        event=event,
        recipients=people,
        message=Message(title, "/requests/1/", "Words", is_action=is_action, why="You asked"),
    )
    return event


@pytest.fixture
def waiting(ada):
    """On Friday evening something happened that ada wants in her digest."""
    with at(MONDAY - timedelta(days=2, hours=12)):
        wants_digest(ada)
        tell(ada)
    return Delivery.objects.get()


def test_it_comes_once_at_eight_on_monday(waiting, ada):
    for moment in (MONDAY - timedelta(days=2), MONDAY - timedelta(days=1), MONDAY):
        with at(moment - timedelta(minutes=1)):
            send_digests()
            send_waiting_mails()
            assert mail.outbox == []
    with at(MONDAY + timedelta(minutes=1)):
        send_digests()
        send_digests()
    (sent,) = mail.outbox
    assert sent.subject == "Your day: 1 piece of news"
    assert "News" in sent.body and "/requests/1/" in sent.body
    assert "Monday 23 November" in sent.body
    assert deliver(waiting.pk) is False
    waiting.refresh_from_db()
    assert (waiting.status, waiting.digest) == ("sent", Digest.objects.get())
    with at(MONDAY + timedelta(days=1, minutes=1)):
        send_digests()
    assert len(mail.outbox) == 1


def test_what_comes_after_eight_waits_for_tomorrow(waiting, ada):
    with at(MONDAY + timedelta(hours=1)):
        send_digests()
        tell(ada)
        send_digests()
    assert len(mail.outbox) == 1
    with at(MONDAY + timedelta(days=1)):
        send_digests()
    assert len(mail.outbox) == 2


def test_with_nothing_at_eight_what_comes_at_ten_still_waits(ada):
    with at(MONDAY + timedelta(hours=2)):
        wants_digest(ada)
        tell(ada)
        send_digests()
    assert mail.outbox == []


def test_a_beat_that_was_down_at_eight_sends_late(waiting):
    with at(MONDAY + timedelta(hours=9)):
        send_digests()
    assert len(mail.outbox) == 1


def test_what_was_read_meanwhile_is_left_out_and_alone_sends_nothing(waiting, ada):
    with at(MONDAY - timedelta(hours=1)):
        mark_read(user=ada)
    with at(MONDAY):
        send_digests()
    assert mail.outbox == []
    assert not Digest.objects.exists()
    assert Delivery.objects.get().status == "dropped"


def test_who_left_gets_none(waiting, ada):
    ada.is_active = False
    ada.save()
    with at(MONDAY):
        send_digests()
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("Europe/Amsterdam", "2026-03-27T07:00"),  # the Friday before clocks go forward
        ("Europe/Amsterdam", "2026-03-30T06:00"),  # the Monday after
        ("Europe/Amsterdam", "2026-10-26T07:00"),  # and after they went back
        ("America/New_York", "2026-03-09T12:00"),
        ("America/New_York", "2026-11-02T13:00"),
        ("Pacific/Auckland", "2026-11-22T19:00"),  # Monday there, Sunday in Europe
        ("Asia/Kathmandu", "2026-11-23T02:15"),
        ("Pacific/Kiritimati", "2026-11-22T18:00"),
    ],
)
def test_eight_is_eight_on_the_wall(zone, moment):
    eight = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert digest_cutoff(ZoneInfo(zone), eight) == eight
    assert digest_cutoff(ZoneInfo(zone), eight - timedelta(seconds=1)) is None


def test_there_is_none_on_weekends_not_even_when_clocks_change():
    zone = ZoneInfo("Europe/Amsterdam")
    for day in (date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25)):
        for hour in range(24):
            assert (
                digest_cutoff(zone, datetime(day.year, day.month, day.day, hour, tzinfo=zone))
                is None
            )


def test_each_gets_it_in_their_own_morning(ada):
    kiwi = make_user(time_zone="Pacific/Auckland")
    with at(MONDAY - timedelta(days=3)):
        wants_digest(ada)
        wants_digest(kiwi)
        tell(ada, kiwi)
    with at(MONDAY - timedelta(hours=11)):  # Monday 9:00 in Auckland
        assert digests_due(MONDAY - timedelta(hours=11)) == [kiwi.pk]
        send_digests()
    assert [message.to[0] for message in mail.outbox] == [f"{kiwi.name} <{kiwi.email}>"]
    with at(MONDAY):
        send_digests()
    assert len(mail.outbox) == 2


def test_a_crash_before_sending_loses_nothing_and_doubles_nothing(waiting, monkeypatch):
    with at(MONDAY), monkeypatch.context() as patch:
        patch.setattr("notices.tasks.send_digest", lambda pk: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            send_digests()
    assert Digest.objects.get().status == "waiting"
    assert mail.outbox == []
    with at(MONDAY + timedelta(minutes=5)):
        send_digests()
        send_digests()
    assert len(mail.outbox) == 1


def test_a_worker_that_dies_while_sending_is_followed_after_its_lease(waiting, ada):
    with at(MONDAY):
        digest = make_digest(person_id=ada.pk)
        Digest.objects.update(claimed_at=MONDAY, attempts=1)
        assert send_digest(digest.pk) is False
    with at(MONDAY + timedelta(minutes=6)):
        send_digests()
    assert len(mail.outbox) == 1


def test_a_mail_server_that_is_away_gets_it_later(waiting, monkeypatch):
    with at(MONDAY), monkeypatch.context() as patch:

        def refuse(self):
            raise ConnectionRefusedError("no")

        patch.setattr("django.core.mail.EmailMultiAlternatives.send", refuse)
        send_digests()
    digest = Digest.objects.get()
    assert (digest.status, digest.attempts) == ("waiting", 1)
    with at(MONDAY + timedelta(minutes=10)):
        send_digests()
    assert len(mail.outbox) == 1
    assert mail.outbox[0].extra_headers["Message-ID"].startswith(f"<digest-{digest.pk}-")


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_make_one(waiting, ada):
    ready = Barrier(4)
    made = []

    def beat():
        try:
            ready.wait()
            digest = make_digest(person_id=ada.pk, now=MONDAY)
            made.append(digest)
            if digest is not None:
                send_digest(digest.pk)
        finally:
            connection.close()

    threads = [Thread(target=beat) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([digest for digest in made if digest]) == 1
    assert Digest.objects.count() == 1
    with at(MONDAY + timedelta(minutes=10)):
        send_digests()
    assert len(mail.outbox) == 1


def test_a_pause_holds_everything_until_the_first_working_day_back(ada):
    with at(MONDAY):
        save_preferences(person=ada, paces={}, channels={}, paused_until=date(2026, 11, 28))
        tell(ada)
        send_waiting_mails()
    for days in (1, 4, 5, 6):  # the 28th is a Saturday
        with at(MONDAY + timedelta(days=days)):
            send_digests()
    assert mail.outbox == []
    with at(MONDAY + timedelta(days=7)):
        send_digests()
        tell(ada)
        send_waiting_mails()
    assert len(mail.outbox) == 2


def test_what_needs_the_reader_stands_first_and_the_rest_goes_by_thing(ada):
    dispatch, billing = make_team(name="Dispatch"), make_team(name="Billing")
    with at(MONDAY - timedelta(days=3)) as clock:
        wants_digest(ada)
        save_preferences(person=ada, paces={}, channels={}, paused_until=date(2026, 11, 23))
        for subject, title, is_action in (
            (dispatch, "first", False),
            (billing, "second", False),
            (dispatch, "third", False),
            (billing, "asks you", True),
        ):
            tell(ada, subject=subject, title=title, is_action=is_action)
            clock.shift(60)
    with at(MONDAY):
        send_digests()
    (sent,) = mail.outbox
    assert sent.subject == "Your day: 1 thing needs you and 3 pieces of news"
    words = ["NEEDS YOU", "asks you", "Dispatch", "third", "first", "Billing", "second"]
    places = [sent.body.index(word) for word in words]
    assert places == sorted(places)
    html = sent.alternatives[0].content
    assert "Needs you" in html and "max-width: 600px" in html and "<style>" in html


def test_a_thousand_lines_are_cut_and_said_so(ada):
    with at(MONDAY - timedelta(days=3)):
        wants_digest(ada)
        for number in range(105):
            tell(ada, title=f"Line {number}")
    with at(MONDAY):
        send_digests()
    (sent,) = mail.outbox
    assert "And 5 more in your inbox." in sent.body
    assert Delivery.objects.filter(status="sent").count() == 105


def test_finding_who_is_due_costs_two_queries(django_assert_num_queries):
    zones = ["Europe/Lisbon", "Asia/Tokyo", "America/Bogota"]
    people = [make_user(time_zone=zones[number % 3]) for number in range(9)]
    with at(MONDAY - timedelta(days=3)):
        for person in people:
            wants_digest(person)
        tell(*people)
    calendar_for(None)  # remembered between beats
    with django_assert_num_queries(2):
        assert len(digests_due(MONDAY + timedelta(hours=1, minutes=30))) == 6


def test_things_keep_the_order_of_their_newest():
    rows = [Notice(subject_type="t", subject_id=pk, subject_label=f"T{pk}") for pk in (2, 1, 2)]
    assert [(label, len(found)) for label, found in by_thing(rows)] == [("T2", 2), ("T1", 1)]


def test_none_goes_out_on_a_holiday_of_the_company(waiting):
    calendar = WorkCalendar.objects.filter(is_default=True).first()
    calendar = calendar or WorkCalendar.objects.create(name="Company", is_default=True)
    Holiday.objects.create(calendar=calendar, on=MONDAY.date(), name="Founders’ day")
    forget_calendars()
    zone = ZoneInfo("Europe/Amsterdam")
    assert digest_cutoff(zone, MONDAY + timedelta(hours=1)) is None
    assert digest_cutoff(zone, MONDAY + timedelta(days=1, hours=1)) is not None
