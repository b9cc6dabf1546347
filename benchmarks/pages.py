"""What every page costs: queries, CPU, time, bytes; and beside them the floor.

`python -m benchmarks.pages [--scale 1|100] [--short] [--json]` needs DATABASE_URL. It keeps
databases of its own beside that one (`…_bench1`, `…_bench100`), creates and fills them when they
are missing, and measures each in a process of its own, through the real WSGI application with a
signed-in session. `--fresh` drops them first.
"""

import argparse
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent
MAX_QUERIES = 12
MAX_MS = 100
MAX_LIST_RATIO = 2.5
# Lists that show more than lines: the queue has a whole request beside it, and one's own requests
# show where the ones stand that they joined.
MAX_RICH_LIST_RATIO = 3.0
MAX_HOME_RATIO = 4.0
MAX_FIRST_KB, MAX_FIRST_REQUESTS, MAX_AGAIN_KB = 130, 8, 30


@dataclass(frozen=True)
class Page:
    """One page as one person reads it; `floor` names what it is compared with."""

    name: str
    who: str
    path: str
    floor: str = ""
    limit: float = 0.0


@dataclass
class Measured:
    """What one page costs; milliseconds are medians unless named otherwise."""

    name: str
    queries: int
    cpu_ms: float
    wall_ms: float
    wall_p95_ms: float
    raw_kb: float
    sent_kb: float
    ratio: float | None
    limit: float


# --- Databases --------------------------------------------------------------------------------


