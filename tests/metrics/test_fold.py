"""What a request's time is made of: whom it waited on, whom it joined, what does not count."""

import uuid
from datetime import timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.calendars import calendars_by_team
from activity.events import record
from activity.models import Event
from intake.services.deciding import decide_request
from intake.services.merging import merge_requests, unmerge_request
from intake.services.requests import answer_question, ask_requester, triage_request
from intake.services.undo import Window, undo_action
from metrics import compute
from metrics.figures import SPAN_COLUMNS, life, waited
from metrics.fold import fold
from metrics.models import Span
from producthub.lib.periods import WORKDAY_SECONDS, Calendar, working_seconds
from tests.factories import make_request, make_team
from tests.metrics.test_compute import MONDAY, days, make_event

DAY = WORKDAY_SECONDS
HOUR = 3600


def spans_of(item):
    """(to decision, to commitment or None) after a run."""
    compute.compute()
    held = {span.key: span for span in Span.objects.filter(subject_id=item.pk)}
    return held.get("time_to_decision"), held.get("time_to_commitment")


def days_of(stages):
    return [None if at is None else at / DAY for at in stages]


# --- Stages and commitment --------------------------------------------------------------------


def test_stages_are_timed_from_the_start(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    ask_requester(item=item, actor=pm, question="Which?", at=days(1))
    answer_question(item=item, actor=ada, answer="That.", at=days(2))
    triage_request(item=item, actor=pm, team=team, owner=pm, at=days(3))
    decide_request(item=item, actor=pm, outcome="do", reason="Yes.", at=days(4))
    decision, commitment = spans_of(item)
    assert days_of(decision.stages) == [1, 3, 4, None, None]
    assert (commitment.ended_at, commitment.working_seconds) == (None, None)
    record("request.planned", item, actor=pm, at=days(7))
    record("request.shipped", item, actor=pm, at=days(14))
    decision, commitment = spans_of(item)
    assert days_of(decision.stages) == [1, 3, 4, 5, 10]
    assert (commitment.ended_at, commitment.working_seconds) == (days(7), 5 * DAY)
    assert decision.working_seconds == 4 * DAY


def test_who_decides_at_once_has_acknowledged_and_routed(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    decide_request(item=item, actor=pm, outcome="no", reason="No.", at=days(1))
    decision, commitment = spans_of(item)
    assert days_of(decision.stages) == [1, 1, 1, None, None]
    assert commitment is None


def test_only_what_was_accepted_is_on_its_way_to_the_roadmap(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    assert spans_of(item)[1] is None
    decide_request(item=item, actor=pm, outcome="later", reason="Not now.", at=days(1))
    assert spans_of(item)[1] is None


def test_a_reopened_request_keeps_its_first_decision(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    record("request.decided", item, at=days(1), data={"outcome": "no", "team": team.pk})
    record("request.reopened", item, at=days(2))
    decision, commitment = spans_of(item)
    assert (decision.ended_at, decision.outcome, commitment) == (days(1), "no", None)
    record("request.decided", item, at=days(3), data={"outcome": "do", "team": team.pk})
    decision, commitment = spans_of(item)
    assert (decision.ended_at, decision.outcome) == (days(1), "no")
    assert (commitment.ended_at, commitment.outcome) == (None, "do")
    record("request.reopened", item, at=days(4))
    assert spans_of(item)[1] is None


def test_what_was_delivered_without_a_roadmap_is_left_out(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    record("request.decided", item, at=days(1), data={"outcome": "do", "team": team.pk})
    record("request.shipped", item, at=days(2))
    assert spans_of(item)[1] is None


# --- Whom it waited on ------------------------------------------------------------------------


def test_every_part_has_its_owner(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    triage_request(item=item, actor=pm, team=team, owner=pm, at=days(1))
    record("request.tabled", item, at=days(2), data={"session": 7})
    ask_requester(item=item, actor=pm, question="Which?", at=days(3))
    answer_question(item=item, actor=ada, answer="That.", at=days(4))
    decide_request(item=item, actor=pm, outcome="no", reason="No.", at=days(8))
    decision, _ = spans_of(item)
    # Monday and Tuesday ours, Wednesday and Friday and Monday the session's, Thursday hers.
    assert decision.working_seconds == 6 * DAY
    assert (decision.requester_seconds, decision.forum_seconds) == (DAY, 3 * DAY)
    assert decision.waits_on == ""


def test_two_sessions_hold_it_until_both_let_go(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    record("request.tabled", item, at=days(1), data={"session": 1})
    record("request.tabled", item, at=days(2), data={"session": 2})
    record("request.untabled", item, at=days(3), data={"session": 1})
    decision, _ = spans_of(item)
    assert (decision.waits_on, decision.waits_since) == ("forum", days(3))
    assert decision.forum_seconds == 2 * DAY
    record("request.untabled", item, at=days(4), data={"session": 2})
    decision, _ = spans_of(item)
    assert (decision.waits_on, decision.forum_seconds) == ("", 3 * DAY)


def test_a_forum_has_it_until_it_is_decided(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    record("request.forwarded", item, at=days(1), data={"forum": "review"})
    record("request.decided", item, at=days(3), data={"outcome": "do", "team": team.pk})
    decision, commitment = spans_of(item)
    assert (decision.forum_seconds, decision.waits_on) == (2 * DAY, "")
    # what comes after the decision is the managers' again
    assert (commitment.forum_seconds, commitment.waits_on) == (2 * DAY, "")


def test_asking_stops_the_clock_of_managers_and_not_that_of_the_request(ada, pm, team):
    asked, quiet = make_request(ada, team=team, at=MONDAY), make_request(ada, team=team, at=MONDAY)
    ask_requester(item=asked, actor=pm, question="Which?", at=days(1))
    answer_question(item=asked, actor=ada, answer="That.", at=days(3))
    for item in (asked, quiet):
        decide_request(item=item, actor=pm, outcome="no", reason="No.", at=days(4))
    first, second = spans_of(asked)[0], spans_of(quiet)[0]
    assert first.working_seconds == second.working_seconds == 4 * DAY
    managers = [one.working_seconds - one.requester_seconds for one in (first, second)]
    assert managers == [2 * DAY, 4 * DAY]


# --- Merging ----------------------------------------------------------------------------------


@pytest.fixture
def pair(ada, outsider, team):
    """Two requests that say the same, sent on Monday and on Tuesday."""
    first = make_request(ada, team=team, at=MONDAY)
    return first, make_request(outsider, team=team, at=days(1))


def test_a_merged_request_follows_the_one_it_joined(pm, pair):
    first, second = pair
    merge_requests(items=[second], into=first, actor=pm, at=days(2))
    decision, _ = spans_of(second)
    assert (decision.ended_at, decision.outcome) == (None, "")
    decide_request(item=first, actor=pm, outcome="do", reason="Yes.", at=days(4))
    decision, commitment = spans_of(second)
    assert (decision.ended_at, decision.outcome) == (days(4), "do")
    assert decision.working_seconds == 3 * DAY
    assert days_of(decision.stages) == [1, 1, 3, None, None]
    record("request.planned", first, at=days(7))
    assert spans_of(second)[1].working_seconds == 4 * DAY


def test_who_joins_a_decided_one_is_decided_then(pm, pair):
    first, second = pair
    decide_request(item=first, actor=pm, outcome="no", reason="No.", at=days(2))
    merge_requests(items=[second], into=first, actor=pm, at=days(3))
    decision, _ = spans_of(second)
    assert (decision.ended_at, decision.outcome) == (days(3), "no")
    assert decision.working_seconds == 2 * DAY


def test_parting_takes_it_back(pm, pair):
    first, second = pair
    merge_requests(items=[second], into=first, actor=pm, at=days(2))
    decide_request(item=first, actor=pm, outcome="do", reason="Yes.", at=days(3))
    assert spans_of(second)[0].ended_at == days(3)
    unmerge_request(item=second, actor=pm, at=days(4))
    decision, commitment = spans_of(second)
    assert (decision.ended_at, decision.working_seconds, commitment) == (None, None, None)
    assert spans_of(first)[0].ended_at == days(3)


def test_a_chain_ends_with_its_last(ada, outsider, pm, team, pair):
    first, second = pair
    third = make_request(ada, team=team, at=days(1))
    merge_requests(items=[second], into=first, actor=pm, at=days(2))
    compute.compute()
    merge_requests(items=[first], into=third, actor=pm, at=days(3))
    decide_request(item=third, actor=pm, outcome="do", reason="Yes.", at=days(4))
    for item in (first, second, third):
        assert spans_of(item)[0].ended_at == days(4)


def test_what_the_other_waits_on_counts_from_the_merge(ada, pm, pair):
    first, second = pair
    ask_requester(item=first, actor=pm, question="Which?", at=days(1))
    merge_requests(items=[second], into=first, actor=pm, at=days(2))
    answer_question(item=first, actor=ada, answer="That.", at=days(4))
    decide_request(item=first, actor=pm, outcome="do", reason="Yes.", at=days(7))
    decision, _ = spans_of(second)
    assert (decision.working_seconds, decision.requester_seconds) == (4 * DAY, 2 * DAY)


def test_each_keeps_the_calendar_of_its_own_team(pm, pair, ada):
    first, second = pair
    abroad = make_team(time_zone="Asia/Tokyo")
    third = make_request(ada, team=abroad, at=MONDAY)  # 18:00 there
    merge_requests(items=[third], into=first, actor=pm, at=days(1))
    decide_request(item=first, actor=pm, outcome="do", reason="Yes.", at=days(0) + timedelta(1.25))
    assert spans_of(first)[0].working_seconds == DAY + 6 * HOUR
    assert spans_of(third)[0].working_seconds == DAY


def test_requests_that_joined_each_other_end_nowhere(team):
    Event.objects.bulk_create(
        [
            make_event("request.submitted", 11, MONDAY),
            make_event("request.submitted", 12, MONDAY),
            make_event("request.merged", 11, days(1), into=12),
            make_event("request.merged", 12, days(1), into=11),
            make_event("request.merged", 13, days(1), into=13),
        ]
    )
    compute.compute()
    assert [span.ended_at for span in Span.objects.all()] == [None, None]


# --- Undone and late --------------------------------------------------------------------------


def window(pm, at):
    return Window(actor=pm, key=uuid.uuid4(), until=at + timedelta(seconds=10))


def test_an_undone_decision_does_not_count(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    undo = window(pm, days(1))
    decide_request(item=item, actor=pm, outcome="do", reason="Yes.", at=days(1), undo=undo)
    assert spans_of(item)[0].ended_at == days(1)
    undo_action(key=undo.key, actor=pm, at=days(1) + timedelta(seconds=5))
    decision, commitment = spans_of(item)
    assert (decision.ended_at, decision.outcome, commitment) == (None, "", None)
    # the first word that came with it was taken back as well
    assert days_of(decision.stages) == [None] * 5


def test_an_undone_merge_does_not_count(pm, pair):
    first, second = pair
    undo = window(pm, days(2))
    merge_requests(items=[second], into=first, actor=pm, at=days(2), undo=undo)
    undo_action(key=undo.key, actor=pm, at=days(2) + timedelta(seconds=5))
    decide_request(item=first, actor=pm, outcome="do", reason="Yes.", at=days(3))
    decision, _ = spans_of(second)
    assert (decision.ended_at, days_of(decision.stages)) == (None, [None] * 5)


def test_an_undone_question_and_triage_do_not_count(ada, pm, team):
    item = make_request(ada, at=MONDAY)
    undo = window(pm, days(1))
    ask_requester(item=item, actor=pm, question="Which?", at=days(1), undo=undo)
    undo_action(key=undo.key, actor=pm, at=days(1) + timedelta(seconds=5))
    undo = window(pm, days(2))
    triage_request(item=item, actor=pm, team=team, owner=pm, at=days(2), undo=undo)
    assert spans_of(item)[0].team == team
    undo_action(key=undo.key, actor=pm, at=days(2) + timedelta(seconds=5))
    decision, _ = spans_of(item)
    assert (decision.waits_on, decision.team, days_of(decision.stages)) == ("", None, [None] * 5)


def test_a_late_event_moves_the_end_to_where_it_was(ada, team):
    item = make_request(ada, team=team, at=MONDAY)
    record("request.decided", item, at=days(4), data={"outcome": "do", "team": team.pk})
    assert spans_of(item)[0].working_seconds == 4 * DAY
    # imported afterwards: it was declined before
    record("request.decided", item, at=days(2), data={"outcome": "no", "team": team.pk})
    decision, _ = spans_of(item)
    assert (decision.working_seconds, decision.outcome) == (2 * DAY, "no")


def test_a_correction_is_an_event_of_its_own(ada, team):
    item = make_request(ada, team=team, at=MONDAY)
    wrong = record("request.decided", item, at=days(1), data={"outcome": "no", "team": team.pk})
    spans_of(item)
    record("request.undone", item, at=days(3), data={"event": wrong.pk, "kind": wrong.kind})
    record("request.decided", item, at=days(2), data={"outcome": "do", "team": team.pk})
    decision, _ = spans_of(item)
    assert (decision.ended_at, decision.outcome) == (days(2), "do")


def test_an_event_of_another_request_undoes_nothing(pm, pair):
    first, second = pair
    event = record("request.decided", first, at=days(2), data={"outcome": "do"})
    record("request.undone", second, at=days(2), data={"event": event.pk, "kind": event.kind})
    assert spans_of(first)[0].ended_at == days(2)


# --- For any trail ----------------------------------------------------------------------------


def test_parts_never_make_more_than_the_whole():
    parts = waited(elapsed=10, requester=4, forum=3, waits_on="requester", tail=9)
    assert (parts.managers, parts.requester, parts.forum) == (0, 10, 0)


ids = count(7_000_000)
ZONE = ZoneInfo("Europe/Amsterdam")
STEPS = [
    "request.asked", "request.answered", "request.forwarded", "request.tabled",
    "request.untabled", "request.merged", "request.unmerged", "request.decided",
    "request.reopened", "request.planned",
]  # fmt: skip

trails = st.lists(
    st.tuples(
        st.integers(0, 3),  # which request
        st.sampled_from(STEPS),
        st.integers(1, 24 * 9),  # hours since the beginning
        st.sampled_from(["do", "no"]),
        st.integers(0, 1),  # which session
        st.integers(0, 3),  # into which
    ),
    max_size=16,
    unique_by=lambda fact: fact[2],  # ties have their own test
)


def plainly(facts, starts):
    """The same by walking through the hours: for each request (end, {who: seconds}).

    Independent of the SQL: it knows no intervals, only who has to move in each single hour.
    """
    calendar, last = Calendar(ZONE), 24 * 10
    facts = sorted(facts, key=lambda fact: fact[2])

    def holder(subject, hour):
        """Who has to move on this request itself after all that happened until then."""
        asked, seats = False, set()
        for who, kind, at, _, session, _ in facts:
            if who != subject or at > hour:
                continue
            if kind == "request.decided":
                asked, seats = False, set()
            elif kind in ("request.asked", "request.answered"):
                asked = kind == "request.asked"
            elif kind in ("request.tabled", "request.forwarded"):
                seats.add(session)
            elif kind == "request.untabled":
                seats.discard(session)
        return "requester" if asked else "forum" if seats else "managers"

    # whom each has joined as things stand, and when
    joined = {}
    for who, kind, at, _, _, into in facts:
        if kind == "request.merged":
            joined[who] = (into, at)
        elif kind == "request.unmerged":
            joined.pop(who, None)
    answers = {}
    for subject, start in starts.items():
        way, here, since = [(subject, 0)], subject, 0
        while here in joined and joined[here][0] not in [node for node, _ in way]:
            here, since = joined[here][0], max(since, joined[here][1])
            way.append((here, since))
        ends = [
            max(at, since)
            for node, since in way
            for who, kind, at, *_ in facts
            if (who, kind) == (node, "request.decided")
        ]
        end = min(ends, default=None)
        parts = {"requester": 0, "forum": 0, "managers": 0}
        for hour in range(start, last if end is None else end):
            node = [node for node, since in way if since <= hour][-1]
            moment = MONDAY + timedelta(hours=hour)
            parts[holder(node, hour)] += working_seconds(
                moment, moment + timedelta(hours=1), calendar
            )
        answers[subject] = (end, parts)
    return answers


@pytest.mark.django_db
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(trails, st.lists(st.integers(0, 48), min_size=4, max_size=4))
def test_every_second_belongs_to_exactly_one(facts, starts):
    with transaction.atomic():
        base = next(ids) * 10
        starts = dict(enumerate(starts))
        Event.objects.bulk_create(
            [
                *(
                    make_event("request.submitted", base + subject, MONDAY + timedelta(hours=at))
                    for subject, at in starts.items()
                ),
                *(
                    make_event(
                        kind, base + subject, MONDAY + timedelta(hours=hours),
                        outcome=outcome, session=session, into=base + into,
                    )
                    for subject, kind, hours, outcome, session, into in facts
                ),
            ]
        )  # fmt: skip
        fold(calendars_by_team(), None)
        as_of = MONDAY + timedelta(hours=24 * 10)
        reading = Calendar(ZONE).reading(as_of)
        told = plainly(facts, starts)
        held = Span.objects.filter(key="time_to_decision", subject_id__gte=base)
        assert held.count() == 4
        for span in held:
            end, parts = told[span.subject_id - base]
            row = life([getattr(span, name) for name in SPAN_COLUMNS], as_of, reading)
            assert span.ended_at == (None if end is None else MONDAY + timedelta(hours=end))
            assert row.so_far == sum(parts.values())
            assert {
                "requester": row.requester, "forum": row.forum, "managers": row.managers
            } == parts  # fmt: skip
        for span in Span.objects.filter(key="time_to_commitment", subject_id__gte=base):
            row = life([getattr(span, name) for name in SPAN_COLUMNS], as_of, reading)
            assert row.managers + row.requester + row.forum == row.so_far
            assert min(row.managers, row.requester, row.forum) >= 0
        transaction.set_rollback(True)
