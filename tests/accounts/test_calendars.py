"""Which hours count for which team, and how Product Ops keeps them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.urls import reverse

from accounts import calendars
from accounts.calendars import calendar_for, calendars_by_team
from accounts.models import Holiday, WorkCalendar
from accounts.tasks import add_coming_holidays
from activity.models import Event
from intake.services.promises import promise
from producthub.lib.periods import Calendar
from tests.factories import make_team


def make_calendar(name="Lisbon", **fields):
    return WorkCalendar.objects.create(name=name, **fields)


def test_a_team_has_its_own_hours_in_its_own_time_zone(db):
    late = make_calendar(opens_hour=10, closes_hour=18, weekdays=[6, 0, 1, 2, 3])
    Holiday.objects.create(calendar=late, on=date(2026, 12, 1), name="Independence")
    team = make_team(calendar=late, time_zone="Europe/Lisbon")
    assert calendar_for(team) == Calendar(
        ZoneInfo("Europe/Lisbon"), frozenset({date(2026, 12, 1)}), 10, 18, (0, 1, 2, 3, 6)
    )


def test_without_one_the_companys_counts(db):
    team = make_team(time_zone="Asia/Tokyo")
    assert calendar_for(team) == Calendar(ZoneInfo("Asia/Tokyo"))
    company = WorkCalendar.objects.get(is_default=True)
    Holiday.objects.create(calendar=company, on=date(2026, 5, 5), name="Liberation Day")
    calendars.forget_calendars()
    assert calendar_for(team).holidays == {date(2026, 5, 5)}
    assert calendar_for(None) == Calendar(
        ZoneInfo("Europe/Amsterdam"), frozenset({date(2026, 5, 5)})
    )


def test_monday_to_friday_counts_where_nobody_set_anything(db):
    WorkCalendar.objects.all().delete()
    assert calendar_for(None) == Calendar(ZoneInfo("Europe/Amsterdam"))


def test_it_asks_the_database_once_a_minute(db, django_assert_num_queries):
    team = make_team()
    with django_assert_num_queries(2):
        calendar_for(None)
    with django_assert_num_queries(0):
        calendar_for(team)


def test_all_teams_are_read_afresh(db, django_assert_num_queries):
    own = make_calendar(closes_hour=13)
    team, other = make_team(calendar=own), make_team(time_zone="Asia/Tokyo")
    with django_assert_num_queries(3):
        found = calendars_by_team()
    assert found[team.pk].closes_hour == 13
    assert found[other.pk] == Calendar(ZoneInfo("Asia/Tokyo"))
    assert set(found) == {None, team.pk, other.pk}


def test_a_promise_waits_out_a_holiday_and_the_night(db):
    own = make_calendar()
    Holiday.objects.create(calendar=own, on=date(2026, 11, 24), name="Day off")
    team = make_team(calendar=own)
    monday = datetime(2026, 11, 23, 15, tzinfo=UTC)  # 16:00 there
    assert promise(monday, 1, team) == datetime(2026, 11, 25, 15, tzinfo=UTC)
    # two hours of waiting for the requester end on the next morning, not in the evening
    assert promise(monday, 1, team, 2 * 3600) == datetime(2026, 11, 26, 9, tzinfo=UTC)


# --- Holidays of countries --------------------------------------------------------------------


def test_the_holidays_of_a_country_come_in_once(opsadmin):
    calendar = make_calendar(country="NL")
    Holiday.objects.create(calendar=calendar, on=date(2026, 12, 25), name="Our party")
    added = calendars.add_public_holidays(calendar=calendar, years=(2026, 2027), actor=opsadmin)
    assert added >= 19
    assert calendar.holidays.get(on=date(2026, 4, 27)).name == "King's Day"
    assert calendar.holidays.get(on=date(2026, 12, 25)).name == "Our party"
    again = calendars.add_public_holidays(calendar=calendar, years=(2026, 2027), actor=opsadmin)
    assert again == 0
    assert Event.objects.filter(kind="calendar.changed").count() == 1


def test_regions_have_their_own(opsadmin):
    everywhere = calendars.public_holidays("DE", "", [2026])
    bavaria = calendars.public_holidays("DE", "BY", [2026])
    assert date(2026, 1, 6) in bavaria
    assert date(2026, 1, 6) not in everywhere


@pytest.mark.parametrize(("country", "region"), [("", ""), ("XX", ""), ("NL", "BY")])
def test_unknown_places_are_refused(opsadmin, country, region):
    calendar = make_calendar(country=country, region=region)
    with pytest.raises(ValidationError):
        calendars.add_public_holidays(calendar=calendar, years=[2026], actor=opsadmin)


def test_others_than_product_ops_are_refused(pm):
    calendar = make_calendar(country="NL")
    with pytest.raises(PermissionDenied):
        calendars.add_public_holidays(calendar=calendar, years=[2026], actor=pm)
    with pytest.raises(PermissionDenied):
        calendars.make_default(calendar=calendar, actor=pm)


def test_next_year_comes_by_itself_and_leaves_alone_what_people_set(db):
    untouched, kept = make_calendar(country="PT"), make_calendar("Kept", country="NL")
    year = datetime.now(UTC).year
    for one in (year, year + 1):
        Holiday.objects.create(calendar=kept, on=date(one, 6, 1), name="The only one")
    add_coming_holidays()
    assert {day.on.year for day in untouched.holidays.all()} == {year, year + 1}
    assert kept.holidays.count() == 2
    before = Holiday.objects.count()
    add_coming_holidays()
    assert Holiday.objects.count() == before


def test_the_companys_calendar_can_be_another(opsadmin):
    calendar = make_calendar(closes_hour=16)
    calendars.make_default(calendar=calendar, actor=opsadmin)
    calendars.make_default(calendar=calendar, actor=opsadmin)
    assert WorkCalendar.objects.get(is_default=True) == calendar
    assert calendar_for(None).closes_hour == 16
    assert Event.objects.filter(kind="calendar.changed").count() == 1


# --- Admin ------------------------------------------------------------------------------------

LIST = "admin:accounts_workcalendar_changelist"


def form_data(**fields):
    return {
        "name": "Lisbon", "opens_hour": "10", "closes_hour": "18", "weekdays": ["0", "1", "2"],
        "country": "pt", "region": "", "holidays-TOTAL_FORMS": "1", "holidays-INITIAL_FORMS": "0",
        "holidays-0-on": "2026-12-01", "holidays-0-name": "Independence", **fields,
    }  # fmt: skip


def test_product_ops_makes_a_calendar(signed_in, opsadmin):
    response = signed_in(opsadmin).post(reverse("admin:accounts_workcalendar_add"), form_data())
    assert response.status_code == 302
    calendar = WorkCalendar.objects.get(name="Lisbon")
    assert (calendar.weekdays, calendar.country) == ([0, 1, 2], "PT")
    assert [day.name for day in calendar.holidays.all()] == ["Independence"]
    assert Event.objects.get(kind="calendar.changed").actor == opsadmin


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"closes_hour": "10"}, "Enter an end after the beginning"),
        ({"opens_hour": "2"}, "greater than or equal to 4"),
        ({"weekdays": []}, "Choose a weekday."),
        ({"country": "XQ"}, "Enter a country code like NL"),
        ({"region": "BY"}, "Enter a region of this country"),
        ({"holidays-0-on": "30 Feb"}, "Enter a valid date"),
    ],
)
def test_a_bent_calendar_is_refused(signed_in, opsadmin, fields, error):
    url = reverse("admin:accounts_workcalendar_add")
    response = signed_in(opsadmin).post(url, form_data(**fields))
    assert error in response.content.decode()
    assert not WorkCalendar.objects.filter(name="Lisbon").exists()


def test_stakeholders_do_not_come_in(signed_in, ada):
    assert signed_in(ada).get(reverse(LIST)).status_code in (302, 403)


def test_the_actions_work(signed_in, opsadmin):
    calendar, nowhere = make_calendar(country="PT"), make_calendar("Nowhere")
    browser = signed_in(opsadmin)
    page = browser.post(
        reverse(LIST),
        {"action": "add_public_holidays", "_selected_action": [calendar.pk, nowhere.pk]},
        follow=True,
    ).content.decode()
    assert "“Lisbon”: 2" in page
    assert "Give “Nowhere” a country first." in page
    browser.post(reverse(LIST), {"action": "make_default", "_selected_action": [calendar.pk]})
    assert WorkCalendar.objects.get(is_default=True) == calendar
    two = {"action": "make_default", "_selected_action": [calendar.pk, nowhere.pk]}
    assert "Choose one calendar." in browser.post(reverse(LIST), two, follow=True).content.decode()


def test_the_companys_calendar_is_not_deleted(signed_in, opsadmin):
    company = WorkCalendar.objects.get(is_default=True)
    other = make_calendar()
    browser = signed_in(opsadmin)
    gone = reverse("admin:accounts_workcalendar_delete", args=[company.pk])
    assert browser.post(gone, {"post": "yes"}).status_code == 403
    gone = reverse("admin:accounts_workcalendar_delete", args=[other.pk])
    assert browser.post(gone, {"post": "yes"}).status_code == 302
    assert not WorkCalendar.objects.filter(pk=other.pk).exists()
