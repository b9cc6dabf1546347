"""Spans follow from events, in whatever order and portions they come."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Team
from activity.models import Event
from intake.models import Request
from intake.services import (
    answer_question,
    ask_requester,
    decide_request,
    submit_request,
    triage_request,
)
from metrics import compute, fold, selectors
from metrics.models import Figure, FillState, Span
from producthub.lib.periods import WORKDAY_SECONDS
from tests.factories import make_request, make_team

DAY = WORKDAY_SECONDS
# A Monday, 10:00 in Amsterdam.
MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)

SPAN_FIELDS = [
    "key", "subject_type", "subject_id", "reference", "team_id", "started_at", "start_reading",
    "ended_at", "outcome", "working_seconds", "requester_seconds", "forum_seconds", "waits_on",
    "waits_since", "waits_reading", "stages", "is_accepted",
]  # fmt: skip


def spans():
    return list(Span.objects.order_by("key", "subject_id").values_list(*SPAN_FIELDS))


def decision_of(item):
    return Span.objects.get(key="time_to_decision", subject_id=item.pk)


def figure_of(key="time_to_decision", team=None, period="90d"):
    return Figure.objects.get(key=key, team=team, period=period)


def days(number):
    return MONDAY + timedelta(days=number)


def test_it_times_a_request_from_sending_to_decision(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    triage_request(item=item, actor=pm, team=team, owner=pm, at=days(1))
    decide_request(item=item, actor=pm, outcome="do", reason="Yes.", at=days(8))
    outcome = compute.compute()
    span = decision_of(item)
    # Monday to Tuesday of the next week: six working days.
    assert (span.working_seconds, span.requester_seconds) == (6 * DAY, 0)
    assert (span.outcome, span.team_id, span.reference) == ("do", team.pk, item.reference)
    # one to the decision, one to the roadmap
    assert (outcome.spans, outcome.changed) == (2, 2)


def test_waiting_for_the_requester_is_counted_apart(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    ask_requester(item=item, actor=pm, question="Which depot?", at=days(1))
    ask_requester(item=item, actor=pm, question="And since when?", at=days(2))
    answer_question(item=item, actor=ada, answer="Rotterdam, May.", at=days(3))
    ask_requester(item=item, actor=pm, question="How many?", at=days(4))
    decide_request(item=item, actor=pm, outcome="no", reason="Too few.", at=days(7))
    compute.compute()
    span = decision_of(item)
    # Tuesday to Thursday, and Friday to the decision on Monday.
    assert span.requester_seconds == 2 * DAY + DAY
    assert span.working_seconds == 5 * DAY


def test_an_open_one_stays_open_and_knows_since_when_it_is_asked(ada, pm, team):
    item = make_request(ada, at=MONDAY)
    ask_requester(item=item, actor=pm, question="Which depot?", at=days(1))
    compute.compute()
    span = decision_of(item)
    assert (span.ended_at, span.working_seconds) == (None, None)
    assert span.waits_since == days(1)


def test_computing_again_changes_nothing(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    decide_request(item=item, actor=pm, outcome="no", reason="No.", at=days(2))
    compute.compute()
    before = spans()
    assert compute.compute().changed == 0
    assert compute.compute(rebuild=True).changed == 0
    assert spans() == before


def test_the_calendar_of_the_team_counts(ada, pm):
    abroad = make_team(time_zone="America/New_York")
    # Monday 17:00 in New York to Tuesday 10:00 there.
    item = make_request(ada, team=abroad, at=datetime(2026, 11, 2, 22, tzinfo=UTC))
    decide_request(
        item=item, actor=pm, outcome="no", reason="No.", at=datetime(2026, 11, 3, 15, tzinfo=UTC)
    )
    compute.compute()
    assert decision_of(item).working_seconds == 3600


def test_a_changed_calendar_rebuilds(ada, pm, team):
    item = make_request(ada, team=team, at=MONDAY)
    decide_request(item=item, actor=pm, outcome="no", reason="No.", at=days(0.25))
    compute.compute()
    before = decision_of(item).working_seconds
    Team.objects.filter(pk=team.pk).update(time_zone="Asia/Tokyo")
    assert compute.compute().is_rebuild
    assert decision_of(item).working_seconds != before


def test_a_restored_database_rebuilds_and_drops_what_has_no_events(ada):
    make_request(ada, at=MONDAY)
    compute.compute()
    Span.objects.create(
        key="time_to_decision", subject_type="intake.request", subject_id=10**9,
        reference="REQ-0", started_at=MONDAY, start_reading=0,
    )  # fmt: skip
    FillState.objects.update(tx=2**60)
    outcome = compute.compute()
    assert (outcome.is_rebuild, outcome.removed) == (True, 1)
    FillState.objects.update(database="elsewhere/1")
    assert compute.compute().is_rebuild
    assert not compute.compute().is_rebuild


# --- Any order, any portions ------------------------------------------------------------------

KINDS = [*fold.KINDS, "request.commented"]
ids = count(5_000_000)

facts = st.lists(
    st.tuples(
        st.integers(0, 4),  # which request
        st.sampled_from([*KINDS, "request.submitted", "request.merged", "request.decided"]),
        st.integers(0, 60),  # hours since the beginning; ties are likely
        st.sampled_from(["do", "no"]),
        st.integers(0, 2),  # which team, which session
        st.integers(0, 4),  # into which request
    ),
    max_size=30,
)


def make_event(kind, subject_id, at, **data):
    """Unsaved."""
    return Event(
        kind=kind,
        subject_type="intake.request",
        subject_id=subject_id,
        subject_label=f"REQ-{subject_id % 10}",
        occurred_at=at,
        data=data,
    )


@pytest.mark.django_db
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(facts, st.randoms(use_true_random=False), st.integers(1, 8))
def test_portions_give_the_rows_of_a_rebuild(facts, chance, size):
    with transaction.atomic():
        teams = [None, make_team().pk, make_team(time_zone="Asia/Tokyo").pk]
        base = next(ids) * 10
        # What undoes another comes after it; all else in any order.
        events = [
            make_event(
                kind, base + subject, MONDAY + timedelta(hours=hours),
                outcome=outcome, team=teams[choice], session=choice, into=base + into,
            )
            for subject, kind, hours, outcome, choice, into in facts
            if kind != "request.undone"
        ]  # fmt: skip
        chance.shuffle(events)
        wishes = [fact for fact in facts if fact[1] == "request.undone"]
        compute.compute()
        for start in range(0, len(events), size):
            lot = Event.objects.bulk_create(events[start : start + size])
            undone = chance.sample(lot, min(len(wishes), len(lot), 2))
            del wishes[: len(undone)]
            if start % 2:
                compute.compute()
            Event.objects.bulk_create(
                make_event("request.undone", one.subject_id, one.occurred_at, event=one.pk)
                for one in undone
            )
            compute.compute()
        incremental = spans()
        Span.objects.all().delete()
        FillState.objects.all().delete()
        compute.compute(rebuild=True)
        assert spans() == incremental
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_events_that_commit_late_are_not_lost(django_user_model):
    """One writer begins first and commits last; a run in between must not step over it."""
    ada = django_user_model.objects.create_user("ada@harbourline.example", name="Ada")
    begun, may_commit = threading.Event(), threading.Event()

    def slow():
        try:
            with transaction.atomic():
                submit_request(requester=ada, title="Slow", problem="Late.", at=MONDAY)
                begun.set()
                may_commit.wait(60)
        finally:
            connection.close()

    writer = threading.Thread(target=slow)
    writer.start()
    begun.wait(60)
    submit_request(requester=ada, title="Quick", problem="Soon.", at=MONDAY)
    compute.compute()
    assert Span.objects.count() == 1
    may_commit.set()
    writer.join()
    compute.compute()
    assert Span.objects.count() == Request.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_second_of_two_runs_leaves(django_user_model):
    compute.compute()
    held, done = threading.Event(), threading.Event()

    def other():
        try:
            with transaction.atomic():
                FillState.objects.select_for_update().get()
                held.set()
                done.wait(60)
        finally:
            connection.close()

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(60)
    assert compute.compute().is_busy
    done.set()
    thread.join()


# --- Figures ----------------------------------------------------------------------------------


def decided(ada, pm, team, lengths, start=None):
    """Requests sent a while ago, each decided after so many calendar days, or open (None)."""
    start = start or datetime.now(UTC) - timedelta(days=60)
    for length in lengths:
        item = make_request(ada, team=team, at=start)
        if length is not None:
            decide_request(
                item=item,
                actor=pm,
                outcome="no",
                reason="No.",
                at=start + timedelta(days=length),
            )


def test_too_few_decisions_are_no_figure(ada, pm, team):
    decided(ada, pm, team, [7] * 9 + [None] * 5)
    compute.compute()
    figure = figure_of(period="90d")
    assert (figure.value, figure.closed_median, figure.slowest_tenth) == (None, None, None)
    assert (figure.n_decided, figure.n_open) == (9, 5)
    head = selectors.headline()
    assert (head.value_days, head.is_enough, head.n) == (None, False, 9)


def test_open_ones_count_against_us(ada, pm, team):
    decided(ada, pm, team, [7] * 6 + [14] * 6 + [None] * 8)
    compute.compute()
    head = selectors.headline()
    # 12 of 20 are decided, the tenth of them after two weeks; of the decided alone half took one.
    assert head.value_days == 10
    assert figure_of(period="90d").closed_median == 5 * DAY
    assert (head.n, head.n_open, head.is_met) == (12, 8, False)


def test_nobody_can_tell_when_most_are_open(ada, pm, team):
    decided(ada, pm, team, [7] * 10 + [None] * 11)
    compute.compute()
    assert selectors.headline().value_days is None
    assert selectors.headline().is_enough


def test_the_headline_costs_one_query(ada, pm, team, django_assert_num_queries):
    decided(ada, pm, team, [3])
    compute.compute()
    with django_assert_num_queries(1):
        head = selectors.headline()
    assert len(head.points) == 12
    assert head.as_of is not None


def test_there_is_a_headline_before_the_first_run(db):
    head = selectors.headline()
    assert (head.value_days, head.as_of, head.points) == (None, None, [])
