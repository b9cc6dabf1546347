"""Where an issue stands comes back to its request, by rules that an admin keeps."""

import pytest

from activity.models import Event
from intake.models import Status
from intake.services import decide_request
from integrations import coming_back, rules
from integrations.jira import coming_back as jira_coming_back
from integrations.jira import outgoing
from integrations.models import ItemLink, StatusRule
from notices.models import Notice
from planning.models import WorkItem, WorkStatus

TO_DO, IN_PROGRESS, IN_REVIEW, DONE = range(4)


@pytest.fixture
def linked(jira, decided, pm, run_on_commit):
    """`decided`, linked with the first issue of `jira`, which waits."""
    jira.issues[0].move(TO_DO)
    with run_on_commit():
        link_with(decided, pm, jira.issues[0])
    return decided


def link_with(item, pm, issue):
    outgoing.link_issue(item=item, actor=pm, issue_id=issue.id, key=issue.key)


def rule(name, effect):
    status = WorkStatus.objects.get(name=name)
    return StatusRule.objects.create(
        source="jira", status_key=status.upstream_id, name=name, effect=effect
    )


def begun(item):
    return Event.objects.filter(kind="request.begun", subject_id=item.pk).count()


def test_the_page_shows_where_it_stands_and_when(jira, linked, ada, sync, signed_in, run_on_commit):
    jira.issues[0].move(IN_REVIEW)
    with run_on_commit():
        sync()
    page = signed_in(ada).get(linked.get_absolute_url()).content.decode()
    assert "In Review" in page and "as of" in page
    link = ItemLink.objects.get()
    assert (link.state, link.data["status_id"]) == ("In Review", "10002")


def test_a_rule_says_that_work_has_begun_and_everyone_hears_once(
    jira, linked, ada, sync, run_on_commit
):
    with run_on_commit():
        sync()
    rule("In Progress", "begun")
    for after in (IN_PROGRESS, IN_REVIEW, IN_PROGRESS):
        jira.issues[0].move(after)
        with run_on_commit():
            sync()
            sync()
    assert begun(linked) == 1
    assert Notice.objects.filter(recipient=ada, kind="request.begun").count() == 1
    linked.refresh_from_db()
    assert linked.status == Status.DECIDED


def test_finished_work_delivers_and_the_requester_is_told(jira, linked, ada, sync, run_on_commit):
    jira.issues[0].move(DONE)
    with run_on_commit():
        sync()
    linked.refresh_from_db()
    assert linked.status == Status.SHIPPED
    assert Notice.objects.filter(recipient=ada, kind="request.shipped").count() == 1
    with run_on_commit():
        sync()
    assert Event.objects.filter(kind="request.shipped").count() == 1


def test_the_last_of_several_issues_delivers(jira, linked, pm, sync, run_on_commit):
    other = jira.issues[1]
    other.move(IN_PROGRESS)
    with run_on_commit():
        link_with(linked, pm, other)
    jira.issues[0].move(DONE)
    with run_on_commit():
        sync()
    linked.refresh_from_db()
    assert linked.status == Status.DECIDED
    other.move(DONE)
    with run_on_commit():
        sync()
    linked.refresh_from_db()
    assert linked.status == Status.SHIPPED


def test_a_rule_may_say_that_done_means_nothing(jira, linked, sync, run_on_commit):
    with run_on_commit():
        sync()
    rule("Done", "nothing")
    jira.issues[0].move(DONE)
    with run_on_commit():
        sync()
    linked.refresh_from_db()
    assert linked.status == Status.DECIDED


def test_a_new_rule_holds_for_what_stands_there_already(
    jira, linked, sync, opsadmin, run_on_commit
):
    jira.issues[0].move(IN_REVIEW)
    sync()
    with run_on_commit():
        rules.save_status_rules(
            source="jira", effects={"10002": "shipped"}, names={}, actor=opsadmin
        )
    linked.refresh_from_db()
    assert linked.status == Status.SHIPPED


def test_work_finished_before_the_decision_delivers_with_it(jira, triaged, pm, sync, run_on_commit):
    jira.issues[0].move(DONE)
    with run_on_commit():
        link_with(triaged, pm, jira.issues[0])
    triaged.refresh_from_db()
    assert triaged.status == Status.TRIAGED
    with run_on_commit():
        decide_request(item=triaged, actor=pm, outcome="do", reason="It is there already.")
    triaged.refresh_from_db()
    assert triaged.status == Status.SHIPPED


def test_a_moved_issue_keeps_its_link_under_the_new_key(jira, linked, sync):
    jira.issues[0].key = "DSP-777"
    jira.issues[0].move(IN_PROGRESS)
    sync()
    assert ItemLink.objects.get().label == "DSP-777"
    assert WorkItem.objects.get(key="DSP-777").upstream_id == jira.issues[0].id


def test_statuses_without_a_rule_are_counted_on_the_page(jira, linked, sync, opsadmin, signed_in):
    sync()
    assert [one.name for one in coming_back.unmapped("jira")] == ["To Do"]
    page = signed_in(opsadmin).get("/integrations/").content.decode()
    assert "No rule" in page and "To Do" in page
    rule("To Do", "nothing")
    assert coming_back.unmapped("jira") == []


def test_where_nothing_moved_one_query_says_so(jira, linked, sync, django_assert_num_queries):
    sync()
    with django_assert_num_queries(1):
        assert jira_coming_back.follow_links() == 0
