import pytest

from hub.nav import navigation


def current(user, path):
    return [e.name for g in navigation(user, path, {}) for e in g.entries if e.current]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "Home"),
        ("/requests/mine/", "My requests"),
        ("/triage/", "Triage"),
        ("/work/DSP-1/", "Work items"),
        ("/people/3/", "Teams"),
        ("/metrics/time-to-decision/", "Metrics"),
    ],
)
def test_one_entry_is_where_the_reader_is(pm, path, name):
    assert current(pm, path) == [name]


def test_nothing_is_current_elsewhere(pm):
    assert current(pm, "/me/") == []


def test_everyone_sees_what_they_may_open(ada, pm, opsadmin, signed_in):
    seen = {}
    for user in (ada, pm, opsadmin):
        entries = [e for g in navigation(user, "/", {}) for e in g.entries]
        seen[user.role] = {entry.name for entry in entries}
        browser = signed_in(user)
        assert {browser.get(entry.href).status_code for entry in entries} == {200}
    assert seen["pm"] - seen["stakeholder"] == {"Triage", "Prioritise"}
    assert seen["product_ops"] - seen["pm"] == {"Integrations", "Admin"}
