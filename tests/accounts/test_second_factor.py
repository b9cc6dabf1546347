"""Second factor: set up, asked for, required where the role opens other people's data."""

import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.fernet import Fernet
from django.core import mail
from django.core.management import CommandError, call_command

from accounts.models import Role
from producthub.lib import crypto
from tests.factories import make_user

PASSWORD = "a few words in a row"
ACTIVATE = "/accounts/2fa/totp/activate/"


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@pytest.fixture
def required(settings):
    settings.REQUIRE_SECOND_FACTOR = True


@pytest.fixture
def ines(db):
    return make_user(
        "ines@harbourline.example", "Ines Carvalho", role=Role.PRODUCT_OPS, password=PASSWORD
    )


def sign_in(client, user):
    return client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})


def set_up(client):
    page = client.get(ACTIVATE)
    secret = page.context["form"].secret
    return secret, client.post(ACTIVATE, {"code": code_of(secret)})


# The mail leaves after commit, within the request that made it.
@pytest.mark.django_db(transaction=True)
def test_it_can_be_set_up_and_is_then_asked_for(client, ines):
    sign_in(client, ines)
    page = client.get(ACTIVATE)
    assert 'src="data:image/svg+xml;base64,' in page.content.decode()
    _, response = set_up(client)
    assert response["Location"] == "/accounts/2fa/recovery-codes/"
    codes = client.get(response["Location"])
    assert codes.content.decode().count("<li><code>") == 10
    assert mail.outbox[-1].subject == "Your second factor for ProductHub is on"
    client.post("/accounts/logout/")

    assert sign_in(client, ines)["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/me/").status_code == 302
    wrong = client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert "This code does not fit" in wrong.content.decode()
    recovery = codes.context["unused_codes"][0]
    assert client.post("/accounts/2fa/authenticate/", {"code": recovery}).status_code == 302
    assert client.get("/me/").status_code == 200


def test_a_recovery_code_works_once(client, ines):
    sign_in(client, ines)
    set_up(client)
    code = client.get("/accounts/2fa/recovery-codes/").context["unused_codes"][0]
    for expected in (302, 200):
        client.post("/accounts/logout/")
        sign_in(client, ines)
        answer = client.post("/accounts/2fa/authenticate/", {"code": code})
        assert answer.status_code == expected


def test_the_secret_is_stored_encrypted(client, ines):
    sign_in(client, ines)
    secret, _ = set_up(client)
    rows = list(Authenticator.objects.values_list("data", flat=True))
    assert len(rows) == 2
    assert secret not in str(rows)
    assert crypto.decrypt(Authenticator.objects.get(type="totp").data["secret"]) == secret


def test_a_secret_that_cannot_be_read_opens_nothing(client, ines, settings):
    sign_in(client, ines)
    secret, _ = set_up(client)
    client.post("/accounts/logout/")
    settings.SECRET_KEY = "another key altogether, long enough for everyone here"
    sign_in(client, ines)
    for code in (code_of(secret), code_of("")):
        answer = client.post("/accounts/2fa/authenticate/", {"code": code})
        assert answer.status_code == 200
    assert client.get("/me/").status_code == 302


@pytest.mark.parametrize("role", [Role.PRODUCT_OPS, Role.ADMIN])
def test_roles_that_need_one_are_led_to_it_first(client, required, role, db):
    person = make_user("x@harbourline.example", role=role, password=PASSWORD)
    sign_in(client, person)
    for address in ("/", "/me/", "/admin/", "/teams/"):
        response = client.get(address)
        assert response.status_code == 302
        assert response["Location"] == ACTIVATE
    page = client.get(ACTIVATE)
    assert page.status_code == 200
    assert "Your role opens other people" in page.content.decode()
    set_up(client)
    assert client.get("/me/").status_code == 200


