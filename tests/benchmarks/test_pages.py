"""The page benchmark itself: it runs, counts and weighs. Never a word about time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import pages

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_is_measured_and_costs_few_queries(tmp_path):
    """In a database of its own beside the tests' one, filled with the demonstration company."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pages", "--short", "--json"],
        cwd=ROOT,
        env={**os.environ, "HUB_DIR": str(tmp_path), "BENCH_LOG": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)["1"]
    assert found["missing"] == {}
    assert found["requests"] > 1000
    assert {page["name"].partition(",")[0] for page in found["pages"]} >= {
        "home", "my requests", "request", "triage", "work items", "work item", "integrations",
        "search", "tools", "teams", "inbox", "metrics",
    }  # fmt: skip
    for page in found["pages"]:
        assert page["queries"] <= pages.MAX_QUERIES, page
        assert page["cpu_ms"] > 0
        assert page["wall_ms"] > 0
        assert page["sent_kb"] < page["raw_kb"] or page["raw_kb"] < 0.2, page
    assert all(cost > 0 for cost in found["floor_ms"].values())
    weight = found["weight"]
    assert weight["first_kb"] <= pages.MAX_FIRST_KB, weight
    assert weight["first_requests"] <= pages.MAX_FIRST_REQUESTS, weight
    assert weight["again_kb"] <= pages.MAX_AGAIN_KB


def found_with(**fields):
    page = {
        "name": "triage", "queries": 9, "cpu_ms": 5.0, "wall_ms": 9.0, "wall_p95_ms": 12.0,
        "raw_kb": 20.0, "sent_kb": 5.0, "ratio": 2.0, "limit": 2.5, **fields,
    }  # fmt: skip
    return {"pages": [page], "weight": {}, "missing": {}}


def test_within_the_limits_nothing_is_said():
    assert pages.missed(1, found_with()) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"queries": 13}, "triage at scale 1: 13 queries"),
        ({"wall_ms": 101.0}, "triage at scale 1: 101 ms"),
        ({"ratio": 2.51}, "triage at scale 1: 2.51 times the floor, over 2.5"),
    ],
)
def test_beyond_a_limit_it_says_so(fields, said):
    assert pages.missed(1, found_with(**fields)) == [said]


def test_its_databases_stand_beside_the_given_one(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://hub@%2Ftmp%2Fpg/hub")
    assert pages.database_url(100) == "postgres://hub@%2Ftmp%2Fpg/hub_bench100"


def test_without_a_database_it_is_one_sentence(monkeypatch, capsys):
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setattr(sys, "argv", ["pages"])
    assert pages.main() == 1
    assert capsys.readouterr().err == "DATABASE_URL is not set. `make bench` sets it.\n"
