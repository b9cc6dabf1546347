"""The inbox: what needs me first, then news by day; done, put off, found again."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from activity.events import dispatch, record
from notices import settling
from notices.models import Notice
from notices.selectors import inbox_counts, inbox_for
from notices.services import Message, cancel, notify, snooze_notice
from notices.settling import register_settling
from producthub.lib.frame import counts_for

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script> \u202eRTL 🎉 ² " + "9" * 30


@pytest.fixture
def told(ada, team):
    """`told(title, …)` writes a notice to ada, by default news of now."""

    def tell(title="News", *, is_action=False, ago=timedelta(0), kind="test.happened", **fields):
        event = record(kind, team)
        notify(
            event=event,
            recipients=[ada],
            message=Message(title, "/requests/1/", is_action=is_action, by_mail=False, **fields),
            release_at=timezone.now() - ago,
        )
        return Notice.objects.get(event_id=event.pk)

    return tell


@pytest.fixture
def browser(ada, signed_in):
    return signed_in(ada)


def page(browser, query=""):
    response = browser.get(f"/inbox/{query}")
    assert response.status_code == 200
    return response.content.decode()


def move(browser, notice, verb, **fields):
    response = browser.post(f"/inbox/{notice.pk}/move/", {"verb": verb, **fields})
    notice.refresh_from_db()
    return response


def test_what_needs_me_stands_before_the_news_of_each_day(told, browser):
    told("Old news", ago=timedelta(days=9))
    told("News of yesterday", ago=timedelta(days=1))
    told("Old question", is_action=True, ago=timedelta(days=8))
    told("News of now", why="You voted for it")
    text = page(browser)
    words = ["Needs you", "Old question", "Today", "News of now", "Yesterday", "Old news"]
    places = [text.index(f">{word}<") for word in ("Needs you", "Today", "Yesterday")]
    assert places == sorted(places)
    places = [text.index(word) for word in words]
    assert places == sorted(places)
    assert "You voted for it" in text
    assert "One thing needs you." in text
    assert "Three are news." in text


def test_done_leaves_the_open_ones_and_can_come_back(told, browser, ada):
    notice = told("Question", is_action=True)
    assert move(browser, notice, "done").status_code == 303
    assert "Question" not in page(browser)
    assert "Question" in page(browser, "?show=done")
    assert counts_for(ada, None)["unread"] == 0
    move(browser, notice, "reopen")
    assert "Question" in page(browser)


def test_put_off_until_tomorrow_it_comes_back_at_eight_as_new(told, browser, ada):
    notice = told("Later")
    browser.post(f"/inbox/{notice.pk}/open/")
    move(browser, notice, "tomorrow")
    back = notice.snoozed_until.astimezone(ada.zone)
    assert (back.date(), back.hour) == (
        timezone.localdate(timezone=ada.zone) + timedelta(days=1),
        8,
    )
    assert "Later" not in page(browser)
    assert "Later" in page(browser, "?show=snoozed")
    assert counts_for(ada, None)["unread"] == 0
    with time_machine.travel(back + timedelta(seconds=1)):
        assert list(inbox_for(ada, "new")) == [notice]
    move(browser, notice, "wake")
    assert "Later" in page(browser)


@pytest.mark.parametrize("day", range(7))
def test_next_week_is_monday(told, browser, ada, day):
    notice = told("Later")
    with time_machine.travel(timezone.now() + timedelta(days=day)):
        move(browser, notice, "next-week")
        back = notice.snoozed_until.astimezone(ada.zone)
        assert back.weekday() == 0
        assert timedelta(0) < back - timezone.now() < timedelta(days=8)


def test_a_moment_that_passed_is_refused(told, ada):
    with pytest.raises(ValueError, match="still to come"):
        snooze_notice(user=ada, notice_id=told().pk, until=timezone.now() - timedelta(seconds=1))


def test_marking_the_news_leaves_what_needs_me(told, browser):
    told("News"), told("Question", is_action=True)
    browser.post("/inbox/read/")
    text = page(browser, "?show=new")
    assert ">News<" not in text
    assert "Question" in text


def test_one_can_be_marked_alone(told, browser):
    first = told("First")
    told("Second")
    assert move(browser, first, "read")["Location"] == "/inbox/"
    text = page(browser, "?show=new")
    assert "First" not in text
    assert "Second" in text


def test_a_press_leads_back_to_where_it_was(told, browser):
    response = move(browser, told(), "done", show="new", page="2", next="//evil.example")
    assert response["Location"] == "/inbox/?show=new&page=2"


def test_others_cannot_move_mine(told, pm, signed_in):
    notice = told()
    for verb in ("read", "done", "reopen", "tomorrow", "next-week", "wake"):
        assert move(signed_in(pm), notice, verb).status_code == 404
    assert (notice.read_at, notice.done_at, notice.snoozed_until) == (None, None, None)


def test_nonsense_is_refused_with_a_page(told, browser):
    notice = told()
    assert move(browser, notice, "²").status_code == 400
    assert browser.post(f"/inbox/{notice.pk}/move/").status_code == 400
    assert browser.get(f"/inbox/{notice.pk}/move/").status_code == 405
    assert browser.post(f"/inbox/{'9' * 30}/move/", {"verb": "done"}).status_code == 404
    for query in ("?show=²", "?page=-1", "?page=x", f"?page={'9' * 30}", "?show=done&page=²"):
        page(browser, query)


def test_hostile_words_are_shown_as_words(told, browser):
    told(HOSTILE, text=HOSTILE, why=HOSTILE, is_action=True)
    text = page(browser)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_two_hundred_rows_cost_no_more_queries_than_one(
    told, browser, django_assert_max_num_queries
):
    told()
    page(browser)
    for number in range(200):
        told(f"Row {number}", is_action=number % 3 == 0)
    for query in ("", "?page=2", "?show=new"):
        with django_assert_max_num_queries(8):
            text = page(browser, query)
    assert text.count('class="new"') == 30


def test_counts_cost_one_query(told, ada, django_assert_num_queries):
    told(), told(is_action=True)
    with django_assert_num_queries(1):
        counts = inbox_counts(ada)
    assert (counts.open, counts.needs, counts.new, counts.news, counts.snoozed) == (2, 1, 2, 1, 0)


@pytest.fixture
def settles(monkeypatch):
    """A test.answered settles a test.asked, unless it is in the list."""
    undone = []
    monkeypatch.setattr(settling, "_settled_by", dict(settling._settled_by))
    register_settling("test.answered", ["test.asked"], unless=lambda event: event.pk in undone)
    yield undone
    from activity import events

    events._handlers.pop("test.answered")


def test_an_answer_settles_what_was_asked_before_it(told, team, settles, ada):
    asked, news = told("Asked", is_action=True, kind="test.asked"), told("News")
    answer = record("test.answered", team)
    again = told("Asked again", is_action=True, kind="test.asked")
    dispatch(answer.pk)
    assert set(inbox_for(ada)) == {again, news}
    assert list(inbox_for(ada, "done")) == [asked]


def test_an_answer_taken_back_opens_it_again(told, team, settles, ada):
    asked = told("Asked", is_action=True, kind="test.asked")
    answer = record("test.answered", team)
    dispatch(answer.pk)
    cancel(answer.pk)
    assert list(inbox_for(ada)) == [asked]
    late = record("test.answered", team)
    settles.append(late.pk)
    dispatch(late.pk)
    assert list(inbox_for(ada)) == [asked]
