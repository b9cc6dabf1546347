"""The drill in short: a few deaths in a hub of its own."""

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
