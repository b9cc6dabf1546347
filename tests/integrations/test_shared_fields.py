"""Fields that both sides have: who wins, when a person is asked, and that it always ends."""

import random
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from activity.models import Event
from intake import services as intake
from intake.models import Request
from integrations import deliveries, inbox, rules, shared_fields
from integrations.agreement import Step, step
from integrations.jira import outgoing
from integrations.models import Delivery, FieldRule, FieldState
from integrations.productboard import client as pb_client
from integrations.productboard import features, handlers, sync
from tests.factories import make_request, make_user
from tests.fakes.productboard import FakeProductboard, Fault, uid

FIELD = FieldState.State


@pytest.fixture
def board(settings, monkeypatch):
    monkeypatch.setattr(pb_client, "CALLS_A_SECOND", 100_000.0)
    monkeypatch.setattr("integrations.http.FIRST_WAIT_SECONDS", 0.001)
    with FakeProductboard() as server:
        settings.PRODUCTBOARD_BASE_URL = server.url
        settings.PRODUCTBOARD_API_TOKEN = server.token
        yield server


@pytest.fixture
def linked(board, triaged, pm, run_on_commit):
    sync.sync_productboard(trigger="command", sleep=lambda seconds: None)
    with run_on_commit():
        features.link_feature(item=triaged, actor=pm, upstream_id=uid(100))
    return triaged


@pytest.fixture
def owns(opsadmin, run_on_commit):
    def rule(owner, field="title", source="productboard"):
        with run_on_commit():
            shared_fields.save_field_rules(source=source, owners={field: owner}, actor=opsadmin)

    return rule


@pytest.fixture
def here(linked, pm, run_on_commit):
    def change(title):
        with run_on_commit():
            intake.edit_request(
                item=linked, actor=pm, title=title, problem=linked.problem,
            )  # fmt: skip

    return change


@pytest.fixture
def there(board, run_on_commit):
    def change(name, hear=True):
        board.entity(100).change(name=name)
        if hear:
            with run_on_commit():
                message, _ = inbox.receive(
                    source="productboard",
                    kind="feature.updated",
                    key=f"k{timezone.now().timestamp()}",
                    body='{"data":{"id":"' + uid(100) + '","eventType":"feature.updated"}}',
                )
                handlers.read_again(message)

    return change


@pytest.fixture
def send(run_on_commit):
    def once():
        with run_on_commit():
            Delivery.objects.filter(state="waiting").update(due_at=timezone.now())
            Delivery.objects.filter(state="sending").update(leased_until=timezone.now())
            for pk in deliveries.due_ids():
                deliveries.deliver(pk)

    return once


def writes(board):
    return [body["data"]["fields"] for method, _, body in board.requests if method == "PATCH"]


def titles(board, item):
    item.refresh_from_db()
    return item.title, board.entity(100).fields["name"]


# --- one field, one rule --------------------------------------------------------------------------


def test_without_a_rule_each_side_keeps_its_own(board, linked, here, there, send):
    here("Ours")
    there("Theirs")
    send()
    assert titles(board, linked) == ("Ours", "Theirs")
    assert writes(board) == [] and not FieldState.objects.exists()


def test_what_they_differed_in_when_linked_stays(board, linked, owns, send):
    was = titles(board, linked)
    owns("ask")
    send()
    assert titles(board, linked) == was and FieldState.objects.get().state == FIELD.SETTLED


def test_a_change_here_goes_out_once(board, linked, owns, here, there, send):
    owns("ask")
    here("Ours")
    send()
    assert titles(board, linked) == ("Ours", "Ours")
    sync.sync_productboard(trigger="command", sleep=lambda seconds: None, full=True)
    send()
    assert writes(board) == [{"name": "Ours"}]
    assert FieldState.objects.get().state == FIELD.SETTLED


