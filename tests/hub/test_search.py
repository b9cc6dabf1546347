import re

import pytest
from django.utils import timezone

from hub.search import MOST_COUNTED, search
from intake.models import Request, Visibility
from planning.models import WorkItem
from playbook.models import Tool
from tests.factories import make_request, make_team, make_user

HOSTILE = "<script>alert('depot')</script> depot & \"co\""


def make_item(key="DSP-904", title="Move stops between depots", **fields):
    return WorkItem.objects.create(
        source="jira", upstream_id=key, key=key, title=title, type_name="Story",
        project_key=key.partition("-")[0], status_id="1", status_name="Open",
        status_category="new", assignee_name="Ruben de Vries", assignee_account_id="r",
        parent_key="", priority="Medium", url="https://jira.example/", phase="active",
        upstream_created_at=timezone.now(), upstream_updated_at=timezone.now(),
        synced_at=timezone.now(), is_history_complete=True, **fields,
    )  # fmt: skip


def shown(browser, address, **headers):
    return browser.get(address, headers=headers).content.decode()


def titles(results, key="requests"):
    return [
        re.sub("<[^>]+>", "", hit.title)
        for section in results.sections
        if section.key == key
        for hit in section.hits
    ]


@pytest.fixture
def depot(ada, team):
    return make_request(
        ada,
        title="Bulk reschedule when a depot closes",
        problem="We moved 640 stops by hand when the depot closed. " + "Nobody was told. " * 30,
        team=team,
    )


def test_it_finds_every_kind_and_marks_the_match(ada, depot, signed_in):
    make_team("Depot operations", "depot-operations")
    make_user(name="Dora Depot")
    make_item()
    Tool.objects.create(slug="plan", name="Depot planner", purpose="Plans", url="/work/")
    page = shown(signed_in(ada), "/search/?q=depot")
    for part in (
        "Bulk reschedule when a <mark>depot</mark> closes",
        "Move stops between <mark>depots</mark>",
        'href="/teams/depot-operations/"><mark>Depot</mark> operations',
        "Dora <mark>Depot</mark>",
        'href="/tools/plan/"><mark>Depot</mark> planner',
        "5 results for “depot”, best first.",
        "by hand when the <mark>depot</mark> closed. Nobody was told.",
    ):
        assert part in page


@pytest.mark.parametrize("text", ["REQ-{n}", "req {n}", "{n}", "#{n}", " Req-{n} "])
def test_a_reference_stands_first(ada, depot, text):
    make_request(ada, title=f"As in {depot.number}", problem="See there.")
    results = search(ada, text.format(n=depot.number))
    assert [hit.href for hit in results.exact] == [f"/requests/{depot.number}/"]
    assert depot.title not in titles(results)


@pytest.mark.parametrize("text", ["DSP-904", "dsp-904", "dsp 904", "OLD-7"])
def test_a_key_of_the_tracker_stands_first(ada, text):
    make_item(old_keys=["OLD-7"])
    assert [hit.href for hit in search(ada, text).exact] == ["/work/DSP-904/"]


def test_words_are_stemmed_and_the_last_may_be_a_beginning(ada, depot):
    for text in ("depots closing", "closed dep", "bulk resched", "rescheduling", "reschedulin"):
        assert titles(search(ada, text)) == [depot.title], text
    assert not search(ada, "depot unheard").found


def test_the_title_counts_more_than_the_problem(ada, depot):
    other = make_request(ada, title="Something else", problem="A depot, a depot, a depot.")
    assert titles(search(ada, "depot")) == [depot.title, other.title]


def test_rights_come_before_counts_titles_and_suggestions(ada, pm, outsider, team, signed_in):
    make_request(ada, title="Zeppelin for the board", visibility=Visibility.PRIVATE)
    make_request(ada, title="Zeppelin for dispatchers", visibility=Visibility.TEAM, team=team)
    number = Request.objects.first().number
    assert search(pm, "zeppelin").found == search(ada, "zeppelin").found == 2
    browser = signed_in(outsider)
    for text in ("zeppelin", "zepelin", "zeppeli", f"REQ-{number}", str(number)):
        results = search(outsider, text)
        assert not results.found and not results.exact and not results.corrected, text
        for address in (f"/search/?q={text}", f"/search/palette/?q={text}"):
            page = shown(browser, address, **{"HX-Request": "true"})
            assert "for the board" not in page and "dispatchers" not in page


@pytest.mark.parametrize("typed", ["shedule", "scedule", "schdeule", "scheddule", "schadule"])
def test_typing_mistakes_are_forgiven_where_words_find_nothing(ada, signed_in, typed):
    item = make_request(ada, title="Publish the schedule earlier")
    results = search(ada, typed)
    assert results.corrected == "schedule" and titles(results) == [item.title]
    page = shown(signed_in(ada), f"/search/?q={typed}")
    assert f"Nothing for “{typed}”. These are the results for" in page


def test_another_spelling_is_offered_where_words_find_little(ada, signed_in):
    make_request(ada, title="Publish the schedule earlier")
    make_request(ada, title="An odd one", problem="Someone wrote shedule here.")
    assert 'Did you mean <a href="?q=schedule">' in shown(signed_in(ada), "/search/?q=shedule")


def test_names_are_found_without_their_accents(ada):
    make_user(name="José Núñez")
    assert titles(search(ada, "jose nunez"), "people") == ["José Núñez"]
    assert (
        "<mark>José</mark> <mark>Núñez</mark>"
        in search(ada, "jose nunez").sections[0].hits[0].title
    )


