"""Decisions as records: written once, superseded, linked, looked at again."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from accounts.models import Role
from activity.models import Event
from notices.models import Notice
from planning.decisions import (
    AlreadySuperseded,
    DecisionError,
    Option,
    link_decision,
    look_again,
    record_decision,
    supersede_decision,
    unlink_decision,
    withdraw_decision,
)
from planning.models import Decision, DecisionLink
from planning.tasks import remind_of_second_looks
from search.models import SearchEntry
from tests.factories import make_membership, make_team, make_user, reason_code
from tests.factories_work import make_work_item

pytestmark = pytest.mark.django_db


def make_decision(actor, **fields):
    values = {"title": "Buy sign-in", "outcome": "do", "reason": "Setup takes nine days."}
    return record_decision(actor=actor, **{"team": None, **values, **fields})


def seen(user):
    return set(Decision.objects.visible_to(user).values_list("pk", flat=True))


def test_it_keeps_everything_that_was_said(pm, ada, team):
    at = datetime(2026, 3, 10, 9, tzinfo=UTC)
    decision = make_decision(
        pm,
        team=team,
        context="Carriers wait for us.",
        options=[Option("Buy", "Fast", "Costs", True), Option("Build", "Ours", "Slow")],
        criteria="Setup time 40",
        dissent="Ada would have built it.",
        expected="Two days by March",
        confidence=75,
        can_undo_until="The contract starts",
        deciders=[pm, ada],
        heard=[ada],
        revisit_on=date(2027, 3, 1),
        asked_at=at - timedelta(days=8),
        at=at,
    )
    decision.refresh_from_db()
    assert decision.days_taken == 8
    assert [(one.title, one.is_chosen) for one in decision.options.all()] == [
        ("Buy", True),
        ("Build", False),
    ]
    assert list(decision.deciders.all()) == [ada] == list(decision.heard.all())
    event = Event.objects.get(kind="decision.recorded")
    assert event.data == {"outcome": "do", "team": team.pk, "reason_code": None}
    found = SearchEntry.objects.get(kind="decision")
    assert "Carriers wait for us." in found.body and "Build" in found.body


def test_it_requires_a_pm(ada):
    with pytest.raises(PermissionDenied):
        make_decision(ada)
    assert not Decision.objects.exists()


def test_one_option_is_chosen(pm):
    with pytest.raises(DecisionError, match="one option"):
        make_decision(pm, options=[Option("A", is_chosen=True), Option("B", is_chosen=True)])


def test_a_reason_code_belongs_to_a_no(pm):
    code = reason_code("too-costly")
    assert make_decision(pm, outcome="no", reason_code=code).reason_code == code
    assert make_decision(pm, outcome="do", reason_code=code).reason_code is None
    assert Event.objects.filter(data__reason_code="too-costly").count() == 1


# --- Who may read it --------------------------------------------------------------------------


def test_it_is_read_by_all_unless_it_says_otherwise(pm, ada, outsider, team):
    mate = make_user()
    make_membership(mate, team)
    open_to_all = make_decision(pm)
    of_team = make_decision(pm, visibility="team", team=team)
    of_pms = make_decision(pm, visibility="private", deciders=[ada])
    assert seen(pm) == {open_to_all.pk, of_team.pk, of_pms.pk}
    assert seen(mate) == {open_to_all.pk, of_team.pk}
    assert seen(ada) == {open_to_all.pk, of_pms.pk}
    assert seen(outsider) == {open_to_all.pk}


def test_what_was_taken_back_is_read_by_nobody(pm):
    decision = make_decision(pm)
    withdraw_decision(decision=decision, actor=pm)
    withdraw_decision(decision=decision, actor=pm)
    assert seen(pm) == set()
    assert SearchEntry.objects.get(kind="decision").is_deleted
    assert Event.objects.filter(kind="decision.withdrawn").count() == 1


# --- Superseding ------------------------------------------------------------------------------


def test_a_correction_is_another_decision(pm, opsadmin):
    first = make_decision(pm)
    second = supersede_decision(
        decision=first, actor=opsadmin, title="Build it", outcome="do", reason="Price.", team=None
    )
    assert second.supersedes == first
    event = Event.objects.get(kind="decision.superseded")
    assert (event.subject_id, event.data) == (first.pk, {"by": second.pk})
    with pytest.raises(AlreadySuperseded, match="Ines Carvalho replaced it first, by DEC-"):
        make_decision(pm, supersedes=first)


def test_a_correction_that_was_taken_back_frees_its_place(pm):
    first = make_decision(pm)
    withdraw_decision(decision=make_decision(pm, supersedes=first), actor=pm)
    assert make_decision(pm, supersedes=first).supersedes == first


def test_what_was_taken_back_is_not_superseded(pm):
    first = withdraw_decision(decision=make_decision(pm), actor=pm)
    with pytest.raises(DecisionError, match="was taken back"):
        make_decision(pm, supersedes=first)


@pytest.mark.django_db(transaction=True)
def test_of_two_corrections_at_once_one_wins():
    pms = [make_user(name=f"Pm {n}", role=Role.PM) for n in range(2)]
    first = make_decision(pms[0])
    barrier, lost, won = threading.Barrier(2), [], []

    def replace(person):
        try:
            barrier.wait()
            won.append(make_decision(person, supersedes=first))
        except AlreadySuperseded as error:
            lost.append(error.successor)
        finally:
            connection.close()

    threads = [threading.Thread(target=replace, args=[person]) for person in pms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert lost == won


# --- Links ------------------------------------------------------------------------------------


def test_links_are_made_once_and_taken_away(pm, ada):
    decision, work = make_decision(pm), make_work_item()
    subject = ("planning.workitem", work.pk)
    for note in ("", "Builds it"):
        link_decision(decision=decision, subject=subject, actor=pm, note=note)
    assert DecisionLink.objects.get().note == "Builds it"
    assert Event.objects.get(kind="decision.linked").data == {
        "type": "planning.workitem",
        "id": work.pk,
    }
    with pytest.raises(PermissionDenied):
        unlink_decision(decision=decision, subject=subject, actor=ada)
    for _ in range(2):
        unlink_decision(decision=decision, subject=subject, actor=pm)
    assert not DecisionLink.objects.exists()
    assert Event.objects.filter(kind="decision.unlinked").count() == 1


def test_what_it_settles_stays_linked(pm):
    work = make_work_item()
    subject = ("planning.workitem", work.pk)
    decision = make_decision(pm, settles=[subject])
    with pytest.raises(DecisionError, match="stays"):
        unlink_decision(decision=decision, subject=subject, actor=pm)


# --- Second looks -----------------------------------------------------------------------------


def test_a_second_look_is_kept_and_sets_the_next(pm):
    today = timezone.localdate()
    decision = make_decision(pm, revisit_on=today)
    look = look_again(
        decision=decision,
        actor=pm,
        verdict="early",
        seen="Eleven carriers.",
        next_on=today + timedelta(days=30),
    )
    decision.refresh_from_db()
    assert (look.was_due_on, decision.verdict) == (today, "early")
    assert decision.revisit_on == today + timedelta(days=30)
    look_again(decision=decision, actor=pm, verdict="yes", seen="Two days.")
    decision.refresh_from_db()
    assert (decision.verdict, decision.revisit_on) == ("yes", None)
    assert [event.data["verdict"] for event in Event.objects.filter(kind="decision.revisited")] == [
        "yes",
        "early",
    ]


def test_too_early_needs_a_day_ahead(pm):
    decision = make_decision(pm)
    with pytest.raises(DecisionError, match="Set the day"):
        look_again(decision=decision, actor=pm, verdict="early", seen="Hm.")
    with pytest.raises(DecisionError, match="after today"):
        look_again(
            decision=decision,
            actor=pm,
            verdict="early",
            seen="Hm.",
            next_on=timezone.localdate(),
        )


def test_who_decided_looks_again_and_others_do_not(pm, ada, outsider):
    decision = make_decision(pm, deciders=[ada])
    look_again(decision=decision, actor=ada, verdict="yes", seen="Good.")
    with pytest.raises(PermissionDenied):
        look_again(decision=decision, actor=outsider, verdict="no", seen="Bad.")


def test_the_second_of_two_looks_hears_of_the_first(pm, opsadmin):
    due = timezone.localdate()
    decision = make_decision(pm, revisit_on=due)
    look_again(decision=decision, actor=pm, verdict="yes", seen="Good.", due_seen=due)
    with pytest.raises(DecisionError, match="Tomasz Wieczorek looked at it a moment ago"):
        look_again(decision=decision, actor=opsadmin, verdict="no", seen="Bad.", due_seen=due)


def test_who_decided_is_reminded_once_and_the_lead_after_a_week(
    pm, ada, opsadmin, team, run_on_commit
):
    other = make_user(role=Role.PM)
    decision = make_decision(
        other, team=team, deciders=[ada], revisit_on=timezone.localdate() - timedelta(days=1)
    )
    make_decision(other, revisit_on=timezone.localdate() + timedelta(days=1))
    replaced = make_decision(other, revisit_on=timezone.localdate())
    make_decision(other, supersedes=replaced)

    def remind():
        with run_on_commit():
            remind_of_second_looks()
            remind_of_second_looks()
        return list(Notice.objects.order_by("id").values_list("recipient", "kind"))

    first = [(other.pk, "decision.look_due"), (ada.pk, "decision.look_due")]
    assert sorted(remind()) == sorted(first)
    Decision.objects.filter(pk=decision.pk).update(
        reminded_at=timezone.now() - timedelta(days=7, hours=1)
    )
    assert remind()[2:] == [(pm.pk, "decision.look_overdue")]
    assert remind()[3:] == []


def test_without_a_lead_product_ops_hears_of_it(pm, opsadmin, run_on_commit):
    decision = make_decision(pm, revisit_on=timezone.localdate(), team=make_team())
    Decision.objects.filter(pk=decision.pk).update(reminded_at=timezone.now() - timedelta(days=8))
    with run_on_commit():
        remind_of_second_looks()
    assert Notice.objects.get().recipient == opsadmin
