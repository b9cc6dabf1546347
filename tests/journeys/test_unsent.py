"""A session that ends while somebody writes costs them nothing."""

import pytest
from django.contrib.sessions.models import Session

from accounts.models import UnsentForm
from intake.models import Comment, Request
from tests.factories import make_request, make_team, make_user
from tests.journeys.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WORDS = "Drivers take them twice.\n\nEvery day, <b>everywhere</b> & “always”."


@pytest.fixture
def ada():
    make_team(name="Dispatch", slug="dispatch")
    return make_user("ada@harbourline.example", "Ada Mensah", department="Sales")


def sign_in(page, person):
    page.fill("input[name=login]", person.email)
    page.fill("input[name=password]", PASSWORD)
    page.click("main button.primary")


@pytest.mark.parametrize(
    ("width", "scripts"), [(1440, True), (390, False)], ids=["desktop", "phone without scripts"]
)
def test_a_comment_sent_after_the_session_ended(ada, visit, width, scripts):
    item = make_request(ada)
    page = visit(ada, width=width, scripts=scripts)
    page.goto(item.get_absolute_url())
    box = page.locator("form[action$='/comment/'] textarea").first
    box.fill(WORDS)
    Session.objects.all().delete()
    page.locator(
        "form[action$='/comment/'] button[type=submit], form[action$='/comment/'] button"
    ).first.click()
    page.wait_for_url("**/accounts/login/**")
    assert "What you typed is kept; sign in and send it." in page.inner_text("main")
    sign_in(page, ada)
    page.wait_for_url("**/me/unsent/")
    assert "<b>everywhere</b>" in page.inner_text("main")
    page.click("text=Send it now")
    page.wait_for_url(f"**/requests/{item.number}/**")
    assert Comment.objects.get().body.replace("\r\n", "\n") == WORDS
    assert not UnsentForm.objects.exists()


def test_a_new_request_and_someone_else_at_the_same_browser(ada, visit):
    page = visit(ada)
    otto = make_user("otto@harbourline.example", "Otto Fern", password=PASSWORD)
    page.goto("/requests/new/?form=problem")
    if not page.locator("[name=title]").count():
        page.click("text=It works badly or not at all")
    page.fill("[name=title]", "Photos are lost on weak signal")
    page.fill("[name=problem]", WORDS)
    Session.objects.all().delete()
    page.click("text=Send request")
    page.wait_for_url("**/accounts/login/**")
    sign_in(page, otto)
    page.wait_for_url(lambda url: "login" not in url)
    page.goto("/me/unsent/")
    assert "Nothing waits to be sent" in page.inner_text("main")
    page.goto("/accounts/logout/")
    page.click("main button.primary")
    page.wait_for_url("**/accounts/login/**")
    sign_in(page, ada)
    page.wait_for_url("**/me/unsent/")
    page.click("text=Send it now")
    page.wait_for_url(lambda url: "unsent" not in url)
    item = Request.objects.get()
    assert (item.title, item.requester) == ("Photos are lost on weak signal", ada)
    assert item.problem.replace("\r\n", "\n") == WORDS
