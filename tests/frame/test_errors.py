"""Error pages: what happened, who helps; and the last two without a database."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import Client, RequestFactory

from producthub import views


@pytest.fixture
def broken(monkeypatch):
    """`broken(error)` makes the team page fail with that error."""

    def arrange(error):
        def fail(*args: object) -> None:
            raise error

        monkeypatch.setattr("accounts.selectors.team_cards", fail)

    return arrange


def quiet(user, signed_in) -> Client:
    client = signed_in(user)
    client.raise_request_exception = False
    return client


def test_an_unknown_address_keeps_the_frame_and_offers_a_search(ada, signed_in):
    response = signed_in(ada).get("/playbook/roadmap-reveiw/")
    text = response.content.decode()
    assert response.status_code == 404
    assert "There is no page here" in text
    assert 'aria-label="Main"' in text
    assert "/search/?q=playbook%20roadmap%20reveiw" in text


def test_strangers_get_a_bare_page(client, db):
    text = client.get("/nowhere/").content.decode()
    assert "There is no page here" in text
    assert 'aria-label="Main"' not in text
    assert "/accounts/login/" in text


def test_an_address_cannot_write_into_the_page(client, db):
    text = client.get("/%3Cscript%3Ealert(1)%3C/script%3E").content.decode()
    assert "alert(1)" not in text


def test_a_refusal_shows_its_sentence_and_whom_to_ask(ada, admin, signed_in, broken):
    broken(PermissionDenied("Only Product Ops may <do> this."))
    response = quiet(ada, signed_in).get("/teams/")
    text = response.content.decode()
    assert response.status_code == 403
    assert "Only Product Ops may &lt;do&gt; this." in text
    assert "signed in as Ada Mensah" in text
    assert "Ask Adele for access" in text
    assert 'aria-label="Main"' in text


def test_the_admin_refuses_stakeholders_with_our_page(ada, signed_in):
    response = signed_in(ada).get("/admin/", follow=True)
    assert response.status_code == 403
    assert "Admin is for Product Ops." in response.content.decode()


def test_a_stale_form_says_how_to_keep_the_text(ada):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    response = client.post("/me/", {"name": "x"})
    assert response.status_code == 403
    assert "What arrived stands below" in response.content.decode()


def test_a_failure_shows_its_number_and_the_log_has_it(ada, signed_in, broken):
    broken(RuntimeError("secret detail"))
    response = quiet(ada, signed_in).get("/teams/")
    text = response.content.decode()
    assert response.status_code == 500
    assert f'strong">{response["X-Request-ID"]}</span>' in text
    assert "secret detail" not in text
    assert "RuntimeError" not in text


def test_an_absent_database_is_a_503(ada, signed_in, broken):
    broken(OperationalError("connection to hub@db:5432 failed"))
    response = quiet(ada, signed_in).get("/teams/?a=b")
    text = response.content.decode()
    assert response.status_code == 503
    assert response["Retry-After"] == "10"
    assert "Back in a moment" in text
    assert "db:5432" not in text
    assert 'href="/teams/?a=b"' in text


# No `db` fixture here: pytest-django refuses any query, so these prove that none is made.
@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (RuntimeError("x"), 500, "Something broke on our side"),
        (OperationalError("x"), 503, "Back in a moment"),
    ],
)
def test_the_last_pages_need_no_database(error, status, words):
    request = RequestFactory().get("/teams/")
    request.COOKIES["theme"] = "dark"
    try:
        raise error
    except type(error):
        response = views.server_error(request)
    assert response.status_code == status
    assert words in response.content.decode()
    assert 'data-theme="dark"' in response.content.decode()


def test_a_database_that_goes_away_in_mid_session_is_a_503(ada, signed_in, monkeypatch):
    client = quiet(ada, signed_in)

    def refuse(*args: object, **kwargs: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", refuse)
        response = client.get("/teams/")
    assert response.status_code == 503
    assert "Content-Security-Policy" in response


def test_a_wrong_host_is_a_bare_400(client, db):
    response = client.get("/", headers={"host": "evil.example"})
    assert response.status_code == 400
    assert "We could not read that" in response.content.decode()


def test_too_many_requests_says_when_to_come_back(rf: RequestFactory):
    request: HttpRequest = rf.post("/accounts/login/")
    response = views.too_many_requests(request)
    assert response.status_code == 429
    assert response["Retry-After"] == "60"
    assert "Wait a minute" in response.content.decode()
