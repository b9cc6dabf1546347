"""Slack: signed and heard once, a modal at once, one request a view, one reply a change."""

import hashlib
import hmac
import json
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import User
from activity.models import Event
from intake.models import Request, Vote
from intake.services import ask_requester, decide_request, triage_request
from integrations import circuit, deliveries, limiter
from integrations.models import Delivery, IdentityLink, InboundMessage, ItemLink, Source
from integrations.slack import handlers, modal, signing, threads
from integrations.slack.messages import escape, link, plain
from integrations.slack.sync import sync_slack
from tests.factories import make_request, make_user
from tests.fakes.slack import TOKEN, FakeSlack, Fault

PAYLOADS = Path(__file__).parent / "payloads" / "slack"
SECRET = "harbour lights"
State = Delivery.State


@pytest.fixture
def slack(db, settings):
    with FakeSlack() as fake:
        settings.SLACK_BASE_URL = fake.url
        settings.SLACK_BOT_TOKEN = TOKEN
        settings.SLACK_SIGNING_SECRET = SECRET
        settings.SLACK_TEAM_ID = "T111"
        fake.add_user("U1", "ada@harbourline.example", name="Ada")
        redis = limiter._client()
        for key in redis.scan_iter("hub:*:slack.*"):
            redis.delete(key)
        yield fake


_counter = iter(range(1_000_000))


@pytest.fixture
def post(slack):
    client = Client(enforce_csrf_checks=True)

    def send(path, body, *, at=None, signature=None, stamp=None):
        if isinstance(body, dict) and path != "events":
            body = {"payload": json.dumps(body)} if "type" in body else body
            # Two presses are two posts: Slack's differ in their triggers.
            raw = urlencode({**body, "n": next(_counter)}).encode()
            kind = "application/x-www-form-urlencoded"
        else:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            kind = "application/json"
        when = stamp if stamp is not None else str(int(at or time.time()))
        made = hmac.new(SECRET.encode(), b"v0:" + when.encode() + b":" + raw, hashlib.sha256)
        headers = {
            "X-Slack-Request-Timestamp": when,
            "X-Slack-Signature": "v0=" + made.hexdigest() if signature is None else signature,
        }
        send.last = (path, raw, kind, headers)
        return client.post(f"/slack/{path}", raw, content_type=kind, headers=headers)

    def again():
        path, raw, kind, headers = send.last
        return client.post(f"/slack/{path}", raw, content_type=kind, headers=headers)

    send.again = again
    return send


def opened(slack):
    return slack.named("views.open")[-1]["view"]


def filled(view, slack=None, view_id="V1", kind="view_submission", **answers):
    """The view as Slack sends it back, with answers by key of the question."""
    values = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element, key = block["element"], block["block_id"].partition(":")[2]
        held = {"type": element["type"]}
        if key in answers:
            text = answers[key]
            if element["type"] == "static_select":
                held["selected_option"] = {"value": text}
            elif element["type"] == "multi_static_select":
                held["selected_options"] = [{"value": one} for one in text]
            else:
                held["value"] = text
        elif "initial_value" in element:
            held["value"] = element["initial_value"]
        elif "initial_option" in element:
            held["selected_option"] = element["initial_option"]
        values[block["block_id"]] = {element["action_id"]: held}
    user = {"id": "U1", "name": "ada", "team_id": "T111"}
    sent = {**view, "id": view_id, "root_view_id": view_id, "hash": "1.a"}
    return {"type": kind, "team": {"id": "T111"}, "user": user,
            "view": {**sent, "state": {"values": values}}}  # fmt: skip


def command(slack, text="", **more):
    return {"command": "/request", "text": text, "team_id": "T111", "user_id": "U1",
            "channel_id": "C1", "trigger_id": slack.trigger(), **more}  # fmt: skip


def write(post, slack, view_id="V1", title="Export bookings to CSV", **answers):
    post("commands", command(slack))
    body = filled(opened(slack), view_id=view_id, title=title, problem="Six hours.", **answers)
    return post("interactivity", body)


def event(kind, event_id="Ev1", **fields):
    return {"type": "event_callback", "team_id": "T111", "event_id": event_id,
            "event": {"type": kind, **fields}}  # fmt: skip


# --- Who may post -------------------------------------------------------------------------------


def test_the_vector_of_the_documentation():
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    good = {
        "timestamp": "1531420618",
        "signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "secret": "8f742231b10e8888abcd99yyyzzz85a5",
        "now": 1531420700.0,
    }
    assert signing.is_genuine(body, **good)
    assert not signing.is_genuine(body + b" ", **good)
    assert not signing.is_genuine(body, **{**good, "now": 1531420618.0 + 301})
    assert not signing.is_genuine(body, **{**good, "secret": ""})


