"""Guests: known by mail address, without an account, let in by no door and shown in no list."""

import threading
import time

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connections
from django.test import Client

from accounts import selectors, services
from accounts.models import ROLE_ORDER, GroupMapping, Role, User, highest_role
from accounts.services import guest_for
from activity.models import Event
from hub.search import search
from intake.models import Request
from tests.accounts.test_single_sign_on import go, provider  # noqa: F401  a fixture
from tests.factories import deeds, make_request, make_user

PASSWORD = "a few words in a row"
ADDRESS = "gwen@customer.example"


@pytest.fixture
def guest(db) -> User:
    """Gwen, who once wrote through an open form."""
    return guest_for(ADDRESS, "Gwendolyn Quist")


@pytest.fixture
def guest_with_password(guest) -> User:
    """However it came about: a password opens nothing for a guest."""
    guest.set_password(PASSWORD)
    guest.save()
    return guest


def is_inside(browser: Client) -> bool:
    return browser.get("/me/").status_code == 200


# --- Who is one -------------------------------------------------------------------------------


def test_a_new_address_makes_a_guest_without_password(guest):
    assert (guest.role, guest.email, guest.name) == (Role.GUEST, ADDRESS, "Gwendolyn Quist")
    assert guest.is_active and not guest.has_usable_password() and not guest.is_staff
    event = Event.objects.get(kind="user.created")
    assert event.data == {"role": "guest"} and event.subject_id == guest.pk


def test_the_same_address_is_the_same_person(guest):
    assert guest_for(" Gwen@Customer.Example ", "Somebody Else") == guest
    guest.refresh_from_db()
    assert guest.name == "Gwendolyn Quist"
    assert deeds().count() == 1


@pytest.mark.parametrize("role", [Role.STAKEHOLDER, Role.PM, Role.ADMIN])
def test_a_colleague_stays_a_colleague(db, role):
    person = make_user("known@harbourline.example", "Known", role=role)
    found = guest_for("KNOWN@harbourline.example", "Renamed by a stranger")
    assert found == person
    person.refresh_from_db()
    assert (person.role, person.name) == (role, "Known")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", "gwen"),
        ("  Ann \n Other\t", "Ann Other"),
        ("\u202eevil\u200b\x00", "evil"),
        ("x" * 500, "x" * 120),
        ("<b>Ann</b>", "<b>Ann</b>"),
    ],
)
def test_a_name_is_made_readable(db, typed, kept):
    assert guest_for(ADDRESS, typed).name == kept


