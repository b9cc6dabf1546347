"""A form sent after the session ended is kept for its writer, and for nobody else."""

import html
import re
from datetime import timedelta

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts import services, unsent
from accounts.models import UnsentForm
from accounts.tasks import forget_unsent_forms
from tests.factories import make_request, make_user

PASSWORD = "a few words in a row"
LOGIN = "/accounts/login/"
PAGE = "/me/unsent/"
WORDS = {"name": "Ada <b>Mensah</b>\nof Sales", "time_zone": "Europe/Lisbon", "theme": ""}


@pytest.fixture
def ada(db):
    return make_user("ada@harbourline.example", "Ada Mensah", password=PASSWORD)


@pytest.fixture
def otto(db):
    return make_user("otto@harbourline.example", "Otto Fern", password=PASSWORD)


def sign_in(browser, user):
    return browser.post(LOGIN, {"login": user.email, "password": PASSWORD})


@pytest.fixture
def browser(ada):
    """Ada was signed in here and looked at a page; her session has ended since."""
    client = Client()
    sign_in(client, ada)
    client.get("/me/")
    client.session.flush()
    return client


def text(response):
    return response.content.decode()


def fields_of(page: str) -> dict[str, str]:
    """What the form with "Send it now" would post."""
    form = page[page.index('<form action="/me/"') :]
    form = form[: form.index("Send it now")]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    areas = dict(re.findall(r'<textarea name="(\w+)" hidden>\n(.*?)</textarea>', form, re.S))
    return {name: html.unescape(value) for name, value in {**hidden, **areas}.items()}


# --- Nothing is lost --------------------------------------------------------------------------


def test_what_was_typed_comes_back_after_sign_in(browser, ada):
    answer = browser.post("/me/", WORDS)
    assert answer["Location"] == f"{LOGIN}?next=/me/unsent/"
    door = text(browser.get(answer["Location"]))
    assert "You were signed out. What you typed is kept; sign in and send it." in door
    assert "Mensah" not in door
    assert sign_in(browser, ada)["Location"] == PAGE
    page = text(browser.get(PAGE))
    assert "Ada &lt;b&gt;Mensah&lt;/b&gt;\nof Sales" in page and "Time zone" in page
    posted = fields_of(page)
    assert posted["name"] == WORDS["name"] and posted["time_zone"] == "Europe/Lisbon"
    assert browser.post("/me/", posted).status_code == 303
    ada.refresh_from_db()
    assert ada.name == "Ada <b>Mensah</b> of Sales"
    assert not UnsentForm.objects.exists()
    assert "Nothing waits" in text(browser.get(PAGE))


def test_it_comes_first_whatever_page_was_asked_for(browser, ada):
    browser.post("/me/", WORDS)
    answer = browser.post(LOGIN, {"login": ada.email, "password": PASSWORD, "next": "/teams/"})
    assert answer["Location"] == PAGE


def test_it_can_be_thrown_away(browser, ada):
    browser.post("/me/", WORDS)
    sign_in(browser, ada)
    pk = UnsentForm.objects.get().pk
    assert browser.post(f"/me/unsent/{pk}/forget/")["Location"] == "/"
    assert not UnsentForm.objects.exists()
    assert browser.post(f"/me/unsent/{pk}/forget/").status_code == 303


