"""Figures for Prometheus: to holders of the token alone, and right across processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from activity.events import record

ROOT = Path(__file__).resolve().parents[2]


def test_without_a_token_there_is_no_such_page(client, db):
    assert client.get("/metrics/prometheus").status_code == 404
    headers = {"Authorization": "Bearer "}
    assert client.get("/metrics/prometheus", headers=headers).status_code == 404


@pytest.mark.parametrize("given", ["", "Bearer wrong", "the token", "Basic the token", "Bearer ü"])
def test_strangers_do_not_see_that_it_exists(client, db, settings, given):
    settings.METRICS_TOKEN = "the token"
    headers = {"Authorization": given}
    assert client.get("/metrics/prometheus", headers=headers).status_code == 404


def test_holders_read_what_the_database_knows(client, ada, settings, monkeypatch):
    settings.METRICS_TOKEN = "the token"
    monkeypatch.setattr("producthub.lib.prometheus.request_metrics", lambda: b"")
    record("user.updated", ada)
    response = client.get("/metrics/prometheus", headers={"Authorization": "Bearer the token"})
    assert response.status_code == 200
    figures = dict(
        line.split(" ") for line in response.content.decode().splitlines() if line[0] != "#"
    )
    assert int(figures["producthub_events_recorded_total"]) >= 1
    assert figures["producthub_dispatches_waiting"] == "0"


SEVERAL_PROCESSES = """
import os, sys
from producthub.lib.prometheus import REQUEST_SECONDS, request_metrics
children = []
for number in range(2):
    pid = os.fork()
    if not pid:
        REQUEST_SECONDS.labels("hub:home", "GET", "200").observe(0.02)
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
sys.stdout.write(request_metrics().decode())
"""


def test_the_figures_of_all_processes_are_added_up():
    environment = {"PATH": os.environ["PATH"]}
    result = subprocess.run(
        [sys.executable, "-c", SEVERAL_PROCESSES],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    wanted = 'producthub_request_seconds_count{method="GET",status="200",view="hub:home"} 2.0'
    assert wanted in result.stdout
