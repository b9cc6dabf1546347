"""A Slack of our own over HTTP: the methods that the hub calls, with the faults of the real one.

`with FakeSlack() as slack: slack.url`. Messages that are posted twice are two, a trigger opens
one view, and unknown things are refused with HTTP 200 and `ok: false`.
"""

import json
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "xoxb-fake"


@dataclass
class Fault:
    """What goes wrong on a method: an error's word, 429, 503, html, reset, cut (a body that ends
    too soon), again (the cursor of this page once more), or reset-after (done, and then the line
    breaks). `after` calls go well first."""

    method: str
    kind: str
    times: int = 1
    value: str = "7"
    after: int = 0


class FakeSlack:
    """The server. `calls` lists (method, arguments); `messages` holds channels by id."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[Fault] = []
        self.triggers: set[str] = set()
        self.channels: dict[str, dict[str, Any]] = {}
        self.members: dict[str, set[str]] = defaultdict(set)
        self.page_size = 2
        # Called after each answer: (method), so that things change while pages are read.
        self.meanwhile: list[Callable[[str], None]] = []
        self._clock = int(time.time()) - 100
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/api/"

    def __enter__(self) -> "FakeSlack":
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_user(self, user_id: str, email: str = "", **more: Any) -> None:
        profile = {"real_name": more.pop("name", user_id), **({"email": email} if email else {})}
        self.users[user_id] = {"id": user_id, "team_id": "T111", "profile": profile, **more}

    def trigger(self, name: str = "t.1") -> str:
        """A trigger that opens one view."""
        self.triggers.add(name)
        return name

    def say(self, channel: str, user: str, text: str, **more: Any) -> str:
        """A message of a person; returns its ts."""
        message = {"type": "message", "user": user, "text": text, "ts": self._ts(), **more}
        self.messages[channel].append(message)
        return message["ts"]

    def named(self, method: str) -> list[dict[str, Any]]:
        """Arguments of the calls of one method."""
        return [arguments for name, arguments in self.calls if name == method]

    def _ts(self) -> str:
        self._clock += 1
        return f"{self._clock}.000100"

    def fault(self, method: str) -> Fault | None:
        for one in self.faults:
            if one.method == method and one.times > 0:
                if one.after > 0:
                    one.after -= 1
                    continue
                one.times -= 1
                return one
        return None

    def answer(self, method: str, sent: dict[str, Any]) -> dict[str, Any]:
        made = getattr(self, "do_" + method.replace(".", "_"), None)
        return made(sent) if made else {"ok": False, "error": "unknown_method"}

    def do_auth_test(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "team": "Harbourline", "team_id": "T111", "bot_id": "B1",
                "url": "https://harbourline.slack.example/"}  # fmt: skip

    def do_views_open(self, sent: dict[str, Any]) -> dict[str, Any]:
        if sent.get("trigger_id") not in self.triggers:
            return {"ok": False, "error": "expired_trigger_id"}
        self.triggers.discard(sent["trigger_id"])
        return {"ok": True, "view": {**sent["view"], "id": "V1", "hash": "1.a"}}

    def do_views_update(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "view": sent["view"]}

    def do_views_publish(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "view": sent["view"]}

    def do_chat_unfurl(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True}

    def do_users_info(self, sent: dict[str, Any]) -> dict[str, Any]:
        user = self.users.get(sent.get("user", ""))
        return {"ok": True, "user": user} if user else {"ok": False, "error": "user_not_found"}

    def do_users_list(self, sent: dict[str, Any]) -> dict[str, Any]:
        start = int(sent.get("cursor") or 0)
        rows, end = list(self.users.values()), start + self.page_size
        following = str(end) if end < len(rows) else ""
        return {"ok": True, "members": rows[start:end],
                "response_metadata": {"next_cursor": following}}  # fmt: skip

    def do_conversations_open(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "channel": {"id": "D" + sent["users"]}}

    def do_chat_getPermalink(self, sent: dict[str, Any]) -> dict[str, Any]:
        ts = sent["message_ts"].replace(".", "")
        address = f"https://harbourline.slack.example/archives/{sent['channel']}/p{ts}"
        return {"ok": True, "permalink": address}

    def do_chat_postMessage(self, sent: dict[str, Any]) -> dict[str, Any]:
        ts = self._ts()
        kept = {name: sent[name] for name in ("text", "thread_ts", "metadata") if name in sent}
        self.messages[sent["channel"]].append({**kept, "ts": ts, "bot_id": "B1"})
        return {"ok": True, "channel": sent["channel"], "ts": ts}

    def do_chat_update(self, sent: dict[str, Any]) -> dict[str, Any]:
        for message in self.messages[sent["channel"]]:
            if message["ts"] == sent["ts"]:
                message["text"] = sent["text"]
                return {"ok": True, "ts": sent["ts"]}
        return {"ok": False, "error": "message_not_found"}

    # --- Channels -----------------------------------------------------------------------------

    def add_channel(self, channel: str, name: str = "", **more: Any) -> None:
        self.channels[channel] = {"id": channel, "name": name or channel.lower(),
                                  "is_private": False, "is_archived": False, "is_member": True,
                                  "is_ext_shared": False, **more}  # fmt: skip

    def find(self, channel: str, ts: str) -> dict[str, Any]:
        return next(one for one in self.messages[channel] if one["ts"] == ts)

    def reply(self, channel: str, root: str, user: str, text: str, **more: Any) -> str:
        return self.say(channel, user, text, thread_ts=root, **more)

    def edit(self, channel: str, ts: str, text: str) -> None:
        self.find(channel, ts).update(text=text, edited={"user": "U1", "ts": self._ts()})

    def delete(self, channel: str, ts: str) -> None:
        """A parent with replies leaves a tombstone."""
        one = self.find(channel, ts)
        if any(other.get("thread_ts") == ts for other in self.messages[channel]):
            one.update(subtype="tombstone", user="USLACKBOT", text="This message was deleted.")
        else:
            self.messages[channel].remove(one)

    def react(self, channel: str, ts: str, name: str, *users: str) -> None:
        told = self.find(channel, ts).setdefault("reactions", [])
        told[:] = [one for one in told if one["name"] != name]
        if users:
            told.append({"name": name, "users": list(users), "count": len(users)})

    def shown(self, channel: str, one: dict[str, Any]) -> dict[str, Any]:
        """A message as Slack shows it: a parent tells of its thread."""
        replies = [other for other in self.messages[channel] if other.get("thread_ts") == one["ts"]]
        if not replies or "thread_ts" in one:
            return one
        return {**one, "thread_ts": one["ts"], "reply_count": len(replies),
                "latest_reply": max(other["ts"] for other in replies)}  # fmt: skip

    def _paged(
        self, rows: list[dict[str, Any]], sent: dict[str, Any], name: str = "messages"
    ) -> dict[str, Any]:
        """A page; the cursor names the last row, as that stays where rows come and go."""
        begin = sent.get("cursor") or ""
        keys = [str(row.get("ts") or row.get("id")) for row in rows]
        start = keys.index(begin) + 1 if begin in keys else 0
        if begin and begin not in keys:
            rank = sorted([*keys, begin], reverse=name == "messages" and "ts" not in sent)
            start = rank.index(begin)
        end = start + min(self.page_size, int(sent.get("limit") or 100))
        following = keys[end - 1] if end < len(rows) else ""
        return {"ok": True, name: rows[start:end],
                "response_metadata": {"next_cursor": following}}  # fmt: skip

    def _between(self, rows: list[dict[str, Any]], sent: dict[str, Any]) -> list[dict[str, Any]]:
        oldest, latest = sent.get("oldest") or "0", sent.get("latest") or "9" * 17
        return [one for one in rows if float(oldest) <= float(one["ts"]) <= float(latest)]

    def do_conversations_list(self, sent: dict[str, Any]) -> dict[str, Any]:
        return self._paged(list(self.channels.values()), sent, "channels")

    def do_conversations_members(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "members": sorted(self.members[sent["channel"]]),
                "response_metadata": {"next_cursor": ""}}  # fmt: skip

    def do_conversations_history(self, sent: dict[str, Any]) -> dict[str, Any]:
        channel = sent["channel"]
        if channel in self.channels and not self.channels[channel]["is_member"]:
            return {"ok": False, "error": "not_in_channel"}
        found = [
            self.shown(channel, one)
            for one in self.messages[channel]
            if one.get("thread_ts") in (None, one["ts"]) or one.get("subtype") == "thread_broadcast"
        ]
        found.sort(key=lambda one: one["ts"], reverse=True)
        return self._paged(self._between(found, sent), sent)

    def do_conversations_replies(self, sent: dict[str, Any]) -> dict[str, Any]:
        ts, channel = sent["ts"], sent["channel"]
        found = [
            self.shown(channel, one)
            for one in self.messages[channel]
            if ts in (one["ts"], one.get("thread_ts"))
        ]
        if not found:
            return {"ok": False, "error": "thread_not_found"}
        found.sort(key=lambda one: one["ts"])
        page = self._paged(self._between(found, sent), sent)
        if sent.get("cursor") and found[0] not in page["messages"]:
            page["messages"] = [found[0], *page["messages"]]  # the parent stands on each page
        return page


def _handler(fake: FakeSlack) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            method = parts.path.removeprefix("/api/")
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_json = "json" in self.headers.get("Content-Type", "")
            sent = json.loads(raw) if is_json and raw else _plain(raw.decode())
            sent |= _plain(parts.query)
            fake.calls.append((method, sent))
            fault = fake.fault(method)
            if fault and fault.kind == "reset":
                self._reset()
            elif fault and fault.kind == "reset-after":
                fake.answer(method, sent)
                self._reset()
            elif fault and fault.kind == "429":
                self._say(429, b'{"ok":false,"error":"ratelimited"}', fault.value)
            elif fault and fault.kind == "503":
                self._say(503, b"upstream connect error")
            elif fault and fault.kind == "cut":
                self._say(200, json.dumps(fake.answer(method, sent)).encode()[:-20])
            elif fault and fault.kind == "again":
                page = fake.answer(method, sent)
                page["response_metadata"] = {"next_cursor": sent.get("cursor") or "x"}
                self._say(200, json.dumps(page).encode())
            elif fault and fault.kind == "html":
                self._say(200, b"<html>Sign in to the network</html>")
            elif fault:
                self._say(200, json.dumps({"ok": False, "error": fault.kind}).encode())
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._say(200, b'{"ok":false,"error":"invalid_auth"}')
            else:
                self._say(200, json.dumps(fake.answer(method, sent)).encode())
            for change in list(fake.meanwhile):
                change(method)

        def _say(self, status: int, body: bytes, retry_after: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(body)

        def _reset(self) -> None:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    return Handler


def _plain(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
