"""All workers together stay below what a source allows."""

import threading
import time
import uuid

import pytest
from redis.exceptions import ConnectionError as Away

from integrations import limiter
from integrations.errors import RateLimited


@pytest.fixture
def bucket():
    return f"t{uuid.uuid4().hex[:8]}:GET"


def test_calls_of_many_workers_stand_in_one_row(bucket):
    waits = []

    def work():
        for _ in range(5):
            limiter.take(bucket, per_second=20, sleep=waits.append)

    workers = [threading.Thread(target=work) for _ in range(4)]
    begun = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.monotonic() - begun
    # Twenty calls at 20 a second: the last one's turn is 0.95 s after the first one's.
    assert max(waits) + took >= 0.9
    assert len({round(wait, 3) for wait in waits}) >= 15


def test_a_burst_is_let_through(bucket):
    waits = []
    for _ in range(5):
        limiter.take(bucket, per_second=1, burst=5, sleep=waits.append)
    assert waits == []


def test_nobody_sleeps_long_in_a_worker(bucket):
    for _ in range(3):
        limiter.take(bucket, per_second=1, sleep=lambda seconds: None)
    with pytest.raises(RateLimited) as pause:
        limiter.take(bucket, per_second=1, sleep=lambda seconds: None)
    assert 2 < pause.value.wait_seconds <= 3


def test_a_pause_holds_for_all_kinds_of_calls(bucket):
    source = bucket.split(":")[0]
    limiter.pause(source, 30)
    assert 28 < limiter.paused_seconds(source) <= 30
    with pytest.raises(RateLimited) as pause:
        limiter.take(f"{source}:POST", per_second=100)
    assert 28 < pause.value.wait_seconds <= 30


def test_without_the_server_it_goes_slowly(bucket, monkeypatch):
    def away(*args):
        raise Away

    monkeypatch.setattr(limiter._client(), "eval", away)
    waits = []
    limiter.take(bucket, per_second=100, sleep=waits.append)
    assert waits == [limiter.WITHOUT_REDIS_SECONDS]
