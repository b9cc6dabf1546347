"""What goes on in the hub during a drill: people ask, managers push, Jira changes and tells."""

import hashlib
import hmac
import re
import threading
import time
import uuid
from collections.abc import Callable
from typing import TypeVar

import requests
from django.db import Error, close_old_connections, connection
from kombu.exceptions import OperationalError as BrokerError

from tests.drill.source import SlowJira, webhook_of

SECRET = "drill-secret"
PASSWORD = "Drill-2026-password"
ASKER, MANAGER = "ada@drill.example", "pm@drill.example"
Result = TypeVar("Result")


def patiently(do: Callable[[], Result], seconds: float = 90) -> Result:
    """Repeat what a dead database or broker broke off; raises the last error in the end."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return do()
        except (Error, OSError, BrokerError) as error:
            if time.monotonic() > deadline:
                raise
            close_old_connections()
            connection.close()
            time.sleep(0.5 if not isinstance(error, requests.Timeout) else 0)


class Traffic:
    """Threads that go on until they are told to stop; what was promised to them is noted."""

    def __init__(self, hub_url: str, jira: SlowJira) -> None:
        self.url = hub_url
        self.jira = jira
        self.over = threading.Event()
        self.sent: list[uuid.UUID] = []
        self.planned: list[str] = []
        self.heard: list[str] = []
        self.errors: list[str] = []
        works = (self.ask, self.push, self.change, self.read_all)
        self.threads = [threading.Thread(target=self._go_on, args=(work,)) for work in works]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Each finishes what it began."""
        self.over.set()
        for thread in self.threads:
            thread.join(120)

    def _go_on(self, work: Callable[[], None]) -> None:
        try:
            while not self.over.is_set():
                work()
                self.over.wait(0.6)
        except Exception as error:  # noqa: BLE001  a thread's end is a fault to report
            self.errors.append(f"{work.__name__}: {type(error).__name__}: {error}")
        finally:
            connection.close()

    # --- people ------------------------------------------------------------------------------

    session: requests.Session | None = None

    def ask(self) -> None:
        """A person sends a form, and sends it again until the hub says that it has it."""
        number = len(self.sent) + 1
        typed = {
            "title": f"Drill wish {number} {uuid.uuid4().hex[:8]}",
            "problem": f"Case {number}: the van waits at the gate while the hub is drilled.",
        }
        form: dict[str, str] = {}
        last = [""]

        def send() -> bool:
            if self.session is None:
                self.session = _signed_in(self.url)
            if not form:
                page = self.session.get(f"{self.url}/requests/new/", timeout=20)
                if "/accounts/login/" in page.url:
                    self.session = None
                if page.status_code != 200 or "submission_key" not in page.text:
                    last[0] = f"{page.status_code} at {page.url}"
                    return False
                form.update(_fields(page.text))
            form["csrfmiddlewaretoken"] = self.session.cookies.get("csrftoken", "")
            headers = {"Referer": self.url}
            answer = self.session.post(
                f"{self.url}/requests/new/", {**form, **typed, "send": "anyway"},
                headers=headers, timeout=20, allow_redirects=False,
            )  # fmt: skip
            last[0] = f"{answer.status_code}, to {answer.headers.get('Location', 'stay')}"
            if "/accounts/login/" in answer.headers.get("Location", ""):
                self.session = None
            return answer.status_code in (302, 303) and "/requests/" in answer.headers["Location"]

        deadline = time.monotonic() + 120
        while not patiently(send):
            if time.monotonic() > deadline:
                raise TimeoutError(f"wish {number} was never taken; last answer: {last[0]}")
            time.sleep(1)
        self.sent.append(uuid.UUID(form["submission_key"]))

    def push(self) -> None:
        """A manager reads the newest request and has an issue made from it."""
        from accounts.models import User
        from intake import services
        from intake.models import Request
        from integrations.jira import outgoing

        def one() -> str:
            manager = User.objects.get(email=MANAGER)
            item = Request.objects.filter(status="new").order_by("pk").first()
            if item is None:
                return ""
            services.triage_request(item=item, actor=manager, team=_team(), owner=manager)
            fields = {
                "project": {"key": "PLT"}, "issuetype": {"id": "10100"}, "summary": item.title,
            }  # fmt: skip
            outgoing.plan_issue(item=item, actor=manager, fields=fields)
            return outgoing.label_of(item)

        if label := patiently(one):
            self.planned.append(label)

    # --- Jira --------------------------------------------------------------------------------

    def change(self) -> None:
        """Somebody changes an issue, and Jira tells it, five times at most. Some it never tells."""
        issue = self.jira.edit()
        if self.jira.random.random() < 0.2:
            return
        body = webhook_of(issue, issue not in self.jira.issues)
        name = uuid.uuid4().hex
        signed = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature": signed, "X-Atlassian-Webhook-Identifier": name}
        for _ in range(5):
            try:
                answer = requests.post(f"{self.url}/hooks/jira/", body, headers=headers, timeout=10)
            except OSError:
                continue
            if answer.status_code == 200:
                self.heard.append(f"id:{name}")
                return

    def read_all(self) -> None:
        """Product Ops presses “Sync now” again and again, and everything is read once more."""
        from integrations.tasks import sync_jira

        patiently(lambda: sync_jira.delay(full=True, trigger="manual"))
        self.over.wait(4)


def _signed_in(url: str) -> requests.Session:
    session = requests.Session()
    session.get(f"{url}/accounts/login/", timeout=20)
    form = {
        "login": ASKER, "password": PASSWORD,
        "csrfmiddlewaretoken": session.cookies.get("csrftoken", ""),
    }  # fmt: skip
    session.post(f"{url}/accounts/login/", form, headers={"Referer": url}, timeout=20)
    return session


def _fields(page: str) -> dict[str, str]:
    """The hidden fields of the form, and its choice of form."""
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    chosen = re.search(r'name="form" value="([\w-]+)"[^>]*checked', page)
    return {**found, "form": chosen[1] if chosen else "idea"}


def _team() -> object:
    from accounts.models import Team

    return Team.objects.get(slug="drill")
