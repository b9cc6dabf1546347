"""Whatever is sent to Slack's endpoints is answered without a fault; strangers become people."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from intake.models import Request, Vote
from intake.services import vote_for_request
from integrations.models import IdentityLink, SlackChannel
from integrations.slack import handlers, mapping
from integrations.slack.sync import sync_slack
from tests.factories import make_request, make_user
from tests.integrations.test_slack import post, slack, write  # noqa: F401

ENDPOINTS = ("commands", "interactivity", "events")
# The same database for all examples: what one leaves behind the next one meets, as in life.
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
header = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "type user view id team team_id event event_id state values actions channel message"
                " ts thread_ts item links url callback_id private_metadata trigger_id challenge"
                " blocks block_id element action_id value selected_option tokens bot reaction"
                " tab".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
kinds = st.sampled_from(
    "view_submission block_actions shortcut message_action block_suggestion event_callback"
    " url_verification view_closed".split()
)
inner_kinds = st.sampled_from(
    "message reaction_added reaction_removed link_shared app_home_opened tokens_revoked"
    " app_uninstalled".split()
)


@pytest.mark.parametrize("path", ENDPOINTS)
@MANY
@given(stamp=header, signature=header, body=st.binary(max_size=80))
def test_what_is_not_signed_is_refused(post, path, stamp, signature, body):  # noqa: F811
    assert post(path, body, stamp=stamp, signature=signature).status_code == 401


@pytest.mark.parametrize("path", ENDPOINTS)
@MANY
@given(body=st.binary(max_size=200))
def test_signed_bytes_that_are_nothing(post, path, body):  # noqa: F811
    assert post(path, body).status_code in (200, 401, 403)


@pytest.mark.parametrize("path", ENDPOINTS)
@MANY
@given(kind=kinds, inner=inner_kinds, told=anything, event=anything)
def test_signed_bodies_of_any_shape(post, slack, path, kind, inner, told, event):  # noqa: F811
    SlackChannel.objects.get_or_create(channel_id="C1", defaults={"is_picked": True})
    event = event if isinstance(event, dict) else {}
    told = told if isinstance(told, dict) else {}
    body = {"team_id": "T111", "event_id": "E1", **told, "type": kind,
            "event": {"channel": "C1", **event, "type": inner}}  # fmt: skip
    raw = json.dumps(body).encode()
    if path != "events":
        fields = {"payload": raw, "command": "/request", "team_id": "T111", "text": str(told)}
        raw = urlencode(fields).encode()
    assert post(path, raw).status_code in (200, 401, 403)


@MANY
@given(payload=anything)
def test_payloads_of_any_shape_are_read(payload):
    mapping.to_message(payload)
    mapping.to_channel(payload)
    mapping.to_message({"ts": "1.000001", "text": payload, "reactions": payload, "files": payload,
                        "user": payload, "edited": payload, "thread_ts": payload})  # fmt: skip
    if isinstance(payload, dict):
        handlers.named_message({"type": "message", **payload})
        handlers.is_heard(payload)


# --- Strangers who are known later ----------------------------------------------------------------


@pytest.fixture
def stranger(post, slack):  # noqa: F811
    """Somebody whose mail Slack hides has asked twice and voted once."""
    slack.add_user("U1", name="Ada")
    slack.users["U1"]["profile"].pop("email", None)
    write(post, slack)
    write(post, slack, view_id="V2", title="Something quite different here")
    person = User.objects.get(email="u1@slack.invalid")
    assert Request.objects.filter(requester=person).count() == 2
    return person


@pytest.mark.parametrize("how", ["sync", "next"])
def test_what_strangers_asked_gets_their_name(post, slack, stranger, pm, how):  # noqa: F811
    ada = make_user("ada@harbourline.example")
    other, both = make_request(pm, title="Another wish"), make_request(pm, title="A third")
    vote_for_request(item=other, person=stranger)
    vote_for_request(item=both, person=stranger)
    vote_for_request(item=both, person=ada)
    slack.users["U1"]["profile"]["email"] = "ada@harbourline.example"
    if how == "sync":
        sync_slack(trigger="command")
        sync_slack(trigger="command")
    else:
        write(post, slack, view_id="V3", title="Repaint cranes yellow")
    assert not Request.objects.filter(requester=stranger).exists()
    assert Request.objects.filter(requester=ada).count() == (2 if how == "sync" else 3)
    assert list(Vote.objects.order_by("pk").values_list("person", flat=True)) == [ada.pk, ada.pk]
    both.refresh_from_db()
    assert both.vote_count == 1
    assert IdentityLink.objects.get(upstream_id="U1").person == ada


def test_strangers_nobody_knew_become_guests_with_a_name(slack, stranger):  # noqa: F811
    slack.users["U1"]["profile"]["email"] = "new@harbourline.example"
    sync_slack(trigger="command")
    asked = {item.requester.email for item in Request.objects.all()}
    assert asked == {"new@harbourline.example"}
