"""A11: sent, sent for others, voted for, followed; where each stands and what happens next."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from intake import services
from intake.models import Request
from intake.services import ask_requester, decide_request, triage_request
from tests.factories import make_request, make_user

pytestmark = pytest.mark.django_db
MINE = "/requests/mine/"


def text(response):
    return response.content.decode()


def table(browser, view=""):
    return text(browser.get(MINE, {"view": view}))


def test_each_tab_holds_its_own(ada, outsider, team, signed_in):
    sent = make_request(ada, title="I asked this", team=team)
    proxied = make_request(outsider, title="I sent this for Otto", sent_by=ada, team=team)
    voted = make_request(outsider, title="I voted for this", team=team)
    services.vote_for_request(item=voted, person=ada)
    followed = make_request(outsider, title="I follow this", team=team)
    services.follow_request(item=followed, person=ada)
    browser = signed_in(ada)
    for view, own in (("sent", sent), ("for", proxied), ("voted", voted), ("followed", followed)):
        page = table(browser, view)
        for item in (sent, proxied, voted, followed):
            assert (item.title in page) == (item == own), (view, item)
    assert "Sent for you by Ada Mensah" in table(signed_in(outsider))


def test_it_says_what_happens_next_and_by_when(ada, pm, team, signed_in):
    new = make_request(ada, title="New one", team=team)
    triaged = make_request(ada, title="Read one", team=team)
    triage_request(item=triaged, actor=pm, team=team, owner=pm)
    asked = make_request(ada, title="Asked one", team=team)
    ask_requester(item=asked, actor=pm, question="Which?")
    later = make_request(ada, title="Later one", team=team)
    revisit = timezone.localdate() + timedelta(days=40)
    decide_request(item=later, actor=pm, outcome="later", reason="Not now.", revisit_on=revisit)
    page = table(signed_in(ada))
    assert "Somebody reads it" in page and "Decision <span" in page
    assert "Your answer" in page and f"{asked.get_absolute_url()}#answer" in page
    assert "Looked at again" in page and revisit.isoformat() in page
    assert "Four sent, three still open. One waits for your answer." in page
    Request.objects.filter(pk=new.pk).update(due_at=timezone.now() - timedelta(days=3))
    assert "was due" in table(signed_in(ada))


def test_a_merged_one_shows_where_its_group_stands(ada, outsider, pm, team, signed_in):
    item = make_request(ada, title="My words", team=team)
    root = make_request(outsider, title="What stands for it", team=team)
    services.merge_requests(items=[item], into=root, actor=pm)
    decide_request(item=root, actor=pm, outcome="no", reason="Too dear.")
    page = table(signed_in(ada))
    assert "My words" in page and "Decided: no" in page and "Too dear." in page
    assert f"Joined {root.reference}" in page
    Request.objects.filter(pk=root.pk).update(visibility="private")
    page = table(signed_in(ada))
    assert root.reference not in page and "Joined another request" in page


def test_what_may_not_be_seen_any_more_is_gone(ada, outsider, team, signed_in):
    voted = make_request(outsider, title="Hidden later", team=team)
    services.vote_for_request(item=voted, person=ada)
    Request.objects.filter(pk=voted.pk).update(visibility="private")
    assert "Hidden later" not in table(signed_in(ada), "voted")
    assert "Hidden later" not in text_of(
        signed_in(ada).get(MINE, {"view": "voted", "format": "csv"})
    )


def text_of(response):
    return b"".join(response.streaming_content).decode("utf-8-sig")


def test_two_hundred_rows_take_as_many_queries_as_two(
    ada, team, signed_in, django_assert_max_num_queries
):
    for number in range(2):
        make_request(ada, title=f"Wish {number}", team=team)
    browser = signed_in(ada)
    browser.get(MINE)
    with django_assert_max_num_queries(12):
        browser.get(MINE)
    for number in range(198):
        make_request(ada, title=f"Wish {number + 2}", team=team)
    with django_assert_max_num_queries(12):
        page = text(browser.get(MINE))
    assert "Next page" in page and "200" in page


def test_the_download_has_every_row_and_runs_nothing(ada, team, signed_in):
    make_request(ada, title="=HYPERLINK(1)", team=team)
    for number in range(60):
        make_request(ada, title=f"Wish {number}", team=team)
    rows = list(csv.reader(io.StringIO(text_of(signed_in(ada).get(MINE, {"format": "csv"})))))
    assert len(rows) == 62 and rows[0][:3] == ["Request", "Title", "State"]
    assert "'=HYPERLINK(1)" in [row[1] for row in rows]


def test_empty_tabs_say_what_to_do(signed_in):
    browser = signed_in(make_user())
    for view, words in (
        ("sent", "No requests yet"), ("for", "Nothing sent for others"),
        ("voted", "No votes yet"), ("followed", "Nothing followed"), ("odd", "No requests yet"),
    ):  # fmt: skip
        assert words in table(browser, view)


def test_drafts_wait_there(ada, signed_in):
    signed_in(ada).post("/requests/drafts/save/", {"title": "Half a thought"})
    page = table(signed_in(ada))
    assert "Go on where you stopped" in page and "Half a thought" in page
