# ruff: noqa: F401, F811  the fixtures of the connected Jira are imported by name
"""A sync as Product Ops sees it: real worker, real broker, a worker killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.cache import cache

from integrations.models import SourceState, SyncRun
from planning.models import WorkItem
from producthub.celery import app
from tests.factories import make_user
from tests.integrations.conftest import equal, fake
from tests.integrations.test_sync_command import _environment

ROOT = Path(__file__).resolve().parents[2]
QUEUE = f"journey-{os.getpid()}"

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def queued():
    """Tasks go to the real broker, on a queue of this test's own."""
    app.conf.task_always_eager, app.conf.task_default_queue = False, QUEUE
    yield
    app.conf.task_always_eager, app.conf.task_default_queue = True, "celery"
    with app.connection_for_write() as broker:
        broker.default_channel.queue_delete(QUEUE)


@pytest.fixture
def start_worker(fake):
    """`start_worker()` runs a Celery worker on the test database; all are stopped at the end."""
    workers = []

    def start():
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "producthub", "worker", "-Q", QUEUE]
            + ["--pool", "solo", "--without-mingle", "--without-gossip", "--loglevel", "ERROR"],
            cwd=ROOT,
            env={**os.environ, **_environment(fake)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
        worker.wait()


def wait_for(what, seconds=120):
    """Poll the database until something holds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def test_a_killed_worker_and_the_next_one_brings_everything(
    visit,
    queued,
    start_worker,
    fake,
    equal,
):
    fake.page_size = 4
    page = visit(make_user("opsadmin@harbourline.example", "Ines Carvalho", role="product_ops"))
    page.goto("/integrations/")
    page.click("button:has-text('Sync now')")
    page.wait_for_load_state()

    first = start_worker()
    fake.before_page[4] = lambda: os.kill(first.pid, signal.SIGKILL)
    assert first.wait(timeout=120) == -signal.SIGKILL
    assert SyncRun.objects.get().status == "running"
    kept = WorkItem.objects.count()
    assert 0 < kept < 25
    assert SourceState.objects.get().cursor["token"]

    # What beat does every five minutes.
    app.send_task("integrations.tasks.sync_jira", queue=QUEUE)
    start_worker()
    wait_for(lambda: SyncRun.objects.filter(status="done").exists())
    equal()
    assert sorted(SyncRun.objects.values_list("status", flat=True)) == ["done", "interrupted"]

    cache.clear()  # the worker cleared its own; this web process has another in tests
    page.goto("/integrations/")
    said = page.inner_text("main")
    assert "Healthy" in said
    assert f"Kept {len(fake.issues)} issues" in " ".join(said.split()), said
    page.goto("/work/")
    item = WorkItem.objects.filter(finished_at__isnull=False).first()
    page.fill("main [name=q]", item.key)
    page.keyboard.press("Enter")
    page.click(f"a:has-text('{item.title}')")
    page.wait_for_selector("main .time")
    assert item.status_name in page.inner_text("main")
