"""The benchmark still works; never how fast it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_both_sides_read_everything():
    done = subprocess.run(
        [sys.executable, "benchmarks/sync.py", "--short"],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["bare"]["issues"] == figures["sync"]["issues"] == 300
    assert figures["bare"]["changes"] == figures["sync"]["changes"] == 3450
