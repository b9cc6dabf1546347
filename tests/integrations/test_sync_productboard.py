"""Productboard's sync against one that behaves, and one that does not."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from integrations.models import (
    IdentityLink,
    JiraConnection,
    MemberDay,
    SourceState,
    SyncError,
)
from integrations.productboard import client as pb_client
from integrations.productboard import sync as productboard
from planning.models import ProductEntity, ProductField, ProductRelation
from tests.fakes.productboard import CHOICE, CUSTOM, Entity, FakeProductboard, Fault, uid


@pytest.fixture
def board(settings, monkeypatch):
    """A connected Productboard with 17 entities, five a page."""
    monkeypatch.setattr(pb_client, "CALLS_A_SECOND", 100_000.0)
    monkeypatch.setattr("integrations.limiter.pause", lambda source, seconds: None)
    with FakeProductboard() as server:
        settings.PRODUCTBOARD_BASE_URL = server.url
        settings.PRODUCTBOARD_API_TOKEN = server.token
        yield server


@pytest.fixture
def sync(db):
    def run(trigger: str = "command", **options):
        return productboard.sync_productboard(
            trigger=trigger, sleep=lambda seconds: None, **options
        )

    return run


def stored():
    return sorted(
        ProductEntity.objects.filter(deleted_at=None).values_list(
            "upstream_id", "type", "name", "upstream_updated_at"
        )
    )


def held(board):
    return sorted((one.id, one.type, one.fields["name"], one.updated) for one in board.entities)


def test_it_works(board, sync, ada):
    board.connect(100, "10001", "PLT-1")
    board.activities = [
        {
            "date": timezone.localdate().isoformat(), "memberId": "m-1", "role": "maker",
            "activeFlag": True, "boardOpenedCount": 3, "noteCreatedCount": 0,
        }
    ]  # fmt: skip
    run = sync()
    assert (run.status, run.failed, run.created, run.is_full) == ("done", 0, 17, True)
    assert stored() == held(board)
    feature = ProductEntity.objects.get(upstream_id=uid(101))
    assert (feature.status, feature.health, feature.progress) == ("In progress", "onTrack", 5)
    assert feature.parent_upstream_id == uid(3)
    assert feature.custom == {CUSTOM: 121}
    assert feature.description == "<p>What it <b>does</b> 1</p>"
    assert ProductEntity.objects.get(type="keyResult").progress == 50
    # Each link is shown by both ends, in pages on the objective's side, and kept once.
    assert ProductRelation.objects.count() == 12
    field = ProductField.objects.get(entity_type="feature", upstream_id=CHOICE)
    assert (field.name, field.options) == ("Size", [{"id": "o-1", "name": "Large"}])
    assert JiraConnection.objects.get().issue_id == "10001"
    assert IdentityLink.objects.get(upstream_id="m-2").email == ""
    assert MemberDay.objects.get().counts == {"boardOpened": 3}
    state = SourceState.objects.get()
    assert (state.watermark_at, state.cursor) == (run.started_at, None)


def test_it_reads_only_changes_the_next_time(board, sync):
    sync()
    board.requests.clear()
    board.entity(103).change(name="Renamed", owner=None)
    run = sync()
    assert (run.is_full, run.seen, run.updated, run.created) == (False, 1, 1, 0)
    assert stored() == held(board)
    assert ProductEntity.objects.get(upstream_id=uid(103)).owner_email == ""
    since = next(body for _, path, body in board.requests if "search" in path)["data"]["filter"]
    assert since["type"] == ["product"]


def test_it_changes_nothing_when_repeated(board, sync):
    sync()
    before = list(ProductEntity.objects.order_by("pk").values())
    run = sync(full=True)
    assert (run.created, run.updated, run.unchanged) == (0, 0, 17)
    assert list(ProductEntity.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("kind", ["500", "503", "html", "truncated", "reset"])
@pytest.mark.parametrize("path", ["entities", "relationships", "connections", "members"])
def test_one_fault_is_passed_over(board, sync, kind, path):
    board.faults = [Fault(kind, path, times=2)]
    run = sync()
    assert (run.status, run.failed) == ("done", 0)
    assert stored() == held(board)


def test_a_long_outage_is_mended_by_the_next_run(board, sync):
    board.faults = [Fault("500", "entities", times=4, after=20)]
    assert sync().status == "failed"
    assert SourceState.objects.get().watermark_at is None
    run = sync()
    assert (run.status, run.is_resumed) == ("done", True)
    assert stored() == held(board)


@pytest.mark.parametrize("value", [30, datetime(2099, 1, 1, tzinfo=UTC)])
def test_a_pause_is_kept_and_then_it_goes_on(board, sync, value):
    board.faults = [Fault("429", "search", after=1, value=value), Fault("429", "entities", after=9)]
    run = sync()
    assert run.status == "waiting"
    assert SourceState.objects.get().wait_until_at > timezone.now()
    assert sync("schedule") is None
    while run.status == "waiting":
        run = sync()
    assert stored() == held(board)


def test_a_repeated_cursor_ends_the_run(board, sync):
    board.faults = [Fault("repeat", "entities", times=50)]
    run = sync()
    assert (run.status, "same page twice" in run.message) == ("failed", True)
    board.faults = []
    assert sync().status == "done"
    assert stored() == held(board)


@pytest.mark.parametrize("status", ["401", "403"])
@pytest.mark.parametrize("path", ["members", "analytics", "jira-integrations"])
def test_one_family_without_rights_does_not_stop_the_rest(board, sync, path, status):
    board.faults = [Fault(status, path, times=99)]
    run = sync()
    assert (run.status, run.failed) == ("done", 1)
    assert stored() == held(board)
    error = SyncError.objects.get()
    assert "Give the token the right to read" in error.message
    board.faults = []
    assert sync().failed == 0
    assert not SyncError.objects.filter(resolved_at=None).exists()


def test_a_type_that_may_be_read_at_last_is_read_whole(board, sync):
    board.hidden_types = {"feature"}
    assert sync().failed == 1
    board.hidden_types = set()
    assert not sync().is_full
    assert sync().is_full
    assert stored() == held(board)


def test_a_refused_token_is_not_tried_again(board, sync):
    board.token = "another"
    run = sync()
    assert (run.status, "PRODUCTBOARD_API_TOKEN" in run.message) == ("failed", True)
    assert sync("schedule") is None


def test_what_is_gone_is_marked_and_comes_back(board, sync):
    sync()
    gone = board.entity(105)
    board.entities.remove(gone)
    assert sync().status == "done"
    assert stored() != held(board)
    sync(full=True)
    assert stored() == held(board)
    assert ProductEntity.objects.get(upstream_id=gone.id).deleted_at
    board.entities.append(gone)
    sync(full=True)
    assert stored() == held(board)


def test_a_mass_vanish_is_not_believed(board, sync):
    sync()
    board.entities = [one for one in board.entities if one.type != "feature"]
    run = sync(full=True)
    assert (run.failed, "change of rights" in run.message) == (12, True)
    assert ProductEntity.objects.filter(type="feature", deleted_at=None).count() == 12


def test_once_a_day_everything_is_read(board, sync):
    sync()
    assert not sync().is_full
    old = (timezone.now() - timedelta(hours=25)).isoformat()
    SourceState.objects.update(parts={"full_at": old})
    assert sync("schedule").is_full


def test_a_vanished_connection_was_unlinked(board, sync):
    board.connect(100, "10001", "PLT-1")
    board.connect(101, "10002", "PLT-2")
    sync()
    del board.connections["int-1"][0]
    board.connections["int-1"][0]["fields"]["issueKey"] = "NEW-2"
    sync()
    assert JiraConnection.objects.get(issue_id="10001").gone_at
    assert JiraConnection.objects.get(issue_id="10002").issue_key == "NEW-2"


def test_a_bad_item_is_noted_and_mended(board, sync):
    bad = board.entity(104)
    board.entities.append(Entity("", "feature", {"name": "x"}, bad.updated))
    bad.fields["name"] = "nul \x00 and \ud800 stay out"
    run = sync()
    assert run.failed == 1
    assert ProductEntity.objects.get(upstream_id=bad.id).name.startswith("nul ")


def test_it_never_calls_an_address_from_a_reply(board, sync):
    sync()
    assert not board.calls("dead")