@pytest.mark.parametrize(
    ("stamp", "signature"),
    [("", None), ("soon", None), ("²", None), ("1e9", None), (None, ""), (None, "v0=Ω"),
     (None, "v0="), (None, "v0=" + "0" * 64), ("9" * 40, None)],
)  # fmt: skip
def test_what_is_not_signed_just_now_is_refused(post, stamp, signature):
    for path in ("commands", "interactivity", "events"):
        sent = post(path, b"\xff\xfe", stamp=stamp and stamp.encode("latin-1").decode("latin-1"),
                    signature=signature)  # fmt: skip
        assert sent.status_code == 401
    assert post("events", {"type": "x"}, at=time.time() - 301).status_code == 401


@pytest.mark.parametrize("body", [b"\xff\xfe", b"", b"[]", b"{", b"payload=[", b"[" * 100_000])
def test_what_is_signed_but_cannot_be_read_is_refused(post, body):
    assert post("events", body).status_code == 401
    assert post("interactivity", body).status_code == 401


def test_it_is_off_without_a_secret(client, db):
    assert client.post("/slack/events", b"", content_type="text/plain").status_code == 404


def test_the_challenge_and_the_check_are_answered(post):
    sent = post("events", {"type": "url_verification", "challenge": "abc"})
    assert (sent.status_code, sent.json()) == (200, {"challenge": "abc"})
    assert post("commands", {"ssl_check": "1", "token": "x"}).status_code == 200


def test_another_workspace_is_refused(post, slack):
    assert post("commands", command(slack, team_id="T999")).status_code == 403
    assert not slack.calls


BECAME = {
    "events_org_apps__event_payload.json": 403,  # an organisation's, of no workspace of ours
    "events_token_revocations__event_payload_2.json": 403,
    "events_shared_channels__app_uninstalled_body.json": 403,
    "events_shared_channels__join_event_body.json": 403,
    "events_shared_channels__left_event_body.json": 403,
    "events_shared_channels__tokens_revoked_body.json": 403,
    "events_shared_channels__valid_reaction_added_body.json": 403,
}
KEPT = {"events__app_uninstalled_body.json": "app_uninstalled"}


@pytest.mark.parametrize("path", sorted(PAYLOADS.glob("*.json")), ids=lambda path: path.name)
def test_recorded_bodies(post, slack, path):
    body = json.loads(path.read_text())
    if "_form_encoded" in body:
        sent = post("commands", body["_decoded"])
        assert "try again" in sent.json()["text"]  # its trigger ran out long ago
        return
    where = "events" if body.get("type") == "event_callback" else "interactivity"
    assert post(where, body).status_code == BECAME.get(path.name, 200)
    kinds = list(InboundMessage.objects.values_list("kind", flat=True))
    assert kinds == ([KEPT[path.name]] if path.name in KEPT else [])
    assert not Request.objects.exists()


def test_shared_channels_bodies_of_ours_are_heard(post, settings):
    settings.SLACK_TEAM_ID = "T_INSTALLED"
    for path in PAYLOADS.glob("events_shared_channels__*.json"):
        assert post("events", json.loads(path.read_text())).status_code == 200
    assert InboundMessage.objects.count() == 1  # recorded under one id


# --- The form -----------------------------------------------------------------------------------


def test_the_command_opens_the_form(post, slack):
    sent = post("commands", command(slack, "Late &lt;boats&gt; for <@U2|bo>"))
    assert (sent.status_code, sent.content) == (200, b"")
    view = opened(slack)
    title = next(one for one in view["blocks"] if one.get("block_id", "").endswith(":title"))
    assert title["element"]["initial_value"] == "Late <boats> for @bo"
    assert title["element"]["max_length"] == 120
    assert len(view["blocks"]) <= 100
    assert len(view["private_metadata"]) <= 3000
    assert [method for method, _ in slack.calls] == ["views.open"]


def test_an_expired_trigger_is_said(post, slack):
    sent = post("commands", command(slack, trigger_id="old"))
    assert "try again" in sent.json()["text"]


@pytest.mark.parametrize("kind", ["429", "503", "html", "reset", "invalid_auth"])
def test_slack_away_is_no_500(post, slack, kind):
    slack.faults.append(Fault("views.open", kind))
    assert post("commands", command(slack)).status_code == 200


