"""Slack's channels: what is kept equals what Slack shows, whatever goes wrong while it is read."""

from datetime import timedelta
from itertools import count

import pytest
from django.utils import timezone

from integrations import runs, tasks
from integrations.models import (
    IdentityLink,
    InboundMessage,
    MemberDay,
    SlackChannel,
    SlackMember,
    SlackMessage,
    SourceState,
    SyncError,
    SyncRun,
)
from integrations.slack import client, mapping, reading
from integrations.slack.sync import retry_item, sync_slack
from tests.fakes.slack import Fault
from tests.integrations.test_slack import event, post, slack  # noqa: F401

PAGES = "conversations.history"
REPLIES = "conversations.replies"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Hundreds of calls a second, as no limit is under test here."""
    monkeypatch.setattr(client.limiter, "take", lambda *args, **more: None)


@pytest.fixture
def harbour(slack):  # noqa: F811
    """A picked channel with threads, reactions, a broadcast, and one that nobody picked."""
    slack.add_channel("C1", "harbour")
    slack.add_channel("C2", "kitchen")
    slack.members["C1"] = {"U1", "U2"}
    slack.add_user("U2", "bo@harbourline.example", name="Bo")
    for number in range(5):
        slack.say("C1", "U1", f"Boat {number} is late &amp; <@U2|bo> knows")
    root = slack.messages["C1"][1]["ts"]
    for number in range(3):
        slack.reply("C1", root, "U2", f"Reply {number}")
    slack.reply("C1", root, "U1", "Told to all", subtype="thread_broadcast")
    slack.react("C1", root, "tada", "U1", "U2")
    slack.say("C1", "U2", "joined", subtype="channel_join")
    slack.say("C2", "U1", "Not to be read")
    sync()
    SlackChannel.objects.filter(channel_id="C1").update(is_picked=True)
    return SlackChannel.objects.get(channel_id="C1")


def sync(**options):
    return sync_slack(trigger="command", sleep=lambda seconds: None, **options)


def shown(slack, channel="C1"):  # noqa: F811
    """What Slack shows, as the hub keeps it."""
    rows = []
    for one in slack.messages[channel]:
        row = mapping.to_message(slack.shown(channel, one), own_bot="B1")
        if row is not None:
            rows.append((row.ts, row.thread_ts, row.user_id, row.text, row.edited_ts,
                         row.reactions, row.replies))  # fmt: skip
    return sorted(rows, key=lambda row: row[0])


def kept(channel="C1"):
    rows = SlackMessage.objects.filter(channel__channel_id=channel).order_by("sent_at")
    return [
        (row.ts, row.thread_ts, row.user_id, row.text, row.edited_ts, row.reactions,
         row.replies_read) for row in rows
    ]  # fmt: skip


def days():
    return sorted(
        (one.member_id, one.counts["messages"], one.counts["reactions"])
        for one in MemberDay.objects.filter(source="slack", place="C1")
    )


def test_picked_channels_are_read_with_their_threads(harbour, slack):  # noqa: F811
    run = sync()
    assert run.status == SyncRun.Status.DONE
    assert kept() == shown(slack)
    assert len(kept()) == 9
    assert kept()[0][3] == "Boat 0 is late & @bo knows"
    assert not SlackMessage.objects.filter(channel__channel_id="C2").exists()
    assert set(SlackMember.objects.values_list("user_id", flat=True)) == {"U1", "U2"}
    assert days() == [("U1", 6, 1), ("U2", 3, 1)]


def test_an_idle_run_writes_nothing_and_asks_little(harbour, slack):  # noqa: F811
    sync()
    SlackMessage.objects.update(changed_at="2020-01-01T00:00:00Z")
    SlackChannel.objects.update(full_at=timezone.now())
    # Replies just sent are looked at again; these are not.
    reading_warm, reading.WARM = reading.WARM, timedelta(0)
    slack.page_size = 100
    slack.calls.clear()
    try:
        sync()
    finally:
        reading.WARM = reading_warm
    assert not SlackMessage.objects.filter(changed_at__gt="2020-01-02T00:00:00Z").exists()
    assert [name for name, _ in slack.calls] == [
        "users.list", "auth.test", "conversations.list", "conversations.members", PAGES,
    ]  # fmt: skip


def change_much(slack):  # noqa: F811
    """Edits, deletions, replies to an old thread, reactions given and taken."""
    said = [one["ts"] for one in slack.messages["C1"] if "thread_ts" not in one]
    replies = [one["ts"] for one in slack.messages["C1"] if "thread_ts" in one]
    slack.edit("C1", said[0], "Boat 0 is here")
    slack.edit("C1", replies[0], "Reply edited")
    slack.delete("C1", replies[1])
    slack.delete("C1", said[2])
    slack.delete("C1", said[1])  # leaves a tombstone
    slack.react("C1", said[1], "tada", "U2")
    slack.react("C1", said[0], "eyes", "U1")
    slack.reply("C1", said[3], "U2", "A late reply")
    slack.say("C1", "U2", "News")


def test_one_more_run_leaves_it_equal(harbour, slack):  # noqa: F811
    sync()
    change_much(slack)
    sync()
    assert kept() == shown(slack)
    counts = days()
    MemberDay.objects.filter(source="slack").delete()
    reading.recount(harbour, {row.sent_at.date() for row in SlackMessage.objects.all()})
    assert days() == counts


FAULTS = [
    Fault(method, kind, times=times, after=after)
    for method in (PAGES, REPLIES)
    for after in (0, 1, 2)
    for kind, times in (("429", 1), ("503", 1), ("503", 9), ("cut", 1), ("reset", 1), ("again", 1),
                        ("html", 9))
]  # fmt: skip


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda one: f"{one.method[14:]}-{one.kind}{one.times}-after{one.after}"
)
def test_after_a_fault_one_more_run_leaves_it_equal(harbour, slack, fault):  # noqa: F811
    sync()
    change_much(slack)
    slack.faults.append(Fault(**vars(fault)))
    first = sync()
    assert first.status in ("done", "waiting", "failed")
    slack.faults.clear()
    client.limiter.pause("slack.conversations.history", 0.001)
    SourceState.objects.update(wait_until_at=None)
    assert sync().status == "done"
    assert kept() == shown(slack)


@pytest.mark.parametrize("seed", range(12))
def test_what_changes_while_it_is_read_is_right_after_one_more_run(harbour, slack, seed):  # noqa: F811
    import random

    dice = random.Random(seed)
    calls = count()

    def meanwhile(method):
        if next(calls) % 2 or not method.startswith("conversations."):
            return
        rows = [one for one in slack.messages["C1"] if not one.get("subtype")]
        roots = [one["ts"] for one in rows if "thread_ts" not in one]
        deed = dice.choice(["say", "reply", "edit", "delete", "react"])
        if deed == "say" or not roots:
            slack.say("C1", "U1", f"While reading {dice.random()}")
        elif deed == "reply":
            slack.reply("C1", dice.choice(roots), "U2", "Meanwhile")
        elif deed == "edit":
            slack.edit("C1", dice.choice(rows)["ts"], f"Edited {dice.random()}")
        elif deed == "delete":
            slack.delete("C1", dice.choice(rows)["ts"])
        else:
            slack.react("C1", dice.choice(rows)["ts"], "eyes", dice.choice(["U1", "U2"]))

    slack.meanwhile.append(meanwhile)
    sync()
    slack.meanwhile.clear()
    sync()
    assert kept() == shown(slack)


def test_it_goes_on_where_the_time_was_over(harbour, slack):  # noqa: F811
    sync()
    change_much(slack)
    slack.page_size = 1
    parts = 0
    reading.read_whole()
    while sync(max_seconds=0).status == "waiting":
        parts += 1
        assert parts < 60
    assert parts > 3
    assert kept() == shown(slack)


def test_one_call_a_minute_and_short_pages_come_to_an_end(harbour, slack):  # noqa: F811
    """What apps outside the Marketplace may ask for: a pause after each page."""
    slack.page_size = 2
    for _ in range(40):
        slack.faults[:] = [Fault(PAGES, "429", 9, after=1), Fault(REPLIES, "429", 9, after=3)]
        if sync().status == "done":
            break
        SourceState.objects.update(wait_until_at=None)
    slack.faults.clear()
    assert kept() == shown(slack)
    assert SlackChannel.objects.get(channel_id="C1").full_at


def test_old_messages_are_compared_once_a_day(harbour, slack):  # noqa: F811
    old = str(int(slack.messages["C1"][0]["ts"].partition(".")[0]) - 5 * 86400)
    root = slack.say("C1", "U1", "Five days old", ts=f"{old}.000001")
    gone = slack.say("C1", "U1", "Gone soon", ts=f"{old}.000002")
    reply = slack.reply("C1", root, "U2", "Also old", ts=f"{old}.000003")
    sync()
    assert kept() == shown(slack)
    slack.edit("C1", reply, "Edited late")
    slack.delete("C1", gone)
    sync()
    assert kept() != shown(slack)
    SlackChannel.objects.update(full_at=timezone.now() - timedelta(hours=25))
    sync()
    assert kept() == shown(slack)


def test_events_are_hints_and_hold_no_text(harbour, slack, post, run_on_commit):  # noqa: F811
    sync()
    first, other = (one["ts"] for one in slack.messages["C1"][:2])
    slack.edit("C1", first, "Edited")
    reply = slack.reply("C1", other, "U1", "Heard at once")
    slack.react("C1", reply, "eyes", "U2")
    slack.delete("C1", slack.messages["C1"][2]["ts"])
    gone = kept()[2][0]
    changed = {"channel": "C1", "subtype": "message_changed", "message": {"ts": first},
               "ts": "1.000001"}  # fmt: skip
    deleted = {"channel": "C1", "subtype": "message_deleted", "deleted_ts": gone,
               "previous_message": {"ts": gone, "text": "secret"}}  # fmt: skip
    said = {"channel": "C1", "ts": reply, "thread_ts": other, "text": "secret"}
    liked = {"reaction": "eyes", "item": {"type": "message", "channel": "C1", "ts": reply}}
    hints = [event("message", "E1", **deleted), event("reaction_added", "E2", **liked),
             event("message", "E3", **changed), event("message", "E4", **said)]  # fmt: skip
    with run_on_commit():
        for one in [*hints, *hints]:
            assert post("events", one).status_code == 200
    assert kept() == shown(slack)
    assert InboundMessage.objects.count() == 4
    assert not InboundMessage.objects.filter(body__contains="secret").exists()
    assert set(InboundMessage.objects.values_list("state", flat=True)) == {"done"}


def test_events_of_other_channels_are_not_kept(harbour, slack, post):  # noqa: F811
    for where in ("C2", "D1", None, ["x"]):
        post("events", event("message", "E1", channel=where, ts="1700000000.000001"))
    post("events", event("message", "E2", channel="C1", ts=None))
    assert not InboundMessage.objects.exists()


def test_messages_are_forgotten_by_their_channel(harbour, slack):  # noqa: F811
    sync()
    month = str(int(slack.messages["C1"][0]["ts"].partition(".")[0]) - 30 * 86400)
    root = slack.say("C1", "U1", "A month old", ts=f"{month}.000001")
    slack.reply("C1", root, "U1", "Also new, to an old one")
    reading.read_whole()
    sync()
    assert len(kept()) == 11
    SlackChannel.objects.update(keep_days=10)
    before = days()
    tasks.forget_old_messages()
    assert len(kept()) == 9
    assert SlackChannel.objects.get(channel_id="C1").forgotten == 2
    assert days() == before
    reading.read_whole()
    sync()
    assert len(kept()) == 9


def test_a_channel_without_the_app_is_said_and_read_later(harbour, slack):  # noqa: F811
    slack.channels["C1"]["is_member"] = False
    run = sync()
    assert (run.status, run.failed) == ("done", 1)
    error = SyncError.objects.get()
    assert "/invite @ProductHub" in error.message
    slack.channels["C1"]["is_member"] = True
    retry_item(error)
    assert not SyncError.objects.filter(resolved_at=None).exists()
    assert kept() == shown(slack)


def test_nothing_is_written_after_a_channel_is_dropped(harbour, slack):  # noqa: F811
    SlackChannel.objects.update(is_picked=False)
    reading.read_channel(client.SlackClient(), harbour, own_bot="B1")
    assert kept() == []


def test_what_the_hub_says_itself_is_not_kept_as_text(harbour, slack):  # noqa: F811
    slack.do_chat_postMessage({"channel": "C1", "text": "From the hub"})
    sync()
    assert kept() == shown(slack)
    assert "From the hub" not in str(kept())


def test_channels_change_and_go(harbour, slack):  # noqa: F811
    slack.channels["C1"].update(name="quay", is_private=True, is_ext_shared=True)
    del slack.channels["C2"]
    sync()
    one = SlackChannel.objects.get(channel_id="C1")
    assert (one.name, one.is_private, one.is_shared) == ("quay", True, True)
    assert SlackChannel.objects.get(channel_id="C2").gone_at
    slack.members["C1"] = {"U2"}
    sync()
    assert set(SlackMember.objects.values_list("user_id", flat=True)) == {"U2"}


def test_bots_and_guests_are_known(harbour, slack):  # noqa: F811
    slack.add_user("U7", is_restricted=True)
    slack.add_user("U8", is_bot=True)
    slack.say("C1", "U8", "beep", bot_id="B8")
    sync()
    assert IdentityLink.objects.get(upstream_id="U7").is_guest
    assert "U8" not in [who for who, *_ in days()]


@pytest.mark.parametrize(
    "ts", [None, 1.5, "1", "1.5", "x", "1700000000.000001 ", "9" * 11 + ".000001"]
)
def test_what_is_no_ts(ts):
    assert mapping.to_message({"ts": ts}) is None


def test_ts_stays_exact():
    for ts in ("1700000000.000001", "1763884800.999999", "0.000001"):
        assert mapping.ts_of(mapping.moment(ts)) == ts


def test_the_task_goes_on_by_itself(harbour, slack, monkeypatch):  # noqa: F811
    queued = []
    monkeypatch.setattr(tasks, "PART_SECONDS", 0)
    monkeypatch.setattr(tasks.sync_slack, "apply_async", lambda **more: queued.append(more))
    tasks.sync_slack()
    assert len(queued) == 1
    assert not runs.is_held("slack")