def test_a_change_there_comes_in_and_its_history_is_kept(
    board, linked, owns, there, send, pm, signed_in
):
    owns("ask")
    there("Theirs")
    send()
    assert titles(board, linked) == ("Theirs", "Theirs") and writes(board) == []
    event = Event.objects.get(kind="request.edited")
    assert event.actor_id is None and event.data["source"] == "productboard"
    page = signed_in(pm).get(linked.get_absolute_url()).content.decode()
    assert "took the title from Productboard" in page
    before = signed_in(pm).get(f"/requests/{linked.number}/before/").content.decode()
    assert "changed in Productboard" in before


def test_both_changed_a_person_is_asked_and_nothing_is_overwritten(
    board, linked, owns, here, there, send, pm
):
    owns("ask")
    there("Theirs", hear=False)
    here("Ours")
    send()
    assert titles(board, linked) == ("Ours", "Theirs") and writes(board) == []
    row = FieldState.objects.get()
    assert (row.state, row.here, row.there) == (FIELD.CONFLICT, "Ours", "Theirs")
    assert row.here_by == pm.name and row.here_at and row.there_at
    assert Event.objects.filter(kind="request.disputed").count() == 1


@pytest.mark.parametrize(("side", "stands"), [("here", "Ours"), ("there", "Theirs")])
def test_the_choice_is_carried_out_with_one_event(
    board, linked, owns, here, there, send, pm, side, stands, run_on_commit
):
    owns("ask")
    there("Theirs", hear=False)
    here("Ours")
    send()
    row = FieldState.objects.get()
    with run_on_commit():
        shared_fields.settle(row=row, side=side, actor=pm)
    with pytest.raises(shared_fields.AlreadySettled):
        shared_fields.settle(row=row, side=side, actor=pm)
    send()
    sync.sync_productboard(trigger="command", sleep=lambda seconds: None, full=True)
    send()
    assert titles(board, linked) == (stands, stands)
    assert len(writes(board)) == (side == "here")
    assert Event.objects.filter(kind="request.settled", actor_id=pm.pk).count() == 1


def test_the_hub_owns_it(board, linked, owns, here, there, send):
    owns("hub")
    send()
    assert titles(board, linked) == (linked.title, linked.title)
    there("Theirs")
    send()
    assert titles(board, linked)[1] == linked.title
    assert not FieldState.objects.filter(state=FIELD.CONFLICT).exists()


def test_the_source_owns_it(board, linked, owns, here, there, send):
    owns("upstream")
    assert titles(board, linked) == ("Feature 0", "Feature 0")
    here("Ours")
    send()
    assert titles(board, linked) == ("Feature 0", "Feature 0") and writes(board) == []


def test_a_source_that_writes_it_its_own_way_makes_no_loop(board, linked, owns, here, send):
    owns("hub")
    feature = board.entity(100)
    change = feature.change
    feature.change = lambda **fields: change(
        **{key: str(value).upper() for key, value in fields.items()}
    )
    here("Ours")
    for _ in range(6):
        send()
    assert len(writes(board)) <= 4
    row = FieldState.objects.get()
    assert row.state == FIELD.CONFLICT and "the hub’s value" in row.message


@pytest.mark.parametrize("kind", ["reset-after", "500", "html"])
def test_a_lost_answer_is_no_change_of_theirs(board, linked, owns, here, send, kind):
    owns("ask")
    here("Ours")
    board.faults = [Fault(kind, f"entities/{uid(100)}", after=1, times=4)]
    for _ in range(4):
        send()
    assert titles(board, linked) == ("Ours", "Ours")
    assert FieldState.objects.get().state == FIELD.SETTLED


def test_owners_are_matched_by_mail_and_must_be_pms(board, linked, owns, there, send, ada, pm):
    owns("ask", "owner")
    row = FieldState.objects.filter(field="owner")
    assert not row.exists()  # ana is nobody here, so nothing can be told
    board.entity(100).fields["owner"] = {"id": "1", "email": pm.email.upper()}
    there("Feature 0")
    Request.objects.filter(pk=linked.pk).update(owner=None)
    other = make_user("olga@harbourline.example", "Olga", role=pm.role)
    board.entity(100).fields["owner"] = {"id": "2", "email": other.email}
    there("Feature 0")
    linked.refresh_from_db()
    assert linked.owner_id in (None, other.pk)
    board.entity(100).fields["owner"] = {"id": "3", "email": ada.email}
    there("Feature 0")
    row = FieldState.objects.get(field="owner")
    assert row.state == FIELD.CONFLICT


