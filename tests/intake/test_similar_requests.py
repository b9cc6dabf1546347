"""A01 to A03: requests like what is typed; one press joins one of them; no title leaks."""

import uuid

import pytest
from django.utils import timezone

from activity.models import Event
from intake import services
from intake.likely import find
from intake.models import Draft, DuplicatePair, Request, Vote
from intake.suggestions import suggestions_for
from tests.factories import make_request, make_user

pytestmark = pytest.mark.django_db
NEW = "/requests/new/"
SIMILAR = "/requests/similar/"
TITLE = "Bulk reschedule deliveries when a depot closes"
LIKE = "Reschedule deliveries in bulk when the depot closes"


def text(response):
    return response.content.decode()


@pytest.fixture
def noise(outsider, team):
    """Other requests, so that words have weight."""
    for title in (
        "Export invoices to the ledger", "Dark theme for the driver app",
        "Photo proof of a parcel", "Show tolls on the route map", "Remind carriers of papers",
        "Sort the yard by slot", "Print labels in two sizes", "Sign in with a badge",
    ):  # fmt: skip
        make_request(outsider, title=title, problem=f"{title}. It is missing today.", team=team)


@pytest.fixture
def known(outsider, team, noise):
    return make_request(outsider, title=TITLE, problem="Planners move 640 stops.", team=team)


def typed(key=None, **more):
    return {
        "form": "idea", "submission_key": str(key or uuid.uuid4()), "title": LIKE,
        "problem": "In Rotterdam it took two people six hours.", **more,
    }  # fmt: skip


class TestSuggestions:
    def test_they_show_state_votes_team_and_what_is_alike(self, ada, known, signed_in):
        services.vote_for_request(item=known, person=make_user())
        page = text(signed_in(ada).post(SIMILAR, typed(), headers={"HX-Request": "true"}))
        assert page.lstrip().startswith('<div class="stack" id="similar-list"')
        assert TITLE in page and known.reference in page
        assert "1 vote" in page and "Dispatch" in page and "In triage" in page
        assert "Both say: " in page and "Add my vote" in page
        assert 'data-said="' in page

    def test_at_most_five(self, ada, noise, team):
        for number in range(8):
            make_request(make_user(), title=f"{TITLE} {number}", team=team)
        assert len(suggestions_for(ada, title=LIKE).rows) == 5

    def test_nothing_below_the_floor_and_nothing_for_a_few_letters(self, ada, known, signed_in):
        assert suggestions_for(ada, title="Quarterly brunch catering vouchers").rows == []
        assert suggestions_for(ada, title="Bulk").rows == []
        page = text(signed_in(ada).post(SIMILAR, typed(title="Zzz qqqq wwww vvvv")))
        assert "Nothing like it yet" in page

    def test_what_is_shown_counts_once_a_draft_and_request(self, ada, known, signed_in):
        browser, key = signed_in(ada), uuid.uuid4()
        for words in (LIKE, LIKE + " again", LIKE):
            browser.post(SIMILAR, typed(key, title=words))
        draft = Draft.objects.get()
        event = Event.objects.get(kind="suggestion.shown")
        assert event.data == {"requests": [known.pk], "draft": draft.pk}
        assert draft.shown == [known.pk]

    def test_a_look_is_noted_and_leads_on(self, ada, known, signed_in):
        browser, key = signed_in(ada), uuid.uuid4()
        browser.post(SIMILAR, typed(key))
        response = browser.get(f"/requests/drafts/{key}/open/{known.number}/")
        assert response["Location"] == known.get_absolute_url()
        assert Event.objects.get(kind="suggestion.opened").data == {"request": known.pk}

    def test_a_merged_one_is_shown_as_what_stands_for_it(self, ada, pm, known, team):
        root = make_request(make_user(), title="Close a depot in one step", team=team)
        services.merge_requests(items=[known], into=root, actor=pm)
        (row,) = suggestions_for(ada, title=LIKE).rows
        assert row.item == root and row.can_vote

    def test_it_takes_few_queries(self, ada, known, signed_in, django_assert_max_num_queries):
        browser, key = signed_in(ada), uuid.uuid4()
        browser.post(SIMILAR, typed(key))
        with django_assert_max_num_queries(14):
            browser.post(SIMILAR, typed(key))


