"""Each notice goes out once through each channel, whatever dies or is away meanwhile."""

import smtplib
from datetime import timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.utils import timezone

from activity.events import record
from notices.channels import Channel, Undeliverable, Unreachable, forget_channel, register_channel
from notices.models import Delivery, Notice
from notices.services import Message, deliver, notify, send_again
from notices.services.slips import ATTEMPTS
from notices.subjects import _sights, register_sight
from notices.tasks import send_mail, send_waiting_mails
from tests.factories import make_user

pytestmark = pytest.mark.django_db
HELLO = Message("Hello\nthere", "/requests/1/", "Words <b>")


@pytest.fixture
def slip(ada, pm):
    """The mail of a notice to ada that is not out yet."""
    notify(event=record("test.happened", ada, actor=pm), recipients=[ada], message=HELLO)
    return Delivery.objects.get()


@pytest.fixture
def fake():
    """A channel of another app that keeps what it is given; `fake.fault` makes it fail."""

    class Fake:
        fault = None
        sent = []
        reachable = True

    fake = Fake()
    fake.sent = []

    def take(notice):
        if fake.fault:
            raise fake.fault
        fake.sent.append(notice.title)

    register_channel(Channel("fake", "Fake", lambda person: fake.reachable, take))
    yield fake
    forget_channel("fake")


@pytest.fixture
def mail_server(monkeypatch):
    """`mail_server(error)` makes every send fail that way, None makes it work again."""
    real = mail.EmailMultiAlternatives.send
    tries = []

    def use(error):
        def refuse(self, *args, **kwargs):
            tries.append(self)
            raise error

        monkeypatch.setattr(mail.EmailMultiAlternatives, "send", refuse if error else real)
        return tries

    return use


def later(**delta):
    return time_machine.travel(timezone.now() + timedelta(**delta))


def test_a_mail_goes_out_once(slip):
    assert deliver(slip.pk) is True
    assert deliver(slip.pk) is False
    send_waiting_mails()
    send_mail(slip.notice_id)
    slip.refresh_from_db()
    assert (slip.status, slip.attempts, slip.claimed_at) == ("sent", 1, None)
    assert slip.sent_at is not None
    assert len(mail.outbox) == 1


def test_a_claimed_mail_is_left_to_its_worker_until_the_lease_ends(slip):
    Delivery.objects.update(claimed_at=timezone.now())
    assert deliver(slip.pk) is False
    Delivery.objects.update(claimed_at=timezone.now() - timedelta(minutes=6))
    send_waiting_mails()
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_one(slip):
    ready = Barrier(4)

    def work():
        try:
            ready.wait()
            deliver(slip.pk)
        finally:
            connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mail.outbox) == 1


def test_an_absent_mail_server_loses_no_mail(slip, mail_server):
    mail_server(smtplib.SMTPServerDisconnected("gone"))
    send_waiting_mails()
    slip.refresh_from_db()
    assert (slip.status, slip.error) == ("waiting", "SMTPServerDisconnected: gone")
    assert slip.due_at > timezone.now()
    mail_server(None)
    send_waiting_mails()
    assert mail.outbox == []
    with later(minutes=10):
        send_waiting_mails()
    slip.refresh_from_db()
    assert (slip.status, slip.error) == ("sent", "")
    assert len(mail.outbox) == 1


def test_an_absent_mail_server_is_asked_once_a_sweep(slip, mail_server, pm):
    people = [make_user() for _ in range(5)]
    notify(event=record("test.happened", pm), recipients=people, message=HELLO)
    tries = mail_server(ConnectionRefusedError("no"))
    send_waiting_mails()
    assert len(tries) == 1
    mail_server(None)
    with later(minutes=10):
        send_waiting_mails()
    assert len(mail.outbox) == 6


def test_tries_come_later_each_time_and_end_after_days(slip, mail_server):
    mail_server(smtplib.SMTPDataError(451, b"busy"))
    now, waits = timezone.now(), []
    with time_machine.travel(now) as clock:
        while Delivery.objects.get().status == "waiting":
            assert deliver(slip.pk) is False
            due_at = Delivery.objects.get().due_at
            waits.append((due_at - timezone.now()).total_seconds() / 60)
            clock.move_to(due_at)
        assert timezone.now() - now > timedelta(days=3)
    assert len(waits) == ATTEMPTS
    assert [round(wait) for wait in waits[:7]] == [2, 4, 8, 16, 32, 60, 60]
    assert Delivery.objects.get().status == "failed"


