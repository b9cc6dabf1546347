"""B01: the queue, its views, and what is done in it."""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from activity.models import Event
from intake import presence
from intake.models import Comment, Priority, Request, SavedView, Status
from intake.queue import VIEWS, Wanted, queue, queue_counts
from intake.services import (
    ask_requester,
    decide_request,
    label_request,
    merge_requests,
    note_likely,
    snooze_request,
    triage_request,
)
from notices.models import Notice
from tests.factories import make_request, make_team, make_user

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def text(response):
    return response.content.decode()


def url(name, item):
    return reverse(f"intake:request-{name}", args=[item.number])


def undo_key(page):
    return re.search(r'name="key" value="([0-9a-f-]{36})"', page).group(1)


@pytest.fixture
def two(ada, team):
    """Two requests in the queue, the first more urgent."""
    first = make_request(ada, title="First one", team=team)
    second = make_request(ada, title="Second one", team=team)
    Request.objects.filter(pk=first.pk).update(due_at="2026-01-05T10:00Z")
    return first, second


class TestViews:
    def test_the_queue_shows_the_most_urgent_first(self, pm, two, signed_in):
        page = text(signed_in(pm).get("/triage/"))
        assert page.index("First one") < page.index("Second one")
        assert "Two requests wait." in page
        assert "One is past its promise" in page
        assert "Overdue" in page

    def test_it_is_for_pms(self, ada, item, signed_in):
        browser = signed_in(ada)
        for path in ("/triage/", "/triage/pulse/", "/triage/views/"):
            assert browser.get(path).status_code == 403
        for path in ("/triage/bulk/", "/triage/undo/"):
            assert browser.post(path).status_code == 403
        for name in ("triage", "take", "ask", "snooze", "wake", "label", "merge", "not-same"):
            assert browser.post(url(name, item)).status_code == 403
        for name in ("candidates", "compare", "part"):
            assert browser.get(url(name, item)).status_code == 403
        assert Event.objects.filter(kind__startswith="request.").count() == 1

    def test_my_teams_come_first_and_all_are_a_choice_away(self, pm, ada, signed_in):
        make_request(ada, title="For the yard", team=make_team(name="Yard", slug="yard"))
        browser = signed_in(pm)
        assert "For the yard" not in text(browser.get("/triage/"))
        assert "For the yard" in text(browser.get("/triage/?area=all"))
        assert "For the yard" in text(browser.get("/triage/?area=yard"))

    @pytest.mark.parametrize(
        "filters", [{}, {"kind": "data"}, {"priority": "high"}, {"label": "x"}]
    )
    @pytest.mark.parametrize("area", ["", "all", "none", "dispatch", "yard", "nowhere"])
    def test_each_tab_counts_what_it_shows(self, pm, opsadmin, ada, team, area, filters):
        yard = make_team(name="Yard", slug="yard")
        for where in (team, yard, None):
            for what in ("idea", "data"):
                make_request(ada, team=where, kind=what, labels=["x"])
                triage_request(
                    item=make_request(ada, team=where, kind=what), actor=pm, team=where, owner=pm
                )
                asked = make_request(ada, team=where, kind=what, priority=Priority.HIGH)
                ask_requester(item=asked, actor=opsadmin, question="Why?")
                asleep = make_request(ada, team=where, kind=what)
                until = timezone.now() + timedelta(days=3)
                snooze_request(item=asleep, actor=pm, until=until)
        Request.objects.filter(pk__in=Request.objects.all()[:5]).update(due_at="2026-01-05T10:00Z")
        Request.objects.filter(pk__in=Request.objects.all()[3:9]).update(
            heard_at="2026-01-05T10:00Z", similar_count=2
        )
        for user in (pm, opsadmin):
            counts = queue_counts(user, Wanted(area=area, **filters))
            for view in VIEWS:
                wanted = Wanted(view=view, area=area, **filters)
                assert counts[view] == queue(user, wanted).count(), view
            waiting = queue(user, Wanted(area=area, **filters))
            assert counts["late"] == waiting.filter(due_at__lt=timezone.now()).count()

    @pytest.mark.parametrize(
        "query",
        [
            "view=x&area=y&sort=z&page=99&on=abc",
            "on=99999999999999",
            "at=5&label=%3Cscript%3E",
            "priority=%C2%B2&kind=%F0%9F%9A%9A",
            "area=" + "9" * 30,
            "page=-1&at=-1",
        ],
    )
    def test_a_bent_address_still_shows_a_queue(self, pm, item, signed_in, query):
        browser = signed_in(pm)
        assert browser.get(f"/triage/?{query}").status_code == 200
        assert browser.get(f"/triage/pulse/?{query}").status_code == 200

    def test_each_order_is_what_it_says(self, pm, two):
        first, second = two
        Request.objects.filter(pk=second.pk).update(vote_count=7)
        assert list(queue(pm, Wanted(sort="promise"))) == [first, second]
        assert list(queue(pm, Wanted(sort="votes"))) == [second, first]
        assert list(queue(pm, Wanted(sort="new"))) == [second, first]

    def test_a_row_says_votes_likeness_silence_and_priority(self, pm, item, signed_in):
        heard = timezone.now() - timedelta(days=9)
        Request.objects.filter(pk=item.pk).update(
            vote_count=22, similar_count=3, heard_at=heard, priority=Priority.URGENT
        )
        page = text(signed_in(pm).get("/triage/"))
        for said in ("22 votes", "3 similar", "silent 9 d", "Urgent", "heard nothing for 9 days"):
            assert said in page

    def test_two_hundred_rows_come_fifty_a_page_in_few_queries(
        self, pm, ada, team, signed_in, django_assert_max_num_queries
    ):
        for number in range(200):
            make_request(ada, title=f"Wish {number}", team=team)
        browser = signed_in(pm)
        browser.get("/triage/")
        with django_assert_max_num_queries(9):
            page = text(browser.get("/triage/?page=2"))
        assert page.count('class="q-t"') == 50
        assert "51 to 100 of 200" in page
        assert "page=2&amp;on=" in page

    def test_hostile_words_are_shown_as_text(self, pm, ada, team, signed_in):
        nasty = '<script>alert(1)</script>"&%s مرحبا 🚚'
        person = make_user(name=nasty, department=nasty)
        item = make_request(person, title=nasty, problem=nasty, team=team)
        label_request(item=item, actor=pm, labels=[nasty])
        triage_request(item=item, actor=pm, team=team, owner=pm)
        for path in ("/triage/?view=mine", "/triage/?view=mine&label=" + nasty.replace("&", "")):
            page = text(signed_in(pm).get(path))
            assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page

    def test_nothing_waiting_says_what_happened_this_week_and_what_comes(
        self, pm, ada, team, signed_in
    ):
        item = make_request(ada, team=team)
        triage_request(item=item, actor=pm, team=team, owner=pm)
        other = make_request(ada, title="Another", team=team)
        merge_requests(items=[other], into=item, actor=pm)
        page = text(signed_in(pm).get("/triage/"))
        assert "Nothing waits" in page
        assert "2 requests were answered this week, each within its promise" in page
        assert re.search(r"<dt>Within promise</dt><dd>2 of 2</dd><dt>Merged</dt><dd>1</dd>", page)
        assert "Decide what was routed" in page
        assert "an answer to Ada Mensah" in page

    @pytest.mark.parametrize("view", VIEWS)
    def test_each_empty_view_says_what_goes_there(self, pm, view, signed_in):
        page = signed_in(pm).get(f"/triage/?view={view}")
        assert page.status_code == 200
        assert 'class="empty tall"' in text(page)


