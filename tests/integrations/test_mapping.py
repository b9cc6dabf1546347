"""Jira's payloads to rows."""

import pytest

from integrations.jira.mapping import (
    MappingError,
    moment,
    read_history,
    to_project,
    to_status,
    to_work_item,
)
from tests.fakes.jira import make_issues

ISSUE = make_issues(1)[0]


def test_it_works():
    row = to_work_item(ISSUE.payload())
    assert (row.upstream_id, row.key, row.project_key) == ("100000", "PLT-1", "PLT")
    assert (row.status_category, row.assignee_email) == ("done", "ruben@harbourline.example")
    assert row.labels == "carrier\x1fq4"


def test_missing_and_null_fields_become_empty():
    payload = {
        "id": "1",
        "key": "A-1",
        "fields": {"created": ISSUE.payload()["fields"]["created"], "assignee": None,
                   "updated": ISSUE.payload()["fields"]["updated"], "labels": None,
                   "priority": None, "status": None, "summary": None},
    }  # fmt: skip
    row = to_work_item(payload)
    assert (row.title, row.status_category, row.assignee_name) == (
        "Without a title",
        "undefined",
        "",
    )
    assert (row.labels, row.resolved, row.project_key) == ("", None, "A")


def test_an_issue_without_id_is_filed_under_its_key():
    payload = ISSUE.payload()
    del payload["id"]
    assert to_work_item(payload).upstream_id == "key:PLT-1"


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "x",
        {},
        {"key": "A-1", "fields": None},
        {"key": "A-1", "fields": {"created": "2026-01-01T00:00:00+00:00"}},
        {"key": None, "fields": {"created": 1, "updated": 2}},
        {"key": "a/b?c", "fields": {"created": 1, "updated": 2}},
        {"key": "A-1", "fields": {"created": "yesterday", "updated": 2}},
        {"key": "A-1", "fields": {"created": 1, "updated": 2, "status": "Done"}},
        {"key": "A-1", "fields": {"created": 1, "updated": 2, "assignee": ["x"]}},
    ],
)
def test_what_is_no_issue_is_refused(payload):
    with pytest.raises(MappingError):
        to_work_item(payload)


@pytest.mark.parametrize(
    "value", ["2026-11-01T10:15:30.000+0000", "2026-11-01T10:15:30Z", "2026-11-01T12:15:30+02:00"]
)
def test_iso_times_are_kept(value):
    assert moment(value) == value


@pytest.mark.parametrize("value", [1793528130, 1793528130000, "1793528130000", 1793528130.0])
def test_epochs_are_seconds_or_milliseconds(value):
    assert moment(value).startswith("2026-11-01T")


@pytest.mark.parametrize("value", [None, "", "2026-11-01T10:15:30", True, {}, 10**30])
def test_other_times_are_refused(value):
    with pytest.raises(MappingError):
        moment(value)


def moves_of(histories):
    moves = []
    read_history("100000", histories, moves, [])
    return moves


def test_only_changes_of_status_are_taken():
    change = ISSUE.change(0)
    change["items"].insert(0, {"field": "summary", "fieldId": "summary", "from": None})
    old = ISSUE.change(1)
    del old["items"][0]["fieldId"]  # as old servers send it
    old["author"] = None
    moves = moves_of([change, old])
    assert [(move[1], move[2], move[8]) for move in moves] == [
        ("1000000000", 0, "Ruben de Vries"),
        ("1000000001", 0, ""),
    ]


def test_a_change_without_time_is_refused():
    change = ISSUE.change(0)
    del change["created"]
    with pytest.raises(MappingError):
        moves_of([change])


def test_surroundings_are_taken_as_they_are():
    assert to_status({"id": 3, "name": "Done", "statusCategory": {"key": "done"}}) == (
        "3",
        "Done",
        "done",
    )
    assert to_status({"name": "Odd"}) == ("", "Odd", "")
    assert to_project({"key": "PRJ1", "name": "Project 1"}) == ("key:PRJ1", "PRJ1", "Project 1")
