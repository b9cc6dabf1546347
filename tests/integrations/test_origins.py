"""Every synced field says where it comes from, which way it goes and since when."""

import pytest

from integrations import shared_fields
from integrations.jira import outgoing
from integrations.models import FieldRule, RawRecord, StatusRule
from integrations.productboard import client as pb_client
from integrations.productboard import features
from integrations.productboard import sync as productboard
from planning.models import WorkItem
from planning.origins import work_origin
from tests.fakes.productboard import FakeProductboard, uid


def by_name(origin):
    return {one.name: one for one in origin.fields}


def test_a_work_item_says_it_of_each_field(jira, sync, signed_in, ada, run_on_commit):
    issue = jira.issues[0]
    issue.move(0)
    sync()
    issue.title = "Another title <b>"
    issue.move(2)
    sync()
    item = WorkItem.objects.get(upstream_id=issue.id)
    found = by_name(work_origin(item))
    title, status, priority = found["Title"], found["Status"], found["Priority"]
    assert (
        title.before.startswith("Carrier portal") and title.changed_at == item.upstream_updated_at
    )
    assert (status.before, status.value, status.rule) == ("To Do", "In Review", "No rule")
    assert status.changed_at and status.changed_by
    assert priority.changed_at is None and priority.since and priority.direction == "Jira → hub"
    assert found["Phase"].direction == "kept here"
    page = signed_in(ada).get(item.get_absolute_url()).content.decode()
    assert "Where this comes from" in page and "by <a href" in page
    assert "Another title &lt;b&gt;" in page


def test_the_payload_before_is_kept_once(jira, sync):
    sync()
    assert set(RawRecord.objects.filter(kind="issue").values_list("previous", flat=True)) == {""}
    first = RawRecord.objects.get(kind="issue", upstream_id=jira.issues[0].id).payload
    jira.issues[0].move(1)
    sync()
    sync()
    assert RawRecord.objects.get(kind="issue", upstream_id=jira.issues[0].id).previous == first


def test_the_direction_follows_the_rule(jira, triaged, pm, sync, run_on_commit, signed_in):
    sync()
    item = WorkItem.objects.get(upstream_id=jira.issues[0].id)
    FieldRule.objects.create(source="jira", field="title", owner="ask")
    StatusRule.objects.create(
        source="jira", status_key=item.status_id, name=item.status_name, effect="nothing"
    )
    assert by_name(work_origin(item))["Title"].direction == "Jira → hub"
    outgoing.link_issue(item=triaged, actor=pm, issue_id=item.upstream_id, key=item.key)
    found = by_name(work_origin(item))
    assert found["Title"].direction == "both ways"
    assert found["Status"].rule.startswith("Nothing")
    page = signed_in(pm).get(triaged.get_absolute_url()).content.decode()
    assert f"Where {item.key} comes from" in page and "Both ways" in page


@pytest.mark.parametrize(("owner", "direction"), [("", "Productboard → hub"), ("hub", "Hub → Pro")])
def test_a_feature_says_it_on_its_request(
    settings, monkeypatch, triaged, pm, opsadmin, signed_in, owner, direction
):
    monkeypatch.setattr(pb_client, "CALLS_A_SECOND", 100_000.0)
    with FakeProductboard() as board:
        settings.PRODUCTBOARD_BASE_URL = board.url
        settings.PRODUCTBOARD_API_TOKEN = board.token
        productboard.sync_productboard(trigger="command", sleep=lambda seconds: None)
        board.entity(100).change(health={"status": "atRisk"})
        productboard.sync_productboard(trigger="command", sleep=lambda seconds: None)
    features.link_feature(item=triaged, actor=pm, upstream_id=uid(100))
    shared_fields.save_field_rules(source="productboard", owners={"title": owner}, actor=opsadmin)
    page = signed_in(pm).get(triaged.get_absolute_url()).content.decode()
    assert direction in page and "onTrack" in page and "atRisk" in page