class TestInPlace:
    def test_a_row_opens_its_preview_alone(self, pm, two, signed_in, django_assert_max_num_queries):
        browser = signed_in(pm)
        browser.get("/triage/")
        with django_assert_max_num_queries(6):
            response = browser.get(
                f"/triage/?on={two[1].number}", headers={**HTMX, "HX-Target": "preview"}
            )
        page = text(response)
        assert page.lstrip().startswith('<section class="card sticky scrolls" id="preview"')
        assert "Second one" in page and "First one" not in page
        assert "HX-Target" in response["Vary"]

    def test_an_action_swaps_rows_counts_and_the_next_request(self, pm, two, signed_in):
        first, second = two
        response = signed_in(pm).post(
            url("take", first),
            {"owner_seen": "none", "next": "/triage/", "at": "0"},
            headers=HTMX,
        )
        page = text(response)
        assert response.status_code == 200
        assert response["HX-Retarget"] == "#preview"
        assert response["HX-Replace-Url"] == f"/triage/?on={second.number}"
        said = json.loads(response["HX-Trigger-After-Settle"])["queueActed"]["said"]
        assert said == f"{first.reference} is yours. Undo: press u."
        assert 'id="t-s">Second one' in page
        assert "First one" not in page
        for part in ("q-tabs", "q-lede", "q-list"):
            assert re.search(rf'id="{part}"[^>]* hx-swap-oob="true"', page), part
        assert "One request waits." in page
        assert "<html" not in page

    def test_a_request_that_stays_in_the_view_stays_open(self, pm, two, signed_in):
        first, second = two
        response = signed_in(pm).post(
            url("label", second),
            {"labels": "Photos, beta", "priority": "high", "next": "/triage/", "at": "1"},
            headers=HTMX,
        )
        assert 'id="t-s">Second one' in text(response)
        second.refresh_from_db()
        assert (second.labels, second.priority) == (["photos", "beta"], "high")

    def test_the_last_action_of_a_view_leaves_the_empty_page(self, pm, item, signed_in):
        response = signed_in(pm).post(
            url("take", item), {"owner_seen": "none", "next": "/triage/", "at": "0"}, headers=HTMX
        )
        page = text(response)
        assert response["HX-Retarget"] == "#triage"
        assert "Nothing waits" in page and "hx-swap-oob" not in page
        assert undo_key(page)

    def test_a_fault_stays_beside_the_field_with_what_was_typed(self, pm, item, signed_in):
        response = signed_in(pm).post(
            url("snooze", item),
            {"until": "date", "on": "2020-01-01", "next": "/triage/"},
            headers=HTMX,
        )
        assert (response.status_code, response["HX-Retarget"]) == (422, "#act")
        assert "Enter a date after today" in text(response)
        assert 'value="2020-01-01"' in text(response)

    @pytest.mark.parametrize("name", ["triage", "ask", "decide", "snooze", "label", "merge"])
    def test_each_form_is_a_part_and_without_scripts_a_page(self, pm, item, signed_in, name):
        browser = signed_in(pm)
        path = reverse("intake:request-form", args=[item.number, name]) + "?next=/triage/?kind=idea"
        part = text(browser.get(path, headers=HTMX))
        assert "<html" not in part and "<form" in part
        page = text(browser.get(path))
        assert item.title in page and "<html" in page
        assert 'name="next" value="/triage/?kind=idea"' in page

    def test_there_is_no_other_form(self, pm, item, signed_in):
        path = reverse("intake:request-form", args=[item.number, "passwd"])
        assert signed_in(pm).get(path).status_code == 404


