"""Jira as the drill needs it: slow enough to be interrupted, and keeping count."""

import json
import threading
import time
from random import Random
from typing import Any

from tests.fakes.jira import FakeIssue
from tests.fakes.jira_writes import WritableJira


class SlowJira(WritableJira):
    """Answers after a moment; an issue is there before its answer is heard of."""

    def __init__(self, issues: list[FakeIssue], *, seed: int) -> None:
        super().__init__(issues)
        self.lock = threading.Lock()
        self.random = Random(seed)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, bytes]:
        is_new_issue = method == "POST" and path.endswith("/issue")
        time.sleep(self.random.random() * (0.15 if is_new_issue else 0.05))
        with self.lock:
            found = super().answer(method, path, query, body)
        if is_new_issue:
            time.sleep(self.random.random() * 0.6)
        return found

    def labels_made(self) -> dict[str, int]:
        """How many issues carry each label that the hub gave."""
        counts: dict[str, int] = {}
        for issue in self.made:
            for label in issue.extra.get("labels", []):
                counts[label] = counts.get(label, 0) + 1
        return counts

    def edit(self) -> FakeIssue:
        """What people do there: mostly a move or a new title; now and then one is deleted."""
        with self.lock:
            old = [issue for issue in self.issues if int(issue.id) < 900_000]
            issue = self.random.choice(old)
            what = self.random.random()
            if what < 0.7:
                issue.move(self.random.choice([n for n in range(4) if n != issue.status]))
            elif what < 0.95 or len(old) < 50:
                issue.title = f"{issue.title.partition(' (')[0]} ({self.random.randrange(10_000)})"
                issue.move(issue.status)
                issue.moves.pop()
            else:
                self.issues.remove(issue)
            return issue


def webhook_of(issue: FakeIssue, is_gone: bool) -> bytes:
    """The message that Jira posts about a change."""
    kind = "jira:issue_deleted" if is_gone else "jira:issue_updated"
    return json.dumps(
        {"timestamp": int(time.time() * 1000), "webhookEvent": kind, "issue": issue.payload()}
    ).encode()
