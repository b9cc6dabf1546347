"""A Productboard of our own over HTTP, API v2, with the faults that the real one has.

`with FakeProductboard() as board: board.url`. Notes are made on POST and never twice refused:
a caller that repeats itself makes two.
"""

import json
import socket
import struct
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
TOKEN = "pb-token-1"
CUSTOM = "faa1d59a-d55f-4ad2-b1d3-5b888123873b"
CHOICE = "0b2b7ad1-6c6e-4d0e-9d7d-8a0d8c6a9b11"
Reply = tuple[int, bytes]


def uid(number: int) -> str:
    """The id of the entity with this number."""
    return str(UUID(int=number))


@dataclass
class Fault:
    """What goes wrong on calls with `path` in them: a status, 429, html, truncated, reset,
    repeat (the same cursor again), reset-after (done, and then the line breaks)."""

    kind: str
    path: str = ""
    times: int = 1
    after: int = 0
    value: Any = None


@dataclass
class Entity:
    """An entity as the fake holds it; `links` are (type, target id)."""

    id: str
    type: str
    fields: dict[str, Any]
    updated: datetime
    links: list[tuple[str, str]] = field(default_factory=list)
    source: dict[str, str] | None = None

    def change(self, **fields: Any) -> None:
        self.fields |= fields
        self.updated = datetime.now(UTC)


def make_entities(features: int = 12) -> list[Entity]:
    """Two products' worth: a product, two components, features below them, an objective."""
    found = [
        Entity(uid(1), "product", {"name": "Dispatch"}, START),
        Entity(uid(2), "component", {"name": "Board"}, START, [("parent", uid(1))]),
        Entity(uid(3), "component", {"name": "Driver app"}, START, [("parent", uid(1))]),
        Entity(uid(4), "objective", {"name": "Fewer calls", "archived": False}, START),
        Entity(
            uid(5),
            "keyResult",
            {
                "name": "Calls a day",
                "progress": {"startValue": 80, "targetValue": 40, "currentValue": 60},
            },
            START,
            [("parent", uid(4))],
        ),
    ]
    for index in range(features):
        found.append(
            Entity(
                uid(100 + index),
                "feature",
                {
                    "name": f"Feature {index}",
                    "description": f"<p>What it <b>does</b> {index}</p><script>no()</script>",
                    "status": {"id": "447e", "name": "In progress"},
                    "owner": {"id": "56ca", "email": "ana@harbourline.example"},
                    "timeframe": {
                        "startDate": "2026-10-01",
                        "endDate": "2026-12-31",
                        "granularity": "quarter",
                    },
                    "health": {"mode": "manual", "status": "onTrack"},
                    "workProgress": {"value": 5 * index, "mode": "calculated"},
                    "archived": False,
                    CUSTOM: 120 + index,
                },
                START + timedelta(minutes=index),
                [("parent", uid(2 + index % 2)), ("link", uid(4))],
            )
        )
        found[3].links.append(("link", uid(100 + index)))
    return found