class TestWithoutScripts:
    def test_assign_to_me_in_one_press_and_back_to_the_queue(self, pm, item, signed_in):
        response = signed_in(pm).post(
            url("take", item), {"owner_seen": "none", "next": "/triage/?kind=idea"}
        )
        assert (response.status_code, response["Location"]) == (303, "/triage/?kind=idea")
        item.refresh_from_db()
        assert item.owner == pm

    def test_the_next_page_carries_undo(self, pm, two, signed_in):
        browser = signed_in(pm)
        page = text(
            browser.post(
                url("take", two[0]), {"owner_seen": "none", "next": "/triage/"}, follow=True
            )
        )
        assert page.count(f"<p>{two[0].reference} is yours.</p>") == 1
        response = browser.post(
            "/triage/undo/", {"key": undo_key(page), "next": "/triage/"}, follow=True
        )
        assert f"Undone: {two[0].reference} is as it was. Nobody was told." in text(response)
        two[0].refresh_from_db()
        assert (two[0].owner, two[0].status) == (None, Status.NEW)

    def test_it_never_leads_elsewhere(self, pm, item, signed_in):
        for bad in ("https://evil.example/triage/", "//evil.example/triage/", "/triage/bulk/"):
            response = signed_in(pm).post(
                url("take", item), {"owner_seen": str(item.owner_id or "none"), "next": bad}
            )
            assert response["Location"] == item.get_absolute_url()
            item.refresh_from_db()

    def test_the_page_opens_at_the_place_that_the_last_request_had(self, pm, two, signed_in):
        page = text(signed_in(pm).get("/triage/?at=1"))
        assert 'id="t-s">Second one' in page


