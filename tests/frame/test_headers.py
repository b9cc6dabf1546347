"""The security policy and its companions, on everything that leaves the hub."""

import re

import pytest
from django.conf import settings as current
from django.urls import URLPattern, URLResolver, get_resolver

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; form-action 'self'; object-src 'none';"
    " base-uri 'self'; frame-ancestors 'none'"
)
# Pages with a chart: Plotly's empty style element and its PNG export. Design guide, section 2.
CHART = POLICY.replace(
    "style-src 'self'", "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
).replace("img-src 'self' data:", "img-src 'self' data: blob:")


def addresses(resolver=None, before="/"):
    """One address for each pattern of the hub, made up where it takes arguments."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = str(entry.pattern)
        made = re.sub(r"<int:[^>]+>", "1", route)
        made = re.sub(r"<[^>]+>", "x", re.sub(r"\(\?P<[^>]+>[^)]*\)", "1", made))
        made = re.sub(r"[\^$?]|\\Z|\(.*?\)", "", made).replace("\\", "")
        if isinstance(entry, URLResolver):
            yield from addresses(entry, before + made)
        elif isinstance(entry, URLPattern):
            yield before + made


def test_there_is_much_to_walk():
    found = set(addresses())
    assert len(found) > 100
    assert {"/accounts/login/", "/teams/", "/people/1/", "/admin/accounts/user/", "/"} <= found


@pytest.mark.parametrize("role", ["stranger", "stakeholder", "admin"])
def test_every_answer_carries_the_policy(client, ada, admin, signed_in, role):
    people = {"stakeholder": ada, "admin": admin}
    browser = signed_in(people[role]) if role in people else client
    browser.raise_request_exception = False
    statuses = set()
    for address in sorted(set(addresses())):
        response = browser.get(address)
        assert response.status_code < 500, f"{address}: {response.status_code}"
        assert response["Content-Security-Policy"] in (POLICY, CHART), address
        for header, value in (
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("X-Frame-Options", "DENY"),
        ):
            assert response[header] == value, (address, header)
        assert "camera=()" in response["Permissions-Policy"], address
        assert response["X-Request-ID"], address
        statuses.add(response.status_code)
        if "logout" in address and role in people:
            browser.force_login(people[role], backend="accounts.backends.RoleBackend")
    assert statuses >= ({200, 302} if role == "stranger" else {200, 302, 404})


def test_errors_carry_it_too(client, ada, signed_in, monkeypatch):
    def fail(*args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("accounts.selectors.team_cards", fail)
    browser = signed_in(ada)
    browser.raise_request_exception = False
    answers = [
        browser.get("/teams/"),
        client.get("/", headers={"host": "evil.example"}),
        client.get("/nowhere/"),
        client.post("/healthz"),
        client.get("/teams"),
    ]
    assert [answer.status_code for answer in answers] == [500, 400, 404, 405, 301]
    for answer in answers:
        assert answer["Content-Security-Policy"] == POLICY
        assert answer["Permissions-Policy"]


def test_pages_have_no_inline_styles_or_scripts(client, ada, admin, signed_in):
    pattern = re.compile(r'<style|\sstyle="|\son[a-z]+="|<script(?![^>]*(src=|application/json))')
    for browser in (client, signed_in(ada), signed_in(admin)):
        for address in sorted(set(addresses())):
            if address.startswith("/admin/jsi18n") or "logout" in address:
                continue
            response = browser.get(address)
            if response.get("Content-Type", "").startswith("text/html"):
                found = pattern.search(response.content.decode())
                assert found is None, f"{address}: {found}"


def test_strict_transport_only_in_production(client, db):
    assert "Strict-Transport-Security" not in client.get("/healthz")
    assert current.SECURE_HSTS_SECONDS == 0


def test_html_goes_out_compressed(ada, signed_in):
    response = signed_in(ada).get("/me/", headers={"accept-encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
