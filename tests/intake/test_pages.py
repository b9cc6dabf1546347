import uuid

import pytest
from django.urls import reverse
from django.utils import timezone

from intake.models import Comment, Request
from intake.selectors import VIEWS, queue, queue_counts
from intake.services import ask_requester, decide_request, triage_request
from tests.factories import make_request, make_team

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


class TestDecide:
    def url(self, item):
        return reverse("intake:request-decide", args=[item.number])

    def test_a_pm_decides_with_a_reason(self, pm, triaged, signed_in):
        response = signed_in(pm).post(
            self.url(triaged), {"outcome": "later", "reason": "After the summer."}, follow=True
        )
        assert "Decision recorded. Ada Mensah is told." in text(response)
        assert "After the summer." in text(response)

    def test_a_reason_is_asked_for_and_the_outcome_kept(self, pm, triaged, signed_in):
        response = signed_in(pm).post(self.url(triaged), {"outcome": "no"})
        assert response.status_code == 422
        assert "Give the reason: the requester reads it" in text(response)
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
        response = signed_in(pm).post(
            self.url(triaged), {"outcome": "no", "reason": "My long reason"}
        )
        assert response.status_code == 409
        assert "Ines Carvalho decided this first: Do it." in text(response)
        assert "My long reason" in text(response)

    def test_it_cannot_be_read_with_get(self, pm, triaged, signed_in):
        assert signed_in(pm).get(self.url(triaged)).status_code == 405


class TestTriage:
    def test_the_queue_shows_the_most_urgent_first(self, pm, ada, team, signed_in):
        late = make_request(ada, title="Late one", team=team)
        Request.objects.filter(pk=late.pk).update(due_at="2026-01-05T10:00Z")
        make_request(ada, title="Fresh one", team=team)
        page = text(signed_in(pm).get("/triage/"))
        assert page.index("Late one") < page.index("Fresh one")
        assert "Two requests wait." in page
        assert "One is past the two-day promise" in page
        assert "Overdue" in page

    def test_it_is_for_pms(self, ada, item, signed_in):
        assert signed_in(ada).get("/triage/").status_code == 403

    def test_assign_to_me_in_one_press_and_back_to_the_queue(self, pm, item, signed_in):
        response = signed_in(pm).post(
            reverse("intake:request-take", args=[item.number]),
            {"owner_seen": "none", "next": "/triage/?kind=idea"},
        )
        assert (response.status_code, response["Location"]) == (303, "/triage/?kind=idea")
        item.refresh_from_db()
        assert item.owner == pm

    def test_it_never_leads_elsewhere(self, pm, item, signed_in):
        response = signed_in(pm).post(
            reverse("intake:request-take", args=[item.number]),
            {"owner_seen": "none", "next": "https://evil.example/triage/"},
        )
        assert response["Location"] == item.get_absolute_url()

    def test_a_lost_race_for_it_says_who_was_first(self, pm, opsadmin, item, team, signed_in):
        signed_in(opsadmin).post(
            reverse("intake:request-take", args=[item.number]), {"owner_seen": "none"}
        )
        response = signed_in(pm).post(
            reverse("intake:request-take", args=[item.number]),
            {"owner_seen": "none", "next": "/triage/"},
        )
        assert response.status_code == 409
        assert "Ines Carvalho took this first" in text(response)

    def test_my_teams_come_first_and_all_are_a_choice_away(self, pm, ada, signed_in):
        make_request(ada, title="For the yard", team=make_team(name="Yard", slug="yard"))
        browser = signed_in(pm)
        assert "For the yard" not in text(browser.get("/triage/"))
        assert "For the yard" in text(browser.get("/triage/?area=all"))
        assert "For the yard" in text(browser.get("/triage/?area=yard"))

    @pytest.mark.parametrize("kind", ["", "idea", "data"])
    @pytest.mark.parametrize("area", ["", "all", "none", "dispatch", "yard", "nowhere"])
    def test_each_tab_counts_what_it_shows(self, pm, opsadmin, ada, team, area, kind):
        yard = make_team(name="Yard", slug="yard")
        for where in (team, yard, None):
            for what in ("idea", "data"):
                make_request(ada, team=where, kind=what)
                triage_request(
                    item=make_request(ada, team=where, kind=what), actor=pm, team=where, owner=pm
                )
                asked = make_request(ada, team=where, kind=what)
                ask_requester(item=asked, actor=opsadmin, question="Why?")
        Request.objects.filter(pk__in=Request.objects.all()[:5]).update(due_at="2026-01-05T10:00Z")
        for user in (pm, opsadmin):
            counts = queue_counts(user, area=area, kind=kind)
            for view in VIEWS:
                assert counts[view] == queue(user, view=view, area=area, kind=kind).count(), view
            waiting = queue(user, view="triage", area=area, kind=kind)
            assert counts["late"] == waiting.filter(due_at__lt=timezone.now()).count()

    @pytest.mark.parametrize("query", ["view=x&area=y&sort=z&page=99&on=abc", "on=99999999999999"])
    def test_a_bent_address_still_shows_a_queue(self, pm, item, signed_in, query):
        assert signed_in(pm).get(f"/triage/?{query}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/requests/mine/", "/triage/", "/requests/new/", "detail", "/inbox/"]
)
def test_a_page_takes_at_most_twelve_queries_however_long(
    path, pm, ada, team, signed_in, django_assert_max_num_queries
):
    for number in range(60):
        make_request(pm, title=f"Wish {number}", team=team)
    path = Request.objects.first().get_absolute_url() if path == "detail" else path
    browser = signed_in(pm)
    with django_assert_max_num_queries(12):
        assert browser.get(path).status_code == 200