class TestSnooze:
    def test_tomorrow_is_nine_in_the_morning_where_the_person_is(self, pm, item, signed_in):
        pm.time_zone = "America/New_York"
        pm.save(update_fields=["time_zone"])
        signed_in(pm).post(url("snooze", item), {"until": "tomorrow", "next": "/triage/"})
        item.refresh_from_db()
        local = item.snoozed_until.astimezone(pm.zone)
        today = timezone.localdate(timezone=pm.zone)
        assert (local.date(), local.hour) == (today + timedelta(days=1), 9)

    def test_monday_is_never_today(self, pm, item, signed_in):
        signed_in(pm).post(url("snooze", item), {"until": "monday", "next": "/triage/"})
        item.refresh_from_db()
        local = item.snoozed_until.astimezone(pm.zone)
        assert local.weekday() == 0 and local > timezone.now()

    def test_it_leaves_the_queue_and_wakes(self, pm, item, signed_in):
        browser = signed_in(pm)
        browser.post(url("snooze", item), {"until": "tomorrow", "next": "/triage/"})
        assert item.title not in text(browser.get("/triage/?area=all"))
        page = text(browser.get("/triage/?view=snoozed"))
        assert item.title in page and "Wake" in page
        browser.post(url("wake", item), {"next": "/triage/?view=snoozed"})
        assert item.title in text(browser.get("/triage/"))

    @pytest.mark.parametrize("bad", ["", "date", "never"])
    def test_a_day_is_needed(self, pm, item, signed_in, bad):
        response = signed_in(pm).post(url("snooze", item), {"until": bad, "next": "/triage/"})
        assert response.status_code == 422
        item.refresh_from_db()
        assert item.snoozed_until is None


