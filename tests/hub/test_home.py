from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine

from hub.context import shell_counts
from hub.selectors import greeting
from intake.queue import in_area, queue_counts
from intake.services import ask_requester
from tests.factories import make_request, make_team, make_user

pytestmark = pytest.mark.django_db


def text(response):
    return response.content.decode()


def test_an_empty_hub_says_how_it_starts(outsider, signed_in):
    page = text(signed_in(outsider).get("/"))
    assert "Good " in page and "Otto" in page
    assert "Nothing needs you" in page
    assert "No requests yet" in page
    assert "Triage" not in page


def test_an_empty_hub_tells_product_ops_where_to_begin(opsadmin, signed_in):
    page = text(signed_in(opsadmin).get("/"))
    assert "Add a team" in page and "Connect Jira" in page


def test_a_stakeholder_sees_the_question_and_its_requests(ada, pm, item, signed_in):
    ask_requester(item=item, actor=pm, question="How many stops?")
    page = text(signed_in(ada).get("/"))
    assert "Answer a question on Move deliveries in bulk" in page
    assert "One thing needs you" in page
    assert "Waiting for an answer" in page


def test_a_pm_sees_what_waits_for_a_decision(ada, pm, triaged, signed_in):
    make_request(ada, title="Still to read", team=triaged.team)
    page = text(signed_in(pm).get("/"))
    assert "Decide: Move deliveries in bulk" in page
    assert "One request waits in triage" in page


@pytest.mark.parametrize("who", ["pm", "opsadmin", "lone"])
def test_the_frame_counts_what_the_queue_shows(who, request, ada, team):
    user = make_user(role="pm") if who == "lone" else request.getfixturevalue(who)
    make_request(ada, team=team)
    make_request(ada, team=make_team())
    make_request(ada)
    counts, queue = shell_counts(user), queue_counts(user)
    assert (counts["triage"], counts["late"]) == (queue["triage"], queue["late"])
    assert in_area(user, "").count() == queue["triage"]


def test_the_theme_follows_its_cookie_without_scripts(ada, signed_in):
    browser = signed_in(ada)
    response = browser.post("/theme/", {"next": "/requests/mine/"})
    assert (response.status_code, response["Location"]) == (303, "/requests/mine/")
    assert 'data-theme="dark"' in text(browser.get("/"))
    browser.post("/theme/", {"next": "https://evil.example/"})
    assert 'data-theme="light"' in text(browser.get("/"))


@pytest.mark.parametrize("who", ["ada", "pm", "opsadmin"])
def test_home_takes_at_most_twelve_queries(
    who, request, team, signed_in, django_assert_max_num_queries
):
    user = request.getfixturevalue(who)
    for _ in range(20):
        make_request(user, team=team)
    browser = signed_in(user)
    with django_assert_max_num_queries(12):
        browser.get("/")


@pytest.mark.parametrize(
    ("hour", "part"), [(3, "evening"), (4, "morning"), (12, "afternoon"), (18, "evening")]
)
def test_the_greeting_follows_the_readers_clock(ada, hour, part):
    ada.time_zone = "Asia/Tokyo"
    with time_machine.travel(datetime(2026, 3, 2, hour, tzinfo=ZoneInfo("Asia/Tokyo"))):
        assert greeting(ada) == f"Good {part}, Ada"