class TestRights:
    @pytest.mark.parametrize("visibility", ["team", "private"])
    def test_no_title_that_the_reader_may_not_see(self, ada, pm, known, signed_in, visibility):
        Request.objects.filter(pk=known.pk).update(visibility=visibility)
        page = text(signed_in(ada).post(SIMILAR, typed()))
        assert TITLE not in page and known.reference not in page
        assert "Nothing like it yet" in page
        assert TITLE in text(signed_in(pm).post(SIMILAR, typed()))

    def test_a_hidden_root_shows_the_visible_member_without_a_vote(self, ada, pm, known, team):
        root = make_request(make_user(), title="Secret plan of the depots", team=team)
        services.merge_requests(items=[known], into=root, actor=pm)
        Request.objects.filter(pk=root.pk).update(visibility="private")
        (row,) = suggestions_for(ada, title=LIKE).rows
        assert row.item == known and not row.can_vote

    def test_a_visible_root_of_a_hidden_member_gives_no_words_away(self, ada, pm, known, team):
        root = make_request(make_user(), title="Close a depot in one step", team=team)
        services.merge_requests(items=[known], into=root, actor=pm)
        Request.objects.filter(pk=known.pk).update(visibility="private")
        for row in suggestions_for(ada, title=LIKE).rows:
            assert row.item == root and row.words == ()

    @pytest.mark.parametrize("address", ["/requests/drafts/join/", "/requests/drafts/dismiss/"])
    def test_nobody_acts_on_what_they_may_not_see(self, ada, known, signed_in, address):
        Request.objects.filter(pk=known.pk).update(visibility="private")
        response = signed_in(ada).post(address, typed(number=known.number))
        assert response.status_code == 404
        assert not Vote.objects.exists()


class TestJoining:
    def test_one_press_turns_the_draft_into_a_vote_with_its_case(self, ada, known, signed_in):
        browser, key = signed_in(ada), uuid.uuid4()
        browser.post(SIMILAR, typed(key))
        response = browser.post(
            "/requests/drafts/join/", typed(key, number=known.number), follow=True
        )
        assert response.redirect_chain == [(known.get_absolute_url(), 303)]
        assert "Your vote is in, with your case." in text(response)
        assert Request.objects.filter(requester=ada).count() == 0
        vote = Vote.objects.get()
        assert (vote.person, vote.title) == (ada, LIKE)
        assert vote.case == "In Rotterdam it took two people six hours."
        draft = Draft.objects.get()
        assert (draft.state, draft.request) == (Draft.State.JOINED, known)
        kinds = list(
            Event.objects.filter(subject_type="intake.draft")
            .order_by("pk")
            .values_list("kind", flat=True)
        )
        assert kinds == ["draft.begun", "suggestion.shown", "suggestion.taken", "draft.joined"]

    def test_twice_is_one_vote_and_one_event(self, ada, known, signed_in):
        browser, key = signed_in(ada), uuid.uuid4()
        for _ in range(2):
            browser.post("/requests/drafts/join/", typed(key, number=known.number))
        assert Vote.objects.count() == 1
        assert Event.objects.filter(kind="draft.joined").count() == 1

    def test_the_way_back_takes_the_vote_and_brings_the_draft(self, ada, known, signed_in):
        browser, key = signed_in(ada), uuid.uuid4()
        browser.post("/requests/drafts/join/", typed(key, number=known.number))
        assert f"/requests/drafts/{key}/back/" in text(browser.get(known.get_absolute_url()))
        response = browser.post(f"/requests/drafts/{key}/back/", follow=True)
        assert LIKE in text(response) and "In Rotterdam" in text(response)
        assert not Vote.objects.exists()
        assert Draft.objects.get().state == Draft.State.OPEN
        assert "/back/" not in text(browser.get(known.get_absolute_url()))

    def test_a_voice_from_before_stays_with_its_own_case(self, ada, known, signed_in):
        services.vote_for_request(item=known, person=ada, case="What I said before.")
        browser, key = signed_in(ada), uuid.uuid4()
        browser.post("/requests/drafts/join/", typed(key, number=known.number))
        assert "In Rotterdam" in Vote.objects.get().case
        browser.post(f"/requests/drafts/{key}/back/")
        assert Vote.objects.get().case == "What I said before."


