import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from tests.factories import make_user
from tests.frame.test_headers import addresses

PASSWORD = "a few words in a row"


@pytest.fixture
def ada(db):
    return make_user("ada@harbourline.example", "Ada Mensah", password=PASSWORD)


def sign_in(client, email="ada@harbourline.example", password=PASSWORD, **more):
    return client.post("/accounts/login/", {"login": email, "password": password, **more})


def test_it_works(client, ada):
    response = sign_in(client)
    assert response.status_code == 302
    assert response["Location"] == "/"
    assert client.get("/me/").status_code == 200


def test_the_mail_address_may_be_written_in_any_case(client, ada):
    assert sign_in(client, " ADA@Harbourline.example ").status_code == 302


def test_it_leads_back_to_the_page_asked_for(client, ada):
    response = client.get("/teams/?x=1")
    assert response["Location"] == "/accounts/login/?next=/teams/%3Fx%3D1"
    assert 'name="next" value="/teams/?x=1"' in client.get(response["Location"]).content.decode()
    assert sign_in(client, next="/teams/")["Location"] == "/teams/"


def test_it_never_leads_to_another_site(client, ada):
    assert sign_in(client, next="https://evil.example/")["Location"] == "/"


def test_a_wrong_password_says_how_to_go_on(client, ada):
    response = sign_in(client, password="wrong")
    text = response.content.decode()
    assert response.status_code == 422
    assert 'class="summary"' in text
    assert text.count("do not belong together") == 2  # in the summary and beside the field
    assert 'value="ada@harbourline.example"' in text


def test_an_unknown_address_is_told_the_same(client, ada):
    known = sign_in(client, password="wrong").content.decode()
    unknown = sign_in(client, "nobody@harbourline.example").content.decode()
    assert "do not belong together" in known
    assert "do not belong together" in unknown


def test_an_empty_form_names_both_fields(client, db):
    text = sign_in(client, "", "").content.decode()
    assert "Error: check two places" in text


def test_leavers_cannot_enter(client, ada):
    ada.is_active = False
    ada.save()
    response = sign_in(client)
    assert response["Location"] == "/accounts/inactive/"
    assert "This account is closed" in client.get("/accounts/inactive/").content.decode()
    assert client.get("/me/").status_code == 302


def test_a_session_ends_when_the_account_does(client, ada):
    sign_in(client)
    ada.is_active = False
    ada.save()
    assert client.get("/me/").status_code == 302


def test_side_addresses_open_nothing(client, ada):
    EmailAddress.objects.create(user=ada, email="side@elsewhere.example", verified=True)
    assert sign_in(client, "side@elsewhere.example").status_code == 422


def test_many_wrong_tries_are_slowed_down(client, ada):
    for _ in range(5):
        assert sign_in(client, password="wrong").status_code == 422
    response = sign_in(client)  # even with the right one
    assert response.status_code == 429
    assert response["Retry-After"] == "300"
    assert "Wait five minutes" in response.content.decode()


def test_a_flood_gets_the_429_page(client, db):
    codes = [sign_in(client, f"p{n}@x.example", "wrong").status_code for n in range(31)]
    assert codes[-1] == 429
    response = sign_in(client)
    assert response["Retry-After"] == "60"


def test_sign_out(client, ada):
    sign_in(client)
    assert "Sign out" in client.get("/accounts/logout/").content.decode()
    assert client.post("/accounts/logout/")["Location"] == "/accounts/login/"
    assert client.get("/me/").status_code == 302


def test_nobody_signs_up_by_a_form(client, db):
    for address in ("/accounts/signup/", "/accounts/email/", "/accounts/3rdparty/"):
        assert client.get(address)["Location"] == "/accounts/login/"
        assert client.post(address, {"email": "x@x.example"})["Location"] == "/accounts/login/"
    assert "sign up" not in client.get("/accounts/login/").content.decode().lower()


def test_a_new_password_by_mail(client, ada):
    response = client.post("/accounts/password/reset/", {"email": "Ada@harbourline.example"})
    assert response["Location"] == "/accounts/password/reset/done/"
    assert mail.outbox[0].subject == "Choose a new password for ProductHub"
    link = next(word for word in mail.outbox[0].body.split() if "/key/" in word)
    page = client.get(link, follow=True)
    assert "Choose a password" in page.content.decode()
    action = page.redirect_chain[-1][0]
    short = client.post(action, {"password1": "short", "password2": "short"})
    assert 'class="summary"' in short.content.decode()
    new = "another row of words"
    saved = client.post(action, {"password1": new, "password2": new})
    assert saved.status_code == 302
    assert sign_in(client, password=new)["Location"] == "/"
    assert "This link no longer works" in client.get(link, follow=True).content.decode()


def test_a_reset_for_a_stranger_sends_nothing_and_says_the_same(client, ada):
    response = client.post("/accounts/password/reset/", {"email": "nobody@x.example"})
    assert response["Location"] == "/accounts/password/reset/done/"
    assert mail.outbox == []


def test_an_ended_session_leads_the_whole_page_to_sign_in(client, db):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/teams/?a=b"}
    response = client.get("/teams/", headers=headers)
    assert response.status_code == 200
    assert response["HX-Redirect"] == "/accounts/login/?next=%2Fteams%2F%3Fa%3Db"


def test_whatever_a_stranger_reaches_looks_like_ours(client, db):
    reached = 0
    for address in sorted(set(addresses())):
        if not address.startswith("/accounts/"):
            continue
        response = client.get(address, follow=True)
        text = response.content.decode()
        assert 'class="brand"' in text, address
        assert "css/app.css" in text, address
        reached += 1
    assert reached > 25
