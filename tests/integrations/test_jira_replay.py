"""Recorded replies of real Jiras: all are read, none breaks a run."""

import json
from pathlib import Path

import pytest

from integrations.jira import fields, mapping
from integrations.jira.boards import to_board, to_sprint, to_version
from integrations.jira.outgoing_fields import Answer, fill
from integrations.jira.people import to_account
from integrations.models import IdentityLink
from planning.models import Board, Sprint, Version, WorkItem, WorkLink, WorkText
from producthub.lib import adf
from tests.fakes.jira import FakeJira, load_replay

FOLDER = Path(__file__).parent / "payloads" / "jira-rest"


@pytest.fixture(params=["search", "issue", "issue-1", "issue-2", "epic"])
def replayed(request, settings):
    with FakeJira() as server:
        server.replay = load_replay(FOLDER, request.param)
        settings.JIRA_BASE_URL = server.url
        settings.JIRA_EMAIL, settings.JIRA_API_TOKEN = "", "token"
        settings.JIRA_PROJECTS = []
        server.which = request.param
        yield server


def test_everything_recorded_is_read(replayed, sync):
    run = sync()
    assert run.status == "done", run.message
    assert "not read" not in run.message
    assert set(Board.objects.values_list("name", "kind")) == {
        ("Board 1", "scrum"),
        ("Board 2", "scrum"),
    }
    assert Sprint.objects.count() == 5
    assert set(IdentityLink.objects.values_list("name", "is_active")) == {
        ("Jane Doe", True),
        ("Jon Doe", False),
    }
    keys = set(WorkItem.objects.values_list("key", flat=True))
    if replayed.which == "epic":
        assert keys == {"EPIC-1", "EPIC-2"}
    if replayed.which == "issue":
        link = WorkLink.objects.get()  # the second has no other end
        assert (link.from_key, link.to_key, link.outward) == ("TEST-1", "TEST-2", "is linked to")
    if replayed.which in ("issue", "issue-2"):
        assert adf.to_text(WorkText.objects.get().document) == "Test description"
    assert fields.chosen().all() == []
    assert {"First", "Second", "Third"} == set(Version.objects.values_list("name", flat=True))


def recorded(name):
    return json.loads((FOLDER / f"jiracli-{name}.json").read_text())


def test_the_lists_map_one_by_one():
    assert [to_board(one)["upstream_id"] for one in recorded("boards")["values"]] == ["1", "2"]
    for name in ("sprints", "sprints-0", "sprints-2", "sprints-3"):
        assert all(map(to_sprint, recorded(name)["values"]))
    assert to_sprint(recorded("sprint-get"))["goal"] == "sprint 1 goal"
    assert [to_version(one, "1")["is_archived"] for one in recorded("releases")] == [
        False,
        False,
        True,
    ]
    assert [to_account(one).is_active for one in recorded("users")] == [True, False]
    found = fields.find(recorded("fields"), {})
    # A planning field of another product is offered to an admin, and not taken by itself.
    assert found["points"].candidates == (("customfield_10111", "Original story points"),)
    assert found["points"].used == ()


def test_the_recorded_document_is_shown():
    document = json.dumps(recorded("md"))
    html, text = adf.to_html(document), adf.to_text(document)
    for words in ("H1", "Blockquote text", "https://antiklabs.atlassian.net/wiki/"):
        assert words in text and words in html
    assert "<h3>H1</h3>" in html and "<blockquote>" in html


def test_create_metadata_fills_a_form():
    for kind in recorded("createmeta")["projects"][0]["issuetypes"]:
        filled = fill(
            [Answer("Epic Name", "Name", ("Ride",))],
            [{"fieldId": pk, **field} for pk, field in kind["fields"].items()],
            type_name=kind["name"],
            project="TEST",
        )
        assert filled.troubles
    assert [one["name"] for one in recorded("createmetav9")["values"]] == [
        "Epic", "Task", "Sub-task",
    ]  # fmt: skip


def test_an_old_servers_sprints_are_read():
    printed = (
        "com.atlassian.greenhopper.service.sprint.Sprint@3f2a[id=5,rapidViewId=2,state=CLOSED,"
        "name=Ride, early,startDate=2020-11-15T05:39:24.463Z,endDate=<null>]"
    )
    assert mapping.sprints([printed, "else", None]) == [("5", "Ride, early", "closed")]