def test_a_request_is_made_once(post, slack, ada, run_on_commit):
    with run_on_commit():
        sent = write(post, slack)
    assert sent.json() == {"response_action": "clear"}
    item = Request.objects.get()
    assert (item.requester, item.source, item.source_ref) == (ada, "slack", "V1")
    assert (item.title, item.problem) == ("Export bookings to CSV", "Six hours.")
    assert post.again().status_code == 200
    write(post, slack)
    write(post, slack, title="Other words")
    assert Request.objects.count() == 1
    posted = slack.messages["DU1"]
    assert len(posted) == 1
    assert f"|{item.reference} Export bookings to CSV>" in posted[0]["text"]


def test_errors_stand_at_their_field(post, slack):
    post("commands", command(slack))
    view = opened(slack)
    sent = post("interactivity", filled(view, title="", problem="x")).json()
    assert sent["response_action"] == "errors"
    ids = {one["block_id"] for one in view["blocks"] if one["type"] == "input"}
    assert set(sent["errors"]) <= ids
    assert "one line" in "".join(sent["errors"].values())
    assert not Request.objects.exists()


def test_another_form_takes_what_was_typed(post, slack):
    post("commands", command(slack, "Boats are late"))
    view = opened(slack)
    other = view["blocks"][0]["element"]["options"][1]["value"]
    body = filled(view, kind="block_actions")
    body["view"]["state"]["values"][modal.FORM] = {
        modal.FORM: {"selected_option": {"value": other}}
    }
    post("interactivity", {**body, "actions": [{"action_id": modal.FORM}]})
    shown = slack.named("views.update")[-1]["view"]
    texts = [one["element"].get("initial_value") for one in shown["blocks"] if "element" in one]
    assert "Boats are late" in texts
    assert modal.read_meta(shown["private_metadata"]).form == other


def test_a_suggestion_becomes_a_vote(post, slack, ada, pm):
    other = make_request(pm, title="Export <!channel> bookings to CSV files")
    post("commands", command(slack))
    body = filled(opened(slack), kind="block_actions", title="Export bookings to CSV",
                  problem="Six hours.")  # fmt: skip
    post("interactivity", {**body, "actions": [{"action_id": "answer", "value": "Export"}]})
    shown = json.dumps(slack.named("views.update")[-1]["view"]["blocks"])
    assert other.reference in shown
    assert "<!channel>" not in shown
    press = {"action_id": modal.VOTE, "value": str(other.pk)}
    for _ in range(2):
        post("interactivity", {**body, "actions": [press]})
    vote = Vote.objects.get()
    assert (vote.person, vote.request, vote.case) == (ada, other, "Six hours.")
    assert other.reference in json.dumps(slack.named("views.update")[-1])


def test_hidden_requests_are_neither_suggested_nor_joined(post, slack, pm):
    User.objects.filter(email="ada@harbourline.example").delete()
    make_user("ada@harbourline.example")
    other = make_request(pm, title="Export bookings to CSV files", visibility="private")
    post("commands", command(slack))
    body = filled(opened(slack), kind="block_actions", title="Export bookings to CSV")
    post("interactivity", {**body, "actions": [{"action_id": "answer"}]})
    post("interactivity", {**body, "actions": [{"action_id": modal.VOTE, "value": str(other.pk)}]})
    assert other.reference not in json.dumps(slack.named("views.update"))
    assert not Vote.objects.exists()


def test_unknown_people_may_ask(post, slack):
    slack.add_user("U1", "new@harbourline.example", name="New")
    write(post, slack)
    assert Request.objects.get().requester.email == "new@harbourline.example"
    slack.users.clear()
    IdentityLink.objects.all().delete()
    write(post, slack, view_id="V2", title="Something quite different here")
    assert Request.objects.get(source_ref="V2").requester.email == "u1@slack.invalid"
    slack.add_user("U1", "ada@harbourline.example")
    ada = make_user("ada@harbourline.example")
    write(post, slack, view_id="V3", title="A third wish about invoices")
    assert Request.objects.get(source_ref="V3").requester == ada


def test_people_of_other_companies_are_not_matched(post, slack, ada):
    slack.add_user("U1", "ada@harbourline.example", name="Mallory")
    slack.users["U1"]["team_id"] = "T666"
    write(post, slack)
    assert Request.objects.get().requester != ada