class TestNotTheSame:
    def test_it_is_not_suggested_again_nor_proposed_to_triage(self, ada, known, signed_in):
        browser, key = signed_in(ada), uuid.uuid4()
        browser.post(SIMILAR, typed(key))
        page = text(
            browser.post(
                "/requests/drafts/dismiss/", typed(key, number=known.number),
                headers={"HX-Request": "true"},
            )
        )  # fmt: skip
        assert TITLE not in page
        assert TITLE not in text(browser.post(SIMILAR, typed(key)))
        browser.post(NEW, typed(key))
        item = Request.objects.get(requester=ada)
        find(item.pk)
        assert DuplicatePair.objects.get().state == DuplicatePair.State.DISMISSED
        item.refresh_from_db()
        assert item.similar_count == 0

    def test_without_scripts_it_leads_back_to_the_draft(self, ada, known, signed_in):
        key = uuid.uuid4()
        response = signed_in(ada).post("/requests/drafts/dismiss/", typed(key, number=known.number))
        assert response["Location"] == f"{NEW}?draft={key}"


class TestBeforeSending:
    def test_who_has_not_seen_a_sure_duplicate_is_asked_once(self, ada, known, signed_in):
        browser, key = signed_in(ada), uuid.uuid4()
        posted = typed(key, title=TITLE, problem="Planners move 640 stops.")
        response = browser.post(NEW, posted)
        assert response.status_code == 200 and "Was this asked already?" in text(response)
        assert "Send mine anyway" in text(response) and TITLE in text(response)
        assert not Request.objects.filter(requester=ada).exists()
        assert browser.post(NEW, {**posted, "send": "anyway"}).status_code == 303
        assert Request.objects.filter(requester=ada).count() == 1

    def test_sending_again_is_enough_too(self, ada, known, signed_in):
        browser, key = signed_in(ada), uuid.uuid4()
        posted = typed(key, title=TITLE, problem="Planners move 640 stops.")
        assert browser.post(NEW, posted).status_code == 200
        assert browser.post(NEW, posted).status_code == 303

    def test_who_was_shown_it_is_not_asked(self, ada, known, signed_in):
        browser, key = signed_in(ada), uuid.uuid4()
        posted = typed(key, title=TITLE, problem="Planners move 640 stops.")
        browser.post(SIMILAR, posted)
        assert browser.post(NEW, posted).status_code == 303

    def test_the_button_checks_without_scripts(self, ada, known, signed_in):
        page = text(signed_in(ada).post(NEW, typed(check="1")))
        assert TITLE in page and "Add my vote" in page and f'value="{LIKE}"' in page
        assert not Request.objects.filter(requester=ada).exists()

    def test_the_right_form_is_offered(self, ada, noise, signed_in):
        page = text(signed_in(ada).post(SIMILAR, typed(title="A report with numbers by depot")))
        assert "Looks like “Data or insight”" in page
        posted = typed(title="A report with numbers by depot", switch="data")
        page = text(signed_in(ada).post(NEW, posted))
        assert 'value="data" checked' in page and "A report with numbers by depot" in page


class TestForTriage:
    def test_likely_pairs_are_kept_whatever_way_a_request_came(self, ada, known, run_on_commit):
        with run_on_commit():
            item = make_request(ada, title=LIKE, problem="Again.", source="csv", at=timezone.now())
        pair = DuplicatePair.objects.filter(state="open").first()
        assert {pair.low_id, pair.high_id} == {known.pk, item.pk}
        assert 0 < pair.score <= 1 and pair.words
        assert find(item.pk) == 0

    def test_what_fits_nothing_makes_no_pair(self, ada, known, run_on_commit):
        with run_on_commit():
            make_request(ada, title="Catering vouchers for brunch", problem="Hungry people.")
        assert not DuplicatePair.objects.exists()

    def test_a_request_that_is_gone_is_no_fault(self):
        assert find(10**9) == 0
