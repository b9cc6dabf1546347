"""What notices know about requests."""

import pytest
from django.core import mail

from intake.hearing import mute, reasons, still_seen
from intake.models import Follow, Request
from intake.services import (
    answer_question,
    ask_requester,
    comment_on_request,
    decide_request,
    follow_request,
    merge_requests,
    triage_request,
    vote_for_request,
)
from notices.models import Notice
from notices.selectors import inbox_for
from notices.services import mute_thing
from tests.factories import make_request, make_user

pytestmark = pytest.mark.django_db


def needs(person):
    return [n.kind for n in inbox_for(person) if n.is_action]


def test_an_answer_takes_the_question_off_the_list(triaged, ada, pm, run_on_commit):
    with run_on_commit():
        ask_requester(item=triaged, actor=pm, question="How many?")
    assert needs(ada) == ["request.asked"]
    triaged.refresh_from_db()
    with run_on_commit():
        answer_question(item=triaged, actor=ada, answer="Six.")
    assert needs(ada) == []


def test_a_decision_settles_all_of_it(item, ada, pm, team, run_on_commit):
    with run_on_commit():
        ask_requester(item=item, actor=pm, question="How many?")
    item.refresh_from_db()
    with run_on_commit():
        decide_request(item=item, actor=pm, outcome="do", reason="Six hours is too much.")
    assert needs(ada) == []


def test_a_muted_request_is_silent_until_taken_back(triaged, ada, pm, run_on_commit):
    for is_muted, told in ((True, 0), (True, 0), (False, 1)):
        mail.outbox.clear()
        assert mute_thing(
            person=ada,
            subject_type="intake.request",
            subject_id=triaged.pk,
            is_muted=is_muted,
        )
        with run_on_commit():
            comment_on_request(item=triaged, actor=pm, body="Looking at it.")
        assert len([m for m in mail.outbox if "commented" in m.subject]) == told
    assert Follow.objects.get(person=ada).is_muted is False
    mute(ada, 10**9, True)


def test_a_mail_about_a_request_offers_to_stop_it(triaged, ada, pm, run_on_commit):
    with run_on_commit():
        comment_on_request(item=triaged, actor=pm, body="Looking at it.")
    (sent,) = [m for m in mail.outbox if "commented" in m.subject]
    assert f"Stop mails about {triaged.reference}" in sent.body
    assert 'Stop mails of the kind "Comments"' in sent.body


def test_what_may_not_be_seen_any_more_is_out_of_sight(item, ada, pm, outsider):
    guest = make_user(role="guest")
    assert still_seen(outsider, [item.pk]) == {item.pk}
    Request.objects.update(visibility="private")
    assert still_seen(outsider, [item.pk]) == set()
    assert still_seen(ada, [item.pk]) == still_seen(pm, [item.pk]) == {item.pk}
    assert still_seen(guest, [item.pk]) == set()
    Request.objects.update(requester=guest)
    assert still_seen(guest, [item.pk]) == {item.pk}


def test_each_hears_why(item, ada, pm, team, outsider, run_on_commit):
    voter, follower = make_user(), make_user()
    with run_on_commit():
        vote_for_request(item=item, person=voter)
        follow_request(item=item, person=voter)
        follow_request(item=item, person=follower)
        triage_request(item=item, actor=make_user(role="pm"), team=team, owner=pm)
    told = Notice.objects.filter(kind="request.triaged")
    assert dict(told.values_list("recipient_id", "why")) == {
        ada.pk: "You asked for it",
        pm.pk: "You own it",
        voter.pk: "You voted for it",
        follower.pk: "You follow it",
    }


def test_who_joined_from_another_request_reads_which(item, ada, pm, team):
    other = make_request(title="The same once more", team=team)
    merge_requests(items=[other], into=item, actor=pm)
    item.refresh_from_db()
    assert reasons(item, {ada.pk, other.requester_id, pm.pk}) == {
        ada.pk: "You asked for it",
        other.requester_id: f"You asked for it: {other.reference}",
    }