class TestTwoPeople:
    def test_who_looks_at_it_too_is_shown(self, pm, opsadmin, item, signed_in):
        signed_in(opsadmin).get(f"/triage/?on={item.number}")
        page = text(signed_in(pm).get(f"/triage/?on={item.number}"))
        assert "Ines looks at this too" in page
        assert '<span class="lookers">Ines is here</span>' in page
        assert "Tomasz looks at this too" in text(
            signed_in(opsadmin).get(f"/triage/pulse/?on={item.number}")
        )

    def test_a_look_is_forgotten_when_they_go_elsewhere(self, pm, opsadmin, two):
        presence.look(opsadmin, two[0].number)
        presence.look(opsadmin, two[1].number)
        assert presence.others(pm) == {two[1].number: ["Ines"]}
        assert presence.others(opsadmin) == {}
        assert presence.sentence(["Ada", "Ines", "Tom"]) == "Ada, Ines and Tom look at this too"

    def test_fresh_counts_say_when_the_queue_has_changed(
        self, pm, two, signed_in, django_assert_max_num_queries
    ):
        browser = signed_in(pm)
        assert "The queue has changed" not in text(browser.get("/triage/pulse/?n=2"))
        with django_assert_max_num_queries(6):
            assert "The queue has changed" in text(browser.get("/triage/pulse/?n=3"))

    def test_a_lost_race_for_it_says_who_was_first(self, pm, opsadmin, item, signed_in):
        signed_in(opsadmin).post(url("take", item), {"owner_seen": "none", "next": "/triage/"})
        response = signed_in(pm).post(
            url("take", item), {"owner_seen": "none", "next": "/triage/"}, headers=HTMX
        )
        assert (response.status_code, response["HX-Retarget"]) == (409, "#act")
        assert "Ines Carvalho took this first" in text(response)
        assert 'name="owner"' in text(response)

    @pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "part"])
    def test_a_decision_meanwhile_keeps_the_typed_question(
        self, pm, opsadmin, triaged, signed_in, headers
    ):
        decide_request(item=triaged, actor=opsadmin, outcome="do", reason="Yes.")
        response = signed_in(pm).post(
            url("ask", triaged),
            {"question": "My long question", "next": "/triage/"},
            headers=headers,
        )
        assert response.status_code == 409
        assert "Ines Carvalho decided this first: Do it." in text(response)
        assert "My long question" in text(response)
        assert not Comment.objects.exists()

    def test_a_merge_meanwhile_names_the_one_that_stands_for_it(self, pm, opsadmin, two, signed_in):
        merge_requests(items=[two[0]], into=two[1], actor=opsadmin)
        response = signed_in(pm).post(
            url("label", two[0]),
            {"labels": "x", "priority": "low", "next": "/triage/"},
            headers=HTMX,
        )
        assert response.status_code in (200, 409)
        response = signed_in(pm).post(
            url("take", two[0]), {"owner_seen": "none", "next": "/triage/"}, headers=HTMX
        )
        assert response.status_code == 409
        assert f"merged into {two[1].reference}" in text(response)


class TestUndo:
    def take(self, browser, item):
        page = browser.post(
            url("take", item), {"owner_seen": "none", "next": "/triage/", "at": "0"}, headers=HTMX
        )
        return undo_key(text(page))

    def test_u_brings_it_back_and_nobody_is_told(self, pm, two, signed_in, run_on_commit):
        browser = signed_in(pm)
        with run_on_commit():
            key = self.take(browser, two[0])
        response = browser.post("/triage/undo/", {"key": key, "next": "/triage/"}, headers=HTMX)
        assert 'id="t-s">First one' in text(response)
        assert "Two requests wait." in text(response)
        assert not Notice.objects.filter(kind="request.triaged").exists()

    def test_it_is_only_for_who_did_it(self, pm, opsadmin, two, signed_in):
        key = self.take(signed_in(pm), two[0])
        response = signed_in(opsadmin).post("/triage/undo/", {"key": key, "next": "/triage/"})
        assert response.status_code == 403

    def test_it_cannot_be_done_twice(self, pm, two, signed_in):
        browser = signed_in(pm)
        key = self.take(browser, two[0])
        browser.post("/triage/undo/", {"key": key, "next": "/triage/"})
        again = browser.post("/triage/undo/", {"key": key, "next": "/triage/"})
        assert again.status_code == 409
        assert "It was taken back already." in text(again)
        part = browser.post("/triage/undo/", {"key": key, "next": "/triage/"}, headers=HTMX)
        assert (part.status_code, part["HX-Retarget"]) == (409, "#said")

    @pytest.mark.parametrize("bad", ["", "x", "²", "0" * 400])
    def test_a_bent_key_is_not_there(self, pm, signed_in, bad):
        assert signed_in(pm).post("/triage/undo/", {"key": bad}).status_code == 404


