"""A scoring session from its opening to its notes."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from accounts.models import Role
from activity.events import dispatch
from activity.models import Event
from intake import scoreboard, services
from intake.models import Request, Score, ScoringSession
from intake.services import RequestError, SessionMoved, SettledFirst, StillBlind
from intake.tasks import watch_sessions
from notices.models import Notice
from tests.factories import make_request, make_user
from tests.factories_scoring import gain, make_candidates, make_model, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def others():
    return [make_user(name=name, role=Role.PM) for name in ("Priya Raman", "Noor Haddad")]


@pytest.fixture
def items(pm, team):
    return make_candidates(3, pm, team)


@pytest.fixture
def session(pm, others, items):
    return make_session(pm, [pm, *others], items)


def score(session, item, who, points, **more):
    return services.save_score(session=session, item=item, scorer=who, answers=gain(points, **more))


def move(session, to, actor, seen):
    moved = services.move_session(session=session, to=to, actor=actor, seen=seen)
    session.refresh_from_db()
    return moved


def kinds(of=None):
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


# --- opening ---
def test_it_opens_and_tells_the_scorers(pm, others, items, run_on_commit):
    with run_on_commit():
        session = make_session(
            pm, [pm, *others], items, closes_at=timezone.now() + timedelta(days=1)
        )
    assert session.number >= 1 and session.is_blind
    assert kinds().count("request.tabled") == 3
    assert Event.objects.get(kind="session.opened").actor_id == pm.pk
    told = Notice.objects.filter(kind="session.opened")
    assert {notice.recipient for notice in told} == set(others)
    assert all(n.is_action and "Score 3 requests" in n.title for n in told)


def test_it_requires_pms(ada, pm, items):
    model = make_model()
    with pytest.raises(PermissionDenied):
        make_session(ada, [ada], items, model)
    with pytest.raises(PermissionDenied, match="is not a product manager"):
        make_session(pm, [pm, ada], items, model)


def test_it_refuses_an_empty_or_stale_agenda(pm, items, team):
    model = make_model()
    with pytest.raises(RequestError, match="at least one request"):
        make_session(pm, [pm], [], model)
    with pytest.raises(RequestError, match="at least one scorer"):
        make_session(pm, [], items, model)
    with pytest.raises(RequestError, match="still to come"):
        make_session(pm, [pm], items, model, closes_at=timezone.now())
    services.decide_request(item=items[0], actor=pm, outcome="no", reason="No.")
    with pytest.raises(services.AlreadyDecided):
        make_session(pm, [pm], items, model)
    assert not ScoringSession.objects.exists()


def test_the_agenda_grows_and_shrinks_while_blind(session, pm, items, ada):
    more = make_candidates(1, pm)[0]
    assert services.add_candidates(session=session, items=[more, items[0]], actor=pm) == 1
    services.drop_candidate(session=session, item=more, actor=pm)
    services.drop_candidate(session=session, item=more, actor=pm)
    assert kinds().count("request.untabled") == 1
    assert services.add_candidates(session=session, items=[more], actor=pm) == 1
    with pytest.raises(PermissionDenied):
        services.add_candidates(session=session, items=[more], actor=ada)
    move(session, "talk", pm, "score")
    with pytest.raises(RequestError, match="next session"):
        services.add_candidates(session=session, items=[more], actor=pm)


# --- scoring ---
def test_a_score_is_kept_with_its_version_and_may_change(session, pm, items):
    row = score(session, items[0], pm, 8)
    assert (row.value, row.version) == (Decimal("80.000"), session.version)
    assert score(session, items[0], pm, 8).pk == row.pk
    assert kinds().count("score.saved") == 1
    assert score(session, items[0], pm, 6).value == 60
    assert Score.objects.count() == 1
    event = Event.objects.filter(kind="score.saved").first()
    assert event.data == {"session": session.pk}


def test_what_it_was_before_others_were_seen_is_kept(session, pm, others, items):
    score(session, items[0], pm, 8)
    assert score(session, items[0], pm, 7).first_value is None
    score(session, items[0], others[0], 2)
    assert score(session, items[0], pm, 3).first_value == 70
    assert score(session, items[0], pm, 2).first_value == 70


def test_one_may_leave_it_to_the_others(session, pm, items):
    row = services.save_score(session=session, item=items[0], scorer=pm, answers=None)
    assert row.value is None
    assert score(session, items[0], pm, 4).value == 40


def test_strangers_late_scores_and_missing_answers_are_refused(session, pm, items, ada):
    stranger = make_user(role=Role.PM)
    with pytest.raises(RequestError, match="not among the scorers"):
        score(session, items[0], stranger, 5)
    with pytest.raises(RequestError, match="no score"):
        services.save_score(session=session, item=items[0], scorer=pm, answers={"gain": 5.0})
    move(session, "talk", pm, "score")
    with pytest.raises(SessionMoved, match="Tomasz Wieczorek opened the talk"):
        score(session, items[0], pm, 5)


def test_merged_and_decided_requests_are_not_scored(session, pm, items):
    services.merge_requests(items=[items[0]], into=items[1], actor=pm)
    with pytest.raises(services.AlreadyMerged):
        score(session, items[0], pm, 5)
    services.decide_request(item=items[1], actor=pm, outcome="do", reason="Yes.")
    with pytest.raises(services.AlreadyDecided):
        score(session, items[1], pm, 5)
    board = scoreboard.board(session, pm)
    assert {line.item for line in board.gone} == {items[0], items[1]}
    assert [line.item for line in board.to_score] == [items[2]]


def test_a_late_joiner_scores_blind_and_a_leavers_scores_count(
    session, pm, others, items, run_on_commit
):
    late = make_user(name="Late", role=Role.PM)
    with run_on_commit():
        assert services.add_scorer(session=session, person=late, actor=pm)
        assert not services.add_scorer(session=session, person=late, actor=pm)
    assert Notice.objects.get(recipient=late).kind == "session.joined"
    score(session, items[0], late, 2)
    score(session, items[0], others[0], 10)
    services.remove_scorer(session=session, person=others[0], actor=others[0])
    with pytest.raises(RequestError, match="not among the scorers"):
        score(session, items[1], others[0], 5)
    move(session, "talk", pm, "score")
    board = scoreboard.board(session, pm)
    assert board.ranked[0].spread.count == 2
    with pytest.raises(RequestError, match="can talk and read"):
        services.add_scorer(session=session, person=make_user(role=Role.PM), actor=pm)


# --- stages ---
def test_two_facilitators_at_once_and_the_second_hears_who(session, pm, opsadmin):
    move(session, "talk", opsadmin, "score")
    with pytest.raises(SessionMoved, match="Ines Carvalho opened the talk a moment ago"):
        move(session, "talk", pm, "score")
    assert kinds().count("session.revealed") == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_reveals_at_once_one_wins():
    pms = [make_user(name=f"Pm {n}", role=Role.PRODUCT_OPS) for n in range(2)]
    session = make_session(pms[0], pms, make_candidates(1, pms[0]))
    barrier, won, lost = threading.Barrier(2), [], []

    def reveal(who):
        try:
            barrier.wait()
            won.append(move(session, "talk", who, "score"))
        except SessionMoved as error:
            lost.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=reveal, args=[who]) for who in pms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == len(lost) == 1
    assert Event.objects.filter(kind="session.revealed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_score_that_races_the_reveal_counts_or_is_refused_whole():
    pm = make_user(role=Role.PM)
    session = make_session(pm, [pm], make_candidates(1, pm))
    item = session.candidates.get().request
    barrier, said = threading.Barrier(2), []

    def run(call):
        try:
            barrier.wait()
            call()
        except RequestError as error:
            said.append(error)
        finally:
            connection.close()

    calls = [lambda: score(session, item, pm, 5), lambda: move(session, "talk", pm, "score")]
    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Score.objects.count() == 1 - len(said)
    assert ScoringSession.objects.get().stage == "talk"


def test_stages_go_in_order_and_never_back_to_blind(session, pm, ada):
    with pytest.raises(RequestError, match="Reveal the scores first"):
        move(session, "decide", pm, "score")
    with pytest.raises(PermissionDenied):
        move(session, "talk", ada, "score")
    move(session, "talk", pm, "score")
    move(session, "decide", pm, "talk")
    move(session, "talk", pm, "decide")
    with pytest.raises(RequestError):
        move(session, "score", pm, "talk")
    move(session, "closed", pm, "talk")
    with pytest.raises(SessionMoved, match="closed this session"):
        move(session, "talk", pm, "talk")


def test_another_pm_does_not_facilitate_until_handed_over(session, pm, others, run_on_commit):
    with pytest.raises(PermissionDenied):
        move(session, "talk", others[0], "score")
    with run_on_commit():
        services.hand_over_session(session=session, to=others[0], actor=pm)
    assert Notice.objects.get(kind="session.handed_over").recipient == others[0]
    move(session, "talk", others[0], "score")


def test_the_closing_time_opens_the_scores_by_itself(session, pm, items):
    closes = timezone.now() + timedelta(hours=1)
    services.change_session(
        session=session, actor=pm, capacity=None, closes_at=closes, clock_minutes=5
    )
    watch_sessions()
    session.refresh_from_db()
    assert session.is_blind
    # The clock's task has not run yet, and still nobody scores any more.
    ScoringSession.objects.update(closes_at=timezone.now() - timedelta(seconds=1))
    session.refresh_from_db()
    assert (session.is_blind, session.stage_now) == (False, "talk")
    with pytest.raises(RequestError, match="closed a moment ago"):
        score(session, items[0], pm, 5)
    watch_sessions()
    watch_sessions()
    session.refresh_from_db()
    assert session.stage == "talk" and session.revealed_at == session.closes_at
    assert Event.objects.get(kind="session.revealed").actor_id is None
    with pytest.raises(SessionMoved, match="The closing time opened the scores"):
        move(session, "talk", pm, "score")


def test_those_who_miss_scores_are_reminded_once(session, pm, others, items, run_on_commit):
    now = timezone.now()
    ScoringSession.objects.update(
        created_at=now - timedelta(days=2), closes_at=now + timedelta(hours=5)
    )
    watch_sessions()
    assert "session.reminded" not in kinds()
    ScoringSession.objects.update(closes_at=now + timedelta(hours=3))
    for item in items:
        score(session, item, pm, 5)
    services.save_score(session=session, item=items[0], scorer=others[0], answers=None)
    with run_on_commit():
        watch_sessions()
        watch_sessions()
    told = {n.recipient: n.title for n in Notice.objects.filter(kind="session.reminded")}
    assert set(told) == set(others)
    assert told[others[0]].startswith("2 scores of yours missing")
    assert told[others[1]].startswith("3 scores of yours missing")
    dispatch(Event.objects.get(kind="session.reminded").pk)
    assert Notice.objects.filter(kind="session.reminded").count() == 2


# --- talking ---
def test_the_clock_runs_for_one_at_a_time(session, pm, items):
    with pytest.raises(StillBlind):
        services.start_talk(session=session, item=items[0], actor=pm)
    move(session, "talk", pm, "score")
    now = timezone.now()
    services.start_talk(session=session, item=items[0], actor=pm, at=now)
    services.start_talk(session=session, item=items[1], actor=pm, at=now + timedelta(seconds=90))
    first, second, _ = session.candidates.order_by("position")
    assert (first.talked_seconds, first.talk_started_at) == (90, None)
    assert second.talk_started_at is not None
    services.pause_talk(session=session, actor=pm, at=now + timedelta(days=1))
    second.refresh_from_db()
    # forgotten overnight: at most three times the agreed minutes
    assert second.talked_seconds == 8 * 180


def test_what_was_settled_stands_and_nobody_overwrites_it_unseen(
    session, pm, opsadmin, others, items
):
    score(session, items[0], pm, 2)
    score(session, items[0], others[0], 8)
    with pytest.raises(StillBlind):
        services.settle_candidate(session=session, item=items[0], actor=pm, value=60)
    move(session, "talk", pm, "score")
    settle = services.settle_candidate
    settle(session=session, item=items[0], actor=pm, value=62, note="Fewer people than said.")
    with pytest.raises(SettledFirst, match="Tomasz Wieczorek settled this at 62 first"):
        settle(session=session, item=items[0], actor=opsadmin, value=40)
    settle(session=session, item=items[0], actor=opsadmin, value=40, seen=Decimal("62.000"))
    with pytest.raises(RequestError, match="from 0 to 100"):
        settle(session=session, item=items[0], actor=pm, value=101, seen=Decimal("40.000"))
    line = scoreboard.board(session, pm).ranked[0]
    assert (line.value, line.spread.middle) == (40, 50)
    settle(session=session, item=items[0], actor=pm, value=None, seen=Decimal("40.000"))
    assert scoreboard.board(session, pm).ranked[0].value == 50


def test_notes_of_two_people_are_never_lost(session, pm, others, ada):
    def write(who, notes, seen=""):
        services.write_session_notes(
            session=session, actor=who, notes=notes, actions="", seen_notes=seen, seen_actions=""
        )

    write(pm, "One")
    write(pm, "One")
    with pytest.raises(RequestError, match="Somebody else wrote notes"):
        write(others[0], "Two")
    write(others[0], "One\r\nTwo", seen="One\r\n")
    session.refresh_from_db()
    assert session.notes == "One\r\nTwo"
    with pytest.raises(PermissionDenied):
        write(ada, "Three", seen="One\nTwo")


# --- closing ---
def test_closing_keeps_scores_tells_people_and_frees_the_undecided(
    session, pm, others, items, ada, run_on_commit
):
    voter = make_user(name="Vera")
    services.vote_for_request(item=items[0], person=voter)
    for number, item in enumerate(items[:2]):
        for offset, who in enumerate([pm, *others]):
            score(session, item, who, 6 + number + offset)
    with run_on_commit():
        move(session, "talk", pm, "score")
        move(session, "decide", pm, "talk")
        services.decide_request(item=items[0], actor=pm, outcome="do", reason="It is time.")
        services.write_session_notes(
            session=session,
            actor=pm,
            notes="Good talk.",
            actions="Noor asks Finance",
            seen_notes="",
            seen_actions="",
        )
        move(session, "closed", pm, "decide")
    kept = {item.number: item.score for item in Request.objects.all()}
    assert [kept[item.number] for item in items] == [70, 80, None]
    assert Request.objects.get(pk=items[0].pk).score_version == session.version
    freed = Event.objects.filter(kind="request.untabled").values_list("subject_id", flat=True)
    assert set(freed) == {items[1].pk, items[2].pk}
    notes = Notice.objects.filter(kind="session.closed")
    assert {n.recipient for n in notes} == set(others)
    assert "Good talk." in notes[0].text and "Noor asks Finance" in notes[0].text
    assert "Do it: Wish 0" in notes[0].text and "2 requests left undecided" in notes[0].text
    assert notes[0].url.endswith(f"/prioritise/{session.number}/summary/")
    decided = {n.recipient for n in Notice.objects.filter(kind="request.decided")}
    assert voter in decided and items[0].requester in decided
    assert any("Notes of December scoring" in m.subject for m in mail.outbox)
    dispatch(Event.objects.get(kind="session.closed").pk)
    assert Notice.objects.filter(kind="session.closed").count() == len(others)


# --- one person ---
def test_one_person_scores_one_request(pm, items):
    model = make_model()
    row = services.score_alone(item=items[0], model=model, scorer=pm, answers=gain(7))
    items[0].refresh_from_db()
    assert (items[0].score, items[0].score_version) == (row.value, model.version)
    found = scoreboard.score_context(items[0], pm)["score_of"]
    assert found.is_solo and found.may_score
    assert found.words == "70"
    assert not scoreboard.sessions_for(pm).exists()
    assert kinds().count("score.saved") == 1


def test_one_person_scores_neither_what_is_on_an_agenda_nor_what_a_group_scored(
    session, pm, others, items, ada
):
    model = make_model("Other")
    alone = {"item": items[0], "model": model, "answers": gain(7)}
    with pytest.raises(PermissionDenied):
        services.score_alone(scorer=ada, **alone)
    with pytest.raises(RequestError, match="agenda of “December scoring”"):
        services.score_alone(scorer=pm, **alone)
    score(session, items[0], pm, 5)
    score(session, items[0], others[0], 5)
    move(session, "talk", pm, "score")
    move(session, "closed", pm, "talk")
    with pytest.raises(RequestError, match="A group has scored this"):
        services.score_alone(scorer=pm, **alone)
    assert services.score_alone(scorer=pm, **{**alone, "item": items[1]}).value == 70


def test_an_earlier_score_is_hidden_while_it_is_scored_blind_again(pm, others, items):
    model = make_model()
    services.score_alone(item=items[0], model=model, scorer=pm, answers=gain(7))
    session = make_session(pm, [pm, *others], items, model)
    items[0].refresh_from_db()
    found = scoreboard.score_context(items[0], others[0])["score_of"]
    assert (found.words, found.formula, found.running) == ("", "", session)
    move(session, "talk", pm, "score")
    assert scoreboard.score_context(items[0], others[0])["score_of"].words == "70"


def test_a_group_score_says_its_rank_and_formula(session, pm, others, items, ada):
    for number, item in enumerate(items):
        score(session, item, pm, 3 + number)
        score(session, item, others[0], 3 + number)
    move(session, "talk", pm, "score")
    move(session, "closed", pm, "talk")
    item = Request.objects.get(pk=items[1].pk)
    found = scoreboard.score_context(item, ada)["score_of"]
    assert (found.words, found.rank, found.total, found.scorers) == ("40", 2, 3, 2)
    assert found.formula.endswith("= 40")
    assert not found.may_score


def test_requests_elsewhere_are_untouched(session, pm, items, ada):
    other = make_request(ada, title="Not on the agenda")
    with pytest.raises(RequestError, match="not on this agenda"):
        score(session, other, pm, 5)


def test_who_has_scored_all_is_no_longer_asked(pm, others, items, run_on_commit):
    with run_on_commit():
        session = make_session(pm, [pm, *others], items)
        for item in items[:2]:
            score(session, item, others[0], 5)
    assert Notice.objects.filter(recipient=others[0], done_at__isnull=True).count() == 1
    with run_on_commit():
        services.save_score(session=session, item=items[2], scorer=others[0], answers=None)
    assert not Notice.objects.filter(recipient=others[0], done_at__isnull=True).exists()
    assert Notice.objects.filter(recipient=others[1], done_at__isnull=True).exists()
    with run_on_commit():
        move(session, "talk", pm, "score")
    assert not Notice.objects.filter(recipient=others[1], done_at__isnull=True).exists()
