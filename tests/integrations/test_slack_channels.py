"""Who finds what was said in Slack, and how Product Ops picks what is read."""

from datetime import timedelta

import pytest
from django.utils import timezone

from activity.models import Event
from integrations.models import (
    IdentityLink,
    SlackChannel,
    SlackMember,
    SlackMessage,
    SourceState,
)
from integrations.slack import found
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def said(settings):
    """The same word in a public and in a private channel of a connected workspace."""
    settings.SLACK_BOT_TOKEN, settings.SLACK_SIGNING_SECRET = "xoxb-1", "secret"
    SourceState.objects.create(source="slack", site_url="https://harbourline.slack.example/")
    made = {}
    for number, (name, is_private) in enumerate([("harbour", False), ("board", True)]):
        channel = SlackChannel.objects.create(
            channel_id=f"C{number}", name=name, is_private=is_private, is_picked=True,
            is_joined=True, members_read_at=timezone.now(),
        )  # fmt: skip
        at = timezone.now() - timedelta(hours=1)
        SlackMessage.objects.create(
            channel=channel, ts="1700000000.000001", user_id="U9", sent_at=at, root_at=at,
            text=f"Mooring <b>lines</b> of the {name}\nsecond line", thread_ts="",
        )  # fmt: skip
        made[name] = channel
    IdentityLink.objects.create(source="slack", upstream_id="U9", name="Bo")
    return made


def account(person, upstream_id="U1", *inside, **fields):
    IdentityLink.objects.create(source="slack", upstream_id=upstream_id, person=person, **fields)
    for channel in inside:
        SlackMember.objects.create(channel=channel, user_id=upstream_id)


def finds(client, words="mooring"):
    """Channels that the search page, its tab, its count and the palette tell of: all the same."""
    shown = client.get("/search/", {"q": words})
    (section,) = [one for one in shown.context["results"].all_sections if one.key == "slack"]
    assert section.found == len(section.hits)
    only = client.get("/search/", {"q": words, "k": "slack"}).context["results"]
    assert only.found == section.found
    palette = client.get("/search/palette/", {"q": words}, headers={"HX-Request": "true"})
    text = shown.content.decode() + palette.content.decode()
    names = {name for name in ("harbour", "board") if f"#{name}" in text}
    assert len(names) == section.found
    return names


@pytest.mark.parametrize("who", ["ada", "pm", "opsadmin", "admin", "outsider"])
def test_whatever_the_role_only_the_account_counts(who, request, signed_in, said):
    person = request.getfixturevalue(who)
    client = signed_in(person)
    assert finds(client) == set()
    account(person)
    # A guest of the hub sees nothing but what is theirs.
    assert finds(client) == (set() if person.is_guest else {"harbour"})
    SlackMember.objects.create(channel=said["board"], user_id="U1")
    assert finds(client) == (set() if person.is_guest else {"harbour", "board"})


@pytest.mark.parametrize(
    "fields", [{"is_active": False}, {"is_bot": True}], ids=["deactivated", "bot"]
)
def test_accounts_that_are_none_find_nothing(ada, signed_in, said, fields):
    account(ada, "U1", said["board"], said["harbour"], **fields)
    assert finds(signed_in(ada)) == set()


def test_guests_of_slack_find_only_where_they_are(ada, signed_in, said):
    account(ada, "U1", is_guest=True)
    client = signed_in(ada)
    assert finds(client) == set()
    SlackMember.objects.create(channel=said["harbour"], user_id="U1")
    assert finds(client) == {"harbour"}


def test_others_accounts_do_not_count(ada, pm, signed_in, said):
    account(pm, "U2", said["board"])
    account(ada, "U1")
    assert finds(signed_in(ada)) == {"harbour"}


def test_members_unheard_of_for_a_day_are_not_trusted(ada, signed_in, said):
    account(ada, "U1", said["board"])
    SlackChannel.objects.update(members_read_at=timezone.now() - timedelta(hours=25))
    assert finds(signed_in(ada)) == {"harbour"}


@pytest.mark.parametrize("change", [{"is_picked": False}, {"gone_at": timezone.now()}])
def test_channels_that_are_not_read_are_not_found(ada, signed_in, said, change):
    account(ada, "U1", said["board"])
    SlackChannel.objects.update(**change)
    assert finds(signed_in(ada)) == set()


def test_without_slack_there_is_no_such_kind(ada, signed_in, said, settings):
    account(ada)
    settings.SLACK_BOT_TOKEN = ""
    shown = signed_in(ada).get("/search/", {"q": "mooring", "k": "slack"})
    assert "harbour" not in shown.content.decode()
    assert "slack" not in [one.key for one in shown.context["results"].all_sections]


