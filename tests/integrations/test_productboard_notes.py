"""A request becomes one note, whatever breaks on the way."""

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from activity.models import Event
from intake import services as intake
from intake.models import Visibility
from integrations import deliveries
from integrations.models import Delivery, ItemLink, SourceState
from integrations.productboard import client as pb_client
from integrations.productboard import notes
from tests.factories import make_request, make_user
from tests.fakes.productboard import FakeProductboard, Fault


@pytest.fixture
def board(settings, monkeypatch):
    monkeypatch.setattr(pb_client, "CALLS_A_SECOND", 100_000.0)
    monkeypatch.setattr("integrations.limiter.pause", lambda source, seconds: None)
    monkeypatch.setattr("integrations.http.FIRST_WAIT_SECONDS", 0.001)
    with FakeProductboard() as server:
        settings.PRODUCTBOARD_BASE_URL = server.url
        settings.PRODUCTBOARD_API_TOKEN = server.token
        yield server


@pytest.fixture
def wanted(ada):
    return make_request(ada, problem="Two <b>lines</b>\nof text")


def send():
    Delivery.objects.update(due_at=timezone.now())
    for pk in deliveries.due_ids():
        deliveries.deliver(pk)
    return Delivery.objects.get()


def test_it_works(board, wanted, pm):
    voter = make_user("vera@harbourline.example", "Vera", department="Support")
    intake.vote_for_request(item=wanted, person=voter, case="Costs us <an> hour")
    notes.push_request(item=wanted, actor=pm)
    notes.push_request(item=wanted, actor=pm)
    sent = send()
    note = board.notes[0]
    assert (len(board.notes), sent.state) == (1, "done")
    assert note["fields"]["name"] == f"{wanted.reference} {wanted.title}"
    content = note["fields"]["content"]
    assert "<p>Two &lt;b&gt;lines&lt;/b&gt;<br>of text</p>" in content
    assert "<li><b>Support</b>: Costs us &lt;an&gt; hour</li>" in content
    assert "Vera" not in content
    assert note["metadata"]["source"]["recordId"] == f"req-{wanted.number}"
    assert ItemLink.objects.get().upstream_id == note["id"]
    assert Event.objects.get(kind="request.linked").data["note"] == note["id"]


@pytest.mark.parametrize("kind", ["reset", "reset-after", "500", "html", "truncated"])
def test_a_lost_answer_makes_no_second_note(board, wanted, pm, kind):
    notes.push_request(item=wanted, actor=pm)
    board.faults = [Fault(kind, "notes", after=1)]
    assert send().state == "waiting"
    assert send().state == "done"
    assert len(board.notes) == 1
    assert ItemLink.objects.count() == 1


def test_a_killed_worker_makes_no_second_note(board, wanted, pm, monkeypatch):
    notes.push_request(item=wanted, actor=pm)

    def die(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "_settle", die)
        with pytest.raises(KeyboardInterrupt):
            send()
    assert len(board.notes) == 1
    Delivery.objects.update(leased_until=timezone.now())
    assert send().state == "done"
    assert len(board.notes) == 1


def test_a_pause_and_a_refused_token_cost_no_attempt(board, wanted, pm):
    notes.push_request(item=wanted, actor=pm)
    board.faults = [Fault("429", "notes", value=30)]
    sent = send()
    assert (sent.state, sent.attempts) == ("waiting", 1)
    board.token = "another"
    assert send().state == "waiting"
    assert SourceState.objects.get().refused_credentials
    SourceState.objects.update(refused_credentials="")
    board.token = "pb-token-1"
    assert send().state == "done"
    assert len(board.notes) == 1


@pytest.mark.parametrize("visibility", [Visibility.TEAM, Visibility.PRIVATE])
def test_what_not_everybody_may_read_stays_here(board, ada, pm, visibility):
    item = make_request(ada, visibility=visibility)
    with pytest.raises(notes.CannotPush):
        notes.push_request(item=item, actor=pm)


def test_it_requires_a_pm(board, wanted, ada):
    with pytest.raises(PermissionDenied):
        notes.push_request(item=wanted, actor=ada)


def test_the_page_has_the_button_and_says_what_became_of_it(board, wanted, signed_in, pm, ada):
    address = wanted.get_absolute_url()
    assert "Send as a note" not in signed_in(ada).get(address).content.decode()
    browser = signed_in(pm)
    assert "Send as a note" in browser.get(address).content.decode()
    page = browser.post(f"/requests/{wanted.number}/productboard/", follow=True).content.decode()
    assert "The note is on its way" in page and "Send as a note" not in page
    send()
    page = browser.get(address).content.decode()
    assert board.notes[0]["links"]["html"] in page
    assert signed_in(ada).post(f"/requests/{wanted.number}/productboard/").status_code == 403
