import pytest

from intake.models import Request, Visibility
from tests.factories import make_membership, make_request

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(ada, team):
    return [
        make_request(ada, title=f"For {value}", team=team, visibility=value)
        for value in Visibility.values
    ]


def seen_by(user):
    return {item.title for item in Request.objects.visible_to(user)}


def test_strangers_see_what_is_open_to_the_company(outsider, three):
    assert seen_by(outsider) == {"For company"}


def test_members_see_their_team_s(outsider, team, three):
    make_membership(outsider, team)
    assert seen_by(outsider) == {"For company", "For team"}


def test_former_members_do_not(outsider, team, three):
    make_membership(outsider, team, from_on="2025-01-01", to_on="2025-06-01")
    assert seen_by(outsider) == {"For company"}


def test_requesters_and_pms_see_all(ada, pm, three):
    assert seen_by(ada) == seen_by(pm) == {"For company", "For team", "For private"}


def test_a_closed_account_sees_nothing(pm, three):
    pm.is_active = False
    assert seen_by(pm) == set()


def test_the_page_of_a_hidden_request_is_not_there(outsider, signed_in, three):
    hidden = three[2]
    browser = signed_in(outsider)
    assert browser.get(hidden.get_absolute_url()).status_code == 404
    for verb in ("comment", "answer"):
        url = f"{hidden.get_absolute_url()}{verb}/"
        assert browser.post(url, {"body": "x", "answer": "x"}).status_code == 404
