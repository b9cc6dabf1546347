"""How much a full sync costs beside the least that any sync must do.

`python benchmarks/sync.py [--issues 20000] [--short]` starts a fake Jira in another process and
measures, each in a process of its own, CPU seconds (time.process_time) and peak memory of

* bare: fetch the same pages (search and complete histories), parse them, COPY them;
* sync: our full sync, into emptied tables.

Needs DATABASE_URL; works in a scratch database beside it, which it drops again. Prints a table
and, as its last line, JSON.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET_RATIO = 2.5
TARGET_MB = 200
SCRATCH = "producthub_bench_sync"


def bare(url: str) -> dict[str, int]:
    """The least: one session, orjson, COPY of what was parsed, no mapping and no upsert."""
    import orjson
    import psycopg
    import requests

    session = requests.Session()
    session.auth = ("bench@harbourline.example", "token")
    session.headers["Content-Type"] = "application/json"
    jql, token = 'created >= "1970-01-01" ORDER BY created ASC, key ASC', ""
    fields = [
        "summary", "status", "issuetype", "project", "assignee", "parent", "priority", "labels",
        "created", "updated", "resolutiondate",
    ]  # fmt: skip
    issues_read = moves_read = 0

    def post(path: str, body: dict[str, Any]) -> Any:
        reply = session.post(f"{url}/rest/api/3/{path}", data=orjson.dumps(body), timeout=30)
        return orjson.loads(reply.content)

    with psycopg.connect(os.environ["DATABASE_URL"]) as database, database.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_issue (id text, key text, updated text, payload text)")
        cursor.execute(
            "CREATE TABLE bare_move (issue text, history text, position int, at text, f text,"
            " f_name text, t text, t_name text, author text)"
        )
        while True:
            body: dict[str, Any] = {"jql": jql, "fields": fields, "maxResults": 100}
            if token:
                body["nextPageToken"] = token
            page = post("search/jql", body)
            with cursor.copy("COPY bare_issue FROM STDIN") as copy:
                for issue in page["issues"]:
                    payload = orjson.dumps(issue).decode()
                    copy.write_row((issue["id"], issue["key"], issue["fields"]["updated"], payload))
            issues_read += len(page["issues"])
            ask: dict[str, Any] = {
                "issueIdsOrKeys": [issue["id"] for issue in page["issues"]],
                "fieldIds": ["status"],
                "maxResults": 10000,
            }
            while True:
                reply = post("changelog/bulkfetch", ask)
                with cursor.copy("COPY bare_move FROM STDIN") as copy:
                    for log in reply["issueChangeLogs"]:
                        for change in log["changeHistories"]:
                            for position, item in enumerate(change["items"]):
                                copy.write_row(
                                    (log["issueId"], change["id"], position, change["created"],
                                     item["from"], item["fromString"], item["to"],
                                     item["toString"], change["author"]["displayName"])
                                )  # fmt: skip
                                moves_read += 1
                if not reply.get("nextPageToken"):
                    break
                ask["nextPageToken"] = reply["nextPageToken"]
            database.commit()
            token = page.get("nextPageToken", "")
            if not token:
                return {"issues": issues_read, "changes": moves_read}


def full_sync(url: str) -> dict[str, int]:
    """Our sync, as `manage.py sync jira --full` runs it."""
    import django

    django.setup()
    from integrations.jira.sync import sync_jira
    from planning.models import Transition, WorkItem

    run = sync_jira(trigger="command", full=True)
    assert run is not None and run.status == "done", run and run.message
    return {"issues": WorkItem.objects.count(), "changes": Transition.objects.count()}


def measured(kind: str, url: str) -> None:
    """In a child: run one side and print what it took."""
    began = time.monotonic()
    counts = {"bare": bare, "sync": full_sync}[kind](url)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {
        **counts,
        "cpu_seconds": round(time.process_time(), 3),
        "wall_seconds": round(time.monotonic() - began, 2),
        "peak_mb": round(peak, 1),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def child(kind: str, url: str, environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--measure", kind, "--url", url],
        env=environment, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"The {kind} side failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(issues: int) -> dict[str, Any]:
    """Run both sides against one fake, in a scratch database; returns the figures."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    own = os.environ["DATABASE_URL"]
    scratch = own.rpartition("/")[0] + f"/{SCRATCH}"
    assert conninfo_to_dict(scratch)["dbname"] == SCRATCH
    fake = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.jira", "--port", "0", "--issues", str(issues)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert fake.stdout is not None
        url = fake.stdout.readline().split()[0]
        with psycopg.connect(own, autocommit=True) as database:
            database.execute(f"DROP DATABASE IF EXISTS {SCRATCH}")
            database.execute(f"CREATE DATABASE {SCRATCH}")
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "producthub.settings",
            "HUB_EMBEDDED": "1",
            "DATABASE_URL": scratch,
            "LOG_LEVEL": "WARNING",
            "JIRA_BASE_URL": url,
            "JIRA_EMAIL": "bench@harbourline.example",
            "JIRA_API_TOKEN": "token",
            "JIRA_PROJECTS": "",
            "JIRA_FLAVOUR": "cloud",
        }
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v", "0", "--skip-checks"],
            env=environment, cwd=ROOT, check=True,
        )  # fmt: skip
        figures = {kind: child(kind, url, environment) for kind in ("bare", "sync")}
    finally:
        fake.kill()
        fake.wait()
        with psycopg.connect(own, autocommit=True) as database:
            database.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")
    ratio = figures["sync"]["cpu_seconds"] / figures["bare"]["cpu_seconds"]
    return {**figures, "ratio": round(ratio, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--issues", type=int, default=20_000)
    parser.add_argument("--short", action="store_true", help="300 issues: does it still work")
    parser.add_argument("--measure", choices=["bare", "sync"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measured(options.measure, options.url)
    figures = compare(300 if options.short else options.issues)
    lines = [f"{'':6}{'issues':>9}{'changes':>10}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}"]
    for kind in ("bare", "sync"):
        side = figures[kind]
        lines.append(
            f"{kind:6}{side['issues']:>9,}{side['changes']:>10,}{side['cpu_seconds']:>9.2f}"
            f"{side['wall_seconds']:>9.2f}{side['peak_mb']:>9.1f}"
        )
    lines.append(
        f"ratio {figures['ratio']:.2f} (at most {TARGET_RATIO}),"
        f" memory {figures['sync']['peak_mb']:.0f} MB (under {TARGET_MB})"
    )
    sys.stdout.write("\n".join(lines) + "\n" + json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
