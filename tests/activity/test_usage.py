"""Sign-in and first use of each part of the hub, once a person and day."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from activity.models import DailyUse, Event, EventDispatch
from activity.usage import SIGN_IN, note_use

NOON = datetime(2026, 11, 3, 11, tzinfo=UTC)


def uses() -> list[tuple[str, dict]]:
    kinds = ["module.used", "person.signed_in"]
    return list(Event.objects.filter(kind__in=kinds).order_by("id").values_list("kind", "data"))


def test_the_first_use_of_a_day_is_an_event(ada):
    assert note_use(ada, "intake", NOON)
    assert DailyUse.objects.get().day.isoformat() == "2026-11-03"
    event = Event.objects.get(kind="module.used")
    assert (event.subject_id, event.actor_id, event.data) == (ada.pk, ada.pk, {"module": "intake"})
    assert event.subject_type == "accounts.user" and ada.name not in event.subject_label
    assert event.occurred_at == NOON


def test_the_second_use_is_not_and_costs_no_query(ada, django_assert_num_queries):
    with django_assert_num_queries(1):
        note_use(ada, "intake", NOON)
    with django_assert_num_queries(0):
        assert not note_use(ada, "intake", NOON + timedelta(hours=2))
    assert len(uses()) == 1


def test_another_part_person_or_day_counts_anew(ada, pm):
    for person, module, at in (
        (ada, "intake", NOON),
        (ada, "metrics", NOON),
        (pm, "intake", NOON),
        (ada, "intake", NOON + timedelta(days=1)),
    ):
        assert note_use(person, module, at)
    assert DailyUse.objects.count() == 4


def test_a_forgetful_cache_counts_nothing_twice(ada):
    note_use(ada, "intake", NOON)
    cache.clear()
    assert not note_use(ada, "intake", NOON)
    assert (DailyUse.objects.count(), len(uses())) == (1, 1)


def test_it_works_while_the_cache_is_away(ada, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "producthub.lib.cache.TolerantRedisCache",
            "LOCATION": "unix:///nowhere/redis.sock",
        }
    }
    assert note_use(ada, "intake", NOON)
    assert not note_use(ada, "intake", NOON)
    assert len(uses()) == 1


def test_the_day_is_the_companys(ada):
    note_use(ada, "intake", datetime(2026, 11, 3, 23, 30, tzinfo=UTC))  # 00:30 in Amsterdam
    assert DailyUse.objects.get().day.isoformat() == "2026-11-04"


def test_a_handler_gets_its_receipt(ada, monkeypatch):
    from activity import events

    monkeypatch.setitem(events._handlers, "module.used", {"a.b": lambda event: None})
    note_use(ada, "intake", NOON)
    assert EventDispatch.objects.filter(handler="a.b").count() == 1


# --- Through the door and over the pages ------------------------------------------------------


def test_signing_in_counts_once_a_day(ada, client):
    ada.set_password("correct horse battery")
    ada.save()
    for _ in range(2):
        client.post("/accounts/login/", {"login": ada.email, "password": "correct horse battery"})
        client.post("/accounts/logout/")
    assert uses().count(("person.signed_in", {})) == 1


def test_a_failed_sign_in_does_not_count(ada, client):
    client.post("/accounts/login/", {"login": ada.email, "password": "wrong"})
    assert uses() == []


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("/", "hub"),
        ("/search/?q=depot", "search"),
        ("/requests/mine/", "intake"),
        ("/work/", "planning"),
        ("/tools/", "playbook"),
        ("/metrics/time-to-decision/", "metrics"),
        ("/inbox/", "notices"),
        ("/people/", "accounts"),
        ("/integrations/", "integrations"),
    ],
)
def test_a_page_counts_for_its_part(opsadmin, signed_in, path, module):
    browser = signed_in(opsadmin)
    assert browser.get(path).status_code == 200
    browser.get(path)
    assert uses() == [("person.signed_in", {}), ("module.used", {"module": module})]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/nowhere/", "/requests/99999/"])
def test_checks_and_missing_pages_do_not_count(ada, signed_in, path):
    signed_in(ada).get(path)
    assert ("module.used", {"module": "intake"}) not in uses() and len(uses()) == 1


def test_what_a_tab_fetches_by_itself_does_not_count(opsadmin, signed_in):
    browser = signed_in(opsadmin)
    answer = browser.get("/integrations/", headers={"HX-Request": "true", "X-By-Timer": "1"})
    assert answer.status_code == 200
    assert len(uses()) == 1


def test_nobody_signed_in_counts_for_nothing(client, db):
    client.get("/")
    assert not DailyUse.objects.exists()


def test_a_day_later_the_same_page_counts_again(ada, signed_in):
    DailyUse.objects.create(person=ada, module="hub", day=timezone.localdate() - timedelta(days=1))
    signed_in(ada).get("/")
    assert DailyUse.objects.filter(person=ada, module="hub").count() == 2


def test_sign_in_has_a_name_of_its_own(ada):
    assert note_use(ada, SIGN_IN, NOON)
    assert uses() == [("person.signed_in", {})]
