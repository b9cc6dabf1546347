"""A fake Jira with what stands around issues: sprints, boards, versions, people, links, texts.

Lists have the real one's ways: boards without a total, pages capped below what was asked, users
left out after their page was cut, boards that refuse to be asked for sprints.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from tests.fakes.jira import PROJECTS, FakeIssue, FakeJira, iso, person_payload

SPRINT = "customfield_10020"
POINTS = "customfield_10016"
TEAM_POINTS = "customfield_10031"
EPIC_LINK = "customfield_10014"
FIELDS = [
    {"id": "summary", "name": "Summary", "custom": False, "schema": {"type": "string"}},
    {"id": SPRINT, "name": "Vaart", "custom": True, "schema": {
        "type": "array", "items": "json", "custom": "com.pyxis.greenhopper.jira:gh-sprint"}},
    {"id": POINTS, "name": "Story Points", "custom": True, "schema": {
        "type": "number", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:float"}},
    {"id": TEAM_POINTS, "name": "Story point estimate", "custom": True, "schema": {
        "type": "number", "custom": "com.pyxis.greenhopper.jira:jsw-story-points"}},
    {"id": EPIC_LINK, "name": "Epic Link", "custom": True, "schema": {
        "type": "any", "custom": "com.pyxis.greenhopper.jira:gh-epic-link"}},
]  # fmt: skip
BOARD_PAGE = 2


class TrackerJira(FakeJira):
    """All lists may be changed at any time; `touch()` an issue after changing it."""

    def __init__(self, issues: list[FakeIssue] | None = None, *, port: int = 0) -> None:
        super().__init__(issues, port=port)
        self.fields: list[dict[str, Any]] = [dict(one) for one in FIELDS]
        self.boards = [
            {"id": 1, "name": "Platform", "type": "scrum", "location": {"projectKey": "PLT"}},
            {"id": 2, "name": "Support", "type": "kanban"},
            {"id": 3, "name": "Dispatch", "type": "simple"},
        ]
        # board of origin, sprint
        self.sprints: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []
        self.users: list[dict[str, Any]] = [
            {**person_payload(index), "active": True} for index in range(3)
        ]
        self.hidden_users: set[str] = set()
        self.remote: dict[str, list[dict[str, Any]]] = {}
        self.comments: dict[str, list[dict[str, Any]]] = {}
        self.work_logs: list[dict[str, Any]] = []
        self.gone_work_logs: list[dict[str, Any]] = []
        self._numbers = 0

    # --- changes as people make them --------------------------------------------------------

    def put_into(self, issue: FakeIssue, *sprint_ids: int, at: datetime | None = None) -> None:
        """Give an issue these sprints, with the entry in its history."""
        at = at or datetime.now(UTC)
        before = [one["id"] for one in issue.extra.get(SPRINT) or []]
        self._numbers += 1
        issue.others.append({
            "id": f"9{issue.id}{self._numbers:04d}",
            "author": person_payload(0),
            "created": iso(at),
            "items": [{
                "field": "Vaart", "fieldtype": "custom", "fieldId": SPRINT,
                "from": ", ".join(map(str, before)), "fromString": self._names(before),
                "to": ", ".join(map(str, sprint_ids)), "toString": self._names(sprint_ids),
            }],
        })  # fmt: skip
        self.has_sprints(issue, *sprint_ids)
        issue.updated = max(issue.updated, at)

    def has_sprints(self, issue: FakeIssue, *sprint_ids: int) -> None:
        """The sprints that an issue has now, with no word in its history."""
        issue.extra[SPRINT] = [one for one in self.sprints if one["id"] in sprint_ids] or None
        issue.touch()

    def _names(self, ids: Any) -> str:
        return ", ".join(one["name"] for one in self.sprints if one["id"] in ids)

    # --- answers ----------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, bytes]:
        if path.startswith("/rest/agile/1.0/"):
            return self._agile(path.removeprefix("/rest/agile/1.0/"), query)
        name = path.removeprefix("/rest/api/3/")
        if name == "field":
            return 200, json.dumps(self.fields).encode()
        if name == "users/search":
            start, size = _window(query)
            shown = [
                one
                for one in self.users[start : start + size]
                if one["accountId"] not in self.hidden_users
            ]
            return 200, json.dumps(shown).encode()
        if match := re.fullmatch(r"project/(\w+)/version", name):
            ids = {key: pk for pk, key, _ in PROJECTS}
            found = [one for one in self.versions if str(one["projectId"]) == ids.get(match[1])]
            return _page(found, query, total=True)
        if match := re.fullmatch(r"issue/(\w+)/remotelink", name):
            if method == "GET":
                return 200, json.dumps(self.remote.get(match[1], [])).encode()
        if match := re.fullmatch(r"issue/(\w+)/comment", name):
            return _page(self.comments.get(match[1], []), query, total=True, key="comments")
        if name in ("worklog/updated", "worklog/deleted"):
            held = self.work_logs if name.endswith("updated") else self.gone_work_logs
            since = int(query.get("since", 0))
            values = [
                {"worklogId": int(one["id"]), "updatedTime": one["at"]}
                for one in held
                if one["at"] >= since
            ]
            reply = {"values": values, "lastPage": True, "since": since, "until": 0}
            return 200, json.dumps(reply).encode()
        if name == "worklog/list":
            wanted = {str(pk) for pk in body["ids"]}
            found = [one for one in self.work_logs if one["id"] in wanted]
            return 200, json.dumps(found).encode()
        return super().answer(method, path, query, body)

    def _agile(self, name: str, query: dict[str, str]) -> tuple[int, bytes]:
        if name == "board":
            return _page(self.boards, query, cap=BOARD_PAGE)
        if match := re.fullmatch(r"sprint/(\d+)", name):
            for sprint in self.sprints:
                if str(sprint["id"]) == match[1]:
                    return 200, json.dumps(sprint).encode()
            return 404, b'{"errorMessages":["Sprint does not exist."]}'
        if match := re.fullmatch(r"board/(\d+)/sprint", name):
            board = next((one for one in self.boards if str(one["id"]) == match[1]), None)
            if board is None:
                return 404, b'{"errorMessages":["The requested board cannot be viewed."]}'
            if board["type"] != "scrum":
                return 400, b'{"errorMessages":["The board does not support sprints"]}'
            states = query.get("state", "active,future,closed").split(",")
            found = [
                one
                for one in self.sprints
                if one["state"] in states and one.get("originBoardId", 1) == board["id"]
            ]
            return _page(found, query, cap=BOARD_PAGE)
        return 404, b'{"errorMessages":["Not here."]}'


def _window(query: dict[str, str]) -> tuple[int, int]:
    return int(query.get("startAt", 0)), int(query.get("maxResults", 50))


def _page(
    found: list[dict[str, Any]],
    query: dict[str, str],
    *,
    cap: int = 50,
    total: bool = False,
    key: str = "values",
) -> tuple[int, bytes]:
    start, size = _window(query)
    size = min(size, cap)
    reply: dict[str, Any] = {
        "startAt": start, "maxResults": size, "isLast": start + size >= len(found),
        key: found[start : start + size],
    }  # fmt: skip
    if total:
        reply["total"] = len(found)
    if key != "values":
        del reply["isLast"]
    return 200, json.dumps(reply).encode()


def make_sprint(pk: int, state: str, name: str = "", **more: Any) -> dict[str, Any]:
    """A sprint as the lists show it."""
    return {
        "id": pk, "name": name or f"Vaart {pk}", "state": state, "originBoardId": 1, **more
    }  # fmt: skip