def test_a_form_of_htmx_is_kept_too(browser, ada):
    answer = browser.post("/me/", WORDS, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == f"{LOGIN}?next=/me/unsent/"
    assert UnsentForm.objects.get().user == ada


def test_several_forms_wait_side_by_side_the_latest_first(browser, ada):
    for number in range(7):
        browser.post("/me/", {**WORDS, "name": f"Name {number}"})
    assert UnsentForm.objects.count() == unsent.MAX_A_BROWSER
    sign_in(browser, ada)
    page = text(browser.get(PAGE))
    assert page.index("Name 6") < page.index("Name 2") and "Name 1" not in page


def test_what_is_refused_still_waits(browser, ada):
    item = make_request(ada)
    browser.post(f"/requests/{item.number}/decide/", {"reason": "Because", "outcome": "do"})
    sign_in(browser, ada)
    row = UnsentForm.objects.get()
    answer = browser.post(f"/requests/{item.number}/decide/", {"reason": "x", "_unsent": row.pk})
    assert answer.status_code in (403, 404) and UnsentForm.objects.exists()


def test_a_form_with_an_error_shows_what_was_typed_and_is_done(browser, ada):
    browser.post("/me/", {**WORDS, "time_zone": "Nowhere"})
    sign_in(browser, ada)
    answer = browser.post("/me/", fields_of(text(browser.get(PAGE))))
    assert answer.status_code == 422 and "Nowhere" in text(answer)
    assert not UnsentForm.objects.exists()


def test_what_is_too_long_to_keep_is_shown_to_be_copied(browser, db):
    answer = browser.post("/me/", {"name": "long <b> " * 50_000})
    assert answer.status_code == 401 and "long &lt;b&gt; long" in text(answer)
    assert not UnsentForm.objects.exists()
    inside = browser.post("/me/", {"name": "x" * 400_000}, headers={"HX-Request": "true"})
    assert inside.status_code == 422
    assert (inside["HX-Retarget"], inside["HX-Reswap"]) == ("#main", "afterbegin show:top")
    assert "Your text is still in the form" in text(inside)


def test_too_many_fields_are_shown_to_be_copied(browser):
    answer = browser.post("/me/", {f"f{number}": "x" for number in range(300)})
    assert answer.status_code == 401 and not UnsentForm.objects.exists()


def test_a_stale_token_shows_what_arrived_without_a_button_to_send_it(ada):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada, backend="accounts.backends.RoleBackend")
    answer = strict.post("/me/", WORDS)
    assert answer.status_code == 403
    page = text(answer)
    assert "Ada &lt;b&gt;Mensah&lt;/b&gt;" in page
    assert 'action="/me/"' not in page and not UnsentForm.objects.exists()


def test_files_are_named_as_missing(browser, ada):
    browser.post("/me/", {**WORDS, "file": SimpleUploadedFile("a.txt", b"secret bytes")})
    sign_in(browser, ada)
    assert "Files are not kept" in text(browser.get(PAGE))


# --- Nobody else sees it ----------------------------------------------------------------------


def test_another_person_at_that_browser_sees_nothing(browser, ada, otto):
    browser.post("/me/", WORDS)
    assert sign_in(browser, otto)["Location"] == "/"
    page = text(browser.get(PAGE))
    assert "Nothing waits" in page and "Mensah" not in page
    pk = UnsentForm.objects.get().pk
    browser.post(f"/me/unsent/{pk}/forget/")
    browser.post("/me/", {**WORDS, "_unsent": pk})
    assert UnsentForm.objects.filter(pk=pk).exists()
    browser.post("/accounts/logout/")
    sign_in(browser, ada)
    assert "of Sales" in text(browser.get(PAGE))


def test_the_same_person_at_another_browser_sees_nothing(browser, ada):
    browser.post("/me/", WORDS)
    elsewhere = Client()
    assert sign_in(elsewhere, ada)["Location"] == "/"
    assert "Nothing waits" in text(elsewhere.get(PAGE))


def test_it_belongs_to_whom_the_session_names(ada, otto, signed_in):
    """Ada's password changed elsewhere: her session is void, but says whose it was."""
    client = signed_in(ada)
    client.cookies[unsent.PERSON_COOKIE] = "forged"
    ada.set_password("another few words")
    ada.save()
    client.post("/me/", WORDS)
    assert UnsentForm.objects.get().user == ada


def test_a_leaver_and_a_guest_are_kept_nothing(browser, ada):
    services.deactivate(user=ada)
    assert browser.post("/me/", WORDS).status_code == 401
    assert not UnsentForm.objects.exists()


@pytest.mark.parametrize("value", ["", "7", "7:x", "x" * 5000, "²:abc"])
def test_a_browser_that_names_nobody_keeps_nothing(client, ada, value):
    client.cookies[unsent.PERSON_COOKIE] = value
    answer = client.post("/me/", WORDS)
    assert answer.status_code == 401 and "of Sales" in text(answer)
    assert not UnsentForm.objects.exists()


def test_a_forged_key_opens_nothing(browser, ada):
    browser.post("/me/", WORDS)
    browser.cookies[unsent.BROWSER_COOKIE] = browser.cookies[unsent.BROWSER_COOKIE].value + "x"
    assert sign_in(browser, ada)["Location"] == "/"
    assert "Nothing waits" in text(browser.get(PAGE))


