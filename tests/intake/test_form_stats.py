"""A07: how many begin, send and leave each form, and where they stop."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from intake import services
from intake.form_stats import funnels, period
from intake.models import IntakeForm
from intake.tasks import abandon_drafts
from tests.factories import make_request, make_user

pytestmark = pytest.mark.django_db
PAGE = "/requests/forms/"


def text(response):
    return response.content.decode()


def begin(slug="idea", field="problem", at=None):
    form = IntakeForm.objects.select_related("version").get(slug=slug)
    return services.save_draft(
        person=make_user(), key=uuid.uuid4(), version=form.version,
        typed={"title": ["Some words"]}, field=field, at=at,
    )  # fmt: skip


@pytest.fixture
def history(team):
    old = timezone.now() - timedelta(days=2)
    for _ in range(3):
        begin(field="problem", at=old)
    begin(field="title", at=old)
    abandon_drafts()
    begin()
    joined = begin()
    services.join_request(
        draft=joined, item=make_request(team=team), person=joined.person, title="T", case="C"
    )
    sent = begin(slug="data")
    services.send_draft(
        author=sent.person, requester=sent.person, key=sent.key, version=sent.version,
        typed={}, fields={"title": "T", "problem": "P"}, answers={},
    )  # fmt: skip


def test_it_counts_what_became_of_drafts(history):
    today = timezone.localdate()
    by_slug = {one.slug: one for one in funnels(today - timedelta(days=7), today)}
    idea, data = by_slug["idea"], by_slug["data"]
    assert (idea.begun, idea.sent, idea.joined, idea.left, idea.writing) == (6, 0, 1, 4, 1)
    assert idea.left_percent == 80
    assert [(one.label, one.number, one.percent) for one in idea.stops] == [
        ("What happens today, and what does it cost?", 3, 75),
        ("Say it in one line", 1, 25),
    ]
    assert (data.begun, data.sent, data.left_percent) == (1, 1, 0)
    assert by_slug["help"].left_percent is None


def test_the_days_of_the_address_bound_it(history):
    today = timezone.localdate()
    by_slug = {one.slug: one for one in funnels(today, today)}
    assert (by_slug["idea"].begun, by_slug["idea"].left) == (2, 0)
    assert period("odd", "9999-99-99") == (today - timedelta(days=89), today)
    assert period("2026-03-05", "2026-03-01") == period("2026-03-01", "2026-03-05")


def test_the_page_shows_it_in_few_queries(
    history, opsadmin, signed_in, django_assert_max_num_queries
):
    browser = signed_in(opsadmin)
    browser.get(PAGE)
    with django_assert_max_num_queries(10):
        page = text(browser.get(PAGE))
    assert "Where people stop: Idea or feature" in page and "80%" in page
    assert "Not enough data" in page
    rows = b"".join(browser.get(PAGE, {"format": "csv"}).streaming_content).decode()
    assert "Idea or feature,6,0,1,0,4,1" in rows


def test_it_is_for_product_ops(ada, pm, signed_in):
    for person in (ada, pm):
        assert signed_in(person).get(PAGE).status_code == 403
