"""What the single sign-on directory says about a person, carried over at each sign-in.

- Role: of the mapped groups the most able role wins, also over one set by hand. Without a mapped
  role a role that the directory gave falls back to stakeholder; one set by hand stays.
- Teams: memberships are opened and closed by date. Only those that the directory opened are
  closed by it; a membership kept by hand is left alone.
- Audiences: those that some group maps to follow the groups; all others are left alone.

A directory that sends no groups at all (`groups` is None) says nothing, so nothing changes;
an empty list says "in no group".
"""

from collections.abc import Collection

import structlog
from django.db import transaction

from accounts import services
from accounts.models import Audience, GroupMapping, Membership, Role, Team, User, highest_role

log = structlog.get_logger(__name__)


@transaction.atomic
def apply_groups(user: User, groups: Collection[str] | None) -> None:
    """Bring role, memberships and audiences in line with the directory's groups."""
    if groups is None or not user.is_active:
        return
    mappings = list(
        GroupMapping.objects.filter(group__in=set(groups)).select_related("team", "audience")
    )
    _apply_role(user, highest_role(mapping.role for mapping in mappings))
    _apply_teams(user, {m.team for m in mappings if m.team is not None and m.team.is_active})
    _apply_audiences(user, {m.audience for m in mappings if m.audience is not None})


def _apply_role(user: User, mapped: str | None) -> None:
    if mapped is None and not user.role_from_directory:
        return
    role = mapped or Role.STAKEHOLDER
    if user.role == role and user.role_from_directory == (mapped is not None):
        return
    try:
        services.change_role(user=user, role=role, from_directory=mapped is not None)
    except services.LastAdmin:
        # A mistake in the directory must not leave the hub without anyone to repair it.
        log.warning("last_admin_kept", user_id=user.pk)


def _apply_teams(user: User, wanted: set[Team]) -> None:
    held = {m.team_id: m for m in Membership.objects.filter(user=user).current()}
    for team_id, membership in held.items():
        gone = team_id not in {team.pk for team in wanted}
        if membership.from_directory and membership.to_on is None and gone:
            services.close_membership(membership=membership)
    for team in wanted:
        # One that was closed today still holds until midnight; the next sign-in opens it again.
        if team.pk not in held:
            is_manager = user.role in (Role.PM, Role.PRODUCT_OPS)
            duty = Membership.Duty.PM if is_manager else Membership.Duty.MEMBER
            services.open_membership(user=user, team=team, duty=duty, from_directory=True)


def _apply_audiences(user: User, wanted: set[Audience]) -> None:
    kept_here = Audience.objects.filter(groupmapping__isnull=False).distinct()
    present = set(kept_here.filter(members=user))
    for audience in wanted - present:
        services.join_audience(user=user, audience=audience)
    for audience in present - wanted:
        services.leave_audience(user=user, audience=audience)
