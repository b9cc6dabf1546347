"""The example source of CONTRIBUTING.md, built from its text: three files are enough."""

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.core.management import call_command

import integrations
from integrations import circuit, inbox, services, sources, tasks
from integrations.models import InboundMessage, RawRecord, Source, SourceState, SyncError, SyncRun

ROOT = Path(__file__).parents[2]
FILES = re.compile(r"^`integrations/incidents/(\w+\.py)`\n\n```python\n(.*?)^```$", re.M | re.S)


class StatusPage:
    """Pages of two; `faults` are statuses that come first."""

    def __init__(self):
        self.rows = [{"id": f"i{number}", "title": f"Incident {number}"} for number in range(5)]
        self.faults, self.calls, page = [], [], self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                page.calls.append(self.path)
                fault = page.faults.pop(0) if page.faults else 200
                start = int((re.findall(r"after=(\d+)", self.path) or [0])[0])
                more = str(start + 2) if start + 2 < len(page.rows) else ""
                body = json.dumps({"incidents": page.rows[start : start + 2], "next": more})
                if self.headers.get("Authorization") != "Bearer token-1":
                    fault = 401
                self.send_response(fault)
                self.send_header("Retry-After", "30")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args):
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def page(db, settings, tmp_path, monkeypatch):
    """The folder as the text says, the line in `Source`, and a connected status page."""
    folder = tmp_path / "incidents"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    files = FILES.findall((ROOT / "CONTRIBUTING.md").read_text())
    assert [name for name, _ in files] == ["client.py", "mapping.py", "sync.py"]
    for name, text in files:
        (folder / name).write_text(text)
    monkeypatch.setattr(integrations, "__path__", [*integrations.__path__, str(tmp_path)])
    member = str.__new__(Source, "incidents")
    member._name_, member._value_, member._label_ = "INCIDENTS", "incidents", "Status page"
    member._sort_order_ = len(Source)
    type.__setattr__(Source, "INCIDENTS", member)
    monkeypatch.setitem(Source._value2member_map_, "incidents", member)
    monkeypatch.setitem(Source._member_map_, "INCIDENTS", member)
    monkeypatch.setattr(Source, "_member_names_", [*Source._member_names_, "INCIDENTS"])
    sources.connector.cache_clear()
    shown = StatusPage()
    settings.INCIDENTS_URL, settings.INCIDENTS_TOKEN = shown.url, "token-1"
    yield shown
    shown.server.shutdown()
    shown.server.server_close()
    type.__delattr__(Source, "INCIDENTS")
    sources.connector.cache_clear()
    inbox._handlers.pop(member, None)
    for name in [name for name in sys.modules if name.startswith("integrations.incidents")]:
        del sys.modules[name]


def kept():
    rows = RawRecord.objects.filter(source="incidents")
    return sorted(json.loads(row.payload)["title"] for row in rows)


def read(**options):
    return sources.connector("incidents").sync(
        trigger="command", sleep=lambda seconds: None, **options
    )


def test_it_is_read_like_any_other(page):
    tasks.sync_source("incidents")
    assert kept() == [f"Incident {number}" for number in range(5)]
    page.rows[2]["title"] = "Incident 2, mended"
    tasks.sync_source("incidents")
    assert "since=" in page.calls[-1]
    assert "Incident 2, mended" in kept()
    assert set(SyncRun.objects.values_list("status", flat=True)) == {"done"}


def test_the_command_reads_it(page, capsys):
    call_command("sync", "incidents", "--json")
    assert '"status": "done"' in capsys.readouterr().out
    assert len(kept()) == 5


@pytest.mark.parametrize("faults", [[503], [200, 503], [200, 200, 500, 502]])
def test_a_bad_moment_is_tried_again(page, faults):
    page.faults[:] = faults
    assert read().status == "done"
    assert len(kept()) == 5


def test_a_pause_is_kept_by_everybody(page):
    page.faults[:] = [200, 429]
    assert tasks.sync_source("incidents") > 20
    calls = len(page.calls)
    assert tasks.sync_source("incidents") is None
    assert len(page.calls) == calls


def test_a_refused_token_stops_all_calls(page, settings):
    settings.INCIDENTS_TOKEN = "other"
    assert read().status == "failed"
    assert circuit.is_open(Source("incidents"))
    calls = len(page.calls)
    tasks.sync_source("incidents")
    assert len(page.calls) == calls
    settings.INCIDENTS_TOKEN = "token-1"
    assert read().status == "done"


def test_one_bad_row_leaves_the_rest(page):
    page.rows[1] = {"title": "no id"}
    assert read().failed == 1
    assert len(kept()) == 4
    assert SyncError.objects.get().message == "It has no id."


def test_its_webhook_is_a_hint(page, run_on_commit):
    with run_on_commit():
        inbox.receive(source=Source("incidents"), kind="incident.opened", key="1")
    assert InboundMessage.objects.get().message.startswith("Read: 5 incidents")


def test_it_has_a_card_and_a_test(page, opsadmin, signed_in):
    assert services.test_connection(source="incidents", actor=opsadmin).endswith("2 incidents.")
    read()
    text = signed_in(opsadmin).get("/integrations/").content.decode()
    assert 'aria-label="Status page"' in text
    assert SourceState.objects.get(source="incidents").last_success_at
