"""Browser fixtures. Every page visited must be free of script errors and policy violations."""

import os

import pytest

from tests.browser import ARGUMENTS, chromium
from tests.factories import install_forms, install_reasons

# Playwright's loop runs in this thread; the ORM is used from it on purpose.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
PASSWORD = "demo-producthub"


@pytest.fixture(autouse=True)
def forms(transactional_db):
    """A test with a live server empties the database, and with it what migrations put there."""
    install_forms()
    install_reasons()


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="browser tests are left out")
    path = chromium()
    if not path:
        pytest.skip("no Chromium found: browser tests are left out")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def visit(browser, live_server):
    """`visit(user, width=…, scripts=…)` signs in through the form and returns the page."""
    faults: list[str] = []
    contexts = []

    def enter(user, *, width=1440, scripts=True, scheme="light"):
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=scripts,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda said: (
                said.type == "error"
                and "status of 4" not in said.text
                and faults.append(f"{page.url}: {said.text}")
            ),
        )
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
        page.goto("/accounts/login/")
        page.fill("input[name=login]", user.email)
        page.fill("input[name=password]", PASSWORD)
        page.click("main button.primary")
        page.wait_for_url("**/")
        return page

    yield enter
    for context in contexts:
        context.close()
    assert faults == []