def test_without_a_fitting_token_nothing_is_kept(ada):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies[unsent.PERSON_COOKIE] = signing.Signer(salt="accounts.unsent.person").sign(
        str(ada.pk)
    )
    assert strict.post("/me/", WORDS).status_code == 403
    assert not UnsentForm.objects.exists()


def test_it_lies_encrypted_and_without_secrets(browser, ada):
    browser.post("/me/", {**WORDS, "password": "hunter2", "api_token": "xyz", "code": "123456"})
    row = UnsentForm.objects.get()
    assert "Mensah" not in row.sealed and "Lisbon" not in row.sealed
    sign_in(browser, ada)
    page = text(browser.get(PAGE))
    assert "hunter2" not in page and "xyz" not in page and "123456" not in page


def test_cookies_are_out_of_reach_for_scripts(browser):
    browser.post("/me/", WORDS)
    for name in (unsent.BROWSER_COOKIE, unsent.PERSON_COOKIE):
        cookie = browser.cookies[name]
        assert cookie["httponly"] and cookie["samesite"] == "Lax", name


def test_the_page_asks_for_sign_in_and_is_not_cached(client, browser, ada):
    assert client.get(PAGE).status_code == 302
    sign_in(browser, ada)
    assert "no-store" in browser.get(PAGE)["Cache-Control"]


# --- Limits -----------------------------------------------------------------------------------


def test_after_an_hour_it_is_gone(browser, ada):
    browser.post("/me/", WORDS)
    UnsentForm.objects.update(created_at=timezone.now() - timedelta(seconds=3601))
    sign_in(browser, ada)
    assert "Nothing waits" in text(browser.get(PAGE))
    forget_unsent_forms()
    assert not UnsentForm.objects.exists()


def test_one_address_cannot_fill_the_table(browser):
    for _ in range(unsent.TRIES_AN_HOUR):
        assert browser.post("/me/", WORDS).status_code == 302
    assert browser.post("/me/", WORDS).status_code == 401


def test_the_table_has_an_end(browser, monkeypatch):
    monkeypatch.setattr(unsent, "MAX_IN_ALL", 1)
    assert browser.post("/me/", WORDS).status_code == 302
    assert browser.post("/me/", WORDS).status_code == 401
    assert UnsentForm.objects.count() == 1


def test_a_press_without_words_leads_to_sign_in_alone(browser):
    answer = browser.post("/theme/", {"next": "/"})
    assert answer.status_code in (302, 303)
    answer = browser.post("/inbox/", {"action": "read", "submission_key": "abc"})
    assert not UnsentForm.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_a_page_asks_for_by_itself_never_leads_away(browser, method):
    headers = {"HX-Request": "true", "X-By-Timer": "1"}
    answer = getattr(browser, method)("/me/", WORDS, headers=headers)
    assert answer.status_code == 401 and "HX-Redirect" not in answer
    assert not UnsentForm.objects.exists()


def test_what_a_page_sends_as_it_is_left_is_no_form(browser):
    answer = browser.post("/me/", WORDS, headers={"Sec-Fetch-Mode": "no-cors"})
    assert answer.status_code == 401 and not UnsentForm.objects.exists()
    assert browser.post("/me/", WORDS, headers={"Sec-Fetch-Mode": "navigate"}).status_code == 302


@pytest.mark.parametrize(
    ("path", "is_own"),
    [
        ("/requests/new/?form=idea", True),
        ("//evil.example/", False),
        ("/\\evil.example/", False),
        ("https://evil.example/", False),
        ("javascript:alert(1)", False),
        ("", False),
    ],
)
def test_only_pages_of_the_hub_are_posted_to(path, is_own):
    assert unsent.is_own_path(path) is is_own


def test_an_address_with_two_slashes_stays_here(browser, ada):
    browser.post("//evil.example/me/", WORDS)
    sign_in(browser, ada)
    assert 'action="//evil' not in text(browser.get(PAGE))


@pytest.mark.parametrize("value", ["x", "-1", "²", "9" * 40, ""])
def test_an_odd_number_of_a_form_breaks_nothing(browser, ada, value):
    sign_in(browser, ada)
    answer = browser.post("/me/", {"name": "A", "time_zone": "Europe/Lisbon", "_unsent": value})
    assert answer.status_code == 303