def test_there_is_always_a_way_out(client, required, ines):
    sign_in(client, ines)
    assert client.get("/healthz").status_code == 200
    assert client.get("/accounts/logout/").status_code == 200
    assert client.post("/accounts/logout/")["Location"] == "/accounts/login/"


def test_a_part_of_a_page_leads_the_whole_page(client, required, ines):
    sign_in(client, ines)
    response = client.get("/teams/", headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert response["HX-Redirect"] == ACTIVATE


def test_nothing_can_be_posted_before(client, required, ines):
    sign_in(client, ines)
    assert client.post("/me/", {"name": "Other", "time_zone": "UTC"})["Location"] == ACTIVATE
    ines.refresh_from_db()
    assert ines.name == "Ines Carvalho"


def test_others_may_but_need_not(client, required, db):
    person = make_user("y@harbourline.example", role=Role.PM, password=PASSWORD)
    sign_in(client, person)
    assert client.get("/me/").status_code == 200
    assert client.get(ACTIVATE).status_code == 200


def test_who_removes_it_sets_it_up_again(client, required, ines):
    sign_in(client, ines)
    set_up(client)
    assert client.get("/me/").status_code == 200
    assert "Your role needs one" in client.get("/accounts/2fa/totp/deactivate/").content.decode()
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.exists()
    assert client.get("/me/")["Location"] == ACTIVATE


def test_it_is_off_in_the_demonstration_company(client, ines):
    sign_in(client, ines)
    assert client.get("/me/").status_code == 200


def test_later_changes_ask_for_the_password_once_more(client, ines):
    sign_in(client, ines)
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()
    response = client.get(ACTIVATE)
    assert response["Location"].startswith("/accounts/reauthenticate/")
    page = client.get(response["Location"])
    assert "Confirm that it is you" in page.content.decode()
    wrong = client.post(response["Location"], {"password": "wrong"})
    assert "Enter the password that you signed in with" in wrong.content.decode()
    right = client.post(response["Location"], {"password": PASSWORD, "next": ACTIVATE})
    assert right["Location"] == ACTIVATE
    assert client.get(ACTIVATE).status_code == 200


def test_keys_rotate_by_a_command(client, ines, settings, capsys):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    sign_in(client, ines)
    secret, _ = set_up(client)
    settings.ENCRYPTION_KEYS = [new, old]
    call_command("rotate_secrets")
    assert "second factors: 2 written anew, 0 unreadable" in capsys.readouterr().out
    settings.ENCRYPTION_KEYS = [new]
    assert crypto.decrypt(Authenticator.objects.get(type="totp").data["secret"]) == secret
    settings.ENCRYPTION_KEYS = [old]
    with pytest.raises(CommandError, match="could not be read"):
        call_command("rotate_secrets")


def test_every_page_of_it_looks_like_ours(client, ines):
    sign_in(client, ines)
    set_up(client)
    for address, words in (
        ("/accounts/2fa/", "It is on"),
        ("/accounts/2fa/totp/deactivate/", "Remove the second factor?"),
        ("/accounts/2fa/recovery-codes/", "10 of 10 are left"),
        ("/accounts/2fa/recovery-codes/generate/", "The 10 that are left stop working"),
        ("/accounts/2fa/reauthenticate/", "Confirm that it is you"),
        ("/accounts/reauthenticate/", "Confirm that it is you"),
        ("/accounts/password/change/", "Change your password"),
    ):
        response = client.get(address)
        text = response.content.decode()
        assert response.status_code == 200, address
        assert words in text, address
        assert 'class="brand"' in text, address
        assert "css/app.css" in text, address
    codes = client.get("/accounts/2fa/recovery-codes/download/")
    assert codes["Content-Type"].startswith("text/plain")
    assert client.post("/accounts/2fa/recovery-codes/generate/").status_code == 302
    ines.set_unusable_password()
    ines.save()
    client.force_login(ines, backend="accounts.backends.RoleBackend")
    assert "Set a password" in client.get("/accounts/password/set/").content.decode()
