"""A Jira Cloud of our own over HTTP, with the faults that the real one has.

In tests: `with FakeJira(make_issues(500)) as jira: jira.url`. Alone:
`python -m tests.fakes.jira --port 8123 --issues 500`, or with `--replay DIR` to serve recorded
replies. Bodies are rendered once and kept, so that a benchmark measures the caller.
"""

import argparse
import base64
import json
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

STATUSES = [
    ("10000", "To Do", "new"),
    ("10001", "In Progress", "indeterminate"),
    ("10002", "In Review", "indeterminate"),
    ("10003", "Done", "done"),
]
PROJECTS = [("20001", "PLT", "Platform"), ("20002", "DSP", "Dispatch"), ("20003", "BIL", "Billing")]
PEOPLE = [
    ("acc-1", "Ruben de Vries", "ruben@harbourline.example"),
    ("acc-2", "Priya Raman", ""),
    ("acc-3", "Leila Haddad", "leila@harbourline.example"),
]
PAGE_SIZE = 100
START = datetime(2025, 6, 2, 8, tzinfo=UTC)


def iso(moment: datetime) -> str:
    """As Jira writes times: milliseconds, an offset without a colon."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


@dataclass
class FakeIssue:
    """An issue as the fake holds it; `moves` are (when, from index, to index) into STATUSES."""

    id: str
    key: str
    project: int
    title: str
    created: datetime
    updated: datetime
    status: int
    moves: list[tuple[datetime, int, int]] = field(default_factory=list)
    person: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    # Changes of other fields: whole entries of a history.
    others: list[dict[str, Any]] = field(default_factory=list)
    broken: bool = False
    _body: bytes | None = None
    _history: bytes | None = None

    def touch(self) -> None:
        self._body = self._history = None

    def body(self) -> bytes:
        if self._body is None:
            self._body = json.dumps(self.payload()).encode()
        return self._body

    def history(self) -> bytes:
        if self._history is None:
            entries = [self.change(index) for index in range(self.changes)]
            self._history = json.dumps({"issueId": self.id, "changeHistories": entries}).encode()
        return self._history

    def payload(self) -> dict[str, Any]:
        if self.broken:
            return {"id": self.id, "key": self.key, "fields": {"summary": self.title}}
        project_id, project_key, project_name = PROJECTS[self.project]
        fields: dict[str, Any] = {
            "summary": self.title,
            "status": status_payload(self.status),
            "issuetype": {"id": "10100", "name": "Story", "subtask": False},
            "project": {"id": project_id, "key": project_key, "name": project_name},
            "assignee": None if self.person is None else person_payload(self.person),
            "parent": {"id": "1", "key": f"{project_key}-1"},
            "priority": {"id": "3", "name": "Medium"},
            "labels": ["carrier", "q4"],
            "created": iso(self.created),
            "updated": iso(self.updated),
            "resolutiondate": iso(self.updated) if self.status == 3 else None,
        }
        return {"id": self.id, "key": self.key, "fields": {**fields, **self.extra}}

    @property
    def changes(self) -> int:
        """How many entries its history has."""
        return len(self.moves) + len(self.others)

    def change(self, index: int) -> dict[str, Any]:
        if index >= len(self.moves):
            return self.others[index - len(self.moves)]
        moved_at, before, after = self.moves[index]
        return {
            "id": f"{self.id}{index:04d}",
            "author": person_payload(index % len(PEOPLE)),
            "created": iso(moved_at),
            "items": [
                {
                    "field": "status",
                    "fieldtype": "jira",
                    "fieldId": "status",
                    "from": STATUSES[before][0],
                    "fromString": STATUSES[before][1],
                    "to": STATUSES[after][0],
                    "toString": STATUSES[after][1],
                }
            ],
        }

    def move(self, after: int, at: datetime | None = None) -> None:
        """Change the status as a person would."""
        at = at or datetime.now(UTC)
        self.moves.append((at, self.status, after))
        self.status, self.updated = after, at
        self.touch()


def status_payload(index: int) -> dict[str, Any]:
    pk, name, category = STATUSES[index]
    return {
        "self": f"https://harbourline.example/rest/api/3/status/{pk}",
        "id": pk,
        "name": name,
        "statusCategory": {"id": 2, "key": category, "name": name},
    }


def person_payload(index: int) -> dict[str, Any]:
    account, name, mail = PEOPLE[index]
    person = {"accountId": account, "displayName": name, "active": True, "accountType": "atlassian"}
    return {**person, "emailAddress": mail} if mail else person


def make_issues(count: int, *, moves_each: float = 11.5) -> list[FakeIssue]:
    """Issues with histories; the same every time. `moves_each` is an average."""
    issues = []
    numbers = [0] * len(PROJECTS)
    for n in range(count):
        project = n % len(PROJECTS)
        numbers[project] += 1
        created = START + timedelta(minutes=25 * n % 700_000)
        wanted = int(moves_each) + (1 if (n % 100) < (moves_each % 1) * 100 else 0)
        moves, status, at = [], 0, created
        for step in range(wanted):
            after = (1, 2, 1, 3)[step % 4] if step < wanted - 1 or n % 3 else 3
            if after == status:
                after = 2
            at += timedelta(hours=3 + (n * 7 + step * 5) % 40)
            moves.append((at, status, after))
            status = after
        issues.append(
            FakeIssue(
                id=str(100_000 + n),
                key=f"{PROJECTS[project][1]}-{numbers[project]}",
                project=project,
                title=f"Carrier portal step {n}: hold photos until there is signal",
                created=created,
                updated=at,
                status=status,
                moves=moves,
                person=n % 4 if n % 4 < len(PEOPLE) else None,
            )
        )
    return issues


@dataclass
class Fault:
    """Trouble for requests whose path contains `path`: after `after` good ones, `times` times.

    Kinds: a status code such as "500"; "429" with `value` as Retry-After (a number, or a datetime
    sent as HTTP date); "reset"; "reset-after" (the effect is there); "truncated"; "html";
    "repeat-token"; "empty-page".
    """

    path: str
    kind: str
    times: int = 1
    after: int = 0
    value: Any = None


class FakeJira:
    """The server. `issues` may be changed at any time; `requests` lists (method, path, body)."""

    def __init__(self, issues: list[FakeIssue] | None = None, *, port: int = 0) -> None:
        self.issues = issues or []
        self.faults: list[Fault] = []
        self.before_page: dict[int, Callable[[], Any]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.searches = 0
        self.replay: dict[str, bytes] | None = None
        self.statuses = [status_payload(index) for index in range(len(STATUSES))]
        self.base_url = "https://harbourline.example"
        self.history_page_size = 10_000
        self.unreadable_histories: set[str] = set()
        self.page_size = PAGE_SIZE
        self._sorted: dict[str, list[FakeIssue]] = {}
        self.server = _Server(("127.0.0.1", port), _Handler)
        self.server.fake = self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> "FakeJira":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def calls(self, part: str) -> int:
        """How many requests had this in their path."""
        return sum(part in path for _, path, _ in self.requests)

    def freeze(self) -> None:
        """Promise that nothing changes any more: result lists are kept. For benchmarks."""
        self._keep = True

    _keep = False

    # --- answers ----------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, bytes]:
        if self.replay is not None:
            return self._replayed(path, query)
        name = path.removeprefix("/rest/api/3/")
        if path.endswith("/search") and not path.endswith(("project/search", "users/search")):
            return 410, b'{"errorMessages":["The requested API has been removed."]}'
        if not path.startswith("/rest/api/3/"):
            return 404, b'{"errorMessages":["Not here."]}'
        if name == "serverInfo":
            return 200, json.dumps(
                {"baseUrl": self.base_url, "deploymentType": "Cloud", "versionNumbers": [1001, 0]}
            ).encode()
        if name == "status":
            return 200, json.dumps(self.statuses).encode()
        if name == "field":
            return 200, b'[{"id":"summary","name":"Summary","custom":false}]'
        if name == "project/search":
            values = [{"id": pk, "key": key, "name": label} for pk, key, label in PROJECTS]
            return 200, json.dumps({"isLast": True, "total": 3, "values": values}).encode()
        if name == "search/jql":
            return self._search(body)
        if name == "search/approximate-count":
            return 200, json.dumps({"count": len(self._matching(body["jql"]))}).encode()
        if name == "changelog/bulkfetch":
            return self._bulk_history(body)
        if name == "issue/bulkfetch":
            wanted = set(body["issueIdsOrKeys"])
            found = [{"id": issue.id} for issue in self.issues if issue.id in wanted]
            return 200, json.dumps({"issues": found, "issueErrors": []}).encode()
        if match := re.fullmatch(r"issue/(\w[\w-]*)", name):
            return self._one_issue(match[1])
        if match := re.fullmatch(r"issue/([^/]+)/changelog", name):
            return self._one_history(match[1], query)
        return 404, b'{"errorMessages":["Not here."]}'

    def _one_issue(self, name: str) -> tuple[int, bytes]:
        for issue in self.issues:
            if name in (issue.id, issue.key):
                return 200, issue.body()
        return 404, b'{"errorMessages":["Issue does not exist or you do not have permission."]}'

    def _search(self, body: Any) -> tuple[int, bytes]:
        jql = body["jql"]
        if not jql.partition("ORDER BY")[0].strip():
            return 400, b'{"errorMessages":["Unbounded JQL queries are not allowed here."]}'
        if None in body.values():
            return 400, b'{"errorMessages":["Invalid request payload."]}'
        start = 0
        if token := body.get("nextPageToken"):
            try:
                start_text, of_jql = base64.b64decode(token).decode().split(" ", 1)
                start = int(start_text)
            except ValueError:
                return 400, b'{"errorMessages":["The provided next page token is invalid."]}'
            if of_jql != jql:
                return 400, b'{"errorMessages":["The token belongs to another query."]}'
        self.searches += 1
        if hook := self.before_page.pop(self.searches, None):
            hook()
        fault = self._fault("search/jql", {"repeat-token", "empty-page"})
        found = self._matching(jql)
        only_ids = set(body.get("fields") or ["id"]) == {"id"}
        size = min(body.get("maxResults", 50), 5000 if only_ids else self.page_size)
        chunk = found[start : start + size]
        end = start + size
        if fault and fault.kind == "empty-page":
            chunk, end = [], start
        last = end >= len(found)
        token = "" if last else base64.b64encode(f"{end} {jql}".encode()).decode()
        if fault and fault.kind == "repeat-token":
            token, last = body.get("nextPageToken") or "", False
        rendered = (
            [b'{"id":"%s"}' % issue.id.encode() for issue in chunk]
            if only_ids
            else [issue.body() for issue in chunk]
        )
        tail = b"]" + (b',"isLast":true}' if last else b',"nextPageToken":"%s"}' % token.encode())
        return 200, b'{"issues":[' + b",".join(rendered) + tail

    def _matching(self, jql: str) -> list[FakeIssue]:
        if self._keep and jql in self._sorted:
            return self._sorted[jql]
        where, _, order = jql.partition("ORDER BY")
        found = list(self.issues)
        if match := re.search(r"project in \(([^)]*)\)", where):
            keys = set(re.findall(r'"([^"]+)"', match[1]))
            found = [issue for issue in found if PROJECTS[issue.project][1] in keys]
        if match := re.search(r"updated >= -(\d+)m", where):
            since = datetime.now(UTC) - timedelta(minutes=int(match[1]))
            found = [issue for issue in found if issue.updated >= since.replace(second=0)]
        if match := re.search(r"issue in \(([^)]*)\)", where):
            wanted = {part.strip().strip('"') for part in match[1].split(",")}
            found = [issue for issue in found if issue.id in wanted or issue.key in wanted]
        by = "updated" if "updated" in order else "created"
        found.sort(key=lambda issue: (getattr(issue, by), issue.key))
        if self._keep:
            self._sorted[jql] = found
        return found

    def _bulk_history(self, body: Any) -> tuple[int, bytes]:
        wanted = body["issueIdsOrKeys"]
        if len(wanted) > 1000 or self.unreadable_histories & set(wanted):
            return 400, b'{"errorMessages":["A change log could not be read."]}'
        ids = set(wanted)
        chosen = self._by_id(ids)
        size = min(body.get("maxResults", 1000), self.history_page_size)
        if sum(issue.changes for issue in chosen) <= size:
            logs = b",".join(issue.history() for issue in chosen if issue.changes)
            return 200, b'{"issueChangeLogs":[' + logs + b"]}"
        # Long histories are spread over pages, one issue over several.
        flat = [(issue, index) for issue in chosen for index in range(issue.changes)]
        start = int(body.get("nextPageToken") or 0)
        reply: dict[str, Any] = {
            "issueChangeLogs": [
                {"issueId": issue.id, "changeHistories": [issue.change(index)]}
                for issue, index in flat[start : start + size]
            ]
        }
        if start + size < len(flat):
            reply["nextPageToken"] = str(start + size)
        return 200, json.dumps(reply).encode()

    def _by_id(self, ids: set[str]) -> list[FakeIssue]:
        if not self._keep:
            return [issue for issue in self.issues if issue.id in ids]
        if not self._index:
            self._index = {issue.id: issue for issue in self.issues}
        return [self._index[pk] for pk in ids]

    _index: dict[str, FakeIssue] = {}

    def _one_history(self, pk: str, query: dict[str, str]) -> tuple[int, bytes]:
        issue = next((issue for issue in self.issues if issue.id == pk), None)
        if issue is None or pk in self.unreadable_histories:
            return 404, b'{"errorMessages":["Issue does not exist."]}'
        start, size = int(query.get("startAt", 0)), int(query.get("maxResults", 100))
        values = [issue.change(index) for index in range(issue.changes)][start : start + size]
        is_last = start + size >= issue.changes
        return 200, json.dumps({"values": values, "isLast": is_last}).encode()

    def _replayed(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        assert self.replay is not None
        name = re.sub(r"^.*?/rest/(api/3|agile/1.0)/", "", path)
        name = re.sub(r"^project/[^/]+/", "project/*/", name)
        start = query.get("startAt", "0")
        body = self.replay.get(f"{name} {start}") or (
            self.replay.get(name) if start == "0" or "startAt" not in query else None
        )
        if body is None and start != "0":
            body = b'{"values":[],"isLast":true}' if name in self.replay else None
        return (200, body) if body is not None else (404, b'{"errorMessages":["Not recorded."]}')

    def _fault(self, path: str, kinds: set[str] | None = None) -> Fault | None:
        for fault in self.faults:
            special = fault.kind in {"repeat-token", "empty-page"}
            if fault.path not in path or special != bool(kinds) or fault.times < 1:
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.times -= 1
            return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    fake: FakeJira

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        fake = self.server.fake
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        parts = urlsplit(self.path)
        body = json.loads(raw) if raw else None
        fake.requests.append((self.command, self.path, body))
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        fault = fake._fault(parts.path)
        if fault is None:
            self._send(*fake.answer(self.command, parts.path, query, body))
        elif fault.kind in ("reset", "reset-after"):
            if fault.kind == "reset-after":  # done, but nobody hears of it
                fake.answer(self.command, parts.path, query, body)
            # Linger of zero: the caller gets a reset, not an orderly end.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
        elif fault.kind == "truncated":
            _, whole = fake.answer(self.command, parts.path, query, body)
            self._send(200, whole[: len(whole) // 2], promised=len(whole))
            self.close_connection = True
        elif fault.kind == "html":
            self._send(200, b"<!doctype html><title>Log in</title>", kind="text/html")
        elif fault.kind == "429":
            value = fault.value
            text = (
                format_datetime(value, usegmt=True) if isinstance(value, datetime) else str(value)
            )
            self._send(429, b"{}", {"Retry-After": text, "RateLimit-Reason": "jira-burst-based"})
        else:
            self._send(int(fault.kind), b'{"errorMessages":["No."]}', fault.value)

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        kind: str = "application/json",
        promised: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(promised or len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if promised:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


# Which recorded file answers which call.
RECORDED = {
    "serverInfo": "serverinfo", "status": "statuses", "field": "fields", "myself": "myself",
    "search/jql": "search", "board": "boards", "board/1/sprint": "sprints-0",
    "board/1/sprint 3": "sprints-3", "board/2/sprint": "sprints", "sprint/5": "sprint-get",
    "users/search": "users", "project/*/version": "releases", "issueLinkType": "issue-link-types",
    "project/*/createmeta": "createmetav9",
}  # fmt: skip


def load_replay(folder: Path, search: str = "search") -> dict[str, bytes]:
    """Recorded replies by call, from files named like `jiracli-search.json`.

    A recorded list of projects is put into the envelope of project/search; a single issue or an
    old search is served as a search page. Calls without a file answer 404, lists are empty.
    """
    files = {path.stem.partition("-")[2]: path.read_bytes() for path in folder.glob("*.json")}
    found = {"status": b"[]", "field": b"[]"}
    for call, stem in {**RECORDED, "search/jql": search}.items():
        if stem in files:
            found[call] = files[stem]
    page = json.loads(found.get("search/jql", b'{"issues":[]}'))
    if "issues" not in page:
        page = {"issues": [page]}
    found["search/jql"] = json.dumps({"issues": page["issues"], "isLast": True}).encode()
    projects = json.loads(files.get("projects", b"[]"))
    found["project/search"] = json.dumps({"values": projects, "isLast": True}).encode()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a make-believe Jira Cloud.")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--issues", type=int, default=500)
    parser.add_argument("--replay", type=Path, help="serve recorded replies from this folder")
    parser.add_argument("--search", default="search", help="which recording answers the search")
    options = parser.parse_args()
    fake = FakeJira([] if options.replay else make_issues(options.issues), port=options.port)
    if options.replay:
        fake.replay = load_replay(options.replay, options.search)
    else:
        for issue in fake.issues:  # render now, so that callers are not kept waiting
            issue.body(), issue.history()
        fake.freeze()
    with fake:
        moves = sum(len(issue.moves) for issue in fake.issues)
        sys.stdout.write(f"{fake.url} {len(fake.issues)} issues {moves} changes\n")
        sys.stdout.flush()
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
