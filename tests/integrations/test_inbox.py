"""Messages are kept, heard once, tried again, and can be played again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import inbox
from integrations.errors import RateLimited, RetryableUpstreamError, UpstreamError
from integrations.models import InboundMessage, Source

pytestmark = pytest.mark.django_db
State = InboundMessage.State


@pytest.fixture
def heard(monkeypatch):
    said = []
    monkeypatch.setattr(inbox, "_handlers", {})

    @inbox.hears(Source.JIRA, "jira:")
    def any_issue(message):
        said.append(message.kind)
        return "Read again."

    @inbox.hears(Source.JIRA, "jira:issue_deleted")
    def deleted(message):
        said.append("gone")
        if message.subject == "away":
            raise RetryableUpstreamError("Jira is away.")
        if message.subject == "paused":
            raise RateLimited("Wait.", 300.0)
        if message.subject == "bad":
            raise UpstreamError("No such issue.")
        return "Marked as deleted."

    return said


def sent(kind="jira:issue_updated", key="1", **more):
    return inbox.receive(source=Source.JIRA, kind=kind, key=key, **more)


def test_it_is_heard_once_however_often_it_comes(heard, run_on_commit):
    with run_on_commit():
        first, is_new = sent()
        again, is_new_again = sent()
    assert (is_new, is_new_again, first.pk) == (True, False, again.pk)
    first.refresh_from_db()
    assert (first.state, first.message, first.times) == (State.DONE, "Read again.", 2)
    assert heard == ["jira:issue_updated"]


def test_the_handler_that_says_most_takes_it(heard, run_on_commit):
    with run_on_commit():
        sent("jira:issue_deleted")
    assert heard == ["gone"]


def test_what_nobody_cares_for_is_kept_and_ignored(heard, run_on_commit):
    with run_on_commit():
        message, _ = sent("board_created")
    message.refresh_from_db()
    assert message.state == State.IGNORED


@pytest.mark.parametrize("subject", ["away", "paused"])
def test_trouble_puts_it_off(heard, subject):
    message, _ = sent("jira:issue_deleted", subject=subject)
    assert inbox.handle(message.pk)
    message.refresh_from_db()
    assert (message.state, message.attempts) == (State.WAITING, 1 if subject == "away" else 0)
    assert message.due_at > timezone.now()
    assert inbox.waiting_ids() == []
    InboundMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert inbox.waiting_ids() == [message.pk]


def test_it_ends_when_trying_does_not_help_and_is_played_again(heard, run_on_commit):
    message, _ = sent("jira:issue_deleted", subject="bad")
    inbox.handle(message.pk)
    message.refresh_from_db()
    assert (message.state, message.message) == (State.FAILED, "No such issue.")
    InboundMessage.objects.update(subject="")
    with run_on_commit():
        inbox.replay(message)
    message.refresh_from_db()
    assert (message.state, message.message) == (State.DONE, "Marked as deleted.")


def test_old_ones_are_forgotten(heard, run_on_commit):
    with run_on_commit():
        sent()
    waiting, _ = sent(key="2")
    InboundMessage.objects.update(received_at=timezone.now() - timedelta(days=31))
    assert inbox.forget_old() == 1
    assert InboundMessage.objects.get() == waiting