def test_a_message_becomes_a_request_with_its_thread(post, slack, ada, run_on_commit):
    ts = slack.say("C1", "U2", "Boats are late\nEvery Monday.")
    message = slack.messages["C1"][0]
    body = {"type": "message_action", "callback_id": "message_to_request",
            "team": {"id": "T111"}, "user": {"id": "U1"}, "channel": {"id": "C1"},
            "message": message, "trigger_id": slack.trigger()}  # fmt: skip
    post("interactivity", body)
    with run_on_commit():
        post("interactivity", filled(opened(slack)))
    item = Request.objects.get()
    assert (item.title, item.problem) == ("Boats are late", "Boats are late\nEvery Monday.")
    assert item.evidence_url.endswith("/C1/p" + ts.replace(".", ""))
    kept = ItemLink.objects.get(kind="thread")
    assert (kept.upstream_id, kept.data["ts"]) == (f"C1:{ts}", ts)
    assert [one.get("thread_ts") for one in slack.messages["C1"]] == [None, ts]


# --- The thread ---------------------------------------------------------------------------------


@pytest.fixture
def threaded(post, slack, ada, run_on_commit):
    with run_on_commit():
        write(post, slack)
    return Request.objects.get()


def test_each_change_is_told_once(threaded, slack, pm, team, run_on_commit):
    with run_on_commit():
        triage_request(item=threaded, actor=pm, team=team, owner=pm)
    with run_on_commit():
        decide_request(item=threaded, actor=pm, outcome="do", reason="Cheap & <!channel> good.")
    first, *told = [one["text"] for one in slack.messages["DU1"]]
    assert "Decided: do it" in first
    assert len(told) == 2
    assert told[1] == "*Decided: do it.* Cheap &amp; &lt;!channel&gt; good."
    for one in Event.objects.filter(kind__in=threads.TOLD):
        threads.tell(one)
    assert Delivery.objects.filter(action=threads.REPLY).count() == 2


def test_a_channel_hears_nothing_that_is_not_for_all(slack, pm, ada, run_on_commit):
    hidden = make_request(ada, title="Secret plan", visibility="private")
    ts = slack.say("C1", "U1", "x")
    with run_on_commit():
        threads.begin(hidden, user_id="U1", channel="C1", ts=ts)
    with run_on_commit():
        decide_request(item=hidden, actor=pm, outcome="do", reason="Quiet please.")
    said = json.dumps(slack.messages["C1"])
    assert "Secret" not in said
    assert "Quiet" not in said
    assert hidden.reference in said


def test_a_question_leads_to_its_page(threaded, slack, pm, run_on_commit):
    with run_on_commit():
        ask_requester(item=threaded, actor=pm, question="Which port?")
    assert threaded.get_absolute_url() in slack.messages["DU1"][-1]["text"]


def waiting(**fields):
    Delivery.objects.update(due_at="2020-01-01T00:00:00Z")
    return list(Delivery.objects.exclude(state=State.DONE).order_by("pk"))


def test_a_broken_line_does_not_post_twice(item, slack):
    slack.faults.append(Fault("chat.postMessage", "reset-after"))
    threads.begin(item, user_id="U1")
    for _ in range(2):
        for one in waiting():
            deliveries.deliver(one.pk)
    assert len(slack.messages["DU1"]) == 1
    assert Delivery.objects.get().state == State.DONE
    assert ItemLink.objects.get().data["status_ts"] == slack.messages["DU1"][0]["ts"]


def test_a_rate_limit_is_waited_for(item, slack):
    slack.faults.append(Fault("chat.postMessage", "429", value="90"))
    threads.begin(item, user_id="U1")
    deliveries.deliver(Delivery.objects.get().pk)
    held = Delivery.objects.get()
    assert held.state == State.WAITING
    assert "90 seconds" in held.message


def test_a_refused_token_opens_the_circuit(item, slack):
    slack.faults.append(Fault("conversations.open", "token_revoked"))
    threads.begin(item, user_id="U1")
    for _ in range(2):
        for one in waiting():
            deliveries.deliver(one.pk)
    assert circuit.is_open(Source.SLACK)
    assert len(slack.named("conversations.open")) == 1


def test_what_slack_refuses_is_given_up_with_its_word(item, slack):
    slack.faults.append(Fault("chat.postMessage", "is_archived"))
    threads.begin(item, user_id="U1")
    deliveries.deliver(Delivery.objects.get().pk)
    assert Delivery.objects.get().message == "Slack refused chat.postMessage: is archived."


# --- Events -------------------------------------------------------------------------------------


def react(ts, emoji="memo", **more):
    where = {"type": "message", "channel": "C1", "ts": ts}
    return event("reaction_added", reaction=emoji, user="U1", item=where, **more)