def test_jira_titles_follow_too(jira, triaged, pm, owns, send, run_on_commit, sync):
    issue = jira.issues[0]
    with run_on_commit():
        outgoing.link_issue(item=triaged, actor=pm, issue_id=issue.id, key=issue.key)
    send()
    owns("ask", source="jira")
    with run_on_commit():
        intake.edit_request(item=triaged, actor=pm, title="Ours", problem=triaged.problem)
    send()
    assert issue.title == "Ours"
    issue.title, issue.updated = "Theirs", timezone.now() + timedelta(seconds=1)
    issue.touch()
    with run_on_commit():
        sync()
    triaged.refresh_from_db()
    assert triaged.title == "Theirs"
    assert [call for call in jira.requests if call[0] == "PUT"] != []


def test_only_pms_choose_and_only_product_ops_rules(
    board, linked, owns, here, there, send, ada, pm
):
    owns("ask")
    there("Theirs", hear=False)
    here("Ours")
    send()
    with pytest.raises(PermissionDenied):
        shared_fields.settle(row=FieldState.objects.get(), side="here", actor=ada)
    with pytest.raises(PermissionDenied):
        shared_fields.save_field_rules(source="productboard", owners={}, actor=pm)


# --- it always ends -------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["hub", "upstream", "ask"])
@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_edits_and_runs_ends_and_writes_are_bounded(
    board, linked, owns, here, there, send, pm, run_on_commit, owner, seed
):
    owns(owner)
    chance = random.Random(f"{owner}{seed}")
    edits = 0
    for number in range(10):
        what = chance.choice(["here", "there", "unheard", "send", "run", "lost"])
        if what == "here":
            here(f"Ours {chance.randrange(3)}")
            edits += 1
        elif what in ("there", "unheard"):
            there(f"Theirs {chance.randrange(3)}", hear=what == "there")
            edits += 1
        elif what == "send":
            send()
        elif what == "lost":
            board.faults = [Fault(chance.choice(["reset-after", "500"]), "entities/", times=1)]
            send()
        else:
            with run_on_commit():
                sync.sync_productboard(trigger="command", sleep=lambda seconds: None)
        del number
    board.faults = []
    for _ in range(4):
        with run_on_commit():
            sync.sync_productboard(trigger="command", sleep=lambda seconds: None, full=True)
        send()
    calls = len(writes(board))
    for _ in range(2):
        with run_on_commit():
            sync.sync_productboard(trigger="command", sleep=lambda seconds: None, full=True)
        send()
    assert len(writes(board)) == calls, "it goes on writing"
    assert calls <= 2 * edits + 4
    row = FieldState.objects.get()
    ours, theirs = titles(board, linked)
    if row.state == FIELD.CONFLICT:
        assert (row.here, row.there) == (ours, theirs)
    else:
        assert row.state == FIELD.SETTLED
        assert ours == theirs or (ours, theirs) == (row.agreed_here, row.agreed_there)
    if owner != "ask":
        assert (ours, row.state, row.message) == (theirs, FIELD.SETTLED, "")


@pytest.mark.parametrize(
    ("owner", "here", "there", "todo"),
    [
        ("ask", "a", "a", Step.AGREE),
        ("ask", "h", "t", Step.NOTHING),
        ("ask", "h2", "t", Step.SEND),
        ("ask", "h", "t2", Step.TAKE),
        ("ask", "h2", "t2", Step.ASK),
        ("hub", "h", "t2", Step.SEND),
        ("upstream", "h2", "t", Step.TAKE),
    ],
)
def test_each_step(owner, here, there, todo):
    found = step(
        here=here, there=there, agreed_here="h", agreed_there="t", has_agreed=True, owner=owner
    )
    assert found == todo


# --- trial ----------------------------------------------------------------------------------------


