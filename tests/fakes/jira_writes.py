"""The writing side of the fake Jira: new issues, remote links, what a new issue must say."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from tests.fakes.jira import PROJECTS, STATUSES, FakeIssue, FakeJira

TYPES = [
    {"id": "10100", "name": "Story", "subtask": False},
    {"id": "10101", "name": "Bug", "subtask": False},
    {"id": "10102", "name": "Sub-task", "subtask": True},
]
SUMMARY = {"fieldId": "summary", "name": "Summary", "required": True, "schema": {"type": "string"}}
PROJECT = {"fieldId": "project", "name": "Project", "required": True, "schema": {"type": "project"}}
TEXTS = [
    {"fieldId": "description", "name": "Description", "schema": {"type": "string"}},
    {"fieldId": "labels", "name": "Labels", "schema": {"type": "array", "items": "string"}},
]
REPORTER = {
    "fieldId": "reporter", "name": "Reporter", "required": True, "hasDefaultValue": True,
    "schema": {"type": "user"},
}  # fmt: skip
SEVERITY = {
    "fieldId": "customfield_10050", "name": "Severity", "required": True,
    "schema": {"type": "option", "custom": "com.atlassian.jira.plugin:select"},
    "allowedValues": [{"id": "1", "value": "High"}, {"id": "2", "value": "Low"}],
}  # fmt: skip
HOURS = {
    "fieldId": "customfield_10051", "name": "Hours lost", "required": False,
    "schema": {"type": "number"},
}  # fmt: skip


class WritableJira(FakeJira):
    """`links` holds remote links by issue id and globalId; `unindexed` ids hide from searches."""

    def __init__(self, issues: list[FakeIssue] | None = None, *, port: int = 0) -> None:
        super().__init__(issues, port=port)
        self.links: dict[str, dict[str, Any]] = {}
        self.unindexed: set[str] = set()
        self.lags = False
        self.fields = {
            "10100": [SUMMARY, PROJECT, REPORTER, HOURS, *TEXTS],
            "10101": [SUMMARY, SEVERITY, *TEXTS],
        }

    @property
    def made(self) -> list[FakeIssue]:
        """Issues that were made by calls."""
        return [issue for issue in self.issues if int(issue.id) >= 900_000]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, bytes]:
        name = path.removeprefix("/rest/api/3/")
        if method == "POST" and name == "issue":
            return self._create(body)
        if match := re.fullmatch(r"issue/createmeta/([^/]+)/issuetypes", name):
            if not any(match[1] == key for _, key, _ in PROJECTS):
                return 404, b'{"errorMessages":["No project could be found."]}'
            return 200, json.dumps({"issueTypes": TYPES, "total": len(TYPES)}).encode()
        if match := re.fullmatch(r"issue/createmeta/[^/]+/issuetypes/(\d+)", name):
            fields = self.fields.get(match[1], [])
            return 200, json.dumps({"fields": fields, "total": len(fields)}).encode()
        if match := re.fullmatch(r"issue/(\d+)/remotelink", name):
            return self._remote_link(method, match[1], query, body)
        if match := re.fullmatch(r"issue/(\d+)/transitions", name):
            held = next((issue for issue in self.issues if issue.id == match[1]), None)
            if held is None:
                return 404, b'{"errorMessages":["Issue does not exist."]}'
            ways = {str(10 * n + 1): n for n in range(len(STATUSES)) if n != held.status}
            if method == "POST":
                held.move(ways[body["transition"]["id"]])
                return 204, b""
            found = [{"id": way, "to": {"id": STATUSES[n][0]}} for way, n in ways.items()]
            return 200, json.dumps({"transitions": found}).encode()
        if method == "PUT" and (match := re.fullmatch(r"issue/(\d+)", name)):
            held = next((issue for issue in self.issues if issue.id == match[1]), None)
            if held is None:
                return 404, b'{"errorMessages":["Issue does not exist."]}'
            held.title = " ".join(body["fields"]["summary"].split())[:255]
            held.updated = datetime.now(UTC)
            held.touch()
            return 204, b""
        return super().answer(method, path, query, body)

    def _create(self, body: Any) -> tuple[int, bytes]:
        fields = body["fields"]
        project = next(
            (n for n, one in enumerate(PROJECTS) if one[1] == fields["project"]["key"]), None
        )
        errors = {}
        if project is None:
            errors["project"] = "valid project is required"
        if not fields.get("summary"):
            errors["summary"] = "You must specify a summary of the issue."
        if isinstance(fields.get("description"), str):
            errors["description"] = "Operation value must be an Atlassian Document"
        if '"text": ""' in json.dumps(fields):
            errors["description"] = "INVALID_INPUT"
        if fields["issuetype"]["id"] == "10101" and "customfield_10050" not in fields:
            errors["customfield_10050"] = "Severity is required."
        if errors or project is None:
            return 400, json.dumps({"errorMessages": [], "errors": errors}).encode()
        number = 900_000 + len(self.made)
        now = datetime.now(UTC)
        extra = {"labels": fields.get("labels", []), "description": fields.get("description")}
        issue = FakeIssue(
            id=str(number), key=f"{PROJECTS[project][1]}-{number}", project=project,
            title=fields["summary"], created=now, updated=now, status=0, extra=extra,
        )  # fmt: skip
        self.issues.append(issue)
        if self.lags:
            self.unindexed.add(issue.id)
        return 201, json.dumps({"id": issue.id, "key": issue.key, "self": "-"}).encode()

    def _remote_link(
        self, method: str, pk: str, query: dict[str, str], body: Any
    ) -> tuple[int, bytes]:
        if not any(issue.id == pk for issue in self.issues):
            return 404, b'{"errorMessages":["Issue does not exist."]}'
        held = self.links.setdefault(pk, {})
        if method == "DELETE":
            if held.pop(query.get("globalId", ""), None) is None:
                return 404, b'{"errorMessages":["No such link."]}'
            return 204, b""
        held[body["globalId"]] = body["object"]
        return 201, b'{"id":1,"self":"-"}'

    def _matching(self, jql: str) -> list[FakeIssue]:
        found = [issue for issue in super()._matching(jql) if issue.id not in self.unindexed]
        if match := re.search(r'labels = "([^"]+)"', jql):
            found = [issue for issue in found if match[1] in issue.extra.get("labels", [])]
        return found
