"""A feature's status comes back to its request, by rule, and once."""

import json

import pytest
from django.core.exceptions import PermissionDenied

from activity.models import Event
from intake.models import Status
from integrations import coming_back, inbox, rules
from integrations.models import ItemLink, StatusRule
from integrations.productboard import client as pb_client
from integrations.productboard import features, handlers, notes, sync
from integrations.productboard.coming_back import follow_links
from tests.factories import make_request
from tests.fakes.productboard import FakeProductboard, uid


@pytest.fixture
def board(settings, monkeypatch):
    monkeypatch.setattr(pb_client, "CALLS_A_SECOND", 100_000.0)
    with FakeProductboard() as server:
        settings.PRODUCTBOARD_BASE_URL = server.url
        settings.PRODUCTBOARD_API_TOKEN = server.token
        yield server


@pytest.fixture
def run(board, run_on_commit):
    def once(**options):
        with run_on_commit():
            return sync.sync_productboard(trigger="command", sleep=lambda seconds: None, **options)

    once()
    return once


@pytest.fixture
def linked(run, decided, pm):
    features.link_feature(item=decided, actor=pm, upstream_id=uid(100))
    return decided


def rule(name, effect):
    return StatusRule.objects.create(
        source="productboard", status_key=name, name=name, effect=effect
    )


def events(item, kind):
    return Event.objects.filter(kind=kind, subject_id=item.pk).count()


def test_it_works(board, run, linked, ada, signed_in):
    rule("Released", "shipped")
    page = signed_in(ada).get(linked.get_absolute_url()).content.decode()
    assert "Feature 0" in page and "In progress" in page and "Unlink" not in page
    board.entity(100).change(status={"id": "9", "name": "Released"})
    run()
    linked.refresh_from_db()
    assert linked.status == Status.SHIPPED
    assert ItemLink.objects.get().state == "Released"
    run(full=True)
    assert events(linked, "request.shipped") == 1


def test_a_status_begins_once_however_often_it_comes(board, run, linked):
    rule("In progress", "begun")
    coming_back.apply_again(ItemLink.objects.all())
    for name in ("Planned", "In progress", "Planned", "In progress"):
        board.entity(100).change(status={"id": "9", "name": name})
        run()
    assert events(linked, "request.begun") == 1


def test_without_a_rule_nothing_follows_and_it_is_counted(board, run, linked, opsadmin, signed_in):
    board.entity(100).change(status={"id": "9", "name": "Released"})
    run()
    linked.refresh_from_db()
    assert linked.status == Status.DECIDED
    assert [(one.name, one.count) for one in coming_back.unmapped("productboard")] == [
        ("Released", 1)
    ]
    page = signed_in(opsadmin).get("/integrations/").content.decode()
    assert "No rule" in page and "Released" in page


def test_a_webhook_brings_it_at_once(board, run, linked, run_on_commit):
    rule("Released", "shipped")
    board.entity(100).change(status={"id": "9", "name": "Released"})
    body = json.dumps({"data": {"id": uid(100), "eventType": "feature.updated"}})
    with run_on_commit():
        message, _ = inbox.receive(
            source="productboard", kind="feature.updated", key="k", subject=uid(100), body=body
        )
        assert handlers.read_again(message) == "The entity was read again."
    linked.refresh_from_db()
    assert linked.status == Status.SHIPPED


def test_a_note_linked_there_links_the_request_here(board, run, ada, pm, run_on_commit):
    item = make_request(ada)
    sent = notes.push_request(item=item, actor=pm)
    sent.result = notes.push_note(sent)
    notes.note_made(sent)
    board.link_note(board.notes[0]["id"], 101)
    run()
    link = features.links_of(item).get()
    assert (link.label, link.state, link.origin) == ("Feature 1", "In progress", "matched")
    board.notes[0]["relationships"] = []
    about = {"note": "https://x.example/notes/" + board.notes[0]["id"]}
    body = json.dumps({"data": {"eventType": "insight.deleted", "links": about}})
    message, _ = inbox.receive(source="productboard", kind="insight.deleted", key="k", body=body)
    assert handlers.read_note(message)
    assert not features.links_of(item).exists()


def test_a_deleted_feature_delivers_nothing(board, run, linked, signed_in, ada):
    rule("In progress", "shipped")
    board.entities = [one for one in board.entities if one.id != uid(100)]
    run(full=True)
    linked.refresh_from_db()
    assert linked.status == Status.DECIDED
    page = signed_in(ada).get(linked.get_absolute_url()).content.decode()
    assert "Gone from Productboard" in page


def test_pms_link_and_unlink_on_a_page(board, run, decided, pm, ada, signed_in):
    address = f"/requests/{decided.number}/productboard/feature/"
    assert signed_in(ada).get(address).status_code == 403
    browser = signed_in(pm)
    assert "Nothing is connected yet" in browser.get(address).content.decode()
    assert "Feature 3" in browser.get(address, {"q": "feat 3"}).content.decode()
    assert browser.post(address, {"feature": "no-such"}).status_code == 422
    page = browser.post(address, {"feature": uid(103)}, follow=True).content.decode()
    assert "is linked with" in page and "Unlink" in page
    link = features.links_of(decided).get()
    away = f"/requests/{decided.number}/productboard/{link.pk}/unlink/"
    assert signed_in(ada).post(away).status_code == 403
    browser.post(away)
    assert not features.links_of(decided).exists()


def test_where_nothing_moved_one_query_says_so(run, linked, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert follow_links() == 0


# --- the page of the rules, and its trial -------------------------------------------------------


def test_the_page_tries_before_it_saves(board, run, linked, opsadmin, signed_in, run_on_commit):
    browser = signed_in(opsadmin)
    address = "/integrations/mapping/"
    page = browser.get(address, {"source": "productboard", "status": "In progress"})
    assert "No rule" in page.content.decode()
    before = (Event.objects.count(), StatusRule.objects.count())
    data = {"source": "productboard", "effect:In progress": "shipped", "do": "try"}
    page = browser.post(address, data).content.decode()
    assert "nothing was saved" in page and '<b class="strong">Delivered</b>' in page
    linked.refresh_from_db()
    assert linked.status == Status.DECIDED
    assert (Event.objects.count(), StatusRule.objects.count()) == before
    with run_on_commit():
        browser.post(address, {**data, "do": "save"})
    linked.refresh_from_db()
    assert linked.status == Status.SHIPPED
    assert Event.objects.filter(kind="status_rule.saved", actor_id=opsadmin.pk).count() == 1
    browser.post(address, {**data, "effect:In progress": "", "do": "save"})
    assert not StatusRule.objects.exists()


def test_a_trial_shows_twenty_real_items(run, ada, pm, opsadmin):
    for number in range(22):
        features.link_feature(
            item=make_request(ada, title=f"Wish {number}"), actor=pm, upstream_id=uid(100)
        )
    trials = rules.try_status_rules(
        source="productboard", effects={"In progress": "begun"}, names={}, actor=opsadmin
    )
    assert len(trials) == rules.TRIAL_ITEMS
    assert {(one.before, one.is_changed) for one in trials} == {("In triage", False)}


def test_rules_are_for_product_ops(run, pm, signed_in):
    assert signed_in(pm).get("/integrations/mapping/").status_code == 403
    with pytest.raises(PermissionDenied):
        rules.try_status_rules(source="productboard", effects={}, names={}, actor=pm)
