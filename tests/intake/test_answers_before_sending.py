"""A18: an answer is offered before sending; accepting it sends nothing."""

import uuid

import pytest

from activity.models import Event
from intake import services
from intake.models import Draft, Request
from playbook.models import Article
from playbook.services import save_article
from tests.factories import make_request

pytestmark = pytest.mark.django_db
SIMILAR = "/requests/similar/"
ACCEPT = "/requests/drafts/accept/"


def text(response):
    return response.content.decode()


@pytest.fixture
def page(opsadmin):
    for title, body in (
        ("Access to the data warehouse", "Ask in the tool directory. It takes one day."),
        ("Run a roadmap review", "Every six weeks."),
        ("Write a launch checklist", "Begin with the template."),
    ):
        article = Article(slug=title.lower().replace(" ", "-"), title=title, body=body)
        article.is_published = True
        save_article(article=article, actor=opsadmin)
    return Article.objects.get(title="Access to the data warehouse")


def typed(key=None, **more):
    return {
        "form": "help", "submission_key": str(key or uuid.uuid4()),
        "title": "Access to the data warehouse", "problem": "I need the numbers.", **more,
    }  # fmt: skip


def test_a_page_is_offered_once_and_accepting_it_sends_nothing(ada, page, signed_in):
    browser, key = signed_in(ada), uuid.uuid4()
    for _ in range(2):
        shown = text(browser.post(SIMILAR, typed(key)))
    assert "This may answer it" in shown and page.title in shown
    assert Event.objects.get(kind="answer.offered").data == {"articles": [page.pk], "decisions": []}
    response = browser.post(ACCEPT, typed(key, answer=f"article:{page.pk}"), follow=True)
    assert "Nothing was sent." in text(response) and page.title in text(response)
    browser.post(ACCEPT, typed(key, answer=f"article:{page.pk}"))
    assert Event.objects.get(kind="answer.accepted").data == {"article": page.pk}
    assert Draft.objects.get().state == Draft.State.ANSWERED
    assert not Request.objects.exists()


def test_the_way_back_opens_the_draft_again(ada, page, signed_in):
    browser, key = signed_in(ada), uuid.uuid4()
    browser.post(SIMILAR, typed(key))
    browser.post(ACCEPT, typed(key, answer=f"article:{page.pk}"))
    response = browser.post(f"/requests/drafts/{key}/back/", follow=True)
    assert "I need the numbers." in text(response)
    assert Draft.objects.get().state == Draft.State.OPEN


def test_a_decision_can_be_the_answer(ada, outsider, pm, team, signed_in):
    for title in ("Print labels in two sizes", "Sort the yard by slot", "Sign in with a badge"):
        make_request(outsider, title=title, team=team)
    item = make_request(outsider, title="Open the data warehouse to planners", team=team)
    decision = services.decide_request(item=item, actor=pm, outcome="no", reason="It is closed.")
    browser, key = signed_in(ada), uuid.uuid4()
    words = typed(key, title="Open the data warehouse to planners")
    shown = text(browser.post(SIMILAR, words))
    assert "It is closed." in shown
    response = browser.post(ACCEPT, {**words, "answer": f"decision:{decision.pk}"}, follow=True)
    assert item.title in text(response)
    assert Event.objects.get(kind="answer.accepted").data == {"decision": decision.pk}


def test_pages_that_the_reader_may_not_see_are_not_offered(ada, page, signed_in):
    Article.objects.filter(pk=page.pk).update(visible_to="pms")
    assert page.title not in text(signed_in(ada).post(SIMILAR, typed(title="Access to warehouse")))


@pytest.mark.parametrize("answer", ["", "article:999", "decision:²", "\x00", "article:" + "9" * 30])
def test_what_was_not_offered_answers_nothing(ada, page, signed_in, answer):
    browser, key = signed_in(ada), uuid.uuid4()
    browser.post(SIMILAR, typed(key))
    response = browser.post(ACCEPT, typed(key, answer=answer), follow=True)
    assert response.status_code == 200 and "Choose one of the answers" in text(response)
    assert Draft.objects.get().state == Draft.State.OPEN