def database_url(scale: int) -> str:
    """The benchmark's own database, on the server of DATABASE_URL."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"{parts.path}_bench{scale}"))


def environment(scale: int) -> dict[str, str]:
    """The hub as `make run` starts it, with its log thrown away."""
    hub = Path(os.environ.get("HUB_DIR") or ROOT / ".hub")
    return {
        **os.environ,
        "DATABASE_URL": database_url(scale),
        "HUB_EMBEDDED": "1",
        "DEBUG": "",
        "LOG_FORMAT": "json",
        "STATIC_ROOT": str(hub / "bench-static"),
        "DJANGO_SETTINGS_MODULE": "producthub.settings",
    }


def make_database(scale: int, *, is_fresh: bool) -> None:
    """Create and fill the database of a scale unless it is there; always bring it up to date."""
    import psycopg

    name = urlsplit(database_url(scale)).path.lstrip("/")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        if is_fresh:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        known = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if known is None:
            server.execute(f'CREATE DATABASE "{name}"')
    env = environment(scale)
    for command in (["prepare"], ["seed_demo", "--scale", str(scale), "--if-empty"], ["prepare"]):
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=env,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as database:
        # What autovacuum would have done by the time that anyone looks.
        database.execute("VACUUM (ANALYZE)")


# --- Measuring, in a process of its own -------------------------------------------------------


class Browser:
    """Calls a WSGI application as one signed-in person."""

    def __init__(self, application: Callable[..., Any], cookie: str = "") -> None:
        self.application = application
        self.cookie = cookie

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and the body as it goes over the wire."""
        place, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": place,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1:8000",
            "HTTP_COOKIE": self.cookie,
            "HTTP_ACCEPT_ENCODING": "gzip",
            "HTTP_ACCEPT": "text/html",
            "HTTP_USER_AGENT": "benchmark",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": sys.stdin.buffer,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        answer: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            answer[:] = [int(status.split()[0]), {k.lower(): v for k, v in headers}]

        result = self.application(environ, start_response)
        try:
            body = b"".join(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        return answer[0], answer[1], body


def plain(headers: dict[str, str], body: bytes) -> bytes:
    """The body without its compression."""
    return gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body


def cookie_for(who: str) -> str:
    """A session of one of the demonstration logins."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import User

    client = Client()
    user = User.objects.get(email=f"{who}@harbourline.example")
    client.force_login(user, backend="accounts.backends.RoleBackend")
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def pages() -> list[Page]:
    """All pages of the foundation, with rows that have something to show."""
    from django.db.models import Count

    from accounts.models import Team
    from intake.models import Request, Visibility
    from planning.models import WorkItem
    from playbook.models import Tool

    talked = (
        Request.objects.filter(pk__in=Request.objects.order_by("-pk").values("pk")[:2000])
        .filter(visibility=Visibility.COMPANY, status="shipped")
        .annotate(n=Count("comments"))
        .order_by("-n", "pk")
        .first()
    )
    item = WorkItem.objects.filter(phase="done").order_by("-upstream_updated_at").first()
    team, tool = Team.objects.get(slug="dispatch"), Tool.objects.order_by("order").first()
    assert talked is not None and item is not None and tool is not None
    listed, rich = MAX_LIST_RATIO, MAX_RICH_LIST_RATIO
    return [
        *(
            Page(f"home, {who}", who, "/", "requests", MAX_HOME_RATIO)
            for who in ("ada", "pm", "opsadmin")
        ),
        Page("my requests, ada", "ada", "/requests/mine/", "requests", rich),
        Page("my requests, pm", "pm", "/requests/mine/", "requests", rich),
        Page("request", "ada", f"/requests/{talked.number}/"),
        Page("request, pm", "pm", f"/requests/{talked.number}/"),
        Page("new request", "ada", "/requests/new/"),
        Page("triage, pm", "pm", "/triage/", "requests", rich),
        Page("triage, opsadmin", "opsadmin", "/triage/", "requests", rich),
        Page("triage, to decide", "opsadmin", "/triage/?view=decide", "requests", rich),
        Page("work items", "pm", "/work/", "work", listed),
        Page("work items, team", "pm", "/work/?team=dispatch", "work", listed),
        Page("work item", "pm", f"/work/{item.key}/"),
        Page("integrations", "opsadmin", "/integrations/", "work", listed),
        Page("search, one word", "ada", "/search/?q=invoice"),
        Page("search, two words", "pm", "/search/?q=night+delivery"),
        Page("tools", "ada", "/tools/", "requests", listed),
        Page("tool", "ada", f"/tools/{tool.slug}/"),
        Page("teams", "ada", "/teams/", "requests", listed),
        Page("team", "ada", f"/teams/{team.slug}/"),
        Page("people", "ada", "/people/", "requests", listed),
        Page("inbox", "pm", "/inbox/", "requests", listed),
        Page("metrics", "ada", "/metrics/time-to-decision/"),
        Page("metrics, pm", "pm", "/metrics/time-to-decision/"),
        Page("metrics, 12 months", "ada", "/metrics/time-to-decision/?span=12m"),
        Page("metrics, team", "pm", "/metrics/time-to-decision/?team=dispatch&span=12m"),
    ]


def count_queries(browser: Browser, path: str) -> int:
    """Queries of one view of a page that was seen before."""
    from django.db import connection

    count = 0

    def counting(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        nonlocal count
        count += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(counting):
        browser.get(path)
    return count


def time_rounds(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
    """(CPU, wall) seconds of every call, in turns, so that a busy machine slows all alike."""
    taken: dict[str, list[Any]] = {name: [] for name in calls}
    for turn in range(rounds + 2):
        for name, call in calls.items():
            cpu, wall = time.process_time(), time.perf_counter()
            call()
            spent = (time.process_time() - cpu, time.perf_counter() - wall)
            if turn >= 2:  # the first two warm caches up
                taken[name].append(spent)
    return taken


def measure(rounds: int) -> dict[str, Any]:
    """All pages and the floor, on the database of the environment."""
    import django

    django.setup()
    from benchmarks import floor
    from intake.models import Request
    from producthub.wsgi import application

    cookies = {who: cookie_for(who) for who in ("ada", "pm", "opsadmin")}
    browsers = {who: Browser(application, cookie) for who, cookie in cookies.items()}
    bare = Browser(floor.handler(), cookies["pm"])
    calls: dict[str, Callable[[], Any]] = {
        "floor requests": lambda: bare.get("/floor/requests/"),
        "floor work": lambda: bare.get("/floor/work/"),
    }
    known, missing, sizes, queries = [], {}, {}, {}
    for page in pages():
        browser = browsers[page.who]
        status, headers, body = browser.get(page.path)
        if status != 200:
            missing[page.name] = status
            continue
        known.append(page)
        sizes[page.name] = (len(plain(headers, body)) / 1000, len(body) / 1000)
        queries[page.name] = count_queries(browser, page.path)
        calls[page.name] = lambda b=browser, p=page.path: b.get(p)  # type: ignore[misc]
    taken = time_rounds(calls, rounds)
    cpu = {name: statistics.median(c for c, _ in spent) * 1000 for name, spent in taken.items()}
    results = []
    for page in known:
        walls = sorted(wall * 1000 for _, wall in taken[page.name])
        results.append(
            Measured(
                name=page.name,
                queries=queries[page.name],
                cpu_ms=cpu[page.name],
                wall_ms=statistics.median(walls),
                wall_p95_ms=walls[min(len(walls) - 1, int(len(walls) * 0.95))],
                raw_kb=sizes[page.name][0],
                sent_kb=sizes[page.name][1],
                ratio=cpu[page.name] / cpu[f"floor {page.floor}"] if page.floor else None,
                limit=page.limit,
            )
        )
    return {
        "requests": Request.objects.count(),
        "floor_ms": {name: cpu[f"floor {name}"] for name in ("requests", "work")},
        "pages": [asdict(result) for result in results],
        "missing": missing,
        "weight": weigh(browsers["pm"], "/work/"),
    }


def weigh(browser: Browser, path: str) -> dict[str, Any]:
    """What a browser fetches for a page the first time: HTML and all that it names."""
    status, headers, body = browser.get(path)
    if status != 200:
        return {}
    html = plain(headers, body).decode()
    found = re.findall(r'<(?:link|script|img|use)[^>]+(?:href|src)="(/static/[^"#]+)', html)
    parts = {"html": len(body)}
    todo = list(dict.fromkeys(found))
    for address in todo:
        status, headers, sent = browser.get(address)
        parts[address] = len(sent)
        if address.endswith(".css"):
            text = plain(headers, sent).decode()
            inner = re.findall(r"url\([\"']?([^\"')]+)", text)
            todo += [
                place
                for place in (urljoin(address, one).partition("#")[0] for one in inner)
                if place not in todo and place.startswith("/static/")
            ]
    return {
        "first_kb": sum(parts.values()) / 1000,
        "first_requests": len(parts),
        "again_kb": parts["html"] / 1000,
        "parts": parts,
    }


# --- Saying it --------------------------------------------------------------------------------


def missed(scale: int, found: dict[str, Any]) -> list[str]:
    """Which limits were not kept, in words."""
    said = []
    for page in found["pages"]:
        name = f"{page['name']} at scale {scale}"
        if page["queries"] > MAX_QUERIES:
            said.append(f"{name}: {page['queries']} queries")
        if page["wall_ms"] > MAX_MS:
            said.append(f"{name}: {page['wall_ms']:.0f} ms")
        if page["ratio"] is not None and page["ratio"] > page["limit"]:
            said.append(f"{name}: {page['ratio']:.2f} times the floor, over {page['limit']}")
    weight = found["weight"]
    if weight:
        if weight["first_kb"] > MAX_FIRST_KB or weight["first_requests"] > MAX_FIRST_REQUESTS:
            said.append(
                f"First visit: {weight['first_kb']:.0f} kB in {weight['first_requests']} requests"
            )
        if weight["again_kb"] > MAX_AGAIN_KB:
            said.append(f"Later visits: {weight['again_kb']:.0f} kB")
    said += [f"{name}: answered {status}" for name, status in found["missing"].items()]
    return said


def table(scale: int, found: dict[str, Any]) -> str:
    """The figures of one scale for people."""
    floors = found["floor_ms"]
    lines = [
        "",
        f"Scale {scale}: {found['requests']:,} requests. Floor: {floors['requests']:.2f} ms CPU for"
        f" 50 requests, {floors['work']:.2f} ms for 50 work items.",
        f"{'page':<20}{'queries':>8}{'CPU ms':>8}{'ms':>8}{'p95':>8}{'kB':>8}{'sent':>7}"
        f"{'x floor':>9}",
    ]
    for page in found["pages"]:
        ratio = "" if page["ratio"] is None else f"{page['ratio']:.2f}"
        lines.append(
            f"{page['name']:<20}{page['queries']:>8}{page['cpu_ms']:>8.1f}{page['wall_ms']:>8.1f}"
            f"{page['wall_p95_ms']:>8.1f}{page['raw_kb']:>8.1f}{page['sent_kb']:>7.1f}{ratio:>9}"
        )
    weight = found["weight"]
    if weight:
        lines.append(
            f"First visit of the work items: {weight['first_kb']:.0f} kB in"
            f" {weight['first_requests']} requests, then {weight['again_kb']:.1f} kB."
        )
    return "\n".join(lines)


def main() -> int:
    """Measure and tell; exit status 1 only when something could not be measured."""
    parser = argparse.ArgumentParser(prog="benchmarks.pages", description=__doc__)
    parser.add_argument("--scale", type=int, choices=[1, 100], help="One of the two.")
    parser.add_argument("--short", action="store_true", help="Scale 1, a few rounds.")
    parser.add_argument("--fresh", action="store_true", help="Drop the databases first.")
    parser.add_argument("--json", action="store_true", help="JSON alone.")
    parser.add_argument("--rounds", type=int, help="How often each page is fetched.")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    rounds = given.rounds or (3 if given.short else 30)
    if given.measure:
        sys.stdout.write(json.dumps(measure(rounds)))
        return 0
    if not os.environ.get("DATABASE_URL"):
        sys.stderr.write("DATABASE_URL is not set. `make bench` sets it.\n")
        return 1
    scales = [given.scale] if given.scale else [1] if given.short else [1, 100]
    everything: dict[str, Any] = {}
    for scale in scales:
        make_database(scale, is_fresh=given.fresh)
        command = [sys.executable, "-m", "benchmarks.pages", "--measure", "--rounds", str(rounds)]
        process = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(scale),
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("BENCH_LOG") else subprocess.DEVNULL,
            check=False,
        )
        if process.returncode:
            sys.stderr.write("Measuring failed. BENCH_LOG=1 shows why.\n")
            return 1
        found = json.loads(process.stdout.splitlines()[-1])
        found["missed"] = missed(scale, found)
        everything[str(scale)] = found
        if not given.json:
            sys.stdout.write(table(scale, found) + "\n")
            for line in found["missed"]:
                sys.stdout.write(f"Missed: {line}\n")
            sys.stdout.flush()
    if given.json:
        sys.stdout.write(json.dumps(everything) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
