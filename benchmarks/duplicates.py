"""How well the hub finds duplicates, by its own code: tables, follower, `similar()`, learning.

    python -m benchmarks.duplicates --eval EVALUATOR.py --data DIR [--mode full|title|prefix]
        [--max-queries N] [--words-alone] [--no-learning]

needs DATABASE_URL and an evaluator that replays history over standard input and output, with a
corpus of known duplicates; neither is shipped. It keeps a scratch database beside the given one
(`…_bench_duplicates`), where vectors stay from run to run, and prints the evaluator's figures.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
MODES = ("full", "title", "prefix")
# The hub's beat learns every ten minutes; here, after so many merges.
LEARN_EVERY = 40


def scratch(name: str) -> dict[str, str]:
    """The environment of a scratch hub: its own database and folder, no logs."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    hub = Path(os.environ.get("HUB_DIR") or ROOT / ".hub")
    return {
        **os.environ,
        "DATABASE_URL": urlunsplit(parts._replace(path=f"{parts.path}_{name}")),
        "SEARCH_DIR": str(hub / name.replace("_", "-")),
        "HUB_EMBEDDED": "1",
        "DEBUG": "",
        "LOG_LEVEL": "error",
        "DJANGO_SETTINGS_MODULE": "producthub.settings",
    }


def make_database(env: dict[str, str]) -> None:
    """Create and migrate a scratch database unless it is there."""
    import psycopg

    name = urlsplit(env["DATABASE_URL"]).path.lstrip("/")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            server.execute(f'CREATE DATABASE "{name}"')
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0", "--skip-checks"],
        env=env, cwd=ROOT, check=True,
    )  # fmt: skip


class Hub:
    """The hub as the evaluator talks to it: requests come, are asked about, and are merged."""

    def __init__(self, *, is_learning: bool) -> None:
        import shutil

        from search import embedder, follower, node
        from search.models import Lesson, Ranking, SearchEntry

        Lesson.objects.all().delete()
        Ranking.objects.all().delete()
        SearchEntry.objects.all().delete()
        shutil.rmtree(node.root(), ignore_errors=True)
        node.root().mkdir(parents=True)
        self.names: list[str] = []
        self.numbers: dict[str, int] = {}
        self.rows: dict[int, Any] = {}
        self.roots: dict[int, int] = {}
        self.members: dict[int, list[int]] = {}
        self.is_learning, self.merges = is_learning, 0
        embedder.load()
        self.follower = follower.Follower()

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """One line of the protocol."""
        match message["op"]:
            case "index" | "add":
                self.add(message)
            case "link":
                self.merge(self.numbers[message["duplicate_id"]], message["master_id"])
            case "ready":
                self.catch_up()
                self.learn()
            case "query":
                return self.ask(message)
        return {"ok": True}

    def add(self, message: dict[str, Any]) -> None:
        """A request came."""
        from search import services

        self.names.append(message["id"])
        number = self.numbers[message["id"]] = len(self.names)
        self.rows[number] = services.Row(
            "request", number, message["title"], message["body"],
            created_at=moment(message),
        )  # fmt: skip
        services.index_many([self.rows[number]])

    def merge(self, number: int, into: str) -> None:
        """A triager merged it: it and all that was merged into it now belong to the other."""
        from dataclasses import replace

        from search import services

        target = self.roots.get(self.numbers[into], self.numbers[into])
        own = self.roots.get(number, number)
        if own == target:
            return
        moved = [own, *self.members.pop(own, [])]
        self.members.setdefault(target, []).extend(moved)
        self.roots |= dict.fromkeys(moved, target)
        services.index_many([replace(self.rows[n], group_id=target) for n in moved])
        self.merges += 1
        if self.merges % LEARN_EVERY == 0 and self.follower.manifest.commits > 1:
            self.catch_up()
            self.learn()

    def learn(self) -> None:
        """What beat does every ten minutes."""
        from search import services

        if self.is_learning:
            services.learn(kind="request", seconds=3600)

    def catch_up(self) -> None:
        """What the worker and the follower do in the second after a change."""
        from search import node, services

        while services.embed_missing(seconds=3600):
            pass
        self.follower.step()
        node.forget_view()

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """What the submit page and triage ask."""
        from search.engine import similar

        self.catch_up()
        found = similar(
            title=message["title"],
            body=message["body"],
            limit=message["k"],
            at=moment(message),
        )
        names = [self.names[candidate.object_id - 1] for candidate in found.candidates]
        return {"results": names, "confidence": found.confidence}


def moment(message: dict[str, Any]) -> datetime:
    """When the request of a message came."""
    return datetime.fromisoformat(message["created"].replace("Z", "+00:00"))


def speak(lines: Iterator[str], *, is_learning: bool) -> None:
    """Answer line by line until the other side ends."""
    import django

    django.setup()
    hub = Hub(is_learning=is_learning)
    for line in lines:
        sys.stdout.write(json.dumps(hub.answer(json.loads(line))) + "\n")
        sys.stdout.flush()
    hub.follower.close()


def main() -> int:
    """Print one line of figures a mode; exit status 0 when all were measured."""
    parser = argparse.ArgumentParser(prog="benchmarks.duplicates", description=__doc__)
    parser.add_argument("--eval", help="The evaluator.")
    parser.add_argument("--data", help="The folder with the corpus.")
    parser.add_argument("--mode", choices=MODES, action="append")
    parser.add_argument("--max-queries", type=int, default=0)
    parser.add_argument("--words-alone", action="store_true", help="Without vectors.")
    parser.add_argument("--no-learning", action="store_true", help="Priors only.")
    parser.add_argument("--out", help="Where the evaluator leaves each answer.")
    parser.add_argument("--speak", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.speak:
        speak(iter(sys.stdin), is_learning=not given.no_learning)
        return 0
    if not given.eval or not given.data:
        parser.error("name the evaluator (--eval) and the corpus (--data)")
    env = scratch("bench_duplicates")
    env["SEARCH_VECTORS"] = "0" if given.words_alone else "1"
    make_database(env)
    command = [sys.executable, "-m", "benchmarks.duplicates", "--speak"]
    command += ["--no-learning"] if given.no_learning else []
    failed = 0
    for mode in given.mode or MODES:
        options = ["--mode", mode, "--json", "--max-queries", str(given.max_queries)]
        options += ["--out", given.out] if given.out else []
        failed |= subprocess.run(
            [sys.executable, given.eval, given.data, *options, "--", *command], env=env, cwd=ROOT
        ).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
