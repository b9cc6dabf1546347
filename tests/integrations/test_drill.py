"""The drill and the freshness of webhooks in short, each in a hub of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_few_deaths_lose_and_double_nothing():
    env = {**os.environ, "HUB_DIR": os.environ.get("HUB_DIR") or str(ROOT / ".hub")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.drill", "--kills", "3", "--issues", "60", "--seed", "5"],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=480,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing was lost, nothing came twice." in done.stdout


def test_a_webhook_reaches_the_page():
    env = {**os.environ, "HUB_DIR": os.environ.get("HUB_DIR") or str(ROOT / ".hub")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.freshness", "--short"],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["changes"] == 4
    assert figures["longest"] < 30  # shown before the reader gave up
