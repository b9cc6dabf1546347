"""Everything that is measured, one after the other: `python -m benchmarks [--short]`.

Needs DATABASE_URL, as `make bench` sets it.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run all or one of them; the exit status says whether they ran."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="Small, to see that it works.")
    parser.add_argument(
        "--only",
        choices=["pages", "sync", "keystroke", "freshness", "slack"],
        help="One of them.",
    )
    given = parser.parse_args()
    short = ["--short"] if given.short else []
    commands = {
        "pages": [sys.executable, "-m", "benchmarks.pages", *short],
        "sync": [sys.executable, "benchmarks/sync.py", *short],
        "keystroke": [sys.executable, "-m", "benchmarks.keystroke", *short],
        "freshness": [sys.executable, "-m", "benchmarks.freshness", *short],
        "slack": [sys.executable, "-m", "benchmarks.slack", *short],
    }
    failed = 0
    for name, command in commands.items():
        if given.only in (None, name):
            sys.stdout.write(f"\n=== {name} ===\n")
            sys.stdout.flush()
            failed |= subprocess.run(command, cwd=ROOT, check=False).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
