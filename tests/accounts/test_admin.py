"""Accounts in admin: Product Ops reads and keeps teams, admins keep people, events are written."""

from datetime import date

import pytest

from accounts.models import Audience, GroupMapping, Membership, Role, User
from activity.models import Event
from tests.factories import deeds, make_team, make_user

PEOPLE = "/admin/accounts/user/"


def form_of(person: User, **changes):
    data = {
        "email": person.email,
        "name": person.name,
        "job_title": person.job_title,
        "department": person.department,
        "time_zone": person.time_zone,
        "role": person.role,
        "is_active": "on" if person.is_active else "",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
        **changes,
    }
    return {key: value for key, value in data.items() if value != "" or key != "is_active"}


@pytest.fixture
def desk(admin, signed_in):
    return signed_in(admin)


def test_lists_do_not_grow_in_queries(desk, pm, team, django_assert_max_num_queries):
    for _ in range(30):
        Membership.objects.create(user=make_user(), team=team)
    for model in ("user", "team", "membership", "audience", "groupmapping"):
        with django_assert_max_num_queries(11):
            assert desk.get(f"/admin/accounts/{model}/").status_code == 200


def test_a_new_person_with_a_password(desk, admin, client):
    response = desk.post(
        PEOPLE + "add/",
        {
            "email": "New@Harbourline.example",
            "name": "New Person",
            "role": "pm",
            "time_zone": "Europe/Lisbon",
            "password1": "a few words in a row",
            "password2": "a few words in a row",
        },
    )
    assert response.status_code == 302, response.context["adminform"].errors
    person = User.objects.get(email="new@harbourline.example")
    assert person.check_password("a few words in a row")
    assert list(deeds().values_list("kind", "actor")) == [("user.created", admin.pk)]


def test_a_new_person_without_a_password(desk):
    data = {"email": "new@harbourline.example", "name": "N", "role": "pm", "time_zone": "UTC"}
    assert desk.post(PEOPLE + "add/", data).status_code == 302
    assert not User.objects.get(email="new@harbourline.example").has_usable_password()


def test_the_same_address_in_other_case_is_refused(desk, ada):
    data = {"email": "ADA@harbourline.example", "name": "N", "role": "pm", "time_zone": "UTC"}
    response = desk.post(PEOPLE + "add/", data)
    assert "exists already" in response.content.decode()


def test_a_role_change_is_an_event(desk, ada, admin):
    response = desk.post(f"{PEOPLE}{ada.pk}/change/", form_of(ada, role="pm", name="Ada M."))
    assert response.status_code == 302, response.context["adminform"].errors
    ada.refresh_from_db()
    assert (ada.role, ada.name) == (Role.PM, "Ada M.")
    kinds = list(deeds().order_by("id").values_list("kind", "actor"))
    assert kinds == [("user.updated", admin.pk), ("user.role_changed", admin.pk)]


def test_unticking_active_is_a_leaver(desk, pm):
    desk.post(f"{PEOPLE}{pm.pk}/change/", form_of(pm, is_active=""))
    pm.refresh_from_db()
    assert not pm.is_active
    assert pm.memberships.get().to_on is not None
    assert Event.objects.filter(kind="user.deactivated").exists()


def test_admins_do_not_change_their_own_role(desk, admin):
    make_user(role=Role.ADMIN)
    desk.post(f"{PEOPLE}{admin.pk}/change/", form_of(admin, role="stakeholder", is_active=""))
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == (Role.ADMIN, True)


def test_the_last_admin_cannot_be_lowered(admin, signed_in, db):
    root = make_user(role=Role.STAKEHOLDER, is_superuser=True)
    browser = signed_in(root)
    User.objects.filter(pk=root.pk).update(is_superuser=False, role=Role.ADMIN)
    User.objects.filter(pk=admin.pk).update(is_active=False)
    # `root` is now the only one left; its own role is locked, so try through an action.
    response = browser.post(
        PEOPLE, {"action": "deactivate_people", "_selected_action": [root.pk]}, follow=True
    )
    assert "Nobody deactivates themselves" in response.content.decode()
    root.refresh_from_db()
    assert root.is_active


def test_actions_for_leavers(desk, ada, pm):
    for action in ("deactivate_people", "reactivate_people", "anonymise_people"):
        desk.post(PEOPLE, {"action": action, "_selected_action": [ada.pk]})
    ada.refresh_from_db()
    assert ada.name == "Former colleague"
    assert Event.objects.filter(kind__startswith="user.").count() == 4


