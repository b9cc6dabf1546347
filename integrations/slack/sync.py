"""One run of Slack: its accounts, matched with people here by mail; its channels and who is in
them; and what is said in those that Product Ops picked."""

import time
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from integrations import circuit, runs
from integrations.errors import NotConfigured
from integrations.models import (
    IdentityLink,
    SlackChannel,
    Source,
    SourceState,
    SyncError,
    SyncRun,
)
from integrations.slack import people, reading
from integrations.slack.client import SlackClient, SlackRefused
from integrations.slack.config import NEEDS, fingerprint, is_connected

SLACK = Source.SLACK
# Slack advises 200, takes 1,000 and lets us ask for few pages a minute.
PAGE_SIZE = 1000
COLUMNS = ["name", "email", "is_active", "is_bot", "is_guest", "time_zone", "synced_at"]


def sync_slack(
    *,
    trigger: str,
    full: bool = False,
    started_by_id: int | None = None,
    max_seconds: float | None = None,
    progress: Callable[[SyncRun, int | None], Any] | None = None,
    sleep: Callable[[float], Any] = time.sleep,
) -> SyncRun | None:
    """Read all accounts and channels, and what is new in picked ones; `full` compares all that is
    kept. Returns the run, which waits when `max_seconds` were too few.

    None when a scheduled run has nothing to try: Slack asked for a pause, or refused this token.
    Raises NotConfigured and AlreadyRunning.
    """
    if not is_connected():
        raise NotConfigured(f"Slack is off. {NEEDS}")
    with runs.only_one(SLACK):
        state, _ = SourceState.objects.get_or_create(source=SLACK)
        if trigger == SyncRun.Trigger.SCHEDULE and runs.must_rest(state, fingerprint()):
            return None
        run = runs.open_run(SLACK, trigger=trigger, started_by_id=started_by_id, is_full=full)
        if full:
            reading.read_whole()
        ends = None if max_seconds is None else time.monotonic() + max_seconds
        # The client has told the circuit of a refused token.
        with runs.to_an_end(run, refused=lambda error: {}, next_time="The next run goes on."):
            _read(run, SlackClient(sleep=sleep), ends, progress)
        return run


def _read(
    run: SyncRun,
    client: SlackClient,
    ends: float | None,
    progress: Callable[[SyncRun, int | None], Any] | None,
) -> None:
    began = timezone.now()
    for page in client.pages("users.list", limit=PAGE_SIZE):
        run.seen += _keep_page(page.get("members"))
        run.pages += 1
        if progress:
            progress(run, None)
    accounts = run.seen
    try:
        _read_channels(run, client, ends, progress)
    except reading.Interrupted:
        said = "There is much to read. It goes on by itself."
        runs.close_run(run, SyncRun.Status.WAITING, said)
        return
    circuit.accepted(SLACK)
    run.requests = client.requests
    said = f"{accounts:,} accounts and {run.seen - accounts:,} messages were read."
    runs.close_run(run, SyncRun.Status.DONE, said, last_success_at=began, watermark_at=began)


def _read_channels(
    run: SyncRun,
    client: SlackClient,
    ends: float | None,
    progress: Callable[[SyncRun, int | None], Any] | None,
) -> None:
    found = client.call("auth.test")
    own_bot = str(found.get("bot_id") or "")
    state = SourceState.objects.get(source=SLACK)
    known = {"site_url": str(found.get("url") or ""), "parts": {**state.parts, "bot": own_bot}}
    if any(getattr(state, name) != value for name, value in known.items()):
        SourceState.objects.filter(pk=state.pk).update(**known)
    reading.read_channels(client)
    there = SlackChannel.objects.filter(gone_at__isnull=True, is_archived=False)
    wanted = there.filter(Q(is_picked=True) | Q(digest_at__isnull=False))
    # Those that waited longest come first, so that a pause keeps none of them away for ever.
    for channel in wanted.order_by(F("read_at").asc(nulls_first=True), "pk"):
        try:
            reading.read_members(client, channel)
            if channel.is_picked:
                run.seen += reading.read_channel(client, channel, own_bot=own_bot, ends=ends)
        except SlackRefused as error:
            run.failed += 1
            runs.note_error(
                SLACK,
                run,
                upstream_id=channel.channel_id,
                label=str(channel),
                stage=SyncError.Stage.ITEM,
                message=_advice(channel, error),
            )
        else:
            runs.resolve_errors(SLACK, {channel.channel_id}, timezone.now())
        run.pages += 1
        if progress:
            progress(run, None)


def _advice(channel: SlackChannel, error: SlackRefused) -> str:
    if error.code in ("not_in_channel", "channel_not_found"):
        return f"The app is not in {channel}. Write /invite @ProductHub there."
    if error.code == "missing_scope":
        return "The app lacks a right. Update it from the manifest and install it again."
    return str(error)


def retry_item(error: SyncError) -> None:
    """Read one channel again. Raises NotConfigured and UpstreamError."""
    if not is_connected():
        raise NotConfigured(f"Slack is off. {NEEDS}")
    channel = SlackChannel.objects.filter(channel_id=error.upstream_id, is_picked=True).first()
    if channel is not None:
        client = SlackClient()
        reading.read_members(client, channel)
        reading.read_channel(client, channel, own_bot=own_bot())
    runs.resolve_errors(SLACK, {error.upstream_id}, timezone.now())


def own_bot() -> str:
    """What Slack calls the app, as the last run learnt."""
    state = SourceState.objects.filter(source=SLACK).first()
    return str(state.parts.get("bot", "")) if state is not None else ""


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
        for row in IdentityLink.objects.select_related("person").filter(
            source=SLACK, upstream_id__in=[row.upstream_id for row in rows]
        )
    }
    for row in rows:
        row.person = by_mail.get(row.email)
        known = held[row.upstream_id].person if row.upstream_id in held else None
        if row.person is None and row.email and known is not None and people.is_stand_in(known):
            row.person = people.matched(row.email, row.name, is_open=row.is_active)
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
    for row in rows:
        if row.upstream_id in held:
            people.settle(held[row.upstream_id].person, row.person)
    return count


def _is_news(row: IdentityLink, held: IdentityLink | None) -> bool:
    """Whether anything about an account changed, so that an idle run writes nothing."""
    if held is None or (row.person_id is not None and row.person_id != held.person_id):
        return True
    told = [name for name in COLUMNS if name != "synced_at"]
    return any(getattr(row, name) != getattr(held, name) for name in told)