class FakeProductboard:
    """The server; tests change its lists while it runs."""

    def __init__(self, entities: list[Entity] | None = None) -> None:
        self.entities = make_entities() if entities is None else entities
        self.connections: dict[str, list[dict[str, Any]]] = {"int-1": []}
        self.members: list[dict[str, Any]] = [
            {"id": "m-1", "fields": {"name": "Ana", "email": "ana@harbourline.example"}},
            {"id": "m-2", "fields": {"name": "[redacted]", "email": "[redacted]"}},
        ]
        self.activities: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.hidden_types: set[str] = set()
        self.requests: list[tuple[str, str, Any]] = []
        self.token = TOKEN
        self.page_size = 5
        self.relations_inside = 3
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.fake = self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v2"

    def __enter__(self) -> "FakeProductboard":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def entity(self, number: int) -> Entity:
        return next(one for one in self.entities if one.id == uid(number))

    def connect(self, number: int, issue_id: str, key: str, integration: str = "int-1") -> None:
        """Say that an issue stands for an entity."""
        self.connections.setdefault(integration, []).append(
            {
                "id": uid(number),
                "type": "jiraIntegrationConnection",
                "fields": {"issueKey": key, "issueId": issue_id},
            }
        )

    def calls(self, part: str) -> int:
        return sum(part in path for _, path, _ in self.requests)

    # --- answers ----------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Reply:
        parts = path.removeprefix("/v2/").split("/")
        cursor = (query.get("pageCursor") or ["0"])[0]
        match method, parts:
            case "GET", ["entities"]:
                types = query.get("type[]")
                if not types:  # also what its own links.next would ask: `type=feature`
                    return _error(400, "validation.failed", "type[] is required")
                if self.hidden_types & set(types):
                    return _error(403, "forbidden", "Missing scope.")
                chosen = [one for one in self.entities if one.type in types]
                full = query.get("fields[]") == ["all"]
                bad = f"type={types[0]}"
                return self._page([self.render(one, full) for one in chosen], cursor, path, bad)
            case "POST", ["entities", "search"]:
                data = body["data"]
                if "filter" not in data:
                    return _error(422, "validation.failed", "data.filter is required")
                chosen = [one for one in self.entities if one.type in data["filter"]["type"]]
                if since := data["filter"].get("updatedAt", {}).get("from"):
                    moment = datetime.fromisoformat(since)
                    chosen = [one for one in chosen if one.updated >= moment]
                full = data.get("return", {}).get("fields") == "all"
                return self._page([self.render(one, full) for one in chosen], cursor, path)
            case "GET", ["entities", "configurations", entity_type]:
                return _ok(self.configuration(entity_type))
            case "GET", ["entities", "fields", _, "values"]:
                values = [{"id": "o-1", "fields": {"name": "Large"}}]
                return self._page(values, cursor, path)
            case "GET", ["entities", pk]:
                held = next((one for one in self.entities if one.id == pk), None)
                return _ok(self.render(held, True)) if held else _error(404, "not.found", "None")
            case "GET", ["entities", pk, "relationships"]:
                held = next((one for one in self.entities if one.id == pk), None)
                if held is None:
                    return _error(404, "not.found", "None")
                return self._page(self.relations(held), cursor, path)
            case "GET", ["jira-integrations"]:
                sites = [
                    {"id": pk, "fields": {"name": f"Jira {pk}", "integrationStatus": "enabled"}}
                    for pk in self.connections
                ]
                return self._page(sites, cursor, path)
            case "GET", ["jira-integrations", pk, "connections"]:
                return self._page(self.connections[pk], cursor, path)
            case "GET", ["members"]:
                return self._page(self.members, cursor, path)
            case "GET", ["analytics", "member-activities"]:
                first, last = query["dateFrom"][0], query["dateTo"][0]
                days = [row for row in self.activities if first <= row["date"] <= last]
                return self._page(days, cursor, path)
            case "GET", ["notes"]:
                wanted = (query.get("metadata[source][recordId]") or [""])[0]
                since = (query.get("updatedFrom") or [""])[0]
                found = [
                    note
                    for note in self.notes
                    if (not wanted or note["metadata"]["source"]["recordId"] == wanted)
                    and note["updatedAt"] >= since
                ]
                return self._page(found[::-1], cursor, path)
            case "POST", ["notes"]:
                data = body["data"]
                if not data["fields"].get("name"):
                    return _error(422, "validation.failed", "fields.name is required")
                pk = uid(9000 + len(self.notes))
                page = f"https://harbourline.example/notes/{pk}"
                made = {"id": pk, "links": {"html": page}, "updatedAt": _now()}
                self.notes.append({**data, **made})
                return 201, json.dumps(
                    {"data": {"id": pk, "type": "textNote", "links": {"html": page}}}
                ).encode()
            case "GET", ["notes", pk, "relationships"]:
                note = next((one for one in self.notes if one["id"] == pk), None)
                if note is None:
                    return _error(404, "not.found", "None")
                return self._page(note.get("relationships", []), cursor, path)
            case "PATCH", ["notes", pk]:
                note = next((one for one in self.notes if one["id"] == pk), None)
                if note is None:
                    return _error(404, "not.found", "None")
                note["fields"] |= body["data"]["fields"]
                note["updatedAt"] = _now()
                return _ok({"id": pk, "type": "textNote"})
            case "PATCH", ["entities", pk]:
                held = next((one for one in self.entities if one.id == pk), None)
                if held is None:
                    return _error(404, "not.found", "None")
                if set(body["data"]) != {"fields"}:
                    return _error(422, "validation.failed", "either fields or patch")
                held.change(**body["data"]["fields"])
                return _ok({"id": pk, "type": held.type})
        return _error(404, "not.found", "Not here.")

    def link_note(self, note_id: str, number: int) -> None:
        """A person links a note with a feature there."""
        note = next(one for one in self.notes if one["id"] == note_id)
        target = {"id": uid(number), "type": "link"}
        note.setdefault("relationships", []).append({"type": "link", "target": target})
        note["updatedAt"] = _now()

    def configuration(self, entity_type: str) -> dict[str, Any]:
        fields = {
            "name": {"id": "name", "name": "Name", "schema": "TextFieldValue"},
            CUSTOM: {"id": CUSTOM, "name": "Reach", "schema": "NumberFieldValue"},
            CHOICE: {"id": CHOICE, "name": "Size", "schema": "SingleSelectFieldValue"},
        }
        return {"type": entity_type, "fields": fields}

    def relations(self, held: Entity) -> list[dict[str, Any]]:
        types = {one.id: one.type for one in self.entities}
        return [
            {"type": kind, "target": {"id": other, "type": types.get(other, "feature")}}
            for kind, other in held.links
        ]

    def render(self, held: Entity, full: bool) -> dict[str, Any]:
        fields = {name: value for name, value in held.fields.items() if full or value is not None}
        relations = self.relations(held)
        more = len(relations) > self.relations_inside
        found = {
            "id": held.id,
            "type": held.type,
            "fields": fields,
            "relationships": {
                "data": relations[: self.relations_inside],
                "links": {"next": f"{self.url}/dead" if more else None},
            },
            "links": {
                "self": f"{self.url}/entities/{held.id}",
                "html": f"https://harbourline.productboard.example/detail/{held.id}",
            },
            "createdAt": START.isoformat().replace("+00:00", "Z"),
            "updatedAt": held.updated.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        if held.source:
            found["metadata"] = {"source": held.source}
        return found

    def _page(self, entries: list[Any], cursor: str, path: str, extra: str = "") -> Reply:
        start = int(cursor)
        end = start + self.page_size
        following: str | None = None
        if end < len(entries):
            if self._fault(path, special=True):
                end = start
            following = f"{self.url}/../dead?{extra}&pageCursor={end}"
        page = entries[start : start + self.page_size]
        return 200, json.dumps({"data": page, "links": {"next": following}}).encode()

    def _fault(self, path: str, *, special: bool = False) -> Fault | None:
        for fault in self.faults:
            if fault.path not in path or (fault.kind == "repeat") != special or fault.times < 1:
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.times -= 1
            return fault
        return None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ok(data: Any) -> Reply:
    return 200, json.dumps({"data": data}).encode()


def _error(status: int, code: str, detail: str) -> Reply:
    errors = [{"code": code, "title": code, "detail": detail}]
    return status, json.dumps({"id": "req-7", "errors": errors}).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    fake: FakeProductboard

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def _serve(self) -> None:
        fake = self.server.fake
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        body = json.loads(raw) if raw else None
        fake.requests.append((self.command, self.path, body))
        if self.headers.get("Authorization") != f"Bearer {fake.token}":
            self._send(*_error(401, "unauthorized", "No."))
            return
        query = parse_qs(parts.query)
        fault = fake._fault(parts.path)
        if fault is None:
            self._send(*fake.answer(self.command, parts.path, query, body))
        elif fault.kind in {"reset", "reset-after"}:
            if fault.kind == "reset-after":
                fake.answer(self.command, parts.path, query, body)
            linger = struct.pack("ii", 1, 0)  # a reset, not an orderly end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            self.close_connection = True
        elif fault.kind == "truncated":
            _, whole = fake.answer(self.command, parts.path, query, body)
            self._send(200, whole[: len(whole) // 2])
        elif fault.kind == "html":
            self._send(200, b"<!doctype html><title>Log in</title>")
        elif fault.kind == "429":
            value = fault.value
            at = format_datetime(value, usegmt=True) if isinstance(value, datetime) else str(value)
            self._send(*_error(429, "rate.limited", "Slow down."), {"Retry-After": at})
        else:
            self._send(*_error(int(fault.kind), "no", "Missing scope."))

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""
