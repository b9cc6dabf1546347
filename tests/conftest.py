"""The cast: ada asks, pm decides, opsadmin curates, admin keeps accounts, outsider sees nothing."""

import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from accounts.models import Role, Team, User
from intake.models import Request
from intake.services import decide_request, triage_request
from tests.factories import install_forms, make_membership, make_request, make_team, make_user

# A busy machine is no failure: nothing here is a test of speed.
hypothesis.settings.register_profile("hub", deadline=None)
hypothesis.settings.load_profile("hub")


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Throttles and locks must not leak from test to test."""
    cache.clear()


@pytest.fixture(autouse=True)
def request_forms(request) -> None:
    """The shipped request forms are there, also after a test that emptied the database."""
    uses = request.node.get_closest_marker("django_db") is not None
    if uses or {"db", "transactional_db"} & set(request.fixturenames):
        request.getfixturevalue("db")
        install_forms()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Let transactional tests empty the event table, which refuses it elsewhere."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        name = connection.settings_dict["NAME"]
        cursor.execute(f"ALTER DATABASE \"{name}\" SET producthub.may_truncate = 'on'")
        cursor.execute("SET producthub.may_truncate = 'on'")
    yield
    # A live server's thread may still hold a connection, which would keep the database.
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def team(db) -> Team:
    return make_team(name="Dispatch", slug="dispatch")


@pytest.fixture
def ada(db) -> User:
    """A stakeholder in Sales."""
    return make_user("ada@harbourline.example", "Ada Mensah", department="Sales")


@pytest.fixture
def pm(team) -> User:
    """A product manager of Dispatch, and its lead."""
    person = make_user("pm@harbourline.example", "Tomasz Wieczorek", role=Role.PM)
    make_membership(person, team, duty="pm")
    team.lead = person
    team.save(update_fields=["lead"])
    return person


@pytest.fixture
def opsadmin(db) -> User:
    """Product Ops."""
    return make_user("opsadmin@harbourline.example", "Ines Carvalho", role=Role.PRODUCT_OPS)


@pytest.fixture
def admin(db) -> User:
    """Keeps accounts and secrets."""
    return make_user("admin@harbourline.example", "Adele Root", role=Role.ADMIN)


@pytest.fixture
def outsider(db) -> User:
    """A stakeholder who has nothing to do with anything."""
    return make_user("outsider@harbourline.example", "Otto Fern")


@pytest.fixture
def signed_in(client):
    """`signed_in(user)` is a client with that person's session."""

    def enter(user: User) -> Client:
        browser = Client()
        browser.force_login(user, backend="accounts.backends.RoleBackend")
        return browser

    return enter


@pytest.fixture
def item(ada, team) -> Request:
    """A request of ada's for Dispatch, in triage."""
    return make_request(ada, team=team)


@pytest.fixture
def triaged(item, pm, team) -> Request:
    """The same, routed and owned by pm."""
    return triage_request(item=item, actor=pm, team=team, owner=pm)


@pytest.fixture
def decided(triaged, pm) -> Request:
    """The same, decided to be done."""
    decide_request(item=triaged, actor=pm, outcome="do", reason="Six hours a closure is too much.")
    triaged.refresh_from_db()
    return triaged


@pytest.fixture
def run_on_commit(django_capture_on_commit_callbacks):
    """`with run_on_commit():` commits, so events are handed out and mails go."""
    return lambda: django_capture_on_commit_callbacks(execute=True)
