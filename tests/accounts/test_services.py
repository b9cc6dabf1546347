"""Accounts change through services: who may, one event each, never the last admin."""

import threading
from datetime import date, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from accounts import services
from accounts.models import Audience, Membership, Role, User
from activity.models import Event
from tests.factories import deeds, make_membership, make_team, make_user


def events():
    return list(deeds().order_by("id").values_list("kind", "actor_id", "data"))


# --- create_user ------------------------------------------------------------------------------


def test_a_person_is_created(admin):
    person = services.create_user(
        email=" New@Harbourline.example", name=" New Person ", role=Role.PM, actor=admin
    )
    assert (person.email, person.name, person.role) == (
        "new@harbourline.example",
        "New Person",
        Role.PM,
    )
    assert not person.has_usable_password()
    assert events() == [("user.created", admin.pk, {"role": "pm"})]


def test_creating_at_a_past_time(db):
    at = timezone.now() - timedelta(days=400)
    person = services.create_user(email="x@x.example", name="X", at=at)
    assert person.joined_at == at
    assert Event.objects.get().occurred_at == at


@pytest.mark.parametrize("role", [Role.STAKEHOLDER, Role.PM, Role.PRODUCT_OPS])
def test_only_admins_create_accounts(db, role):
    actor = make_user(role=role)
    with pytest.raises(PermissionDenied, match="Only admins"):
        services.create_user(email="x@x.example", name="X", actor=actor)
    assert User.objects.count() == 1
    assert events() == []


# --- change_role ------------------------------------------------------------------------------


def test_a_role_is_changed(ada, admin):
    services.change_role(user=ada, role=Role.PM, actor=admin)
    ada.refresh_from_db()
    assert ada.role == Role.PM
    data = {"from": "stakeholder", "to": "pm", "directory": False}
    assert events() == [("user.role_changed", admin.pk, data)]


def test_the_same_role_again_is_no_event(ada, admin):
    services.change_role(user=ada, role=Role.STAKEHOLDER, actor=admin)
    assert events() == []


@pytest.mark.parametrize("role", [Role.STAKEHOLDER, Role.PM, Role.PRODUCT_OPS])
def test_only_admins_change_roles(ada, role):
    with pytest.raises(PermissionDenied):
        services.change_role(user=ada, role=Role.ADMIN, actor=make_user(role=role))
    ada.refresh_from_db()
    assert ada.role == Role.STAKEHOLDER


def test_nobody_lifts_themselves(opsadmin, admin):
    for person in (opsadmin, admin):
        with pytest.raises(PermissionDenied):
            services.change_role(user=person, role=Role.ADMIN, actor=person)
        with pytest.raises(PermissionDenied):
            services.change_role(user=person, role=Role.STAKEHOLDER, actor=person)


def test_the_last_active_admin_stays(admin, db):
    other = make_user(role=Role.ADMIN, is_active=False)
    with pytest.raises(services.LastAdmin):
        services.change_role(user=admin, role=Role.PM)
    with pytest.raises(services.LastAdmin):
        services.deactivate(user=admin)
    with pytest.raises(services.LastAdmin):
        services.anonymise(user=admin)
    services.reactivate(user=other, actor=admin)
    services.change_role(user=admin, role=Role.PM, actor=other)
    admin.refresh_from_db()
    assert admin.role == Role.PM


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_lower_each_other_at_once(db):
    first, second = make_user(role=Role.ADMIN), make_user(role=Role.ADMIN)
    both = threading.Barrier(2)
    outcomes = []

    def lower(actor, target):
        # Each request has people of its own: what one changes the other does not see.
        actor, target = (User.objects.get(pk=person.pk) for person in (actor, target))
        try:
            both.wait(timeout=30)
            services.change_role(user=target, role=Role.PM, actor=actor)
            outcomes.append("done")
        except (services.LastAdmin, PermissionDenied) as refusal:
            outcomes.append(type(refusal).__name__)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=lower, args=pair) for pair in ((first, second), (second, first))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["LastAdmin", "done"]
    assert User.objects.filter(role=Role.ADMIN).count() == 1


# --- deactivate, anonymise --------------------------------------------------------------------


def test_a_leaver_is_signed_out_everywhere_and_leaves_the_teams(pm, team, admin, signed_in):
    browser = signed_in(pm)
    assert browser.get("/me/").status_code == 200
    services.deactivate(user=pm, actor=admin)
    pm.refresh_from_db()
    team.refresh_from_db()
    assert not pm.is_active
    assert pm.memberships.get().to_on is not None
    assert team.lead is None
    assert browser.get("/me/").status_code == 302
    assert [kind for kind, _, _ in events()] == ["membership.closed", "user.deactivated"]


def test_a_return_does_not_bring_old_sessions_back(pm, admin, signed_in):
    browser = signed_in(pm)
    browser.get("/me/")
    services.deactivate(user=pm, actor=admin)
    services.reactivate(user=pm, actor=admin)
    assert browser.get("/me/").status_code == 302


