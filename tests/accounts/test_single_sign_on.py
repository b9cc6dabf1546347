"""The whole way through a real provider over HTTP."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import requests
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.utils import timezone

from accounts import directory, services
from accounts.models import Audience, GroupMapping, Membership, Role, User
from activity.models import Event
from tests.factories import deeds, make_membership, make_team, make_user
from tests.fakes.oidc import Provider


@pytest.fixture
def provider(settings):
    with Provider(
        sub="u-1", email="Nadia@Harbourline.example", email_verified=True, name="Nadia Moreau"
    ) as fake:
        for name, value in fake.settings().items():
            setattr(settings, name, value)
        yield fake


def go(client, next_page=""):
    """Press the button and follow to the provider and back, as a browser does."""
    query = f"?next={next_page}" if next_page else ""
    start = client.post(f"/accounts/oidc/sso/login/{query}")
    assert start.status_code == 302, start.content
    there = requests.get(start["Location"], allow_redirects=False, timeout=30)
    assert there.status_code == 302, there.text
    back = urlsplit(there.headers["Location"])
    return client.get(f"{back.path}?{back.query}")


def kinds():
    return list(deeds().order_by("id").values_list("kind", flat=True))


def test_an_unknown_person_is_created(client, db, provider):
    assert go(client, "/teams/")["Location"] == "/teams/"
    person = User.objects.get()
    assert (person.email, person.name) == ("nadia@harbourline.example", "Nadia Moreau")
    assert person.role == Role.STAKEHOLDER
    assert not person.has_usable_password()
    assert client.get("/me/").status_code == 200
    assert kinds() == ["user.created"]


def test_a_known_person_is_matched_by_mail_and_keeps_the_password(client, provider, db):
    person = make_user("nadia@harbourline.example", "Nadia M.", password="a few words in a row")
    go(client)
    assert User.objects.get() == person
    assert User.objects.get().check_password("a few words in a row")
    assert SocialAccount.objects.get().user == person


def test_afterwards_the_identity_counts_not_the_address(client, provider, db):
    go(client)
    provider.person["email"] = "nadia.moreau@harbourline.example"
    provider.person["email_verified"] = False
    client.logout()
    assert go(client).status_code == 302
    assert User.objects.count() == 1


@pytest.mark.parametrize("word", [False, "false"])
def test_an_unconfirmed_address_matches_and_creates_nobody(client, provider, db, word):
    make_user("nadia@harbourline.example")
    provider.person["email_verified"] = word
    response = go(client)
    assert response.status_code == 403
    assert "has not confirmed" in response.content.decode()
    assert not SocialAccount.objects.exists()
    assert client.get("/me/").status_code == 302


def test_a_directory_that_never_says_verified_is_trusted(client, provider, db):
    del provider.person["email_verified"]
    make_user("nadia@harbourline.example")
    assert go(client)["Location"] == "/"


def test_no_mail_address_is_a_clear_refusal(client, provider, db):
    del provider.person["email"]
    response = go(client)
    assert response.status_code == 403
    assert "sent no mail address" in response.content.decode()


def test_a_second_identity_with_the_same_address_is_refused(client, provider, db):
    go(client)
    client.logout()
    provider.person["sub"] = "u-2"
    response = go(client)
    assert response.status_code == 403
    assert "another identity" in response.content.decode()


def test_leavers_cannot_enter(client, provider, team):
    person = make_user("nadia@harbourline.example", is_active=False)
    GroupMapping.objects.create(group="dispatch", team=team)
    provider.person["groups"] = ["dispatch"]
    assert go(client)["Location"] == "/accounts/inactive/"
    assert client.get("/me/").status_code == 302
    assert not Membership.objects.filter(user=person).exists()


def test_a_refusal_at_the_provider_leads_back(client, provider, db):
    provider.denies = True
    response = go(client)
    assert response.status_code == 302
    page = client.get(response["Location"])
    assert "You stopped the sign-in" in page.content.decode()


def test_a_forged_answer_is_refused(client, provider, db):
    response = client.get("/accounts/oidc/sso/login/callback/?code=x&state=y")
    assert "Single sign-on did not work" in response.content.decode()


def test_a_provider_that_is_away_says_so(client, provider, db):
    provider.server.shutdown()
    provider.server.server_close()
    response = client.post("/accounts/oidc/sso/login/")
    assert response.status_code == 502
    assert "Single sign-on did not work" in response.content.decode()


def test_a_link_alone_signs_nobody_in(client, provider, db):
    response = client.get("/accounts/oidc/sso/login/")
    assert response.status_code == 200
    assert "Continue" in response.content.decode()


def test_the_button_is_there_only_when_configured(client, db, settings):
    assert "single sign-on" not in client.get("/accounts/login/").content.decode()
    settings.OIDC_ISSUER = "https://login.example.com/tenant"
    response = client.get("/accounts/login/?next=/teams/%3Fa%3Db")
    assert 'action="/accounts/oidc/sso/login/?next=%2Fteams%2F%3Fa%3Db"' in (
        response.content.decode()
    )
    assert "form-action 'self' https://login.example.com" in response["Content-Security-Policy"]
    assert (
        "form-action 'self' https://login"
        in (client.get("/accounts/login/")["Content-Security-Policy"])
    )


def test_groups_give_role_teams_and_audiences(client, provider, team):
    audience = Audience.objects.create(key="engineering", name="Engineering")
    GroupMapping.objects.create(group="product", role=Role.PM, team=team)
    GroupMapping.objects.create(group="ops", role=Role.PRODUCT_OPS)
    GroupMapping.objects.create(group="eng", audience=audience)
    provider.person["groups"] = ["product", "ops", "eng", "unmapped"]
    go(client)
    person = User.objects.get(email="nadia@harbourline.example")
    assert person.role == Role.PRODUCT_OPS
    membership = person.memberships.get()
    assert (membership.team, membership.duty, membership.from_directory) == (team, "pm", True)
    assert list(person.audiences.all()) == [audience]
    assert kinds() == ["user.created", "user.role_changed", "membership.opened", "audience.joined"]
    assert Event.objects.get(kind="user.role_changed").data == {
        "from": "stakeholder",
        "to": "product_ops",
        "directory": True,
    }


def test_signing_in_again_changes_nothing(client, provider, team):
    GroupMapping.objects.create(group="product", role=Role.PM, team=team)
    provider.person["groups"] = ["product"]
    go(client)
    before = kinds()
    client.logout()
    go(client)
    assert kinds() == before


def test_groups_from_the_id_token_count_too(client, provider, team, settings):
    settings.OIDC_GROUPS_CLAIM = "roles"
    GroupMapping.objects.create(group="product", role=Role.PM)
    provider.id_token_only["roles"] = "product"
    go(client)
    assert User.objects.get().role == Role.PM


# --- apply_groups, by itself ------------------------------------------------------------------


@pytest.fixture
def nadia(db):
    return make_user("nadia@harbourline.example", "Nadia Moreau")


def test_a_vanished_group_lowers_the_role_it_gave(nadia, team):
    GroupMapping.objects.create(group="product", role=Role.PM)
    directory.apply_groups(nadia, ["product"])
    directory.apply_groups(nadia, [])
    nadia.refresh_from_db()
    assert nadia.role == Role.STAKEHOLDER


def test_a_role_set_by_hand_stays_while_no_group_gives_one(nadia, admin):
    services.change_role(user=nadia, role=Role.PM, actor=admin)
    directory.apply_groups(nadia, [])
    nadia.refresh_from_db()
    assert nadia.role == Role.PM


def test_silence_of_the_directory_changes_nothing(nadia, team):
    GroupMapping.objects.create(group="product", role=Role.PM, team=team)
    directory.apply_groups(nadia, ["product"])
    directory.apply_groups(nadia, None)
    nadia.refresh_from_db()
    assert nadia.role == Role.PM
    assert nadia.memberships.get().to_on is None


def test_memberships_are_closed_by_date_never_deleted(nadia, team):
    GroupMapping.objects.create(group="product", team=team)
    directory.apply_groups(nadia, ["product"])
    membership = nadia.memberships.get()
    start = timezone.localdate() - timedelta(days=30)
    Membership.objects.update(from_on=start)
    directory.apply_groups(nadia, [])
    membership.refresh_from_db()
    assert (membership.from_on, membership.to_on) == (start, timezone.localdate())
    directory.apply_groups(nadia, ["product"])
    assert nadia.memberships.count() == 2
    assert nadia.memberships.current().count() == 1


def test_a_membership_kept_by_hand_is_left_alone(nadia, team):
    other = make_team()
    GroupMapping.objects.create(group="product", team=team)
    make_membership(nadia, other)
    make_membership(nadia, team)
    directory.apply_groups(nadia, ["product"])
    directory.apply_groups(nadia, [])
    assert nadia.memberships.current().count() == 2


def test_only_mapped_audiences_follow_the_directory(nadia):
    mapped = Audience.objects.create(key="exec", name="Executives")
    by_hand = Audience.objects.create(key="pilot", name="Pilot readers")
    GroupMapping.objects.create(group="board", audience=mapped)
    mapped.members.add(nadia)
    by_hand.members.add(nadia)
    directory.apply_groups(nadia, [])
    assert list(nadia.audiences.all()) == [by_hand]


def test_the_directory_cannot_take_the_last_admin(admin):
    GroupMapping.objects.create(group="staff", role=Role.STAKEHOLDER)
    directory.apply_groups(admin, ["staff"])
    admin.refresh_from_db()
    assert admin.role == Role.ADMIN


# --- second factor ----------------------------------------------------------------------------


@pytest.fixture
def required(settings):
    settings.REQUIRE_SECOND_FACTOR = True


def test_the_providers_own_second_factor_counts(client, provider, required, db):
    make_user("nadia@harbourline.example", role=Role.PRODUCT_OPS)
    provider.id_token_only["amr"] = ["pwd", "mfa"]
    go(client)
    assert client.get("/me/").status_code == 200


def test_without_proof_the_hub_asks_for_its_own(client, provider, required, db):
    make_user("nadia@harbourline.example", role=Role.PRODUCT_OPS)
    provider.id_token_only["amr"] = ["pwd"]
    go(client)
    assert client.get("/me/")["Location"] == "/accounts/2fa/totp/activate/"


def test_who_proved_twice_there_is_not_asked_again_here(client, provider, db):
    person = make_user("nadia@harbourline.example")
    Authenticator.objects.create(user=person, type="totp", data={"secret": "x"})
    assert go(client)["Location"].startswith("/accounts/2fa/authenticate/")
    client.logout()
    provider.id_token_only["amr"] = ["mfa"]
    assert go(client)["Location"] == "/"
