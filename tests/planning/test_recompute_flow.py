"""Flow rules: where the clock starts and stops."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from activity.models import Event
from planning import services
from planning.models import FlowRule, WorkProject, WorkStatus
from tests.factories_work import CREATED_AT, make_row, make_work_item

pytestmark = pytest.mark.django_db


def rule(status: str, phase: str, project: str = "") -> FlowRule:
    return FlowRule.objects.create(
        status=WorkStatus.objects.get(name=status),
        project=WorkProject.objects.get(key=project) if project else None,
        phase=phase,
    )


def test_it_works():
    item = make_work_item("building", "review", "done")
    rule("In Progress", "waiting")
    assert services.recompute_flow() == 1
    item.refresh_from_db()
    assert item.started_at == CREATED_AT + timedelta(days=2)
    assert item.cycle_seconds == 24 * 3600


def test_a_rule_of_the_project_wins():
    item = make_work_item("building", "review", "done")
    rule("In Review", "done")
    rule("In Review", "active", "PLT")
    services.recompute_flow(project_key="PLT")
    item.refresh_from_db()
    assert item.finished_at == CREATED_AT + timedelta(days=3)


def test_a_rule_of_another_project_does_nothing():
    item = make_work_item("building", "review", "done")
    make_work_item(project_id="9", project_key="DSP", project_name="Dispatch")
    rule("In Review", "done", "DSP")
    services.recompute_flow()
    item.refresh_from_db()
    assert item.finished_at == CREATED_AT + timedelta(days=3)


def test_a_new_end_is_announced_once():
    make_work_item("building", "review")
    rule("In Review", "done")
    services.recompute_flow()
    services.recompute_flow()
    assert Event.objects.filter(kind="work_item.finished").count() == 1
    FlowRule.objects.all().delete()
    services.recompute_flow()
    assert Event.objects.filter(kind="work_item.reopened").count() == 1


def test_it_works_in_batches(monkeypatch):
    for _ in range(5):
        make_work_item("building", "done")
    monkeypatch.setattr(services, "RECOMPUTE_BATCH", 2)
    assert services.recompute_flow() == 5
    assert make_row().upstream_id


def test_a_status_has_one_rule_a_project():
    make_work_item("building")
    rule("In Progress", "waiting")
    with pytest.raises(IntegrityError), transaction.atomic():
        rule("In Progress", "done")