class TestSavedViews:
    def test_a_view_is_kept_under_a_name_and_stands_beside_the_others(self, pm, signed_in):
        browser = signed_in(pm)
        form = text(browser.get("/triage/views/?query=view%3Dmine%26kind%3Ddata"))
        assert "Mine, data, promise first" in form
        response = browser.post(
            "/triage/views/",
            {"name": " Data  of mine ", "query": "view=mine&kind=data&page=3&on=5&x=1"},
            follow=True,
        )
        assert "The view Data of mine is kept." in text(response)
        assert response.redirect_chain[-1][0] == "/triage/?view=mine&kind=data"
        assert '<a href="/triage/?view=mine&amp;kind=data" aria-current="true"' in text(response)

    def test_a_name_is_needed_and_taken_once(self, pm, signed_in):
        browser = signed_in(pm)
        assert browser.post("/triage/views/", {"name": " "}).status_code == 422
        browser.post("/triage/views/", {"name": "Mine", "query": "view=mine"})
        again = browser.post("/triage/views/", {"name": "Mine", "query": "view=dup"})
        assert again.status_code == 422
        assert "You have a view called Mine" in text(again)
        assert SavedView.objects.count() == 1

    def test_it_is_renamed_and_removed_by_its_person_alone(self, pm, opsadmin, signed_in):
        view = SavedView.objects.create(person=pm, name="Old", query="view=dup")
        SavedView.objects.create(person=pm, name="Taken", query="")
        path = reverse("intake:saved-view-change", args=[view.pk])
        assert signed_in(opsadmin).post(path, {"do": "remove"}).status_code == 404
        browser = signed_in(pm)
        assert browser.post(path, {"do": "rename", "name": "Taken"}).status_code == 422
        browser.post(path, {"do": "rename", "name": "New"})
        view.refresh_from_db()
        assert view.name == "New"
        browser.post(path, {"do": "remove"})
        assert not SavedView.objects.filter(pk=view.pk).exists()


