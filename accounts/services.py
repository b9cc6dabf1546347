"""Every change to people, roles and memberships: one transaction, one event each.

`actor` is who did it; None is the hub itself: the directory, seeding, a command.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from unicodedata import category

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Audience, Membership, Role, Team, User
from accounts.permissions import is_admin, is_product_ops, require
from activity.events import record


class LastAdmin(ValidationError):
    """The hub would be left without anyone who keeps its accounts."""

    def __init__(self) -> None:
        super().__init__("This is the last active admin. Make someone else an admin first.")


class NotAGuest(ValidationError):
    """Whoever has an account does not lose it by a role."""

    def __init__(self) -> None:
        super().__init__("A guest is someone without an account. Deactivate the account instead.")


class AlreadyMember(ValidationError):
    """A person is in a team once at a time."""

    def __init__(self) -> None:
        super().__init__("This person is in this team already at that time.")


@transaction.atomic
def create_user(
    *,
    email: str,
    name: str,
    role: str = Role.STAKEHOLDER,
    password: str | None = None,
    actor: User | None = None,
    at: datetime | None = None,
    **fields: object,
) -> User:
    """A new person. Without a password only single sign-on or a reset mail lets them in.

    Raises PermissionDenied unless the actor is an admin.
    """
    require(actor is None or is_admin(actor), "Only admins create accounts.")
    if at is not None:
        fields.setdefault("joined_at", at)
    user = User.objects.create_user(email, password, name=name.strip(), role=role, **fields)
    record("user.created", user, actor=actor, at=at, data={"role": str(role)})
    return user


# Where people go whose name was erased; nobody can have mail there.
ANONYMOUS_DOMAIN = "@anonymous.invalid"
MAX_ADDRESS_LENGTH = 254


@transaction.atomic
def guest_for(email: str, name: str = "", *, at: datetime | None = None) -> User:
    """The person with this mail address, whoever it is; a new guest where there is none.

    Two calls at once give the same person. The name counts only for a new guest: a stranger does
    not rename a colleague. Whether a leaver (inactive) may act is the caller's business. Raises
    ValidationError for what is no mail address.
    """
    address = email.strip().lower()
    if len(address) > MAX_ADDRESS_LENGTH or address.endswith(ANONYMOUS_DOMAIN):
        raise ValidationError("Enter a mail address like name@company.example.")
    validate_email(address)
    known = User.objects.filter(email=address).first()
    if known is not None:
        return known
    try:
        with transaction.atomic():
            guest = User(email=address, name=_plain_name(name, address), role=Role.GUEST)
            guest.set_unusable_password()
            if at is not None:
                guest.joined_at = at
            guest.save(force_insert=True)
            record("user.created", guest, at=at, data={"role": str(Role.GUEST)})
    except IntegrityError:
        return User.objects.get(email=address)
    return guest


def _plain_name(name: str, address: str) -> str:
    """A name of letters that can be seen: no line breaks, no marks that turn the text around."""
    kept = "".join(" " if category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in name)
    return " ".join(kept.split())[:120] or address.partition("@")[0][:120]


@transaction.atomic
def admit_guest(*, user: User, name: str = "", at: datetime | None = None) -> User:
    """The directory knows a guest: a stakeholder from now on, under the directory's name.

    Nothing happens to anyone else, nor to a guest whom an admin deactivated.
    """
    held = _lock(user)
    if not held.is_guest or not held.is_active:
        return user
    if name.strip():
        update_details(user=user, name=_plain_name(name, user.email))
    return change_role(user=user, role=Role.STAKEHOLDER, at=at)


DETAILS = ("email", "name", "job_title", "department", "time_zone")


@transaction.atomic
def update_details(*, user: User, actor: User | None = None, **details: str) -> User:
    """Change what is in DETAILS; nothing happens when nothing differs.

    Raises PermissionDenied for other people's details unless the actor is an admin, and for
    one's own mail address, which the directory or an admin keeps.
    """
    changed = [name for name in DETAILS if name in details and getattr(user, name) != details[name]]
    if not changed:
        return user
    if actor is not None and not is_admin(actor):
        require(actor.pk == user.pk, "Only admins change other people’s accounts.")
        require("email" not in changed, "An admin changes your mail address.")
    for name in changed:
        setattr(user, name, details[name])
    user.save(update_fields=changed)
    if "email" in changed:
        # allauth's side table would go on mailing the old address.
        EmailAddress.objects.filter(user=user).delete()
    # Which fields, never what they said: history holds no names.
    record("user.updated", user, actor=actor, data={"fields": changed})
    return user


@transaction.atomic
def change_role(
    *,
    user: User,
    role: str,
    actor: User | None = None,
    from_directory: bool = False,
    at: datetime | None = None,
) -> User:
    """Give a person another role; nothing happens when they have it already.

    Raises PermissionDenied for non-admins and for one's own role, LastAdmin when nobody else
    would be left to keep accounts, NotAGuest for whoever has an account already.
    """
    if actor is not None:
        require(is_admin(actor), "Only admins change roles.")
        require(actor.pk != user.pk, "Nobody changes their own role. Ask another admin.")
    admins = _lock_admins()
    held = _lock(user)
    if role == Role.GUEST and not held.is_guest:
        raise NotAGuest
    if is_admin(held) and role != Role.ADMIN and not held.is_superuser:
        _keep_an_admin(held, admins)
    before, user.role = held.role, Role(role)
    user.role_from_directory = from_directory
    user.save(update_fields=["role", "role_from_directory"])
    if before != role:
        data = {"from": before, "to": str(role), "directory": from_directory}
        record("user.role_changed", user, actor=actor, at=at, data=data)
    return user


@transaction.atomic
def deactivate(*, user: User, actor: User | None = None, at: datetime | None = None) -> User:
    """A leaver: no way in, signed out everywhere, memberships closed, history and name kept.

    Raises PermissionDenied for non-admins and for oneself, LastAdmin.
    """
    if actor is not None:
        require(is_admin(actor), "Only admins deactivate accounts.")
        require(actor.pk != user.pk, "Nobody deactivates themselves. Ask another admin.")
    admins = _lock_admins()
    held = _lock(user)
    if not held.is_active:
        return user
    if is_admin(held):
        _keep_an_admin(held, admins)
    day = timezone.localdate(at) if at else timezone.localdate()
    for membership in Membership.objects.filter(user=user).filter(
        Q(to_on__isnull=True) | Q(to_on__gt=day)
    ):
        close_membership(membership=membership, on=day, actor=actor, at=at)
    Team.objects.filter(lead=user).update(lead=None)
    user.is_active = False
    # Sessions carry a hash of the password: a new one ends them all, also after a return.
    user.set_unusable_password()
    user.save(update_fields=["is_active", "password"])
    record("user.deactivated", user, actor=actor, at=at)
    return user


@transaction.atomic
def reactivate(*, user: User, actor: User | None = None, at: datetime | None = None) -> User:
    """Someone comes back: same account, no memberships, no password until they set one."""
    if actor is not None:
        require(is_admin(actor), "Only admins reactivate accounts.")
    if _lock(user).is_active:
        return user
    user.is_active = True
    user.save(update_fields=["is_active"])
    record("user.reactivated", user, actor=actor, at=at)
    return user


@transaction.atomic
def anonymise(*, user: User, actor: User | None = None) -> User:
    """Erase who a person was. Rows and events keep pointing at them, so numbers stay true."""
    deactivate(user=user, actor=actor)
    if user.email.endswith(ANONYMOUS_DOMAIN):
        return user
    user.name = "Former colleague"
    user.email = f"person-{user.pk}{ANONYMOUS_DOMAIN}"
    user.job_title = user.department = ""
    user.save(update_fields=["name", "email", "job_title", "department"])
    for model in (EmailAddress, SocialAccount, Authenticator):
        model.objects.filter(user=user).delete()
    user.audiences.clear()
    record("user.anonymised", user, actor=actor)
    return user


@transaction.atomic
def open_membership(
    *,
    user: User,
    team: Team,
    duty: str = Membership.Duty.MEMBER,
    on: date | None = None,
    actor: User | None = None,
    from_directory: bool = False,
    at: datetime | None = None,
) -> Membership:
    """A person joins a team on a day (today by default). Raises AlreadyMember, and
    PermissionDenied for guests.
    """
    require(actor is None or is_product_ops(actor), "Only Product Ops changes teams.")
    require(not user.is_guest, "Guests are in no team. Give the person a role first.")
    day = on or timezone.localdate(at)
    _lock(user)
    if is_member_from(user, team, day):
        raise AlreadyMember
    membership = Membership.objects.create(
        user=user, team=team, duty=duty, from_on=day, from_directory=from_directory
    )
    _record_membership("membership.opened", membership, actor, at)
    return membership


def is_member_from(user: User, team: Team, day: date) -> bool:
    """Whether some membership holds on that day or later."""
    rows = Membership.objects.filter(user=user, team=team)
    return rows.filter(Q(to_on__isnull=True) | Q(to_on__gt=day)).exists()


@transaction.atomic
def change_duty(*, membership: Membership, duty: str, actor: User | None = None) -> Membership:
    """What a person does in a team; nothing happens when it stays the same."""
    require(actor is None or is_product_ops(actor), "Only Product Ops changes teams.")
    stored = Membership.objects.select_for_update().get(pk=membership.pk)
    membership.duty = duty
    if stored.duty != duty:
        membership.save(update_fields=["duty"])
        data = {"from": stored.duty, "to": str(duty)}
        record("membership.duty_changed", membership, actor=actor, data=data)
    return membership


@transaction.atomic
def reopen_membership(*, membership: Membership, actor: User | None = None) -> Membership:
    """Take back an end. Raises AlreadyMember when the person has joined again since."""
    require(actor is None or is_product_ops(actor), "Only Product Ops changes teams.")
    if membership.to_on is None:
        return membership
    _lock(membership.user)
    if is_member_from(membership.user, membership.team, membership.to_on):
        raise AlreadyMember
    membership.to_on = None
    membership.save(update_fields=["to_on"])
    _record_membership("membership.opened", membership, actor, None)
    return membership


@transaction.atomic
def close_membership(
    *,
    membership: Membership,
    on: date | None = None,
    actor: User | None = None,
    at: datetime | None = None,
) -> Membership:
    """A person leaves a team; `on` is the first day outside it, today by default.

    A membership lasts a day at least, so one that began today ends tomorrow.
    """
    require(actor is None or is_product_ops(actor), "Only Product Ops changes teams.")
    end = max(on or timezone.localdate(at), membership.from_on + timedelta(days=1))
    if membership.to_on is not None and membership.to_on <= end:
        return membership
    membership.to_on = end
    membership.save(update_fields=["to_on"])
    _record_membership("membership.closed", membership, actor, at)
    return membership


@transaction.atomic
def join_audience(*, user: User, audience: Audience, actor: User | None = None) -> None:
    """Add a reader to an audience; nothing happens when they are in it."""
    require(actor is None or is_product_ops(actor), "Only Product Ops changes audiences.")
    if not audience.members.filter(pk=user.pk).exists():
        audience.members.add(user)
        record("audience.joined", user, actor=actor, data={"audience": audience.pk})


@transaction.atomic
def leave_audience(*, user: User, audience: Audience, actor: User | None = None) -> None:
    """Take a reader out of an audience; nothing happens when they are not in it."""
    require(actor is None or is_product_ops(actor), "Only Product Ops changes audiences.")
    if audience.members.filter(pk=user.pk).exists():
        audience.members.remove(user)
        record("audience.left", user, actor=actor, data={"audience": audience.pk})


@transaction.atomic
def set_audience_members(*, audience: Audience, users: Iterable[User], actor: User) -> None:
    """Make an audience these people, with an event for each who comes or goes."""
    wanted = {user.pk: user for user in users}
    present = {user.pk: user for user in audience.members.all()}
    for pk in wanted.keys() - present.keys():
        join_audience(user=wanted[pk], audience=audience, actor=actor)
    for pk in present.keys() - wanted.keys():
        leave_audience(user=present[pk], audience=audience, actor=actor)


def _record_membership(
    kind: str, membership: Membership, actor: User | None, at: datetime | None
) -> None:
    data = {
        "user": membership.user_id,
        "team": membership.team_id,
        "duty": membership.duty,
        "directory": membership.from_directory,
    }
    record(kind, membership, actor=actor, at=at, data=data)


def _lock(user: User) -> User:
    """The stored row, held until the transaction ends: two changes at once take turns."""
    return User.objects.select_for_update().get(pk=user.pk)


def _lock_admins() -> set[int]:
    """Active admins, locked in one order before anything else, so that two who demote each
    other at once take turns and the second sees what the first did.
    """
    admins = User.objects.select_for_update().filter(
        Q(role=Role.ADMIN) | Q(is_superuser=True), is_active=True
    )
    return set(admins.order_by("pk").values_list("pk", flat=True))


def is_last_admin(user: User) -> bool:
    """Whether nobody else keeps accounts, as it is stored now."""
    admins = User.objects.filter(Q(role=Role.ADMIN) | Q(is_superuser=True), is_active=True)
    return set(admins.values_list("pk", flat=True)) == {user.pk}


def _keep_an_admin(user: User, admins: set[int]) -> None:
    if not admins - {user.pk}:
        raise LastAdmin
