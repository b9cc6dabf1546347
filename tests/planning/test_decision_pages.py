"""The decision log in pages: what each reader finds, and what bent addresses and forms do."""

import pytest
from django.urls import reverse

from intake.services import decide_request
from planning.decisions import record_decision
from planning.models import Decision
from tests.factories import make_request, reason_code

pytestmark = pytest.mark.django_db
LOG = "/decisions/"


@pytest.fixture
def decided_things(pm, ada, team):
    """One for everyone, one asked in private."""
    code = reason_code("possible")
    made = {}
    for visibility, title in (("company", "Open wish"), ("private", "Secret wish")):
        item = make_request(ada, title=title, visibility=visibility, team=team)
        made[visibility] = decide_request(
            item=item, actor=pm, outcome="no", reason="It exists already.", reason_code=code
        )
    return made


def body(response):
    return (
        b"".join(response.streaming_content) if response.streaming else response.content
    ).decode()


@pytest.mark.parametrize(
    "query", ["", "?q=exists", "?outcome=no", "?reason=possible", "?format=csv"]
)
def test_a_private_request_is_told_by_no_part_of_the_log(
    decided_things, outsider, pm, signed_in, query
):
    theirs = body(signed_in(outsider).get(LOG + query))
    assert "Open wish" in theirs and "Secret wish" not in theirs
    if not query.startswith("?format"):
        assert "1 decision" in theirs
    assert "Secret wish" in body(signed_in(pm).get(LOG + query))


def test_its_page_is_not_there_for_others(decided_things, outsider, ada, signed_in):
    url = decided_things["private"].get_absolute_url()
    assert signed_in(outsider).get(url).status_code == 404
    assert "Secret wish" in body(signed_in(ada).get(url))


def test_a_link_to_a_private_request_is_not_shown(decided_things, pm, ada, outsider, signed_in):
    secret = make_request(ada, title="Hidden link", visibility="private")
    made = record_decision(
        title="Free", outcome="do", reason="R.", team=None, actor=pm,
        touches=[("intake.request", secret.pk)],
    )  # fmt: skip
    assert "Hidden link" in body(signed_in(pm).get(made.get_absolute_url()))
    assert "Hidden link" not in body(signed_in(outsider).get(made.get_absolute_url()))


def test_what_people_say_leads_to_it(decided_things, pm, signed_in):
    made = decided_things["company"]
    response = signed_in(pm).get(f"/decisions/DEC-{made.number}")
    assert response["Location"] == made.get_absolute_url()


def test_one_more_option_keeps_what_was_typed(pm, signed_in):
    typed = {"title": "Buy it", "option_title": ["Buy", "Build"], "add_option": "1"}
    page = body(signed_in(pm).post(reverse("planning:decision-new"), typed))
    assert page.count('name="option_title"') == 3
    assert "Buy it" in page and "Build" in page


def test_it_is_recorded_with_what_it_concerns(pm, ada, item, signed_in):
    response = signed_in(pm).post(
        reverse("planning:decision-new"),
        {"title": "Buy <b>²", "outcome": "do", "reason": "R.", "visibility": "company",
         "option_title": ["Buy", ""], "option_chosen": "0", "concerns": item.reference,
         "heard": ada.email},
    )  # fmt: skip
    made = Decision.objects.get()
    assert (response.status_code, response["Location"]) == (303, made.get_absolute_url())
    assert made.links.get().subject_id == item.pk
    assert list(made.heard.all()) == [ada]
    assert "<b>²" not in body(signed_in(pm).get(made.get_absolute_url()))


@pytest.mark.parametrize(
    "query", ["?year=99999999", "?q=%F0%9F%98%80", "?page=²", "?team=x&outcome=y"]
)
def test_a_bent_address_finds_nothing_quietly(decided_things, pm, signed_in, query):
    assert signed_in(pm).get(LOG + query).status_code == 200
    assert signed_in(pm).get(f"{LOG}{'9' * 30}/").status_code == 404


def test_a_long_log_takes_as_few_queries(pm, signed_in, django_assert_max_num_queries):
    for number in range(60):
        record_decision(title=f"D {number}", outcome="do", reason="R.", team=None, actor=pm)
    browser = signed_in(pm)
    with django_assert_max_num_queries(14):
        assert "1 to 50 of 60" in body(browser.get(LOG))


def test_a_used_reason_code_is_not_deleted(decided_things, opsadmin, signed_in):
    browser = signed_in(opsadmin)
    used, free = reason_code("possible"), reason_code("cannot")
    assert browser.get(f"/admin/planning/reasoncode/{used.pk}/delete/").status_code == 403
    assert browser.get(f"/admin/planning/reasoncode/{free.pk}/delete/").status_code == 200
    assert browser.get("/admin/planning/decision/add/").status_code == 403