class TestBulk:
    def post(self, browser, items, do, headers=None, **data):
        return browser.post(
            "/triage/bulk/",
            {"id": [item.number for item in items], "do": do, "next": "/triage/", **data},
            headers=headers or {},
        )

    def test_several_are_taken_at_once_and_undone_at_once(self, pm, two, signed_in):
        browser = signed_in(pm)
        page = text(self.post(browser, two, "take", HTMX))
        assert "2 requests taken: they are yours." in page
        assert {item.owner for item in Request.objects.all()} == {pm}
        browser.post("/triage/undo/", {"key": undo_key(page), "next": "/triage/"})
        assert {item.status for item in Request.objects.all()} == {Status.NEW}

    def test_what_cannot_be_done_is_told_by_its_number_and_the_rest_is_done(
        self, pm, opsadmin, two, team, signed_in
    ):
        triage_request(item=two[0], actor=opsadmin, team=team, owner=opsadmin)
        page = text(self.post(signed_in(pm), two, "take", HTMX))
        assert "1 request taken: they are yours." in page
        assert f"{two[0].reference} was left as it is: Ines Carvalho took this first" in page
        two[0].refresh_from_db()
        assert two[0].owner == opsadmin

    @pytest.mark.parametrize(
        ("do", "data", "said"),
        [
            ("route", {"team": "yard"}, "2 requests routed to Yard."),
            ("snooze", {"until": "tomorrow"}, "2 requests snoozed until"),
            ("label", {"labels": "Beta"}, "2 requests labelled."),
        ],
    )
    def test_a_form_comes_first_then_all_are_changed(self, pm, two, signed_in, do, data, said):
        make_team(name="Yard", slug="yard")
        browser = signed_in(pm)
        form = self.post(browser, two, do, HTMX)
        assert form["HX-Retarget"] == "#preview"
        assert "2 requests" in text(form) and "First one" in text(form)
        assert (
            Event.objects.exclude(kind="request.submitted")
            .filter(kind__startswith="request.")
            .count()
            == 0
        )
        wrong = self.post(browser, two, do, go="1", team="", until="", labels="")
        assert wrong.status_code == 422
        done = self.post(browser, two, do, go="1", **data)
        assert (done.status_code, done["Location"]) == (303, "/triage/")
        assert said in text(browser.get("/triage/"))

    def test_labels_are_added_to_those_that_are_there(self, pm, two, signed_in):
        label_request(item=two[0], actor=pm, labels=["old"])
        self.post(signed_in(pm), two, "label", go="1", labels="new", priority="")
        two[0].refresh_from_db()
        assert two[0].labels == ["old", "new"]
        assert two[0].priority == "normal"

    def test_a_selection_is_merged_into_one_of_it_or_another(self, pm, ada, two, team, signed_in):
        """B08."""
        third = make_request(make_user(), title="Third", team=team)
        browser = signed_in(pm)
        self.post(browser, [*two, third], "merge", go="1", target=two[1].reference)
        two[0].refresh_from_db()
        third.refresh_from_db()
        assert (two[0].root, third.root) == (two[1], two[1])
        page = text(browser.get("/triage/"))
        assert f"2 requests merged into {two[1].reference}." in page
        browser.post("/triage/undo/", {"key": undo_key(page), "next": "/triage/"})
        third.refresh_from_db()
        assert third.root is None
        other = make_request(ada, title="Elsewhere", team=team)
        self.post(browser, [third], "merge", go="1", target="", into=f"req-{other.number}")
        third.refresh_from_db()
        assert third.root == other

    def test_what_cannot_join_is_told(self, pm, ada, two, team, signed_in):
        private = make_request(ada, title="Private", team=team, visibility="private")
        stranger = make_request(make_user(), title="Of a stranger", team=team)
        page = text(
            self.post(
                signed_in(pm),
                [stranger, two[0]],
                "merge",
                HTMX,
                go="1",
                target="",
                into=private.reference,
            )
        )
        assert f"1 request merged into {private.reference}" in page
        assert f"{stranger.reference} was left as it is: 1 person behind" in page

    def test_all_of_a_view_is_selected_beyond_the_page(self, pm, ada, team, signed_in):
        for number in range(60):
            make_request(ada, title=f"Wish {number}", team=team)
        browser = signed_in(pm)
        assert "All 60" in text(browser.get("/triage/"))
        browser.post("/triage/bulk/", {"all": "1", "do": "take", "next": "/triage/"})
        assert Request.objects.filter(owner=pm).count() == 60

    def test_nothing_selected_is_said(self, pm, two, signed_in):
        browser = signed_in(pm)
        assert self.post(browser, [], "take").status_code == 422
        part = self.post(browser, [], "take", HTMX)
        assert (part.status_code, part["HX-Retarget"]) == (422, "#said")
        assert "Select at least one request first." in text(part)

    @pytest.mark.parametrize("bad", ["", "explode", "ask"])
    def test_there_is_no_other_bulk_action(self, pm, two, signed_in, bad):
        assert self.post(signed_in(pm), two, bad).status_code == 404

    def test_numbers_that_are_none_are_left_out(self, pm, two, signed_in):
        response = signed_in(pm).post(
            "/triage/bulk/",
            {"id": ["²", "9" * 30, "-1", "x", "\x00", str(two[0].number)], "do": "take"},
        )
        assert response.status_code == 303
        assert Request.objects.filter(owner=pm).count() == 1

    def test_snoozed_ones_are_woken_together(self, pm, two, signed_in):
        for item in two:
            snooze_request(item=item, actor=pm, until=timezone.now() + timedelta(days=2))
        self.post(signed_in(pm), two, "wake")
        assert queue_counts(pm)["snoozed"] == 0


def test_a_person_of_no_team_takes_what_has_none_only_by_routing(opsadmin, ada, signed_in):
    loose = make_request(ada, title="Loose")
    browser = signed_in(opsadmin)
    response = browser.post(
        url("take", loose), {"owner_seen": "none", "next": "/triage/"}, headers=HTMX
    )
    assert response.status_code == 422
    assert "Choose a team" in text(response)
    page = text(browser.post("/triage/bulk/", {"id": loose.number, "do": "take"}, headers=HTMX))
    assert "It has no team yet. Route it instead." in page


def test_the_view_of_likely_duplicates_holds_what_is_unsettled(pm, two, ada, team, signed_in):
    note_likely(item=two[0], found=[(two[1].pk, 0.9, ["one"], False)])
    make_request(ada, title="Quite different", team=team)
    page = text(signed_in(pm).get("/triage/?view=dup"))
    assert "Quite different" not in page
    assert "Very likely the same as" in page