def test_a_trial_of_a_rule_changes_nothing(board, linked, opsadmin, ada, pm):
    for number in range(25):
        item = make_request(ada, title=f"Wish {number}")
        features.link_feature(item=item, actor=pm, upstream_id=uid(101))
    before = (Event.objects.count(), Delivery.objects.count())
    tried, found = shared_fields.try_field_rules(
        source="productboard", owners={"title": "upstream"}, actor=opsadmin
    )
    assert tried == 20 and len(found) == 20
    assert (found[0].where, found[0].before, found[0].after) == ("The hub", "Wish 24", "Feature 1")
    assert (Event.objects.count(), Delivery.objects.count()) == before
    assert not FieldRule.objects.exists()


# --- pages ----------------------------------------------------------------------------------------


def test_the_page_shows_both_sides_and_a_pm_chooses(
    board, linked, owns, here, there, send, pm, ada, signed_in
):
    owns("ask")
    there("Theirs", hear=False)
    here("Ours <b>")
    send()
    address = "/integrations/links/conflicts/"
    browser = signed_in(pm)
    assert "One field differs" in browser.get("/integrations/links/").content.decode()
    page = browser.get(address).content.decode()
    assert "Theirs" in page and "Ours &lt;b&gt;" in page and pm.name in page
    assert "Choose what stands" in browser.get(linked.get_absolute_url()).content.decode()
    assert (
        "Choose what stands" not in signed_in(ada).get(linked.get_absolute_url()).content.decode()
    )
    row = FieldState.objects.get()
    assert signed_in(ada).get(address).status_code == 403
    assert signed_in(ada).post(f"{address}{row.pk}/", {"side": "here"}).status_code == 403
    browser.post(f"{address}{row.pk}/", {"side": "there"})
    assert titles(board, linked) == ("Theirs", "Theirs")
    again = browser.post(f"{address}{row.pk}/", {"side": "here"}, follow=True).content.decode()
    assert "settled already" in again and "Nothing waits for a choice" in again


def test_conflicts_cost_the_same_however_many(
    board, pm, ada, owns, signed_in, run_on_commit, django_assert_max_num_queries
):
    sync.sync_productboard(trigger="command", sleep=lambda seconds: None)
    for number in range(4):
        item = make_request(ada, title=f"Wish {number}")
        link = features.link_feature(item=item, actor=pm, upstream_id=uid(100 + number))
        FieldState.objects.create(link=link, field="owner", here=str(pm.pk), state="conflict")
    browser = signed_in(pm)
    with django_assert_max_num_queries(12):
        assert browser.get("/integrations/links/conflicts/").content.count(b"<fieldset") == 8


def test_product_ops_tries_and_saves_who_owns_a_field(board, linked, opsadmin, signed_in):
    browser = signed_in(opsadmin)
    data = {"source": "productboard", "owner:title": "hub", "do": "try-fields"}
    page = browser.post("/integrations/mapping/", data).content.decode()
    assert "Tried on 1 linked request" in page and "Feature 0" in page
    assert not FieldRule.objects.exists()
    browser.post("/integrations/mapping/", {**data, "do": "save-fields"})
    assert FieldRule.objects.get().owner == "hub"
    browser.post("/integrations/mapping/", {**data, "owner:title": "", "do": "save-fields"})
    assert not FieldRule.objects.exists()


# --- status ---------------------------------------------------------------------------------------


@pytest.fixture
def status_rule(opsadmin, run_on_commit):
    def rule(name, effect):
        with run_on_commit():
            rules.save_status_rules(
                source="productboard", effects={name: effect}, names={}, actor=opsadmin
            )

    return rule