def test_the_emoji_makes_one_request(post, slack, ada, run_on_commit):
    slack.add_user("U2", "bo@harbourline.example", name="Bo")
    ts = slack.say("C1", "U2", "Boats are late")
    with run_on_commit():
        post("events", react(ts, emoji="heart"))
        post("events", react(ts))
        post("events", react(ts))
        post("events", {**react(ts), "event_id": "Ev2"})
    item = Request.objects.get()
    assert (item.requester.email, item.sent_by) == ("bo@harbourline.example", ada)
    assert len(slack.messages["C1"]) == 2
    assert InboundMessage.objects.count() == 2


def test_the_home_shows_my_requests(post, slack, ada, run_on_commit):
    make_request(ada, title="Late <!here> boats")
    with run_on_commit():
        post("events", event("app_home_opened", user="U1", tab="home"))
    shown = slack.named("views.publish")[0]
    assert shown["user_id"] == "U1"
    assert "&lt;!here&gt; boats" in json.dumps(shown["view"])
    assert "In triage" in json.dumps(shown["view"])


def test_links_unfold_to_what_everybody_may_see(post, slack, ada, settings, run_on_commit):
    seen = make_request(ada, title="Open to all")
    hidden = make_request(ada, title="Secret", visibility="private")
    urls = [settings.BASE_URL + one.get_absolute_url() for one in (seen, hidden)]
    links = [{"url": url} for url in [*urls, "https://evil.example/requests/1/", "http://[x"]]
    with run_on_commit():
        post("events", event("link_shared", links=links, unfurl_id="u", source="composer"))
    assert list(slack.named("chat.unfurl")[0]["unfurls"]) == urls[:1]


def test_a_removed_app_stops_everything(post, slack, item, opsadmin, run_on_commit):
    from notices.models import Notice

    with run_on_commit():
        post("events", event("app_uninstalled"))
        post("events", event("tokens_revoked", "Ev2", tokens={"bot": ["UB"]}))
    assert Notice.objects.get(kind="source.disconnected").recipient == opsadmin
    assert circuit.is_open(Source.SLACK)
    threads.begin(item, user_id="U1")
    deliveries.deliver(Delivery.objects.get().pk)
    assert not slack.calls


def test_own_messages_are_not_heard():
    assert not handlers.is_heard({"type": "link_shared", "bot_id": "B1"})


# --- The rest -----------------------------------------------------------------------------------


def test_texts():
    assert escape("<!channel> & <https://evil|login>") == (
        "&lt;!channel&gt; &amp; &lt;https://evil|login&gt;"
    )
    assert link("https://hub/1", "a|b>") == "<https://hub/1|a¦b&gt;>"
    assert plain("<!here> <#C1|general> <https://a.example|A> &amp;") == (
        "@here #general A (https://a.example) &"
    )


def test_notices_go_to_those_who_chose_it(slack, ada, item, run_on_commit):
    from integrations.slack import channel
    from notices.models import Notice

    notice = Notice(recipient=ada, title="News <!channel>", text="a & b", url="/x/", kind="k",
                    subject_type="intake.request", subject_id=item.pk)  # fmt: skip
    made = Event.objects.latest("pk")
    notice.event_id = made.pk
    notice.save()
    assert not channel.is_available(ada)
    IdentityLink.objects.create(source="slack", upstream_id="U1", person=ada)
    assert channel.is_available(ada)
    with run_on_commit():
        channel.deliver(notice)
        channel.deliver(notice)
    (said,) = slack.messages["DU1"]
    assert "|News &lt;!channel&gt;>" in said["text"]
    assert "a &amp; b" in said["text"]


def test_accounts_are_read_and_matched(slack, ada):
    slack.add_user("U2", "gone@harbourline.example", deleted=True)
    slack.add_user("U3", is_bot=True)
    first = sync_slack(trigger="command")
    stamps = list(IdentityLink.objects.values_list("upstream_id", "synced_at"))
    run = sync_slack(trigger="command")
    assert list(IdentityLink.objects.values_list("upstream_id", "synced_at")) == stamps
    assert first.seen == run.seen
    assert (run.status, run.seen) == ("done", 3)
    found = {one.upstream_id: one for one in IdentityLink.objects.all()}
    assert found["U1"].person == ada
    assert not found["U2"].is_active
    assert found["U3"].is_bot
    assert User.objects.filter(email="gone@harbourline.example").count() == 0


def test_the_manifest_is_for_product_ops(signed_in, opsadmin, ada, settings):
    settings.BASE_URL = "https://hub.harbourline.example"
    assert signed_in(ada).get("/integrations/slack/manifest/").status_code == 403
    shown = signed_in(opsadmin).get("/integrations/slack/manifest/").content.decode()
    assert "https://hub.harbourline.example/slack/interactivity" in shown
