"""Jira's webhooks: signed, kept once, answered at once, and only a hint to read again."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from django.test import Client

from integrations import inbox
from integrations.jira.webhooks import dedupe_key, read_hint, signature_fits
from integrations.models import InboundMessage
from planning.models import WorkItem
from tests.fakes.jira import Fault

PAYLOADS = Path(__file__).parent / "payloads" / "jira-webhooks"
SECRET = "harbour lights"
State = InboundMessage.State


@pytest.fixture
def post(db, settings):
    """`post(body)` sends a signed message as Jira does, from outside, with CSRF checks on."""
    settings.JIRA_WEBHOOK_SECRET = SECRET
    client = Client(enforce_csrf_checks=True)

    def send(body, *, signature=None, identifier="", **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        made = "sha256=" + hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
        headers["X-Hub-Signature"] = made if signature is None else signature
        if identifier:
            headers["X-Atlassian-Webhook-Identifier"] = identifier
        return client.post("/hooks/jira/", raw, content_type="application/json", headers=headers)

    return send


def told(issue, event="jira:issue_updated", **more):
    """A message about an issue of the fake, in the older shape."""
    fields = {"project": {"key": issue.key.partition("-")[0]}, "summary": "An old title"}
    return {"timestamp": 1, "webhookEvent": event, **more,
            "issue": {"id": issue.id, "key": issue.key, "fields": fields}}  # fmt: skip


def became():
    return list(InboundMessage.objects.order_by("pk").values_list("state", "message"))


def test_the_vector_of_the_documentation():
    secret, body = "It's a Secret to Everybody", b"Hello World!"
    digest = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    assert signature_fits(body, f"sha256={digest}", secret)
    assert not signature_fits(body + b" ", f"sha256={digest}", secret)
    assert not signature_fits(body, f"sha256={digest}", "another")


@pytest.mark.parametrize(
    "header",
    ["", "sha256", "sha256=", "sha1=abc", "=", "sha256=zz", "sha256=" + "0" * 64, "Ω=Ω",
     "sha256=Ωé", "sha256=" + "a" * 9000, "sha256=\udce4", "sha512=" + "0" * 128],
)  # fmt: skip
def test_a_bent_signature_is_refused_and_nothing_is_kept(post, header):
    try:
        answer = post({"webhookEvent": "jira:issue_updated"}, signature=header)
    except UnicodeEncodeError:  # what no client can send
        assert not signature_fits(b"{}", header, SECRET)
        return
    assert answer.status_code == 401
    assert not InboundMessage.objects.exists()


def test_without_a_secret_there_is_nothing(post, settings):
    settings.JIRA_WEBHOOK_SECRET = ""
    assert post({}).status_code == 404


def test_only_posts_and_only_so_much(post, client):
    assert client.get("/hooks/jira/").status_code == 405
    assert post(b"x" * (2 * 1024**2 + 1)).status_code == 413
    assert not InboundMessage.objects.exists()


def test_it_answers_at_once_without_session_or_cookie(post, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        answer = post({"webhookEvent": "sprint_started"})
    assert (answer.status_code, answer.content, answer.cookies) == (200, b"", {})


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"x"', b"{", b"\xff\xfe", b"[" * 50_000, b'{"webhookEvent": 3}',
             b'{"webhookEvent": "jira:issue_updated", "issue": []}',
             b'{"webhookEvent": "jira:issue_updated", "issue": {"id": {"a": 1}, "fields": 4}}',
             b'{"webhookEvent": "jira:issue_deleted\\u0000", "issue": {"id": "1\\u0000"}}'],
)  # fmt: skip
def test_signed_rubbish_is_kept_and_ignored(post, fake, run_on_commit, body):
    with run_on_commit():
        assert post(body).status_code == 200
    assert became() == [(State.IGNORED, "It concerns nothing that the hub keeps.")]


# What each recorded message becomes where Jira shows none of these issues.
GONE = "Jira does not show {} any more. The next full run decides."
RECORDED = {
    "webhook-cloud-comment-created-mention-user": ("comment_created", "10040", GONE, "TES-41"),
    "webhook-cloud-comment-updated": ("comment_updated", "10040", GONE, "TES-41"),
    "webhook-issue-assigned-empty-changelog": ("jira:issue_updated", "10001", GONE, "TEST-123"),
    "webhook-issue-created-no-description": ("jira:issue_created", "10040", GONE, "TES-41"),
    "webhook-issue-created": ("jira:issue_created", "10040", GONE, "TES-41"),
    "webhook-issue-updated-assigned-on-server": ("jira:issue_updated", "10226", GONE, "PRJA-37"),
    "webhook-issue-updated-components": ("jira:issue_updated", "10360", GONE, "TES-10"),
    "webhook-issue-updated-issue-type": ("jira:issue_updated", "10040", GONE, "TES-41"),
    "webhook-issue-updated-multiple-custom-fields": (
        "jira:issue_updated", "10040", GONE, "TES-41",
    ),
    "webhook-issue-updated-rank": ("jira:issue_updated", "10040", GONE, "TES-41"),
    "webhook-issue-updated-reopened": ("jira:issue_updated", "10040", GONE, "TES-41"),
    "webhook-issue-updated-sprint": ("jira:issue_updated", "10040", GONE, "TES-41"),
    "webhook-server-comment-deleted": ("comment_deleted", "10013", GONE, "10013"),
    "webhook-server-issue-updated-comment-deleted": (
        "jira:issue_updated", "10013", GONE, "PRJX-14",
    ),
    "webhook-server-issue-updated-commented-2": ("jira:issue_updated", "10231", GONE, "PRJA-42"),
    "webhook-server-issue-updated-in-progress": ("jira:issue_updated", "10300", GONE, "TES-4"),
    "webhook-server-issue-updated-resolved": ("jira:issue_updated", "10300", GONE, "TES-4"),
    "webhook-server-old-issue-updated-no-event-type-comment-edited": (
        "jira:issue_updated", "10013", GONE, "PRJX-14",
    ),
    "webhook-server-updated-custom-field": ("jira:issue_updated", "10106", GONE, "TES-8"),
}  # fmt: skip


def test_every_recorded_message_is_known():
    assert {path.stem for path in PAYLOADS.glob("*.json")} == set(RECORDED)


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_recorded_message_becomes_a_hint(post, fake, run_on_commit, name):
    with run_on_commit():
        assert post((PAYLOADS / f"{name}.json").read_bytes()).status_code == 200
    kind, issue_id, sentence, label = RECORDED[name]
    message = InboundMessage.objects.get()
    assert (message.kind, message.subject) == (kind, issue_id)
    assert (message.state, message.message) == (State.DONE, sentence.format(label))


def test_a_changed_issue_is_read_again_and_nothing_of_the_message_is_believed(
    post, fake, sync, equal, run_on_commit
):
    sync()
    issue = fake.issues[3]
    issue.title = "A new title"
    issue.move(2)
    with run_on_commit():
        post(told(issue))
    assert became() == [(State.DONE, f"{issue.key} was read again.")]
    equal()


def test_doubled_reordered_and_lost_messages_leave_the_hub_equal(
    post, fake, sync, equal, run_on_commit
):
    sync()
    first, second, third = fake.issues[:3]
    early = told(first, timestamp=10)
    first.move(1)
    late = told(first, timestamp=20)
    first.move(3)
    second.move(2)  # its message is lost
    third.title = "Renamed twice"
    third.touch()
    with run_on_commit():
        post(late, identifier="b")
        post(early, identifier="a")
        post(late, identifier="b", **{"X-Atlassian-Webhook-Retry": "1"})
        post(told(third), identifier="c")
    assert InboundMessage.objects.count() == 3
    assert InboundMessage.objects.get(key="id:b").times == 2
    assert WorkItem.objects.get(upstream_id=first.id).status_name == "Done"
    sync()
    equal()


def test_a_deletion_is_believed_only_when_the_id_leads_nowhere(post, fake, sync, run_on_commit):
    sync()
    kept, gone = fake.issues[0], fake.issues[1]
    fake.issues.remove(gone)
    with run_on_commit():
        post(told(kept, "jira:issue_deleted"))
        post(told(gone, "jira:issue_deleted"))
        post(told(gone))  # an older message that comes after it
    assert became() == [
        (State.DONE, f"{kept.key} is still there and was read again."),
        (State.DONE, f"{gone.key} was deleted."),
        (State.DONE, f"Jira does not show {gone.key} any more. The next full run decides."),
    ]
    assert WorkItem.objects.get(upstream_id=gone.id).deleted_at is not None
    assert WorkItem.objects.get(upstream_id=kept.id).deleted_at is None


def test_projects_that_are_not_read_are_left_alone(post, fake, settings, run_on_commit):
    settings.JIRA_PROJECTS = ["PLT"]
    other = next(issue for issue in fake.issues if not issue.key.startswith("PLT"))
    with run_on_commit():
        post(told(other))
    assert became() == [(State.IGNORED, "It concerns nothing that the hub keeps.")]
    assert not WorkItem.objects.exists()


def test_sprints_boards_and_projects_ask_for_one_run(post, fake, run_on_commit):
    with run_on_commit():
        for event in ("sprint_started", "board_updated", "project_updated"):
            post({"webhookEvent": event})
    assert [said for _, said in became()] == [
        "A run was asked for.",
        "A run was asked for a moment ago.",
        "A run was asked for a moment ago.",
    ]
    assert WorkItem.objects.count() == len(fake.issues)


def test_a_jira_in_trouble_is_asked_again_later(post, fake, run_on_commit):
    issue = fake.issues[0]
    fake.faults = [Fault("/issue/", "429", value=120)]
    with run_on_commit():
        post(told(issue))
    message = InboundMessage.objects.get()
    assert (message.state, message.attempts) == (State.WAITING, 0)
    inbox.replay(message)
    assert inbox.handle(message.pk)
    assert WorkItem.objects.get().key == issue.key


def test_a_refused_token_stops_the_calls(post, fake, run_on_commit):
    fake.faults = [Fault("/issue/", "401", times=9)]
    with run_on_commit():
        post(told(fake.issues[0]), identifier="a")
        post(told(fake.issues[1]), identifier="b")
    assert [state for state, _ in became()] == [State.FAILED, State.FAILED]
    assert fake.calls("/issue/") == 1


def test_a_message_has_one_name():
    assert dedupe_key(b"{}", "abc") == "id:abc"
    assert dedupe_key(b"{}", "") == dedupe_key(b"{}", "Ωmega") != dedupe_key(b"{ }", "")
    assert read_hint('{"webhookEvent":"x","issue":{"id":true}}').issue_id == ""