def test_a_decision_is_never_overwritten_by_a_status(
    board, linked, pm, status_rule, run_on_commit, signed_in
):
    with run_on_commit():
        intake.decide_request(item=linked, actor=pm, outcome="no", reason="Too dear.")
    status_rule("In progress", "begun")
    row = FieldState.objects.get(field="status")
    assert (row.state, row.there, row.here_by) == (FIELD.CONFLICT, "In progress", pm.name)
    linked.refresh_from_db()
    assert (linked.status, linked.outcome) == ("decided", "no")
    browser = signed_in(pm)
    page = browser.get("/integrations/links/conflicts/").content.decode()
    assert "Change the decision" in page
    browser.post(f"/integrations/links/conflicts/{row.pk}/", {"side": "there"})
    assert FieldState.objects.get(field="status").state == FIELD.CONFLICT
    browser.post(f"/integrations/links/conflicts/{row.pk}/", {"side": "here"})
    sync.sync_productboard(trigger="command", sleep=lambda seconds: None, full=True)
    assert FieldState.objects.get(field="status").state == FIELD.SETTLED
    board.entity(100).change(status={"id": "1", "name": "Planned"})
    sync.sync_productboard(trigger="command", sleep=lambda seconds: None)
    board.entity(100).change(status={"id": "2", "name": "In progress"})
    sync.sync_productboard(trigger="command", sleep=lambda seconds: None)
    assert FieldState.objects.get(field="status").state == FIELD.CONFLICT
    assert Event.objects.filter(kind="request.disputed").count() == 2


def test_what_is_given_up_there_asks_whoever_decided_to_do_it(
    board, linked, pm, status_rule, run_on_commit
):
    status_rule("In progress", "dropped")
    assert not FieldState.objects.exists()
    with run_on_commit():
        intake.decide_request(item=linked, actor=pm, outcome="do", reason="Worth it.")
    assert FieldState.objects.get().state == FIELD.CONFLICT
    board.entity(100).change(status={"id": "1", "name": "Planned"})
    sync.sync_productboard(trigger="command", sleep=lambda seconds: None)
    assert FieldState.objects.get().state == FIELD.SETTLED


def test_a_decision_that_stands_may_be_carried_there(
    board, linked, pm, status_rule, run_on_commit, signed_in, send
):
    status_rule("In progress", "begun")
    status_rule("Parked", "dropped")
    with run_on_commit():
        intake.decide_request(item=linked, actor=pm, outcome="no", reason="Too dear.")
    row = FieldState.objects.get(field="status")
    browser = signed_in(pm)
    page = browser.get("/integrations/links/conflicts/").content.decode()
    assert "Keep it, and set “Parked” in Productboard" in page
    browser.post(f"/integrations/links/conflicts/{row.pk}/", {"side": "send"})
    send()
    assert board.entity(100).fields["status"] == {"name": "Parked"}
    for _ in range(3):
        sync.sync_productboard(trigger="command", sleep=lambda seconds: None, full=True)
        send()
    assert writes(board) == [{"status": {"name": "Parked"}}]
    assert FieldState.objects.get(field="status").state == FIELD.SETTLED
    assert linked.reference and Event.objects.filter(kind="request.settled").count() == 1


def test_what_moved_by_itself_meanwhile_is_left_alone(
    board, linked, pm, status_rule, run_on_commit, send
):
    status_rule("In progress", "begun")
    status_rule("Parked", "dropped")
    with run_on_commit():
        intake.decide_request(item=linked, actor=pm, outcome="no", reason="Too dear.")
    shared_fields.settle(row=FieldState.objects.get(field="status"), side="send", actor=pm)
    board.entity(100).change(status={"id": "1", "name": "Planned"})
    send()
    assert writes(board) == []
    assert "meantime" in Delivery.objects.get(action="set_status").result["left"]


def test_an_issue_is_moved_by_its_workflow(jira, triaged, pm, opsadmin, run_on_commit, send, sync):
    issue = jira.issues[0]
    issue.move(1)
    with run_on_commit():
        sync()
        outgoing.link_issue(item=triaged, actor=pm, issue_id=issue.id, key=issue.key)
        rules.save_status_rules(
            source="jira", effects={"10001": "begun", "10003": "dropped"}, names={},
            actor=opsadmin,
        )  # fmt: skip
        intake.decide_request(item=triaged, actor=pm, outcome="no", reason="Too dear.")
    row = FieldState.objects.get(field="status")
    with run_on_commit():
        shared_fields.settle(row=row, side="send", actor=pm)
    send()
    send()
    assert issue.status == 3
    posts = [call for call in jira.requests if call[0] == "POST" and "transitions" in call[1]]
    assert len(posts) == 1
    assert FieldState.objects.get(field="status").state == FIELD.SETTLED
