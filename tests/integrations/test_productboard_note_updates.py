"""What is added to a request later reaches its note: once, together, never wrongly."""

from datetime import timedelta

import pytest
from django.utils import timezone

from intake import services as intake
from intake.models import Request, Visibility, Vote
from integrations import deliveries
from integrations.models import Delivery, ItemLink
from integrations.productboard import client as pb_client
from integrations.productboard import note_updates, notes
from tests.factories import make_request, make_user
from tests.fakes.productboard import FakeProductboard, Fault


@pytest.fixture
def board(settings, monkeypatch):
    monkeypatch.setattr(pb_client, "CALLS_A_SECOND", 100_000.0)
    monkeypatch.setattr("integrations.http.FIRST_WAIT_SECONDS", 0.001)
    with FakeProductboard() as server:
        settings.PRODUCTBOARD_BASE_URL = server.url
        settings.PRODUCTBOARD_API_TOKEN = server.token
        yield server


@pytest.fixture
def noted(board, ada, pm, run_on_commit):
    item = make_request(ada)
    with run_on_commit():
        notes.push_request(item=item, actor=pm)
        send()
    return item


@pytest.fixture
def vote(run_on_commit):
    def give(item, name):
        with run_on_commit():
            person = make_user(f"{name.lower()}@harbourline.example", name)
            intake.vote_for_request(item=item, person=person, case=f"{name} waits")

    return give


def send():
    Delivery.objects.filter(state="waiting").update(due_at=timezone.now())
    for pk in deliveries.due_ids():
        deliveries.deliver(pk)


def patches(board):
    return [body for method, _, body in board.requests if method == "PATCH"]


def test_votes_of_a_while_go_out_together(board, noted, vote):
    for name in ("Vera", "Bo", "Cy"):
        vote(noted, name)
    waiting = Delivery.objects.get(state="waiting")
    assert waiting.due_at > timezone.now() + timedelta(seconds=30)
    send()
    assert len(patches(board)) == 1
    content = board.notes[0]["fields"]["content"]
    assert "3 votes" in content and "Bo waits" in content
    vote(noted, "Di")
    send()
    assert len(patches(board)) == 2
    assert "4 votes" in board.notes[0]["fields"]["content"]


def test_a_vote_while_it_is_sent_goes_with_the_next(board, noted, vote):
    vote(noted, "Vera")
    Delivery.objects.filter(action="update_note").update(
        state="sending", leased_until=timezone.now() + timedelta(minutes=1)
    )
    vote(noted, "Bo")
    assert Delivery.objects.filter(action="update_note").count() == 2


def test_a_vote_while_the_note_is_made_is_not_lost(board, ada, pm, vote, run_on_commit):
    item = make_request(ada)
    notes.push_request(item=item, actor=pm)
    sent = Delivery.objects.get()
    result = notes.push_note(sent)
    vote(item, "Vera")
    with run_on_commit():
        sent.result = result
        notes.note_made(sent)
    Delivery.objects.filter(pk=sent.pk).update(state="done")
    send()
    assert "1 vote" in board.notes[0]["fields"]["content"]


@pytest.mark.parametrize("kind", ["reset-after", "500", "truncated"])
def test_a_lost_answer_is_asked_again(board, noted, vote, kind):
    vote(noted, "Vera")
    board.faults = [Fault(kind, "notes", times=4)]
    send()
    send()
    assert Delivery.objects.filter(state="done", action="update_note").count() == 1
    assert "1 vote" in board.notes[0]["fields"]["content"] and len(board.notes) == 1


def test_what_came_to_nothing_costs_no_call(board, noted, ada, vote):
    vote(noted, "Vera")
    intake.withdraw_vote(item=noted, person=Vote.objects.get().person)
    send()
    assert patches(board) == []


def test_what_not_everybody_may_read_any_more_stays_here(board, noted, vote):
    vote(noted, "Vera")
    Request.objects.update(visibility=Visibility.PRIVATE)
    send()
    assert patches(board) == []


def test_a_note_that_is_gone_is_left_alone(board, noted, vote):
    board.notes.clear()
    vote(noted, "Vera")
    send()
    assert Delivery.objects.get(action="update_note").state == "done"
    assert ItemLink.objects.get().data["is_gone"]


def test_a_case_that_was_added_without_a_vote_follows_daily(board, noted, vote):
    vote(noted, "Vera")
    send()
    assert note_updates.catch_up() == 0
    intake.vote_for_request(item=noted, person=Vote.objects.get().person, case="And more")
    assert note_updates.catch_up() == 1
    send()
    assert "And more" in board.notes[0]["fields"]["content"]
    assert note_updates.catch_up() == 0
