"""S102: how often product managers are interrupted is counted from what went out."""

from datetime import datetime, time, timedelta

import pytest
from django.utils import timezone

from accounts.models import Role, User
from notices.models import Delivery, Digest, Notice, Slip
from notices.selectors import pings_by_week
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def sent(person, at, *, number, in_digest=False, status=Slip.Status.SENT):
    notice = Notice.objects.create(
        recipient=person, event_id=number, kind="x", title="News", url="/"
    )
    Delivery.objects.create(
        notice=notice, channel="mail", status=status, due_at=at, sent_at=at, in_digest=in_digest
    )


def test_weeks_are_counted_by_what_left_the_hub(pm, ada, signed_in):
    other = make_user(role=Role.PM)
    today = timezone.localdate()
    monday = today - timedelta(days=today.weekday())
    zone = timezone.get_default_timezone()
    last = datetime.combine(monday - timedelta(days=7), time(0, 30), tzinfo=zone)
    before = datetime.combine(monday - timedelta(days=8), time(23, 30), tzinfo=zone)
    for number, (person, at) in enumerate(
        [(pm, last), (other, last + timedelta(days=6)), (pm, before), (ada, last)]
    ):
        sent(person, at, number=number)
    sent(pm, last, number=10, in_digest=True)
    sent(pm, last, number=11, status=Slip.Status.FAILED)
    sent(pm, datetime.combine(monday, time(1), tzinfo=zone), number=12)
    Digest.objects.create(
        recipient=pm, on=last.date(), status=Slip.Status.SENT, due_at=last, sent_at=last
    )
    weeks = pings_by_week(User.objects.filter(role=Role.PM, is_active=True))
    assert [(week.at_once, week.digests) for week in weeks[:3]] == [(2, 1), (1, 0), (0, 0)]
    assert (weeks[0].on, weeks[0].people, weeks[0].per_person) == (last.date(), 2, 1.5)
    assert len(weeks) == 8

    page = signed_in(pm).get("/promises/").content.decode()
    assert "How often product managers are interrupted" in page
    assert '<td class="r" data-l="For each">1.5</td>' in page
    assert "are interrupted" not in signed_in(ada).get("/promises/").content.decode()