def test_a_refused_address_is_not_tried_again_until_somebody_says_so(slip, mail_server):
    mail_server(smtplib.SMTPRecipientsRefused({"ada@harbourline.example": (550, b"who")}))
    assert deliver(slip.pk) is False
    slip.refresh_from_db()
    assert slip.status == "failed"
    assert "550" in slip.error
    mail_server(None)
    assert send_again(delivery_ids=[slip.pk]) == 1
    assert send_again(delivery_ids=[slip.pk]) == 0
    send_waiting_mails()
    assert len(mail.outbox) == 1


def test_one_that_breaks_does_not_hold_up_the_others(slip, fake, ada, pm):
    fake.fault = RuntimeError("bug\x00")
    for _ in range(2):
        notify(event=record("test.happened", ada), recipients=[ada], message=HELLO)
    send_waiting_mails()
    assert len(mail.outbox) == 3
    errors = Delivery.objects.filter(channel="fake").values_list("status", "error")
    assert set(errors) == {("waiting", "RuntimeError: bug")}


def test_a_channel_of_another_app_gets_its_own_slip(fake, ada, pm, run_on_commit):
    with run_on_commit():
        notify(event=record("test.happened", ada), recipients=[ada], message=HELLO)
    assert fake.sent == ["Hello\nthere"]
    assert len(mail.outbox) == 1
    assert set(Delivery.objects.values_list("channel", "status")) == {
        ("mail", "sent"),
        ("fake", "sent"),
    }


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Undeliverable("left"), "failed"), (Unreachable("down"), "waiting")],
)
def test_a_channel_says_whether_to_try_again(fake, ada, fault, status):
    fake.fault = fault
    notify(event=record("test.happened", ada), recipients=[ada], message=HELLO)
    send_waiting_mails()
    row = Delivery.objects.get(channel="fake")
    assert (row.status, row.error) == (status, str(fault))
    assert Delivery.objects.get(channel="mail").status == "sent"


def test_a_channel_that_went_away_sends_nothing(fake, ada):
    notify(event=record("test.happened", ada), recipients=[ada], message=HELLO)
    forget_channel("fake")
    send_waiting_mails()
    assert Delivery.objects.get(channel="fake").status == "dropped"


def test_whom_a_channel_does_not_reach_gets_no_slip(fake, ada):
    fake.reachable = False
    notify(event=record("test.happened", ada), recipients=[ada], message=HELLO)
    assert not Delivery.objects.filter(channel="fake").exists()


def test_who_left_meanwhile_is_not_mailed(slip, ada):
    ada.is_active = False
    ada.save()
    assert deliver(slip.pk) is False
    assert mail.outbox == []
    assert Delivery.objects.get().status == "dropped"


def test_what_may_not_be_seen_any_more_is_not_mailed(slip, ada):
    register_sight("accounts.user", lambda person, ids: set())
    try:
        assert deliver(slip.pk) is False
    finally:
        _sights.pop("accounts.user")
    assert mail.outbox == []
    assert Delivery.objects.get().status == "dropped"


def test_an_absent_broker_loses_no_mail(ada, monkeypatch, run_on_commit):
    def refuse(*args, **kwargs):
        raise ConnectionError("no broker")

    with monkeypatch.context() as patch, run_on_commit():
        patch.setattr("notices.tasks.send_delivery.apply_async", refuse)
        notify(event=record("test.happened", ada), recipients=[ada], message=HELLO)
        assert Notice.objects.count() == 1
    assert mail.outbox == []
    send_waiting_mails()
    assert len(mail.outbox) == 1


def test_one_for_the_inbox_alone_has_no_slip(ada):
    message = Message("Quiet", "/", by_mail=False)
    notify(event=record("test.happened", ada), recipients=[ada], message=message)
    assert Notice.objects.exists()
    assert not Delivery.objects.exists()


def test_telling_many_costs_few_queries(pm, django_assert_max_num_queries):
    people = [make_user() for _ in range(40)]
    event = record("test.happened", pm)
    with django_assert_max_num_queries(9):
        assert notify(event=event, recipients=people, message=HELLO) == 40
    assert Delivery.objects.count() == 40