def test_deactivating_twice_is_one_event(ada, admin):
    services.deactivate(user=ada, actor=admin)
    services.deactivate(user=ada, actor=admin)
    assert [kind for kind, _, _ in events()] == ["user.deactivated"]


def test_only_admins_deactivate(ada, opsadmin, admin):
    for actor, target in ((opsadmin, ada), (admin, admin)):
        with pytest.raises(PermissionDenied):
            services.deactivate(user=target, actor=actor)


def test_anonymising_erases_the_person_and_keeps_history(ada, admin):
    services.change_role(user=ada, role=Role.PM, actor=admin)
    before = list(Event.objects.order_by("id").values())
    services.anonymise(user=ada, actor=admin)
    ada.refresh_from_db()
    assert (ada.name, ada.email) == ("Former colleague", f"person-{ada.pk}@anonymous.invalid")
    assert list(Event.objects.order_by("id").values())[: len(before)] == before
    text = str(list(Event.objects.values()))
    assert "Ada" not in text
    assert "Mensah" not in text
    assert "harbourline" not in text


# --- memberships ------------------------------------------------------------------------------


def test_a_membership_opens_and_closes(ada, team, opsadmin):
    start = date(2026, 1, 5)
    membership = services.open_membership(user=ada, team=team, on=start, actor=opsadmin)
    services.close_membership(membership=membership, on=date(2026, 3, 2), actor=opsadmin)
    membership.refresh_from_db()
    assert (membership.from_on, membership.to_on) == (start, date(2026, 3, 2))
    assert [kind for kind, _, _ in events()] == ["membership.opened", "membership.closed"]
    assert events()[0][2] == {
        "user": ada.pk,
        "team": team.pk,
        "duty": "member",
        "directory": False,
    }


def test_nobody_is_in_a_team_twice_at_a_time(ada, team, opsadmin):
    services.open_membership(user=ada, team=team, actor=opsadmin)
    with pytest.raises(services.AlreadyMember):
        services.open_membership(user=ada, team=team, actor=opsadmin)
    assert Membership.objects.count() == 1


def test_one_day_is_the_shortest_membership(ada, team):
    membership = services.open_membership(user=ada, team=team)
    services.close_membership(membership=membership)
    assert membership.to_on == timezone.localdate() + timedelta(days=1)


def test_closing_again_changes_nothing(ada, team):
    membership = make_membership(ada, team, from_on=date(2026, 1, 1), to_on=date(2026, 2, 1))
    services.close_membership(membership=membership)
    assert membership.to_on == date(2026, 2, 1)
    assert events() == []


def test_an_end_can_be_taken_back_unless_they_joined_again(ada, team, opsadmin):
    old = make_membership(ada, team, from_on=date(2026, 1, 1), to_on=date(2026, 2, 1))
    services.reopen_membership(membership=old, actor=opsadmin)
    assert old.to_on is None
    services.close_membership(membership=old, on=date(2026, 2, 1))
    services.open_membership(user=ada, team=team, on=date(2026, 3, 1))
    with pytest.raises(services.AlreadyMember):
        services.reopen_membership(membership=old, actor=opsadmin)


def test_only_product_ops_changes_teams_and_audiences(ada, pm, team):
    membership = pm.memberships.get()
    audience = Audience.objects.create(key="exec", name="Executives")
    for call in (
        lambda: services.open_membership(user=ada, team=make_team(), actor=pm),
        lambda: services.close_membership(membership=membership, actor=pm),
        lambda: services.change_duty(membership=membership, duty="data", actor=pm),
        lambda: services.join_audience(user=ada, audience=audience, actor=pm),
    ):
        with pytest.raises(PermissionDenied):
            call()
    assert events() == []


# --- audiences, details -----------------------------------------------------------------------


def test_audience_members_come_and_go_with_an_event_each(ada, pm, opsadmin):
    audience = Audience.objects.create(key="exec", name="Executives")
    services.set_audience_members(audience=audience, users=[ada, pm], actor=opsadmin)
    services.set_audience_members(audience=audience, users=[pm], actor=opsadmin)
    assert list(audience.members.all()) == [pm]
    assert sorted(kind for kind, _, _ in events()) == [
        "audience.joined",
        "audience.joined",
        "audience.left",
    ]


def test_details_say_which_fields_never_what(ada):
    services.update_details(user=ada, actor=ada, name="Ada Lovelace", time_zone="Europe/Lisbon")
    assert events() == [("user.updated", ada.pk, {"fields": ["name", "time_zone"]})]
    services.update_details(user=ada, actor=ada, name="Ada Lovelace")
    assert len(events()) == 1


def test_own_mail_address_and_others_are_for_admins(ada, pm):
    with pytest.raises(PermissionDenied):
        services.update_details(user=ada, actor=ada, email="new@x.example")
    with pytest.raises(PermissionDenied):
        services.update_details(user=ada, actor=pm, name="Other")
