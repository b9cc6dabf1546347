"""The keystroke benchmark runs, finds by the files of its own follower, and keeps what it may."""

import json
import os
import subprocess
import sys
from pathlib import Path

from search import embedder

ROOT = Path(__file__).resolve().parents[2]


def test_it_types_and_finds(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.keystroke", "--short", "--json"],
        cwd=ROOT,
        env={**os.environ, "HUB_DIR": str(tmp_path), "SEARCH_VECTORS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["requests"] == 300
    assert found["shown"] > found["keystrokes"]
    assert found["has_vectors"] == embedder._is_installed()
    assert found["all"]["median_ms"] > 0
    if found["has_vectors"]:
        assert found["first_look_keeps"] == 1.0


def test_the_quality_benchmark_speaks_the_protocol(tmp_path):
    """A question is answered with what was there before it, each merged group once."""
    from benchmarks.duplicates import make_database, scratch

    given = {"DATABASE_URL": os.environ["DATABASE_URL"], "HUB_DIR": str(tmp_path)}
    env = {
        **scratch("bench_protocol"),
        **{"SEARCH_DIR": str(tmp_path / "s"), "SEARCH_VECTORS": "0"},
    }
    assert given["DATABASE_URL"] in env["DATABASE_URL"]
    make_database(env)
    text = {"body": "", "created": "2025-03-01T09:00:00Z"}
    lines = [
        {"op": "index", "id": "a", "title": "Export invoices to Excel", **text},
        {"op": "index", "id": "b", "title": "Download invoices as Excel", **text},
        {"op": "link", "duplicate_id": "b", "master_id": "a"},
        {"op": "ready"},
        {"op": "query", "id": "q", "title": "Excel invoices download", "k": 5, **text},
        {"op": "add", "id": "c", "title": "Excel invoices download", **text},
        {"op": "query", "id": "r", "title": "Excel invoices download", "k": 5, **text},
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.duplicates", "--speak"],
        input="".join(json.dumps(line) + "\n" for line in lines),
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(lines)
    assert answers[4]["results"] == ["b"]
    assert 0 < answers[4]["confidence"] < 1
    assert set(answers[6]["results"]) == {"b", "c"}
