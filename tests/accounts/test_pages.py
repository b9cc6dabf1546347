"""Teams, people, own account."""

from datetime import UTC, date, datetime

import pytest

from accounts import selectors, services
from accounts.models import Role
from tests.factories import deeds, make_membership, make_team, make_user


@pytest.fixture
def company(pm, team):
    """Six more teams of ten people each."""
    for _ in range(6):
        other = make_team(mission="Rates, invoices", channel="#other")
        for _ in range(10):
            make_membership(make_user(job_title="Engineer"), other)
    return team


@pytest.mark.parametrize("address", ["/teams/", "/people/", "/me/", "/teams/dispatch/"])
def test_queries_do_not_grow(company, ada, signed_in, address, django_assert_max_num_queries):
    browser = signed_in(ada)
    with django_assert_max_num_queries(11):
        assert browser.get(address).status_code == 200


def test_teams_show_lead_area_and_channel(pm, team, ada, signed_in):
    team.mission, team.channel = "Planning board, routes", "#dispatch"
    team.save()
    make_team(name="Gone", is_active=False)
    text = signed_in(ada).get("/teams/").content.decode()
    for words in ("Dispatch", "Tomasz Wieczorek", "Planning board, routes", "#dispatch"):
        assert words in text
    assert "1 team, 2 people" in text
    assert "Gone" not in text


def test_a_large_team_shows_its_lead_and_few_faces(pm, team, ada, signed_in):
    for number in range(20):
        make_membership(make_user(name=f"Aa Member {number:02}"), team)
    (card,) = selectors.team_cards([team])
    assert card.count == 21
    assert [person.name for person in card.shown] == [
        "Tomasz Wieczorek",
        *(f"Aa Member {number:02}" for number in range(4)),
    ]


def test_teams_come_fifty_a_page(ada, signed_in):
    for _ in range(51):
        make_team()
    text = signed_in(ada).get("/teams/").content.decode()
    assert "1 to 50 of 51 teams" in text
    assert 'href="?page=2"' in text


def test_no_teams_yet_says_how_it_starts(ada, opsadmin, signed_in):
    assert "No teams yet" in signed_in(ada).get("/teams/").content.decode()
    assert "Add a team" not in signed_in(ada).get("/teams/").content.decode()
    assert "Add a team" in signed_in(opsadmin).get("/teams/").content.decode()


def test_a_team_shows_who_is_and_was_in_it(pm, team, ada, signed_in):
    left = make_user(name="Lea Former")
    make_membership(left, team, from_on=date(2025, 1, 1), to_on=date(2025, 6, 1))
    text = signed_in(ada).get("/teams/dispatch/").content.decode()
    assert "Tomasz Wieczorek" in text
    assert "Product manager" in text
    assert text.index("Were here before") < text.index("Lea Former")


def test_a_person_shows_teams_and_how_to_reach_them(pm, ada, signed_in):
    text = signed_in(ada).get(f"/people/{pm.pk}/").content.decode()
    assert "mailto:pm@harbourline.example" in text
    assert "Dispatch" in text
    assert "Write to Tomasz" in text


def test_leavers_keep_their_name_and_lose_their_address(pm, ada, signed_in):
    services.deactivate(user=pm)
    text = signed_in(ada).get(f"/people/{pm.pk}/").content.decode()
    assert "No longer here" in text
    assert "pm@harbourline.example" not in text


def test_unknown_people_and_teams_are_404(ada, signed_in):
    assert signed_in(ada).get("/people/999999/").status_code == 404
    assert signed_in(ada).get("/teams/nowhere/").status_code == 404


def test_people_are_found_by_words_and_team(company, ada, pm, signed_in):
    browser = signed_in(ada)
    text = browser.get("/people/?q=tomasz+wiecz").content.decode()
    assert "1 person for" in text
    assert "Tomasz Wieczorek" in text
    text = browser.get("/people/?team=dispatch").content.decode()
    assert "1 person in Dispatch" in text
    assert "Nobody found" in browser.get("/people/?q=nobody+at+all").content.decode()


def test_people_come_fifty_a_page_with_filters_kept(company, ada, signed_in):
    text = signed_in(ada).get("/people/?q=engineer").content.decode()
    assert "1 to 50 of 60" in text
    assert '?q=engineer&amp;page=2"' in text
    text = signed_in(ada).get("/people/?q=engineer&page=2").content.decode()
    assert "51 to 60 of 60" in text


def test_own_account_is_changed(ada, signed_in):
    browser = signed_in(ada)
    response = browser.post(
        "/me/", {"name": " Ada  Lovelace", "time_zone": "Europe/Lisbon", "theme": "dark"}
    )
    assert response.status_code == 303
    assert response.cookies["theme"].value == "dark"
    ada.refresh_from_db()
    assert (ada.name, ada.time_zone) == ("Ada Lovelace", "Europe/Lisbon")
    assert deeds().get().kind == "user.updated"
    page = browser.get("/me/").content.decode()
    assert "Saved." in page
    assert 'data-theme="dark"' in page
    cleared = browser.post("/me/", {"name": "Ada", "time_zone": "Europe/Lisbon", "theme": ""})
    assert cleared.cookies["theme"].value == ""


def test_mistakes_keep_what_was_typed(ada, signed_in):
    response = signed_in(ada).post("/me/", {"name": "", "time_zone": "Mars/Base"})
    text = response.content.decode()
    assert response.status_code == 422
    assert "Enter your name as colleagues know it." in text
    assert text.count("Enter a time zone like Europe/Lisbon.") == 2
    assert 'value="Mars/Base"' in text


def test_nobody_lifts_themselves_through_the_form(ada, signed_in):
    signed_in(ada).post(
        "/me/", {"name": "Ada", "time_zone": "UTC", "role": "admin", "email": "x@x.example"}
    )
    ada.refresh_from_db()
    assert (ada.role, ada.email) == (Role.STAKEHOLDER, "ada@harbourline.example")


def test_strangers_are_led_to_sign_in(client, pm):
    for address in ("/teams/", "/people/", f"/people/{pm.pk}/", "/me/"):
        assert client.get(address)["Location"].startswith("/accounts/login/?next=")


def test_the_list_of_people_is_searched_by_every_word(pm, team, ada):
    assert list(selectors.people_list("WIECZOREK")) == [pm]
    assert list(selectors.people_list("sales mensah")) == [ada]
    assert list(selectors.people_list("100%")) == []


def test_times_are_shown_in_the_readers_zone(ada, signed_in):
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    person = make_user(joined_at=late)
    ada.time_zone = "America/New_York"
    ada.save()
    assert "1 March" in signed_in(ada).get(f"/people/{person.pk}/").content.decode()
    ada.time_zone = "Asia/Tokyo"
    ada.save()
    assert "2 March" in signed_in(ada).get(f"/people/{person.pk}/").content.decode()
