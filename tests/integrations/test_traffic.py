"""What goes out and comes in is listed for Product Ops, and can be retried, skipped, replayed."""

import pytest
from django.utils import timezone

from integrations.models import Delivery, InboundMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def given():
    for number, state in enumerate(["waiting", "dead", "done", "skipped"]):
        Delivery.objects.create(
            source="jira",
            action="create_issue",
            key=f"k{number}",
            state=state,
            subject_type="intake.request",
            subject_label=f"REQ-{number}",
            message="<b>Jira is away</b>" if state == "dead" else "",
            due_at=timezone.now(),
        )
    for number, state in enumerate(["waiting", "failed", "done", "ignored"]):
        InboundMessage.objects.create(
            source="jira" if number else "mail",
            kind="jira:issue_updated",
            key=f"m{number}",
            state=state,
            subject="10001",
            body="secret words",
        )


def body(response):
    assert response.status_code == 200
    return response.content.decode()


def test_what_was_given_up_comes_first(given, opsadmin, signed_in, django_assert_max_num_queries):
    browser = signed_in(opsadmin)
    with django_assert_max_num_queries(9):
        text = body(browser.get("/integrations/out/"))
    assert "&lt;b&gt;Jira is away&lt;/b&gt;" in text
    assert 'href="/requests/REQ-1/"' in text
    assert "REQ-0" not in text
    assert "REQ-0" in body(browser.get("/integrations/out/?view=open&source=jira"))
    assert "REQ-0" not in body(browser.get("/integrations/out/?view=open&source=mail"))


def test_two_hundred_rows_cost_no_more_queries(opsadmin, signed_in, django_assert_max_num_queries):
    Delivery.objects.bulk_create(
        Delivery(source="jira", action="x", key=f"k{n}", state="dead") for n in range(200)
    )
    InboundMessage.objects.bulk_create(
        InboundMessage(source="jira", kind="x", key=f"k{n}", state="failed") for n in range(200)
    )
    browser = signed_in(opsadmin)
    for path in ("/integrations/out/?page=2", "/integrations/in/?page=2"):
        browser.get(path)
        with django_assert_max_num_queries(9):
            assert "51 to 100 of 200" in body(browser.get(path))


def test_it_is_retried_and_skipped(given, opsadmin, signed_in):
    browser = signed_in(opsadmin)
    dead, waiting = Delivery.objects.get(key="k1"), Delivery.objects.get(key="k0")
    answer = browser.post(f"/integrations/out/{dead.pk}/retry/", {"view": "dead"}, follow=True)
    assert answer.redirect_chain == [("/integrations/out/?view=dead", 303)]
    assert "it is tried again" in body(answer)
    browser.post(f"/integrations/out/{waiting.pk}/skip/")
    dead.refresh_from_db()
    waiting.refresh_from_db()
    assert (dead.state, waiting.state) == ("waiting", "skipped")
    again = browser.post(f"/integrations/out/{waiting.pk}/skip/", follow=True)
    assert "in the meantime" in body(again)


def test_a_message_is_played_again_but_no_mail_without_its_words(given, opsadmin, signed_in):
    browser = signed_in(opsadmin)
    text = body(browser.get("/integrations/in/?view=failed"))
    assert "jira:issue_updated" in text
    assert "secret words" not in text
    failed = InboundMessage.objects.get(key="m1")
    browser.post(f"/integrations/in/{failed.pk}/replay/", {"view": "failed", "source": "jira"})
    failed.refresh_from_db()
    assert failed.state == "waiting"
    InboundMessage.objects.filter(key="m0").update(body="", state="done")
    mail = InboundMessage.objects.get(key="m0")
    answer = browser.post(f"/integrations/in/{mail.pk}/replay/", follow=True)
    assert "not kept here" in body(answer)
    mail.refresh_from_db()
    assert mail.state == "done"


@pytest.mark.parametrize("path", ["/integrations/out/", "/integrations/in/"])
def test_it_is_for_product_ops(given, path, pm, signed_in):
    browser = signed_in(pm)
    assert browser.get(path).status_code == 403
    failed = InboundMessage.objects.get(key="m1")
    delivery = Delivery.objects.get(key="k1")
    for post in (
        f"/integrations/in/{failed.pk}/replay/",
        f"/integrations/out/{delivery.pk}/retry/",
        f"/integrations/out/{delivery.pk}/skip/",
    ):
        assert browser.post(post).status_code == 403


@pytest.mark.parametrize("path", ["/integrations/out/", "/integrations/in/"])
def test_empty_ones_say_so(path, opsadmin, signed_in):
    assert "Nothing here" in body(signed_in(opsadmin).get(path))
