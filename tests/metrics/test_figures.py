"""Figures against an independent computation, over a trail with four in ten still open."""

import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from accounts.calendars import forget_calendars
from accounts.models import Holiday, WorkCalendar
from activity.models import Event
from metrics import compute
from metrics.definitions import STAGES
from metrics.models import Figure, Span
from producthub.lib.periods import Calendar
from tests.factories import make_team
from tests.metrics.test_compute import figure_of, make_event


def kaplan_meier(ended, running, share):
    """The textbook, in exact fractions: S falls at each end by the part of those at risk."""
    survival = Fraction(1)
    for moment in sorted(set(ended)):
        at_risk = sum(t >= moment for t in ended) + sum(t >= moment for t in running)
        survival *= 1 - Fraction(sum(t == moment for t in ended), at_risk)
        if survival <= 1 - Fraction(share):
            return moment
    return None


def counted(start, end, calendar):
    """Working seconds, day by day: another way than the hub's own."""
    seconds, day = 0, start.astimezone(calendar.zone).date()
    while day <= end.astimezone(calendar.zone).date():
        if day.weekday() in calendar.weekdays and day not in calendar.holidays:
            opens = datetime(
                day.year, day.month, day.day, calendar.opens_hour, tzinfo=calendar.zone
            )
            closes = opens.replace(hour=calendar.closes_hour)
            inside = min(end, closes).timestamp() - max(start, opens).timestamp()
            seconds += max(int(inside), 0)
        day += timedelta(days=1)
    return seconds


@pytest.fixture
def trail(db):
    """400 requests of three teams with calendars of their own, over 500 events, 40 % open."""
    chance = random.Random(11)
    now = datetime.now(UTC).replace(microsecond=0)
    late = WorkCalendar.objects.create(name="Late", opens_hour=10, closes_hour=18)
    for back in (3, 10, 11, 24):
        day = (now - timedelta(days=back)).date()
        Holiday.objects.create(calendar=late, on=day, name="Day off")
    forget_calendars()
    teams = [
        make_team(calendar=late),
        make_team(time_zone="Asia/Tokyo"),
        make_team(time_zone="America/New_York"),
    ]
    events, life = [], {}
    for number in range(400):
        team = chance.choice(teams)
        pk = 9_000_000 + number
        sent = now - timedelta(seconds=chance.randrange(86_400, 86_400 * 80))
        decided = sent + timedelta(seconds=chance.randrange(3600, 86_400 * 20))
        is_open = number % 5 < 2 or decided > now
        outcome = chance.choice(["do", "do", "no"])
        events.append(make_event("request.submitted", pk, sent, team=team.pk))
        planned = None
        if not is_open:
            events.append(make_event("request.decided", pk, decided, outcome=outcome, team=team.pk))
            planned = decided + timedelta(seconds=chance.randrange(86_400 * 9))
            if outcome == "do" and planned < now and number % 3:
                events.append(make_event("request.planned", pk, planned))
            else:
                planned = None
        life[pk] = (team, sent, None if is_open else decided, outcome, planned)
    Event.objects.bulk_create(events)
    compute.compute()
    return life


def clock_of(team):
    if team.calendar is None:
        return Calendar(ZoneInfo(team.time_zone))
    days = frozenset(team.calendar.holidays.values_list("on", flat=True))
    return Calendar(ZoneInfo(team.time_zone), days, 10, 18)


def test_the_figures_are_those_of_the_textbook(trail):
    assert Event.objects.count() >= 500
    figure = figure_of()
    clocks = {team: clock_of(team) for team, *_ in trail.values()}
    ended = [counted(sent, end, clocks[team]) for team, sent, end, *_ in trail.values() if end]
    running = [
        counted(sent, figure.as_of, clocks[team])
        for team, sent, end, *_ in trail.values()
        if end is None
    ]
    assert (figure.n_decided, figure.n_open) == (len(ended), len(running))
    assert 0.38 < len(running) / 400 < 0.5
    assert figure.value == kaplan_meier(ended, running, "0.5")
    assert figure.slowest_tenth == kaplan_meier(ended, running, "0.9")
    assert figure.closed_median == sorted(ended)[(len(ended) - 1) // 2]
    assert figure.value > figure.closed_median
    calendar = [int((end - sent).total_seconds()) for _, sent, end, *_ in trail.values() if end]
    so_far = [
        int((figure.as_of - sent).total_seconds())
        for _, sent, end, *_ in trail.values()
        if end is None
    ]
    assert figure.calendar_median == kaplan_meier(calendar, so_far, "0.5")


def test_the_way_to_the_roadmap_is_that_of_the_accepted(trail):
    figure = figure_of(key="time_to_commitment")
    accepted = [row for row in trail.values() if row[2] and row[3] == "do"]
    ended = [
        counted(sent, planned, clock_of(team)) for team, sent, _, _, planned in accepted if planned
    ]
    running = [
        counted(sent, figure.as_of, clock_of(team))
        for team, sent, _, _, planned in accepted
        if planned is None
    ]
    assert (figure.n_decided, figure.n_open) == (len(ended), len(running))
    assert len(running) > 20
    assert figure.value == kaplan_meier(ended, running, "0.5")


def test_teams_and_stages_are_made_of_the_same_rows(trail):
    whole = figure_of()
    parts = Figure.objects.filter(key=whole.key, period=whole.period).exclude(team=None)
    assert sum(one.n_decided for one in parts) == whole.n_decided
    assert sum(one.working_sum for one in parts) == whole.working_sum
    stages = {stage.key: held for stage, held in zip(STAGES, whole.stages, strict=True)}
    assert stages["decided"]["median"] == whole.value
    assert stages["planned"]["median"] == figure_of(key="time_to_commitment").value
    assert stages["shipped"] == {
        "median": None, "step": None, "n": 0, "n_open": stages["planned"]["n_open"]
        + stages["planned"]["n"],
    }  # fmt: skip
    # a first word, routing and decision in one: no step lies between them
    assert stages["triaged"]["step"] == stages["decided"]["step"] == 0


def test_a_new_holiday_makes_all_anew(trail):
    team = next(team for team, *_ in trail.values() if team.calendar)
    day = datetime.now(UTC).date() - timedelta(days=30)
    while day.weekday() > 4 or Holiday.objects.filter(on=day).exists():
        day -= timedelta(days=1)

    def worked():
        spans = Span.objects.filter(key="time_to_decision", ended_at__isnull=False)
        return {span.subject_id: span.working_seconds for span in spans.filter(team=team)}

    before = worked()
    Holiday.objects.create(calendar=team.calendar, on=day, name="One more")
    assert compute.compute().is_rebuild
    assert not compute.compute().is_rebuild
    lost = {pk: before[pk] - seconds for pk, seconds in worked().items()}
    assert set(lost.values()) >= {0, 8 * 3600}
    assert max(lost.values()) == 8 * 3600