@pytest.mark.parametrize(
    "address",
    ["", "gwen", "gwen@", "@x.example", "a b@x.example", "gwen@x.example\nbcc: all@x.example"]
    + ["a" * 250 + "@x.example", "person-1@anonymous.invalid", "gwen\x00@x.example"],
)
def test_what_is_no_address_is_refused(db, address):
    with pytest.raises(ValidationError):
        guest_for(address, "Gwen")
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_guest():
    start, found = threading.Barrier(4), []

    def arrive() -> None:
        try:
            start.wait(timeout=30)
            found.append(guest_for(ADDRESS, "Gwen").pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=arrive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == 4 and len(set(found)) == 1
    assert Event.objects.filter(kind="user.created").count() == 1


def test_guest_is_the_least_able_role():
    assert min(ROLE_ORDER, key=ROLE_ORDER.__getitem__) == Role.GUEST
    assert highest_role(["guest", "stakeholder"]) == Role.STAKEHOLDER
    assert highest_role(["pm", "guest", "admin", "product_ops"]) == Role.ADMIN
    assert highest_role(["guest"]) == Role.GUEST


def test_no_directory_group_makes_guests(db):
    with pytest.raises(ValidationError):
        GroupMapping(group="x", role=Role.GUEST).full_clean()


def test_whoever_has_an_account_is_made_no_guest(admin, ada):
    with pytest.raises(services.NotAGuest):
        services.change_role(user=ada, role=Role.GUEST, actor=admin)
    ada.refresh_from_db()
    assert ada.role == Role.STAKEHOLDER


def test_guests_join_no_team(guest, team):
    with pytest.raises(PermissionDenied):
        services.open_membership(user=guest, team=team)


# --- Every door -------------------------------------------------------------------------------


def test_no_password_lets_a_guest_in(client, guest_with_password):
    client.post("/accounts/login/", {"login": ADDRESS, "password": PASSWORD})
    assert not is_inside(client)
    assert not Event.objects.filter(kind="person.signed_in").exists()


def test_remember_me_does_not_help(client, guest_with_password):
    client.post("/accounts/login/", {"login": ADDRESS, "password": PASSWORD, "remember": "on"})
    assert not is_inside(client)


def test_admins_own_sign_in_does_not_either(client, guest_with_password):
    client.post("/admin/login/", {"username": ADDRESS, "password": PASSWORD})
    assert client.get("/admin/").status_code == 302 and not is_inside(client)


def test_a_session_made_by_hand_is_nobodys(client, guest):
    client.force_login(guest, backend="accounts.backends.RoleBackend")
    assert not is_inside(client)


def test_a_superuser_flag_does_not_help(client, guest_with_password):
    User.objects.filter(pk=guest_with_password.pk).update(is_superuser=True)
    client.post("/accounts/login/", {"login": ADDRESS, "password": PASSWORD})
    client.force_login(guest_with_password, backend="accounts.backends.RoleBackend")
    assert not is_inside(client)


@pytest.mark.django_db(transaction=True)
def test_a_password_reset_sends_nothing(client, guest):
    answer = client.post("/accounts/password/reset/", {"email": ADDRESS})
    assert answer["Location"] == "/accounts/password/reset/done/"  # as for an unknown address
    assert mail.outbox == []


def test_a_reset_link_made_by_hand_leads_nowhere(client, guest):
    key = f"{user_pk_to_url_str(guest)}-{default_token_generator.make_token(guest)}"
    page = client.get(f"/accounts/password/reset/key/{key}/", follow=True)
    path = page.request["PATH_INFO"]
    client.post(path, {"password1": PASSWORD, "password2": PASSWORD})
    client.post("/accounts/login/", {"login": ADDRESS, "password": PASSWORD})
    assert not is_inside(client)


def test_a_second_factor_does_not_help(client, guest_with_password):
    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(guest_with_password, secret)
    assert Authenticator.objects.filter(user=guest_with_password).exists()
    client.post("/accounts/login/", {"login": ADDRESS, "password": PASSWORD})
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    client.post("/accounts/2fa/authenticate/", {"code": code})
    assert not is_inside(client)


def test_signing_up_is_no_door(client, guest):
    for path in ("/accounts/signup/", "/accounts/3rdparty/signup/"):
        client.post(path, {"email": ADDRESS, "password1": PASSWORD})
    assert not is_inside(client)
    guest.refresh_from_db()
    assert guest.role == Role.GUEST and not guest.has_usable_password()


def test_the_directory_makes_a_guest_a_stakeholder(client, db, provider):  # noqa: F811
    person = guest_for("nadia@harbourline.example", "Rude name by a stranger")
    go(client)
    person.refresh_from_db()
    assert (person.role, person.name) == (Role.STAKEHOLDER, "Nadia Moreau")
    assert SocialAccount.objects.get().user == person
    assert is_inside(client)
    changed = Event.objects.get(kind="user.role_changed")
    assert changed.data == {"from": "guest", "to": "stakeholder", "directory": False}


def test_the_directorys_groups_hold_for_someone_who_was_a_guest(client, db, provider):  # noqa: F811
    GroupMapping.objects.create(group="product", role=Role.PM)
    provider.person["groups"] = ["product"]
    guest_for("nadia@harbourline.example")
    go(client)
    assert User.objects.get().role == Role.PM


def test_a_guest_whom_an_admin_closed_stays_out(client, db, provider):  # noqa: F811
    person = guest_for("nadia@harbourline.example")
    services.deactivate(user=person)
    go(client)
    person.refresh_from_db()
    assert person.role == Role.GUEST and not is_inside(client)


def test_an_unconfirmed_address_does_not_promote(client, db, provider):  # noqa: F811
    provider.person["email_verified"] = False
    person = guest_for("nadia@harbourline.example")
    go(client)
    person.refresh_from_db()
    assert person.role == Role.GUEST and not is_inside(client)


def test_an_admin_may_give_a_guest_a_role(guest, admin, client):
    services.change_role(user=guest, role=Role.STAKEHOLDER, actor=admin)
    client.force_login(guest, backend="accounts.backends.RoleBackend")
    assert is_inside(client)


# --- Every list -------------------------------------------------------------------------------


def test_the_directory_of_people_shows_no_guests(guest, ada, signed_in):
    assert selectors.people_count() == 1
    assert list(selectors.people_list()) == [ada]
    page = signed_in(ada).get("/people/", {"q": "gwen"}).content.decode()
    assert "Quist" not in page and ADDRESS not in page


def test_search_neither_finds_nor_suggests_guests(guest, pm):
    assert search(pm, "gwendolyn").found == 0
    results = search(pm, "gwendolyne")
    assert (results.corrected, results.suggestion) == ("", "")


def test_only_product_managers_open_a_guests_page(guest, ada, pm, signed_in):
    assert signed_in(ada).get(guest.get_absolute_url()).status_code == 404
    page = signed_in(pm).get(guest.get_absolute_url())
    assert page.status_code == 200 and "No account" in page.content.decode()


def test_pickers_of_admin_offer_no_guests(guest, ada, admin, signed_in):
    desk = signed_in(admin)
    for app, model, field in (
        ("accounts", "team", "lead"),
        ("accounts", "membership", "user"),
        ("playbook", "tool", "owner"),
    ):
        query = {"app_label": app, "model_name": model, "field_name": field, "term": "e"}
        texts = [row["text"] for row in desk.get("/admin/autocomplete/", query).json()["results"]]
        assert "Ada Mensah" in texts and "Gwendolyn Quist" not in texts


def test_admin_shows_guests_by_filter_alone(guest, ada, admin, signed_in):
    desk = signed_in(admin)
    everyone = desk.get("/admin/accounts/user/").content.decode()
    assert ada.email in everyone and ADDRESS not in everyone and "All but guests" in everyone
    guests = desk.get("/admin/accounts/user/?role=guest").content.decode()
    assert ADDRESS in guests and ada.email not in guests


def test_admin_says_what_to_do_when_a_guest_becomes_a_colleague(guest, admin, signed_in):
    desk = signed_in(admin)
    data = {"email": ADDRESS, "name": "Gwen", "role": "stakeholder", "time_zone": "Europe/Lisbon"}
    page = desk.post("/admin/accounts/user/add/", data)
    assert page.status_code == 200 and "This is a guest’s address" in page.content.decode()
    offered = desk.get("/admin/accounts/user/add/").content.decode()
    assert 'value="guest"' not in offered


def test_admin_makes_nobody_a_guest(ada, admin, signed_in):
    from tests.accounts.test_admin import form_of

    page = signed_in(admin).post(
        f"/admin/accounts/user/{ada.pk}/change/", form_of(ada, role="guest")
    )
    assert page.status_code == 200 and "someone without an account" in page.content.decode()
    ada.refresh_from_db()
    assert ada.role == Role.STAKEHOLDER


def test_a_guest_sees_nothing_by_right(guest, team):
    item = make_request(guest)
    make_request(make_user(), team=team)
    assert item.requester == guest
    assert not Request.objects.visible_to(guest).exists()


def test_a_guest_can_be_anonymised(guest, admin):
    services.anonymise(user=guest, actor=admin)
    assert guest.email.endswith("@anonymous.invalid")
    assert guest_for(ADDRESS).pk != guest.pk