def test_people_who_left_and_deleted_items_are_not_found(ada):
    make_user(name="Gone Depot", is_active=False)
    make_item(deleted_at=timezone.now())
    assert not search(ada, "depot").found and not search(ada, "DSP-904").exact


def test_hostile_text_is_shown_as_text(ada, signed_in):
    make_request(ada, title=HOSTILE, problem=HOSTILE)
    make_item(key="X<b>-1", title=HOSTILE)
    browser = signed_in(ada)
    for address in ("/search/", "/search/palette/"):
        for text in ("depot", "%3Cscript%3Edepot%22'%26", "script+alert"):
            page = shown(browser, f"{address}?q={text}", **{"HX-Request": "true"})
            assert "<script" not in page and "<b>-1" not in page
            assert "<mark>" in page or text != "depot"


@pytest.mark.parametrize(
    "text",
    ["'", "\\", "a:* & !b | (", "%", "the", "a", "\x00depot", "…", "é", "x" * 5000,
     "7.2", "_", ":*", "99999999999", "REQ-999999999", "<->", "a-",
     "sign-in", "''''", "\U0001f600", "depot " * 50],
)  # fmt: skip
def test_it_survives_whatever_is_typed(ada, depot, text):
    results = search(ada, text)
    for section in results.sections:
        assert section.found >= len(section.hits)


def test_kind_and_page_live_in_the_address(ada, signed_in):
    for number in range(60):
        make_request(ada, title=f"Depot wish {number:02}")
    make_item()
    browser = signed_in(ada)
    page = shown(browser, "/search/?q=depot&k=requests")
    assert "1 to 50 of 60" in page and page.count('href="/requests/') >= 50
    assert "q=depot&amp;k=requests&amp;page=2" in page and "/work/DSP" not in page
    second = shown(browser, "/search/?q=depot&k=requests&page=2")
    assert "51 to 60 of 60" in second and "Previous page" in second
    assert "1 to 50 of 60" in shown(browser, "/search/?q=depot&k=requests&page=9")
    assert "See all 60" in shown(browser, "/search/?q=depot&k=nonsense&page=x")


def test_a_common_word_is_counted_honestly(ada, signed_in, monkeypatch):
    monkeypatch.setattr("hub.search.MOST_COUNTED", 5)
    for number in range(8):
        make_request(ada, title=f"Depot wish {number}")
    results = search(ada, "depot")
    assert results.count == "5+" and "wish 7" in titles(results)[0]
    assert MOST_COUNTED == 500


def test_nothing_found_offers_to_send_it(ada, depot, signed_in):
    browser = signed_in(ada)
    page = shown(browser, "/search/?q=zzyq+%26+co")
    assert "Nothing for “zzyq &amp; co”" in page
    assert 'href="/requests/new/?title=zzyq+%26+co"' in page
    assert "There is nothing of this kind, but 1" in shown(browser, "/search/?q=depot&k=tools")


def test_the_page_without_words_explains_itself(ada, signed_in):
    page = shown(signed_in(ada), "/search/")
    assert "in one box" in page and "Nothing for" not in page and "autofocus" in page


def test_htmx_swaps_results_and_speaks_the_count(ada, depot, signed_in):
    browser = signed_in(ada)
    page = shown(browser, "/search/?q=depot", **{"HX-Request": "true"})
    assert "<html" not in page and 'id="search-lede" hx-swap-oob' in page
    assert 'data-said="1 result for “depot”."' in page
    assert "<title>depot · Search · ProductHub</title>" in page


def test_strangers_sign_in_first(client, db):
    assert client.get("/search/?q=depot").status_code == 302
    assert client.get("/search/palette/?q=depot").status_code == 302


@pytest.mark.parametrize("text", ["depot", "shedule wihs", "142", "DSP-904", "nothing here"])
def test_the_number_of_queries_does_not_grow(
    ada, signed_in, django_assert_max_num_queries, text, team
):
    for number in range(12):
        make_request(ada, title=f"Depot schedule wish {number}", team=team)
        make_item(key=f"DSP-{900 + number}")
    browser = signed_in(ada)
    browser.get("/search/")  # the first of a day is noted
    with django_assert_max_num_queries(12):
        browser.get(f"/search/?q={text}")


def test_the_palette_jumps_to_what_the_reader_may_see(ada, opsadmin, depot, signed_in):
    page = shown(signed_in(ada), "/search/palette/", **{"HX-Request": "true"})
    assert page.startswith('<dialog class="pal"') and 'href="/requests/new/"' in page
    assert "My requests" in page and "Triage" not in page and "Integrations" not in page
    assert "Integrations" in shown(
        signed_in(opsadmin), "/search/palette/", **{"HX-Request": "true"}
    )


def test_the_palette_answers_while_someone_types(ada, depot, signed_in):
    browser = signed_in(ada)
    for number in range(20):
        make_request(ada, title=f"Depot wish {number}")
        make_user(name=f"Depot Person {number}")
        make_item(key=f"DSP-{number}")
    page = shown(browser, "/search/palette/?q=depot", **{"HX-Request": "true"})
    assert page.count("<li>") == 10 and 'href="/requests/new/?title=depot"' in page
    assert "All " in page and 'href="/search/?q=depot"' in page
    assert "Work items" in shown(browser, "/search/palette/?q=wor", **{"HX-Request": "true"})


def test_the_palette_without_htmx_is_the_search_page(ada, signed_in):
    answer = signed_in(ada).get("/search/palette/?q=a b")
    assert answer.status_code == 302 and answer["Location"] == "/search/?q=a+b"
