"""One line a request, with an id, and no secret in any line."""

import io
import json
import logging
import logging.config
import sys

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured

from producthub.lib.logs import hidden, logging_config, scrub, start_sentry
from producthub.lib.watch import new_request_id
from tests.factories import make_user


@pytest.fixture
def lines():
    """Everything that is logged at INFO, as the JSON lines that would be written."""
    out = io.StringIO()
    formatter_spec = logging_config("INFO", "json")["formatters"]["hub"]
    maker = formatter_spec.pop("()")
    handler = logging.StreamHandler(out)
    handler.setFormatter(maker(**formatter_spec))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel("INFO")
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(before)


def test_a_request_is_one_line_with_the_id_of_its_answer(client, ada, signed_in, lines):
    response = signed_in(ada).get("/teams/?q=private+words")
    assert [line["event"] for line in lines()] == ["request"]
    line = lines()[0]
    assert line["request_id"] == response["X-Request-ID"]
    assert (line["method"], line["path"], line["view"]) == ("GET", "/teams/", "accounts:teams")
    assert (line["status"], line["user_id"], line["level"]) == (200, ada.pk, "info")
    assert line["ms"] > 0
    assert "private" not in json.dumps(line)


def test_health_checks_are_quiet(client, db, lines):
    client.get("/healthz")
    assert lines() == []


def test_a_proxys_id_is_kept_when_it_is_plain(client, db):
    assert client.get("/healthz", headers={"X-Request-ID": "abc-12345678"})["X-Request-ID"] == (
        "abc-12345678"
    )
    for bad in ("short", "x" * 65, "with space and more", 'quote"quote"quote'):
        assert client.get("/healthz", headers={"X-Request-ID": bad})["X-Request-ID"] != bad


def test_ids_differ():
    assert len({new_request_id() for _ in range(1000)}) == 1000


def test_signing_in_leaves_no_password_behind(client, db, lines, django_assert_max_num_queries):
    make_user("ada@harbourline.example", password="a few secret words")
    for password in ("wrong secret guess", "a few secret words"):
        client.post("/accounts/login/", {"login": "ada@harbourline.example", "password": password})
    text = json.dumps(lines())
    assert len(lines()) >= 2
    assert "a few secret words" not in text
    assert "wrong secret guess" not in text
    assert client.cookies["sessionid"].value not in text


def test_a_reset_link_is_not_written_down(client, db, lines):
    client.get("/accounts/password/reset/key/1-abc123-feed/")
    assert "abc123" not in json.dumps(lines())
    assert lines()[0]["path"] == "/accounts/password/reset/key/[hidden]/"


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "hunter2"},
        {"headers": {"Authorization": "hunter2", "Accept": "x"}},
        {"text": "Authorization: Bearer hunter2hunter2"},
        {"text": "sent Basic aHVudGVyMjpodW50ZXIy==hunter2"},
        {"text": "postgres://hub:hunter2@db/hub"},
        {"text": "redis://:hunter2@db/0"},
        {"nested": [{"deep": {"api_token": "hunter2"}}]},
        {"text": "xoxb-hunter2-abc"},
        {"text": "password=hunter2&next=/"},
        {"SENTRY_DSN": "https://hunter2@sentry.example/1"},
    ],
)
def test_secrets_are_hidden(lines, fields):
    structlog.get_logger("test").warning("something", **fields)
    assert "hunter2" not in json.dumps(lines())
    assert "[hidden]" in json.dumps(lines())


def test_secrets_in_an_exception_are_hidden(lines):
    try:
        raise ValueError("cannot reach postgres://hub:hunter2@db/hub")
    except ValueError:
        logging.getLogger("test").exception("failed")
    line = lines()[0]
    assert "ValueError" in line["exception"]
    assert "hunter2" not in json.dumps(line)


def test_ordinary_words_stay():
    for text in ("https://example.com/a?b=c", "a basic question", "the bearer of news", "apiary"):
        assert hidden(text) == text
    assert hidden(3, "tokens") == "[hidden]"
    assert hidden(False, "has_password") is False


def test_sentry_gets_no_headers_queries_or_secrets():
    event = {
        "request": {
            "url": "https://hub.example.com/search/?q=private",
            "method": "GET",
            "query_string": "q=private",
            "cookies": {"sessionid": "hunter2"},
            "headers": {"Authorization": "Bearer hunter2hunter2"},
            "data": {"password": "hunter2"},
        },
        "exception": {"values": [{"value": "postgres://hub:hunter2@db/hub"}]},
        "extra": {"api_token": "hunter2"},
    }
    with structlog.contextvars.bound_contextvars(request_id="4f2a-9c31-77b0"):
        clean = scrub(event, {})
    assert "hunter2" not in json.dumps(clean)
    assert "private" not in json.dumps(clean)
    assert clean["request"] == {"url": "https://hub.example.com/search/", "method": "GET"}
    assert clean["tags"] == {"request_id": "4f2a-9c31-77b0"}


def test_a_missing_package_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(ImproperlyConfigured, match="Install requirements/production.txt"):
        start_sentry("https://key@sentry.example/1", environment="production")