def test_a_password_is_set_with_djangos_form(desk, ada):
    address = f"{PEOPLE}{ada.pk}/password/"
    assert desk.get(address).status_code == 200
    words = "another row of words"
    data = {"password1": words, "password2": words, "usable_password": "true"}
    assert desk.post(address, data).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password(words)


def test_nobody_is_deleted(desk, ada, team):
    for address in (f"{PEOPLE}{ada.pk}/delete/", f"/admin/accounts/team/{team.pk}/delete/"):
        assert desk.post(address, {"post": "yes"}).status_code == 403
    desk.post(PEOPLE, {"action": "delete_selected", "_selected_action": [ada.pk], "post": "yes"})
    assert User.objects.filter(pk=ada.pk).exists()


def test_memberships_open_and_close_with_events(desk, ada, team, admin):
    data = {"user": ada.pk, "team": team.pk, "duty": "member", "from_on": "2026-01-05"}
    assert desk.post("/admin/accounts/membership/add/", data).status_code == 302
    membership = ada.memberships.get()
    again = desk.post("/admin/accounts/membership/add/", data)
    assert "in this team already" in again.content.decode()
    change = f"/admin/accounts/membership/{membership.pk}/change/"
    assert desk.post(change, {"duty": "design", "to_on": "2026-02-02"}).status_code == 302
    membership.refresh_from_db()
    assert (membership.duty, membership.to_on) == ("design", date(2026, 2, 2))
    kinds = list(deeds().order_by("id").values_list("kind", flat=True))
    assert kinds == ["membership.opened", "membership.duty_changed", "membership.closed"]
    assert desk.post(change, {"duty": "design", "to_on": ""}).status_code == 302
    membership.refresh_from_db()
    assert membership.to_on is None


def test_audience_members_are_saved_with_events(desk, ada):
    data = {"key": "exec", "name": "Executives", "members": [ada.pk]}
    assert desk.post("/admin/accounts/audience/add/", data).status_code == 302
    assert list(Audience.objects.get().members.all()) == [ada]
    assert deeds().get().kind == "audience.joined"


# --- Product Ops ------------------------------------------------------------------------------


@pytest.fixture
def ops(opsadmin, signed_in):
    return signed_in(opsadmin)


def test_product_ops_sees_accounts_and_changes_none(ops, ada, opsadmin):
    page = ops.get(f"{PEOPLE}{ada.pk}/change/")
    assert page.status_code == 200
    assert 'name="role"' not in page.content.decode()
    assert ops.post(f"{PEOPLE}{ada.pk}/change/", form_of(ada, role="admin")).status_code == 403
    assert ops.get(PEOPLE + "add/").status_code == 403
    assert ops.get(f"{PEOPLE}{ada.pk}/password/").status_code == 403
    ops.post(PEOPLE, {"action": "deactivate_people", "_selected_action": [ada.pk]})
    ada.refresh_from_db()
    assert (ada.role, ada.is_active) == (Role.STAKEHOLDER, True)


def test_product_ops_cannot_lift_itself_by_a_group(ops):
    GroupMapping.objects.create(group="g", role=Role.PM)
    assert ops.get("/admin/accounts/groupmapping/").status_code == 200
    data = {"group": "mine", "role": "admin"}
    assert ops.post("/admin/accounts/groupmapping/add/", data).status_code == 403


def test_product_ops_keeps_teams_memberships_and_audiences(ops, ada, team):
    for address in ("team/add/", "membership/add/", "audience/add/"):
        assert ops.get(f"/admin/accounts/{address}").status_code == 200
    other = make_team()
    data = {"user": ada.pk, "team": other.pk, "duty": "member", "from_on": "2026-01-05"}
    assert ops.post("/admin/accounts/membership/add/", data).status_code == 302


def test_secrets_and_identities_are_for_admins(ops, desk):
    for address in ("/admin/mfa/authenticator/", "/admin/socialaccount/socialaccount/"):
        assert ops.get(address).status_code == 403
        assert desk.get(address).status_code == 200


@pytest.mark.parametrize("who", ["ada", "pm"])
def test_others_do_not_enter(request, signed_in, who):
    person = request.getfixturevalue(who)
    assert signed_in(person).get(PEOPLE, follow=True).status_code == 403
