"""Deciding with a record, several at once, taking it back, and the one answer to a no."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from accounts.models import Role
from activity.models import Event
from intake.decision_links import REQUEST, hidden
from intake.models import Comment, Promise, Request, Status
from intake.services import (
    AlreadyDecided,
    CannotReopen,
    RequestError,
    decide_request,
    decide_requests,
    follow_request,
    merge_requests,
    mute_request,
    reopen_request,
    undo_action,
    vote_for_request,
    window,
)
from intake.services.groups import behind, count_told
from notices.models import Notice
from planning.decisions import Option, supersede_decision
from planning.models import Decision, DecisionLink
from search.models import SearchEntry
from tests.factories import make_membership, make_request, make_team, make_user, reason_code

pytestmark = pytest.mark.django_db


@pytest.fixture
def declined(triaged, pm):
    code = reason_code("too-few")
    decide_request(item=triaged, actor=pm, outcome="no", reason="Few.", reason_code=code)
    triaged.refresh_from_db()
    return triaged


def titles(user):
    return set(Decision.objects.visible_to(user).values_list("title", flat=True))


# --- The record -------------------------------------------------------------------------------


def test_the_decision_is_a_record_linked_with_its_request(declined, pm):
    decision = declined.decision
    link = DecisionLink.objects.get()
    assert (link.subject_type, link.subject_id, link.is_settled) == (REQUEST, declined.pk, True)
    assert decision.asked_at == declined.submitted_at
    assert decision.reason_code.code == "too-few"
    event = Event.objects.get(kind="request.decided")
    assert event.data["reason_code"] == "too-few"


def test_several_are_decided_by_one(pm, ada, team):
    items = [make_request(ada, title=f"Wish {n}", team=team) for n in range(3)]
    decision = decide_requests(
        items=items, actor=pm, outcome="do", reason="All of it.", title="The whole board"
    )
    assert {one.decision for one in Request.objects.all()} == {decision}
    assert (decision.title, decision.team) == ("The whole board", team)
    assert Event.objects.filter(kind="request.decided").count() == 3
    assert Event.objects.filter(kind="decision.recorded").count() == 1


def test_of_several_all_are_decided_or_none(pm, declined):
    other = make_request()
    with pytest.raises(AlreadyDecided):
        decide_requests(items=[other, declined], actor=pm, outcome="do", reason="Both.")
    other.refresh_from_db()
    assert other.status == Status.NEW
    assert Decision.objects.count() == 1


def test_taking_it_back_leaves_no_trace_for_readers(pm, ada, item, run_on_commit):
    undo = window(pm)
    others = [make_request(ada)]
    with run_on_commit():
        decide_requests(
            items=[item, *others],
            actor=pm,
            outcome="do",
            reason="Yes.",
            undo=undo,
            options=[Option("This", is_chosen=True), Option("That")],
            heard=[ada],
        )
    with run_on_commit():
        undo_action(key=undo.key, actor=pm)
    assert not Decision.objects.visible_to(pm).exists()
    assert set(Request.objects.values_list("status", "decision")) == {(Status.NEW, None)}
    assert SearchEntry.objects.get(kind="decision").is_deleted
    assert not Notice.objects.filter(kind="request.decided").exists()


# --- Who may read it --------------------------------------------------------------------------


def test_what_is_asked_in_private_is_not_told_by_its_decision(pm, ada, outsider, team):
    mate = make_user()
    make_membership(mate, team)
    for visibility in ("company", "team", "private"):
        made = make_request(ada, title=visibility, visibility=visibility, team=team)
        decide_request(item=made, actor=pm, outcome="do", reason="Yes.")
    assert titles(pm) == titles(ada) == {"company", "team", "private"}
    assert titles(mate) == {"company", "team"}
    assert titles(outsider) == {"company"}
    Request.objects.filter(title="company").update(visibility="private")
    assert titles(outsider) == set()


def test_one_hidden_request_of_several_hides_the_decision(pm, ada, outsider):
    items = [make_request(ada, visibility=one) for one in ("company", "private")]
    decide_requests(items=items, actor=pm, outcome="do", reason="Yes.")
    assert titles(outsider) == set()
    assert titles(ada) != set()


def test_the_rule_is_the_one_of_requests(pm, ada, outsider, opsadmin, team):
    make_membership(outsider, team)
    for visibility in ("company", "team", "private"):
        for where in (team, make_team(), None):
            for requester in (ada, outsider):
                make_request(requester, visibility=visibility, team=where)
    Request.objects.filter(pk__in=Request.objects.values("pk")[:3]).update(owner=ada)
    for reader in (pm, ada, outsider, opsadmin):
        seen = set(Request.objects.visible_to(reader).values_list("pk", flat=True))
        kept = set(hidden(reader).values_list("pk", flat=True))
        assert seen | kept == set(Request.objects.values_list("pk", flat=True))
        assert not seen & kept


# --- Superseding ------------------------------------------------------------------------------


def test_what_supersedes_it_answers_the_request_and_is_told(declined, pm, ada, run_on_commit):
    with run_on_commit():
        new = supersede_decision(
            decision=declined.decision,
            actor=pm,
            title="Yes after all",
            outcome="do",
            reason="A third depot asks.",
            team=None,
        )
    declined.refresh_from_db()
    assert (declined.decision, declined.outcome) == (new, "do")
    assert new.links.get().is_settled
    told = Notice.objects.filter(recipient=ada).latest("id")
    assert "decided anew: do it" in told.title


def test_what_answers_others_too_is_not_superseded_from_one(pm, ada):
    items = [make_request(ada) for _ in range(2)]
    both = decide_requests(items=items, actor=pm, outcome="no", reason="No.")
    other = make_request()
    with pytest.raises(RequestError, match="also answers other requests"):
        decide_request(item=other, actor=pm, outcome="do", reason="Yes.", supersedes=both)
    reopen_request(item=items[0], actor=ada, text="Look.")
    new = decide_request(item=items[0], actor=pm, outcome="do", reason="Yes.")
    assert new.supersedes is None


# --- The one answer ---------------------------------------------------------------------------


def test_who_asked_may_answer_a_no_once(declined, ada, pm, run_on_commit):
    first = declined.decision
    at = timezone.now() + timedelta(days=1)
    with run_on_commit():
        reopen_request(item=declined, actor=ada, text="Two more depots.", at=at)
    declined.refresh_from_db()
    assert (declined.status, declined.decision, declined.outcome) == (Status.TRIAGED, None, "")
    assert declined.reopened_at == at
    promise = Promise.objects.get(request=declined, kind="decision")
    assert (promise.started_at, promise.met_at) == (at, None)
    assert declined.due_at == promise.due_at > at
    assert Comment.objects.get().kind == Comment.Kind.APPEAL
    told = Notice.objects.get(recipient=pm, kind="request.reopened")
    assert told.is_action and "Two more depots." in told.text
    second = decide_request(item=declined, actor=pm, outcome="later", reason="In March.")
    assert second.supersedes == first
    with pytest.raises(CannotReopen, match="once already"):
        reopen_request(item=declined, actor=ada, text="Again.")


def test_others_do_not_and_a_yes_is_not_answered(declined, outsider, pm, ada):
    with pytest.raises(PermissionDenied):
        reopen_request(item=declined, actor=outsider, text="Me too.")
    done = make_request(ada)
    decide_request(item=done, actor=pm, outcome="do", reason="Yes.")
    with pytest.raises(CannotReopen, match="not declined"):
        reopen_request(item=done, actor=ada, text="More.")


def test_who_sent_it_for_them_and_who_was_merged_in_may_answer(pm, ada):
    proxy, late = make_user(), make_user()
    for answering in (proxy, late):
        top = make_request(ada, sent_by=proxy)
        joined = make_request(late)
        merge_requests(items=[joined], into=top, actor=pm)
        decide_request(item=top, actor=pm, outcome="no", reason="No.")
        reopen_request(item=joined, actor=answering, text="Look.")
        top.refresh_from_db()
        assert top.status == Status.TRIAGED


def test_taking_the_second_decision_back_leaves_it_reopened(declined, ada, pm):
    reopen_request(item=declined, actor=ada, text="Look.")
    undo = window(pm)
    decide_request(item=declined, actor=pm, outcome="do", reason="Yes.", undo=undo)
    undo_action(key=undo.key, actor=pm)
    declined.refresh_from_db()
    assert (declined.status, declined.decision) == (Status.TRIAGED, None)
    assert decide_request(item=declined, actor=pm, outcome="do", reason="Yes.").supersedes


def test_the_same_key_answers_once(declined, ada):
    key = uuid4()
    one, other = (reopen_request(item=declined, actor=ada, text="Look.", key=key) for _ in range(2))
    assert one == other


@pytest.mark.django_db(transaction=True)
def test_of_two_answers_at_once_one_counts():
    ada, pm = make_user(), make_user(role=Role.PM)
    item = make_request(ada)
    decide_request(item=item, actor=pm, outcome="no", reason="No.")
    barrier, lost, won = threading.Barrier(2), [], []

    def answer(number):
        try:
            barrier.wait()
            won.append(reopen_request(item=item, actor=ada, text=f"Look {number}."))
        except CannotReopen as error:
            lost.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=answer, args=[n]) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 1)
    assert Comment.objects.count() == 1
    assert Event.objects.filter(kind="request.reopened").count() == 1


def test_it_counts_who_hears_of_it(pm, ada, triaged):

    joined = make_request(make_user(), sent_by=make_user())
    merge_requests(items=[joined], into=triaged, actor=pm)
    people = [make_user() for _ in range(4)]
    vote_for_request(item=triaged, person=people[0])
    vote_for_request(item=joined, person=people[1])
    follow_request(item=triaged, person=people[2])
    vote_for_request(item=triaged, person=people[3])
    mute_request(item=triaged, person=people[3])
    told = {person.pk for person in behind(triaged)} | {triaged.owner_id}
    assert count_told(triaged, pm) == len(told - {pm.pk}) == 6
    assert count_told(triaged, people[0]) == len(told - {people[0].pk})
