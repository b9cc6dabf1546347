"""Signing in and Django's admin, as a browser sees them under our security policy."""

import pytest

from accounts.models import Audience, Role, User
from tests.factories import make_team, make_user
from tests.fakes.oidc import Provider

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "demo-producthub"


@pytest.fixture
def stranger(browser, live_server):
    """`stranger(scripts=…)` is a page of someone who is not signed in; collects faults."""
    contexts = []
    faults: list[str] = []

    def enter(*, scripts=True, width=1440):
        context = browser.new_context(
            base_url=live_server.url,
            java_script_enabled=scripts,
            viewport={"width": width, "height": 900},
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on(
            "console",
            lambda said: (
                said.type == "error" and "status of 4" not in said.text and faults.append(said.text)
            ),
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield enter
    for context in contexts:
        context.close()
    assert faults == []


@pytest.mark.parametrize("scripts", [True, False])
def test_signing_in_by_keyboard(stranger, scripts):
    make_user("ada@harbourline.example", "Ada Mensah", password=PASSWORD)
    page = stranger(scripts=scripts, width=390)
    page.goto("/teams/")
    page.focus("#id_login")
    page.keyboard.type("ada@harbourline.example")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector(".summary")
    if scripts:
        assert page.evaluate("document.activeElement.className") == "summary"
    assert page.title() == "Error: Sign in · ProductHub"
    page.fill("#id_password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/teams/")


@pytest.mark.parametrize("scripts", [True, False])
def test_single_sign_on_passes_the_policy(stranger, settings, live_server, scripts):
    with Provider(
        sub="u-1", email="nadia@harbourline.example", email_verified=True, name="Nadia Moreau"
    ) as provider:
        for name, value in provider.settings().items():
            setattr(settings, name, value)
        page = stranger(scripts=scripts)
        page.goto("/accounts/login/?next=/teams/")
        page.get_by_role("button", name="Continue with single sign-on").click()
        page.wait_for_url(f"{live_server.url}/teams/")
        assert "/authorize" in provider.requests
    assert User.objects.get(email="nadia@harbourline.example").role == Role.STAKEHOLDER


def test_a_second_factor_is_set_up_where_it_is_required(visit, settings, stranger):
    settings.REQUIRE_SECOND_FACTOR = True
    make_user("ines@harbourline.example", "Ines Carvalho", role=Role.ADMIN, password=PASSWORD)
    page = stranger(width=390)
    page.goto("/accounts/login/")
    page.fill("#id_login", "ines@harbourline.example")
    page.fill("#id_password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/2fa/totp/activate/")
    drawn = "document.querySelector('.qr img').naturalWidth"
    assert page.evaluate(drawn) > 50
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/login/")


def test_the_admin_works_under_the_policy(visit):
    admin = make_user("admin@harbourline.example", "Adele Root", role=Role.ADMIN)
    make_user("tomasz@harbourline.example", "Tomasz Wieczorek")
    team = make_team("Dispatch", "dispatch")
    audience = Audience.objects.create(key="exec", name="Executives")
    page = visit(admin)
    for address in (
        "/admin/",
        "/admin/accounts/user/",
        f"/admin/accounts/user/{admin.pk}/change/",
        f"/admin/accounts/user/{admin.pk}/password/",
        f"/admin/accounts/team/{team.pk}/change/",
        f"/admin/accounts/audience/{audience.pk}/change/",
        "/admin/django_celery_beat/periodictask/add/",
        "/admin/activity/event/",
    ):
        assert page.goto(address).status == 200
    page.goto("/admin/accounts/membership/add/")
    page.click(".field-user .select2-selection")
    page.keyboard.type("tomasz")
    page.get_by_role("option", name="Tomasz Wieczorek").click()
    page.click(".field-team .select2-selection")
    page.get_by_role("option", name="Dispatch").click()
    page.locator(".field-from_on").get_by_role("link", name="Today").click()
    page.locator(".field-from_on .date-icon").click()
    page.locator(".calendarbox:visible .calendar td a").first.click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/accounts/membership/")
    assert team.memberships.get().user.name == "Tomasz Wieczorek"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_account_pages_have_no_accessibility_faults(visit, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    person = make_user("ada@harbourline.example", "Ada Mensah")
    make_team("Dispatch", "dispatch", mission="Routes", lead=person)
    page = visit(person, scheme=scheme)
    for address in (
        "/teams/",
        "/teams/dispatch/",
        "/people/",
        f"/people/{person.pk}/",
        "/me/",
        "/accounts/2fa/",
        "/accounts/2fa/totp/activate/",
        "/accounts/password/change/",
        "/accounts/logout/",
        "/nowhere/",
        "/admin/",
    ):
        page.goto(address)
        found = axe.Axe().run(
            page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}
        )
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"
