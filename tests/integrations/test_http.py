"""Retry-After, retries and replies that are no JSON."""

from datetime import UTC, datetime

import pytest

from integrations.errors import RateLimited, RetryableUpstreamError
from integrations.http import MAX_TRIES, call_with_retries, parse_json, retry_after_seconds

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "header,seconds",
    [
        ("30", 30),
        (" 1.5 ", 1.5),
        ("Sun, 22 Nov 2026 10:02:00 GMT", 120),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0),
        ("-5", 0),
        ("999999", 3600),
        ("inf", 3600),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


def test_retries_grow_and_end():
    pauses = []

    def fail():
        raise RetryableUpstreamError("away")

    with pytest.raises(RetryableUpstreamError):
        call_with_retries(fail, sleep=pauses.append)
    assert len(pauses) == MAX_TRIES - 1
    assert pauses[0] < 1 < pauses[-1]


def test_a_rate_limit_is_not_slept_away():
    def fail():
        raise RateLimited("later", 60)

    with pytest.raises(RateLimited):
        call_with_retries(fail, sleep=lambda seconds: pytest.fail("slept"))


def test_json_is_parsed():
    assert parse_json(b'{"a": [1]}', who="Jira") == {"a": [1]}


def test_lone_surrogates_do_not_spoil_a_page():
    assert parse_json(rb'{"a": "x\ud83d", "b": "\ud83d\ude00"}', who="Jira") == {
        "a": "x?",
        "b": "😀",
    }


@pytest.mark.parametrize("body", [b"", b'{"a": [1', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_was_cut_may_be_asked_for_again(body):
    with pytest.raises(RetryableUpstreamError, match="incomplete or unreadable"):
        parse_json(body, who="Jira")


def test_html_is_named():
    with pytest.raises(RetryableUpstreamError, match="Jira answered with a web page"):
        parse_json(b"  <html>", who="Jira")