def test_a_hit_is_escaped_and_leads_to_slack(ada, signed_in, said):
    account(ada)
    text = signed_in(ada).get("/search/", {"q": "mooring"}).content.decode()
    assert "https://harbourline.slack.example/archives/C0/p1700000000000001" in text
    assert "<b>lines</b>" not in text
    assert "said by" not in text
    assert "Bo" in text


def test_addresses_of_replies():
    where = found.address("", "C1", "1.000002", "1.000001")
    assert where == "https://slack.com/archives/C1/p1000002?thread_ts=1.000001&cid=C1"


def test_one_query_more(ada, signed_in, said, django_assert_max_num_queries):
    account(ada, "U1", said["board"])
    client = signed_in(ada)
    client.get("/search/", {"q": "mooring"})
    with django_assert_max_num_queries(14) as seen:
        client.get("/search/", {"q": "mooring"})
    assert len([one for one in seen if "slackmessage" in one["sql"]]) == 1


# --- Picking --------------------------------------------------------------------------------------

PAGE = "/integrations/slack/channels/"


@pytest.mark.parametrize("who", ["ada", "pm", "outsider"])
def test_only_product_ops_picks(who, request, signed_in, said):
    client = signed_in(request.getfixturevalue(who))
    one = said["board"]
    assert client.get(PAGE).status_code == 403
    assert client.post(f"{PAGE}{one.pk}/", {"keep_days": "1"}).status_code == 403
    assert SlackChannel.objects.get(pk=one.pk).is_picked


def test_a_channel_is_picked_and_dropped(opsadmin, signed_in, said):
    client, one = signed_in(opsadmin), said["harbour"]
    page = client.get(PAGE)
    assert "#harbour" in page.content.decode()
    assert "Mooring" not in page.content.decode()
    where = f"{PAGE}{one.pk}/"
    assert client.get(where).status_code == 200
    sent = {"is_picked": "on", "keep_days": "30"}
    for _ in range(2):
        assert client.post(where, sent).status_code == 303
    one.refresh_from_db()
    assert (one.is_picked, one.keep_days) == (True, 30)
    shown = client.post(where, {"keep_days": "30"}, follow=True).content.decode()
    assert "1 message deleted here" in shown
    assert not one.messages.exists()
    events = Event.objects.filter(kind="channel.set").order_by("pk")
    assert [event.data["deleted"] for event in events] == [0, 1]


@pytest.mark.parametrize("days", ["", "0", "-1", "x", "99999", "²"])
def test_days_that_are_none(opsadmin, signed_in, said, days):
    where = f"{PAGE}{said['harbour'].pk}/"
    sent = signed_in(opsadmin).post(where, {"is_picked": "on", "keep_days": days})
    assert sent.status_code == 422
    assert SlackChannel.objects.get(pk=said["harbour"].pk).keep_days == 180


def test_longer_keeping_reads_older_ones(opsadmin, said):
    from integrations.slack.channels import set_channel

    one = said["harbour"]
    SlackChannel.objects.update(full_at=timezone.now(), resume={"since": "1.000000"})
    set_channel(channel=one, is_picked=True, keep_days=181, actor=opsadmin)
    one.refresh_from_db()
    assert (one.full_at, one.resume) == (None, {})


def test_the_page_looks_others_up_by_name(opsadmin, signed_in, said):
    for number in range(60):
        SlackChannel.objects.create(channel_id=f"X{number}", name=f"other-{number:02}")
    client = signed_in(opsadmin)
    assert "10 more" in client.get(PAGE).content.decode()
    text = client.get(PAGE, {"q": "#other-07"}).content.decode()
    assert "#other-07" in text
    assert "#other-08" not in text


def test_an_empty_hub_says_what_to_do(opsadmin, signed_in):
    text = signed_in(opsadmin).get(PAGE).content.decode()
    assert "No channel is known" in text
    assert "not connected" in text


def test_messages_are_not_in_admin(admin, signed_in, said):
    client = signed_in(admin)
    assert client.get("/admin/integrations/slackmessage/").status_code == 404
    assert client.get("/admin/integrations/slackchannel/").status_code == 200


def test_people_who_left_find_nothing(signed_in, said):
    person = make_user("leaver@harbourline.example")
    account(person, "U1", said["board"])
    person.is_active = False
    from integrations.slack.channels import messages_for

    assert not messages_for(person).exists()
