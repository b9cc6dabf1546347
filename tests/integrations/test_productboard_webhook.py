"""What Productboard posts: who is let in, what is kept, what is read again."""

import json

import pytest
from django.test import Client

from integrations import inbox, tasks
from integrations.models import InboundMessage
from integrations.productboard import client as pb_client
from planning.models import ProductEntity
from tests.fakes.productboard import FakeProductboard, uid

ADDRESS = "/hooks/productboard/"


@pytest.fixture(autouse=True)
def token(settings):
    settings.PRODUCTBOARD_WEBHOOK_TOKEN = "agreed-on-secret"


@pytest.fixture
def board(settings, monkeypatch):
    monkeypatch.setattr(pb_client, "CALLS_A_SECOND", 100_000.0)
    with FakeProductboard() as server:
        settings.PRODUCTBOARD_BASE_URL = server.url
        settings.PRODUCTBOARD_API_TOKEN = server.token
        yield server


def post(number=103, kind="feature.updated", header="Bearer agreed-on-secret", **data):
    target = "https://api.productboard.com/features/x"
    held = {"id": uid(number), "eventType": kind, "links": {"target": target}, **data}
    return Client().post(
        ADDRESS,
        json.dumps({"data": held}),
        content_type="application/json",
        headers={"Authorization": header} if header else {},
    )


def handle():
    inbox.handle(InboundMessage.objects.latest("pk").pk)
    return InboundMessage.objects.latest("pk")


def test_it_works(db, board):
    assert post().status_code == 204
    message = handle()
    assert (message.state, message.message) == ("done", "The entity was read again.")
    assert ProductEntity.objects.get().name == "Feature 3"
    assert all("entities/" in path for _, path, _ in board.requests)


def test_what_is_gone_is_marked(db, board):
    post()
    handle()
    board.entities.remove(board.entity(103))
    post(kind="feature.deleted")
    assert "gone" in handle().message
    assert ProductEntity.objects.get().deleted_at


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "agreed", "Bearer \u00fc"])
def test_only_the_agreed_header_is_let_in(db, header):
    assert post(header=header).status_code == 401
    assert not InboundMessage.objects.exists()


def test_without_a_token_nothing_is_there(db, settings):
    settings.PRODUCTBOARD_WEBHOOK_TOKEN = ""
    assert post(header="Bearer ").status_code == 404


def test_sent_twice_it_is_kept_once(db, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    post()
    post()
    assert InboundMessage.objects.get().times == 2


def test_a_message_without_an_id_asks_for_a_run(db, board, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.sync_productboard, "delay", lambda **options: asked.append(options))
    post(kind="feature-release-assignment.updated", id=None)
    assert handle().message == "A run was asked for."
    assert asked


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"data":1}', b'{"data":{"eventType":7}}'])
def test_nonsense_is_answered_and_ignored(db, body):
    answer = Client().post(
        ADDRESS,
        body,
        content_type="application/json",
        headers={"Authorization": "Bearer agreed-on-secret"},
    )
    assert answer.status_code == 204
    assert handle().state == "ignored"


def test_a_probe_is_echoed_only_in_our_own_form(db):
    answer = Client().get(ADDRESS, {"validationToken": "abc_DEF-12345"})
    assert (answer.content, answer["Content-Type"]) == (
        b"abc_DEF-12345",
        "text/plain; charset=utf-8",
    )
    for text in ("<script>x</script>", "short", "a" * 300, "abcdefgh\n"):
        assert Client().get(ADDRESS, {"validationToken": text}).status_code == 400
    assert Client().get(ADDRESS).status_code == 405
