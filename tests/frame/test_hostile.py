"""Bent addresses and forms get a page that says so, never a 500."""

from urllib.parse import urlencode

import pytest

from tests.factories import make_request

pytestmark = pytest.mark.django_db

VALUES = ["\x00", "²", "9" * 30, "-1", "<script>alert(1)</script>", "'\"%;--", "🚚" * 300, ""]
PAGES = {
    "/triage/": ["view", "area", "kind", "sort", "on", "page"],
    "/requests/new/": ["title", "problem", "kind", "form", "draft", "affected"],
    "/requests/mine/": ["page", "view", "format"],
    "/requests/forms/": ["from", "to", "format"],
    "/requests/held/": ["page"],
    "/requests/suggest/people/": ["q"],
    "/requests/suggest/customers/": ["q"],
    "/triage/views/": ["query"],
    "/triage/quiet/": ["page", "team"],
    "/routing/": ["page", "span"],
    "/promises/": ["team", "span"],
    "/decisions/": ["q", "team", "outcome", "reason", "kind", "page", "format", "sort"],
    "/decisions/new/": ["title", "request", "supersedes"],
    "/prioritise/": ["page"],
    "/prioritise/new/": ["model", "view", "query"],
    "/requests/import/": ["page"],
    "/inbox/": ["show", "page"],
    "/search/": ["q", "k", "page"],
    "/search/palette/": ["q"],
    "/work/": ["q", "team", "project", "state", "owner", "page", "format"],
    "/metrics/time-to-decision/": ["team", "span", "sort", "page", "format"],
    "/tools/": ["category", "status"],
    "/playbook/": ["q", "page"],
    "/people/": ["q", "team", "page"],
    "/teams/dispatch/": ["page"],
    "/integrations/": ["only", "page"],
    "/integrations/runs/": ["only", "page"],
    "/integrations/mapping/": ["source", "status"],
    "/integrations/unmapped/": ["page"],
    "/integrations/links/conflicts/": ["page"],
    "/integrations/out/": ["view", "source", "page"],
    "/integrations/in/": ["view", "source", "page"],
    "/integrations/links/": ["state", "q", "page", "format"],
    "/integrations/slack/channels/": ["q"],
}
PATHS = [
    "/requests/{}/", "/requests/REQ-{}/", "/requests/1/forms/{}/", "/work/{}/", "/people/{}/",
    "/teams/{}/", "/tools/{}/", "/playbook/{}/", "/integrations/runs/{}/", "/{}/",
    "/decisions/{}/", "/decisions/DEC-{}/", "/prioritise/{}/", "/scoring/{}/", "/routing/{}/",
    "/requests/import/{}/", "/files/{}/", "/open/{}/", "/open/confirm/{}/", "/open/status/{}/",
    "/inbox/stop/{}/",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_odd_queries_break_no_page(path, admin, team, signed_in):
    make_request(admin, team=team)
    browser = signed_in(admin)
    broken = []
    for name in PAGES[path]:
        for value in VALUES:
            more = {"k": "requests", "q": "x"} if name == "page" else {}
            address = f"{path}?{urlencode({**more, name: value})}"
            try:
                status = browser.get(address).status_code
            except Exception as error:  # noqa: BLE001  all of them are listed at the end
                status = repr(error)[:120]
            if not isinstance(status, int) or status >= 500:
                broken.append((name, value[:10], status))
    assert broken == []


@pytest.mark.parametrize("path", PATHS)
def test_odd_paths_break_no_page(path, admin, signed_in):
    from urllib.parse import quote

    browser = signed_in(admin)
    for value in VALUES:
        assert browser.get(path.format(quote(value[:200], safe=""))).status_code < 500, value


@pytest.mark.parametrize("verb", ["triage", "take", "ask", "answer", "comment", "decide", "ship"])
@pytest.mark.parametrize("value", VALUES)
def test_odd_forms_break_no_page(verb, value, admin, team, signed_in):
    item = make_request(admin, team=team)
    names = ["team", "owner", "owner_seen", "key", "question", "answer", "body", "outcome"]
    names += ["reason", "revisit_on", "next", "title"]
    posted = dict.fromkeys(names, value)
    assert signed_in(admin).post(f"/requests/{item.number}/{verb}/", posted).status_code < 500


@pytest.mark.parametrize("value", VALUES)
def test_an_odd_request_is_refused_or_kept_as_text(value, ada, team, signed_in):
    names = ["kind", "title", "problem", "team", "affected", "evidence_url", "needed_on"]
    for name in [*names, "submission_key"]:
        posted = {"kind": "idea", "title": "A", "problem": "B", name: value}
        assert signed_in(ada).post("/requests/new/", posted).status_code in (303, 422), name
