"""Which hours count for which team, and the public holidays among them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

import holidays as public
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import Holiday, Team, User, WorkCalendar
from accounts.permissions import is_product_ops, require
from activity.events import record
from producthub.lib import periods
from producthub.lib.periods import Calendar

CACHE_KEY = "accounts:calendars"
CACHE_SECONDS = 60
# Plain English names are found by more readers than those of each country.
HOLIDAY_LANGUAGES = ("en_GB", "en_US")


@dataclass(frozen=True)
class Hours:
    """A calendar without its time zone, which is the team's."""

    holidays: frozenset[date] = frozenset()
    opens_hour: int = periods.WORKDAY_STARTS_HOUR
    closes_hour: int = periods.WORKDAY_ENDS_HOUR
    weekdays: tuple[int, ...] = periods.MONDAY_TO_FRIDAY

    def in_zone(self, name: str) -> Calendar:
        """The calendar of those who work these hours there."""
        return _in_zone(self, name)


@lru_cache(maxsize=256)
def _in_zone(hours: Hours, name: str) -> Calendar:
    return Calendar(
        ZoneInfo(name), hours.holidays, hours.opens_hour, hours.closes_hour, hours.weekdays
    )


def _read_hours() -> dict[int | None, Hours]:
    """All calendars by id, the company's also under None; one query."""
    found: dict[int | None, Hours] = {None: Hours()}
    rows: dict[int, tuple[WorkCalendar, set[date]]] = {}
    for row in WorkCalendar.objects.prefetch_related("holidays"):
        rows[row.pk] = (row, {holiday.on for holiday in row.holidays.all()})
    for pk, (row, days) in rows.items():
        hours = Hours(frozenset(days), row.opens_hour, row.closes_hour, tuple(row.weekdays))
        found[pk] = hours
        if row.is_default:
            found[None] = hours
    return found


def calendar_for(team: Team | None) -> Calendar:
    """The working clock of a team; of the company where there is none.

    Up to CACHE_SECONDS behind a change made by another process; asks the database at most once
    in that time.
    """
    hours = cache.get(CACHE_KEY)
    if hours is None:
        hours = _read_hours()
        cache.set(CACHE_KEY, hours, CACHE_SECONDS)
    own: Hours = hours.get(team.calendar_id if team else None) or hours[None]
    return own.in_zone(team.time_zone if team else settings.TIME_ZONE)


def calendars_by_team() -> dict[int | None, Calendar]:
    """The working clocks of all teams as they are now, the company's under None."""
    hours = _read_hours()
    found: dict[int | None, Calendar] = {None: hours[None].in_zone(settings.TIME_ZONE)}
    for pk, calendar, zone in Team.objects.values_list("pk", "calendar_id", "time_zone"):
        found[pk] = hours[calendar].in_zone(zone)
    return found


def forget_calendars() -> None:
    """What was read before is old: now, and once the change can be seen by others."""
    cache.delete(CACHE_KEY)
    transaction.on_commit(partial(cache.delete, CACHE_KEY))


# --- Changes ----------------------------------------------------------------------------------


def check_place(country: str, region: str) -> None:
    """Raise ValidationError, by field, for a country or region whose holidays are not known."""
    known = public.list_supported_countries(include_aliases=True)
    if country and country not in known:
        raise ValidationError({"country": "Enter a country code like NL, DE or GB."})
    if region and region not in known.get(country, []):
        some = ", ".join(known.get(country, [])[:6])
        hint = f" like {some}" if some else ""
        raise ValidationError({"region": f"Enter a region of this country{hint}, or none."})


@transaction.atomic
def note_change(*, calendar: WorkCalendar, fields: Iterable[str], actor: User | None) -> None:
    """Say that working time changed: measures are made anew, clocks read afresh.

    Raises PermissionDenied unless the actor is in Product Ops or an admin.
    """
    require(actor is None or is_product_ops(actor), "Only Product Ops keeps calendars.")
    forget_calendars()
    record("calendar.changed", calendar, actor=actor, data={"fields": sorted(fields)})


@transaction.atomic
def make_default(*, calendar: WorkCalendar, actor: User | None = None) -> WorkCalendar:
    """Make it the company's calendar in place of the one before. Repeatable.

    Raises PermissionDenied unless the actor is in Product Ops or an admin.
    """
    require(actor is None or is_product_ops(actor), "Only Product Ops keeps calendars.")
    every = {row.pk: row for row in WorkCalendar.objects.select_for_update().order_by("pk")}
    calendar = every[calendar.pk]
    if calendar.is_default:
        return calendar
    WorkCalendar.objects.filter(is_default=True).update(is_default=False)
    calendar.is_default = True
    calendar.save(update_fields=["is_default"])
    note_change(calendar=calendar, fields=["is_default"], actor=actor)
    return calendar


def public_holidays(country: str, region: str, years: Iterable[int]) -> dict[date, str]:
    """The public holidays of a place by day. Source: the library `holidays`, without network."""
    place = public.country_holidays(country, subdiv=region or None)
    language = next((one for one in HOLIDAY_LANGUAGES if one in place.supported_languages), None)
    found = public.country_holidays(
        country, subdiv=region or None, years=list(years), language=language
    )
    return {day: str(name)[:120] for day, name in sorted(found.items())}


@transaction.atomic
def add_public_holidays(
    *, calendar: WorkCalendar, years: Iterable[int], actor: User | None = None
) -> int:
    """Add the public holidays of the calendar's country in these years; returns how many are new.

    Days that are there already keep their names, so repeating it changes nothing. Raises
    ValidationError without a country, PermissionDenied as `note_change`.
    """
    require(actor is None or is_product_ops(actor), "Only Product Ops keeps calendars.")
    if not calendar.country:
        raise ValidationError(f"Give “{calendar}” a country first.")
    check_place(calendar.country, calendar.region)
    found = public_holidays(calendar.country, calendar.region, years)
    known = set(calendar.holidays.values_list("on", flat=True))
    new = [
        Holiday(calendar=calendar, on=day, name=name)
        for day, name in found.items()
        if day not in known
    ]
    Holiday.objects.bulk_create(new, ignore_conflicts=True)
    if new:
        note_change(calendar=calendar, fields=["holidays"], actor=actor)
    return len(new)


def add_coming_holidays() -> int:
    """Give every calendar with a country the holidays of this and next year, once a year.

    A year that holds a holiday already is somebody's work and left alone, also where days were
    taken out on purpose. Returns how many days are new.
    """
    this_year, added = timezone.localdate().year, 0
    for calendar in WorkCalendar.objects.exclude(country="").prefetch_related("holidays"):
        held = {holiday.on.year for holiday in calendar.holidays.all()}
        years = [year for year in (this_year, this_year + 1) if year not in held]
        if years:
            added += add_public_holidays(calendar=calendar, years=years)
    return added
