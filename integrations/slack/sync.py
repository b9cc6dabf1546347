"""The accounts of the workspace: read whole each time, matched with people here by mail."""

import time
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from integrations import circuit, runs
from integrations.errors import (
    NotConfigured,
)
from integrations.models import IdentityLink, Source, SourceState, SyncRun
from integrations.slack import people
from integrations.slack.client import SlackClient
from integrations.slack.config import NEEDS, fingerprint, is_connected

SLACK = Source.SLACK
# Slack advises 200, takes 1,000 and lets us ask for few pages a minute.
PAGE_SIZE = 1000
COLUMNS = ["name", "email", "is_active", "is_bot", "time_zone", "synced_at"]


def sync_slack(
    *,
    trigger: str,
    full: bool = False,
    started_by_id: int | None = None,
    max_seconds: float | None = None,
    progress: Callable[[SyncRun, int | None], Any] | None = None,
    sleep: Callable[[float], Any] = time.sleep,
) -> SyncRun | None:
    """Read all accounts, also those that were closed; returns the run.

    None when a scheduled run has nothing to try: Slack asked for a pause, or refused this token.
    Raises NotConfigured and AlreadyRunning.
    """
    if not is_connected():
        raise NotConfigured(f"Slack is off. {NEEDS}")
    with runs.only_one(SLACK):
        state, _ = SourceState.objects.get_or_create(source=SLACK)
        if trigger == SyncRun.Trigger.SCHEDULE and runs.must_rest(state, fingerprint()):
            return None
        run = runs.open_run(SLACK, trigger=trigger, started_by_id=started_by_id, is_full=True)
        # The client has told the circuit of a refused token.
        with runs.to_an_end(run, refused=lambda error: {}, next_time="The next run starts again."):
            _read_accounts(run, progress)
        return run


def _read_accounts(
    run: SyncRun, progress: Callable[[SyncRun, int | None], Any] | None = None
) -> None:
    began = timezone.now()
    for page in SlackClient().pages("users.list", limit=PAGE_SIZE):
        run.seen += _keep_page(page.get("members"))
        run.pages += 1
        if progress:
            progress(run, None)
    circuit.accepted(SLACK)
    said = f"{run.seen:,} accounts were read."
    runs.close_run(run, SyncRun.Status.DONE, said, last_success_at=began, watermark_at=began)


@transaction.atomic
def _keep_page(members: Any) -> int:
    rows = [
        row
        for member in (members if isinstance(members, list) else ())
        if (row := people.account(member)) is not None
    ]
    by_mail = {
        person.email: person
        for person in User.objects.filter(email__in=[row.email for row in rows if row.email])
    }
    held = {
        row.upstream_id: row
        for row in IdentityLink.objects.filter(
            source=SLACK, upstream_id__in=[row.upstream_id for row in rows]
        )
    }
    for row in rows:
        row.person = by_mail.get(row.email)
    count = len(rows)
    rows = [row for row in rows if _is_news(row, held.get(row.upstream_id))]
    # Whom the hub matched before stays matched, also when Slack hides the address.
    for columns, some in (
        ([*COLUMNS, "person"], [row for row in rows if row.person is not None]),
        (COLUMNS, [row for row in rows if row.person is None]),
    ):
        IdentityLink.objects.bulk_create(
            some,
            update_conflicts=True,
            unique_fields=["source", "upstream_id"],
            update_fields=columns,
        )
    return count


def _is_news(row: IdentityLink, held: IdentityLink | None) -> bool:
    """Whether anything about an account changed, so that an idle run writes nothing."""
    if held is None or (row.person_id is not None and row.person_id != held.person_id):
        return True
    told = [name for name in COLUMNS if name != "synced_at"]
    return any(getattr(row, name) != getattr(held, name) for name in told)
