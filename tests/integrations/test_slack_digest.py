"""The daily digest of a channel, and what links to decisions unfold to."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from activity.models import Event
from intake.models import Visibility
from intake.services import decide_request
from integrations import deliveries, tasks
from integrations.models import Delivery, IdentityLink, SlackChannel, SlackMember
from integrations.slack import digest
from integrations.slack.channels import HasStrangers, set_channel
from planning.decisions import record_decision
from planning.models import Decision
from tests.factories import make_request
from tests.integrations.test_slack import event, post, slack  # noqa: F401

ZONE = ZoneInfo("Europe/Amsterdam")
# A Wednesday; Friday before it is the 20th.
WEDNESDAY = datetime(2026, 11, 25, 9, 30, tzinfo=ZONE)


@pytest.fixture
def channel(slack, settings):  # noqa: F811
    settings.TIME_ZONE = "Europe/Amsterdam"
    settings.BASE_URL = "https://hub.harbourline.example"
    slack.add_channel("C1", "news")
    return SlackChannel.objects.create(
        channel_id="C1", name="news", is_private=False, is_joined=True, digest_at=time(9, 0)
    )


def ask(person, title, at=WEDNESDAY - timedelta(hours=2), **fields):
    item = make_request(person, title=title, **fields)
    type(item).objects.filter(pk=item.pk).update(submitted_at=at)
    item.refresh_from_db()
    return item


def send():
    for one in Delivery.objects.filter(state="waiting"):
        deliveries.deliver(one.pk)


def posted(slack):  # noqa: F811
    return [one["text"] for one in slack.messages["C1"]]


def test_it_comes_once_however_often_the_task_runs(channel, slack, ada):  # noqa: F811
    ask(ada, "Late <!channel> boats")
    for minutes in (0, 0, 5, 600):
        digest.plan_due(WEDNESDAY + timedelta(minutes=minutes))
        send()
    (text,) = posted(slack)
    assert "*New: 1*" in text
    assert "&lt;!channel&gt;" in text
    assert "<!channel>" not in text


def test_not_before_its_time_and_not_on_days_off(channel, slack):  # noqa: F811
    assert digest.plan_due(WEDNESDAY.replace(hour=8)) == 0
    assert digest.plan_due(WEDNESDAY + timedelta(days=3)) == 0  # a Saturday
    assert digest.plan_due(WEDNESDAY) == 1


def test_days_join_without_a_gap_or_an_overlap(channel, slack, ada):  # noqa: F811
    friday = WEDNESDAY - timedelta(days=5)
    ask(ada, "Of the weekend", at=friday + timedelta(days=1))
    ask(ada, "Of Monday at nine", at=(friday + timedelta(days=3)).replace(hour=9, minute=0))
    for days in (0, 3, 4, 5):
        digest.plan_due(friday + timedelta(days=days))
        send()
    told = posted(slack)
    assert [("weekend" in one, "Monday" in one) for one in told] == [(True, False), (False, True)]
    spans = [one.payload for one in Delivery.objects.order_by("pk")]
    assert [one["since"] for one in spans[1:]] == [one["until"] for one in spans[:-1]]


def test_a_quiet_day_says_nothing(channel, slack):  # noqa: F811
    digest.plan_due(WEDNESDAY)
    send()
    assert posted(slack) == []
    assert Delivery.objects.get().result == {"left_out": "Nothing happened."}


def test_it_tells_only_what_all_may_see(channel, slack, ada, pm, team):  # noqa: F811
    ask(ada, "Open wish")
    for sight in (Visibility.PRIVATE, Visibility.TEAM):
        hidden = ask(ada, f"Hidden {sight} wish", visibility=sight, team=team)
        decide_request(item=hidden, actor=pm, outcome="do", reason="Hidden reason.")
    record_decision(title="Open choice", outcome="no", reason="R.", team=None, actor=pm)
    record_decision(
        title="Hidden choice", outcome="no", reason="R.", team=None, actor=pm, visibility="private"
    )
    Decision.objects.update(decided_at=WEDNESDAY - timedelta(hours=1))
    digest.plan_due(WEDNESDAY)
    send()
    (text,) = posted(slack)
    assert "Open wish" in text
    assert "Open choice" in text
    assert "idden" not in text
    assert "*New: 1*" in text
    assert "*Decided: 1*" in text


def test_what_became_hidden_meanwhile_is_left_out(channel, slack, ada):  # noqa: F811
    item = ask(ada, "Open wish")
    digest.plan_due(WEDNESDAY)
    type(item).objects.update(visibility="private")
    send()
    assert posted(slack) == []


@pytest.mark.parametrize("how", ["shared", "guest"])
def test_strangers_in_the_channel_hear_nothing(channel, slack, ada, opsadmin, how):  # noqa: F811
    ask(ada, "Open wish")
    digest.plan_due(WEDNESDAY)
    if how == "shared":
        SlackChannel.objects.update(is_shared=True)
    else:
        IdentityLink.objects.create(source="slack", upstream_id="U7", is_guest=True)
        SlackMember.objects.create(channel=channel, user_id="U7")
    send()
    assert posted(slack) == []
    assert "outside" in Delivery.objects.get().result["left_out"]
    with pytest.raises(HasStrangers):
        set_channel(
            channel=channel, is_picked=False, keep_days=9, digest_at=time(8), actor=opsadmin
        )


def test_product_ops_sets_channel_and_time(channel, opsadmin, signed_in):
    client, where = signed_in(opsadmin), f"/integrations/slack/channels/{channel.pk}/"
    assert 'value="09:00"' in client.get(where).content.decode()
    sent = {"keep_days": "180", "digest_at": "16:45"}
    assert client.post(where, sent).status_code == 303
    assert SlackChannel.objects.get().digest_at == time(16, 45)
    assert client.post(where, {**sent, "digest_at": "soon"}).status_code == 422
    assert "16:45" in client.get("/integrations/slack/channels/").content.decode()
    client.post(where, {**sent, "digest_at": ""})
    assert SlackChannel.objects.get().digest_at is None
    assert Event.objects.filter(kind="channel.set").count() == 2


def test_the_task_is_off_without_slack(channel, settings):
    settings.SLACK_BOT_TOKEN = ""
    tasks.send_slack_digests()
    assert not Delivery.objects.exists()


# --- Links ----------------------------------------------------------------------------------------


def test_decisions_unfold_to_what_everybody_may_see(channel, post, slack, pm, ada, run_on_commit):  # noqa: F811
    shown = record_decision(
        title="Open <!here> choice", outcome="do", reason="It *pays*.", team=None, actor=pm
    )
    hidden = record_decision(
        title="Hidden choice", outcome="no", reason="R.", team=None, actor=pm, visibility="team"
    )
    item = make_request(ada, title="Private wish", visibility="private")
    decide_request(item=item, actor=pm, outcome="do", reason="Secret.")
    of_hidden = Decision.objects.exclude(pk__in=[shown.pk, hidden.pk]).get()
    base = "https://hub.harbourline.example"
    urls = [base + one.get_absolute_url() for one in (shown, hidden, of_hidden)]
    urls.append(f"{base}/decisions/DEC-{shown.number}")
    links = [{"url": url} for url in [*urls, f"{base}/decisions/new/", f"{base}/decisions/999/"]]
    sent = {"links": links, "unfurl_id": "u", "source": "composer", "channel": "C9"}
    with run_on_commit():
        post("events", event("link_shared", **sent))
    (call,) = slack.named("chat.unfurl")
    assert sorted(call["unfurls"]) == sorted([urls[0], urls[3]])
    assert "&lt;!here&gt;" in str(call)
    assert "ecret" not in str(call)


def test_nothing_unfolds_where_strangers_are(channel, post, slack, ada, run_on_commit):  # noqa: F811
    SlackChannel.objects.update(is_shared=True)
    item = make_request(ada, title="Open wish")
    links = [{"url": "https://hub.harbourline.example" + item.get_absolute_url()}]
    with run_on_commit():
        post("events", event("link_shared", links=links, unfurl_id="u", source="c", channel="C1"))
    assert not slack.named("chat.unfurl")
