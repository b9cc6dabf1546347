import uuid

import pytest
from django.urls import reverse

from intake.models import Comment, Request
from intake.services import ask_requester, decide_request
from tests.factories import install_reasons, make_request

pytestmark = pytest.mark.django_db
NEW = "/requests/new/"
FORM = {
    "kind": "problem",
    "title": "Photos are lost on weak signal",
    "problem": "Drivers take them twice.",
    "team": "dispatch",
    "affected": ["field", "customers"],
}


def text(response):
    return response.content.decode()


class TestNewRequest:
    def test_it_sends_and_leads_to_the_request(self, ada, team, signed_in):
        response = signed_in(ada).post(NEW, FORM, follow=True)
        item = Request.objects.get()
        assert response.redirect_chain == [(item.get_absolute_url(), 303)]
        assert f"Request sent. Its number is {item.reference}." in text(response)
        assert (item.kind, item.team, item.affected) == ("problem", team, ["field", "customers"])

    def test_faults_are_named_beside_the_field_and_nothing_typed_is_lost(self, ada, signed_in):
        response = signed_in(ada).post(
            NEW, {"kind": "idea", "problem": "Typed already", "needed_on": "2020-01-01"}
        )
        assert response.status_code == 422
        page = text(response)
        assert "Say what you need in one line" in page
        assert "Enter a date from today on" in page
        assert "Typed already" in page
        assert "<title>Error: New request" in page
        assert "Two answers need a change" in page

    def test_the_same_form_twice_is_one_request(self, ada, team, signed_in):
        browser = signed_in(ada)
        posted = {**FORM, "submission_key": str(uuid.uuid4())}
        first, second = browser.post(NEW, posted), browser.post(NEW, posted)
        assert first["Location"] == second["Location"]
        assert Request.objects.count() == 1

    def test_a_text_can_be_carried_over(self, ada, signed_in):
        page = text(signed_in(ada).get(NEW, {"title": "From <search>", "kind": "data"}))
        assert 'value="From &lt;search&gt;"' in page
        assert 'value="data" checked' in page

    @pytest.mark.parametrize("bad", ["\x00", "x" * 121, " "])
    def test_odd_titles_are_refused_with_a_sentence(self, ada, team, signed_in, bad):
        response = signed_in(ada).post(NEW, {**FORM, "title": bad})
        assert response.status_code == 422
        assert not Request.objects.exists()

    def test_markup_is_shown_as_text(self, ada, team, signed_in):
        nasty = "<script>alert(1)</script> مرحبا 🚚"
        browser = signed_in(ada)
        page = text(browser.post(NEW, {**FORM, "title": nasty, "problem": nasty}, follow=True))
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; مرحبا 🚚" in page


class TestMyRequests:
    def test_it_shows_state_owner_and_news(self, ada, pm, decided, signed_in):
        page = text(signed_in(ada).get("/requests/mine/"))
        assert decided.title in page
        assert "Decided: do it" in page
        assert "Tomasz Wieczorek" in page
        assert "Six hours a closure is too much." in page

    def test_others_requests_are_not_mine(self, outsider, item, signed_in):
        page = text(signed_in(outsider).get("/requests/mine/"))
        assert item.title not in page
        assert "No requests yet" in page


class TestRequestPage:
    def test_the_requester_follows_every_step(self, ada, pm, triaged, signed_in):
        ask_requester(item=triaged, actor=pm, question="How many stops?")
        browser = signed_in(ada)
        page = text(browser.get(triaged.get_absolute_url()))
        assert "A question for you" in page and "How many stops?" in page
        assert "Record the decision" not in page
        response = browser.post(
            reverse("intake:request-answer", args=[triaged.number]), {"answer": "640"}, follow=True
        )
        assert "Your answer is sent." in text(response)
        decide_request(item=triaged, actor=pm, outcome="no", reason="Too few closures.")
        page = text(browser.get(triaged.get_absolute_url()))
        assert "Too few closures." in page and "Decided: no" in page

    def test_people_say_req_and_land_on_it(self, ada, item, signed_in):
        browser = signed_in(ada)
        for spelling in (f"/requests/REQ-{item.number}/", f"/requests/req-{item.number}"):
            assert browser.get(spelling)["Location"] == item.get_absolute_url()

    def test_an_htmx_request_gets_the_part_alone(self, pm, item, signed_in):
        response = signed_in(pm).get(item.get_absolute_url(), headers={"HX-Request": "true"})
        page = text(response)
        assert page.lstrip().startswith('<div id="request"')
        assert "<html" not in page
        assert "HX-Request" in response["Vary"]

    def test_comments_need_words(self, ada, item, signed_in):
        response = signed_in(ada).post(
            reverse("intake:request-comment", args=[item.number]), {"body": " "}
        )
        assert response.status_code == 422
        assert "Write the comment first" in text(response)
        assert not Comment.objects.exists()


LATER = {"outcome": "later", "reason_code": "wrong-time"}


@pytest.fixture(autouse=True)
def reasons(db):
    install_reasons()


class TestDecide:
    def url(self, item):
        return reverse("intake:request-decide", args=[item.number])

    def test_a_pm_decides_with_a_reason(self, pm, triaged, signed_in):
        response = signed_in(pm).post(
            self.url(triaged), {**LATER, "reason": "After the summer."}, follow=True
        )
        assert "Decision recorded. Ada Mensah is told." in text(response)
        assert "After the summer." in text(response)

    def test_a_reason_is_asked_for_and_the_outcome_kept(self, pm, triaged, signed_in):
        response = signed_in(pm).post(self.url(triaged), {"outcome": "no"})
        assert "Choose the main reason" in text(response)
        assert response.status_code == 422
        assert "Give the reason: everyone concerned reads it" in text(response)
        assert 'value="no" checked' in text(response)

    def test_a_stakeholder_is_refused(self, ada, triaged, signed_in):
        response = signed_in(ada).post(self.url(triaged), {"outcome": "do", "reason": "Mine!"})
        assert response.status_code == 403
        triaged.refresh_from_db()
        assert triaged.is_open

    def test_a_lost_race_says_who_was_first_and_keeps_the_reason(
        self, pm, opsadmin, triaged, signed_in
    ):
        decide_request(item=triaged, actor=opsadmin, outcome="do", reason="Yes.")
        response = signed_in(pm).post(self.url(triaged), {**LATER, "reason": "My long reason"})
        assert response.status_code == 409
        assert "Ines Carvalho decided this first: Do it." in text(response)
        assert "My long reason" in text(response)

    def test_it_cannot_be_read_with_get(self, pm, triaged, signed_in):
        assert signed_in(pm).get(self.url(triaged)).status_code == 405


@pytest.mark.parametrize(
    "path", ["/requests/mine/", "/triage/", "/requests/new/", "detail", "/inbox/"]
)
def test_a_page_takes_few_queries_however_long(
    path, pm, ada, team, signed_in, django_assert_max_num_queries
):
    for number in range(60):
        make_request(pm, title=f"Wish {number}", team=team)
    is_detail = path == "detail"
    path = Request.objects.first().get_absolute_url() if is_detail else path
    browser = signed_in(pm)
    # The page of a request also shows who is behind it and what was decided before.
    with django_assert_max_num_queries(16 if is_detail else 12):
        assert browser.get(path).status_code == 200
