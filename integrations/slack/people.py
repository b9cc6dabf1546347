"""Who somebody in Slack is here: matched by mail address, and let in as a guest otherwise."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.services import guest_for
from intake.services import take_over
from integrations.errors import UpstreamError
from integrations.models import IdentityLink, Source
from integrations.slack.client import SlackClient
from integrations.slack.config import is_our_team

# Nobody's mail reaches this; whoever is known by it is matched when Slack tells their address.
NO_MAIL = "slack.invalid"


def person_of(client: SlackClient, user_id: str, *, name: str = "") -> User:
    """The person behind a Slack account; a guest where the hub knows nobody.

    Asks Slack once a person; while it is away or tells no address, they are a guest by their
    Slack id, and matched later.
    """
    known = IdentityLink.objects.select_related("person")
    link = known.filter(source=Source.SLACK, upstream_id=user_id).first()
    if link is not None and link.person is not None and not is_stand_in(link.person):
        return link.person
    try:
        link = keep(client.form("users.info", user=user_id).get("user"))
    except UpstreamError:
        link = None
    if link is not None and link.person is not None and not is_stand_in(link.person):
        return link.person
    person = guest_for(f"{user_id.lower()}@{NO_MAIL}", (link.name if link else "") or name)
    if link is not None:
        IdentityLink.objects.filter(pk=link.pk).update(person=person)
    return person


def is_stand_in(person: User) -> bool:
    """Whether all that is known of them is their Slack account."""
    return person.email.endswith(f"@{NO_MAIL}")


def account(member: Any) -> IdentityLink | None:
    """An account as Slack tells it, not stored; None for what is none."""
    if not isinstance(member, dict) or not isinstance(member.get("id"), str):
        return None
    told = member.get("profile")
    profile = told if isinstance(told, dict) else {}
    is_bot = bool(member.get("is_bot")) or member["id"] == "USLACKBOT"
    # Another company's admin could give its people the addresses of ours.
    is_ours = is_our_team(str(member.get("team_id", ""))) and not member.get("is_stranger")
    return IdentityLink(
        source=Source.SLACK,
        upstream_id=member["id"],
        name=str(profile.get("real_name") or member.get("real_name") or member.get("name") or ""),
        email=str(profile.get("email") or "").strip().lower() if is_ours and not is_bot else "",
        is_active=not member.get("deleted"),
        is_bot=is_bot,
        is_guest=bool(member.get("is_restricted") or member.get("is_ultra_restricted")),
        time_zone=str(member.get("tz") or ""),
        synced_at=timezone.now(),
    )


@transaction.atomic
def keep(member: Any) -> IdentityLink | None:
    """Store an account, matched by mail; whoever has an address that the hub does not know is
    a guest from now on."""
    row = account(member)
    if row is None:
        return None
    if row.email:
        row.person = matched(row.email, row.name, is_open=row.is_active)
    columns = ["name", "email", "is_active", "is_bot", "is_guest", "time_zone", "synced_at"]
    columns += ["person"] if row.person is not None else []
    held = IdentityLink.objects.select_related("person").filter(
        source=Source.SLACK, upstream_id=row.upstream_id
    )
    before = held.first()
    link, _ = IdentityLink.objects.update_or_create(
        source=Source.SLACK,
        upstream_id=row.upstream_id,
        defaults={name: getattr(row, name) for name in columns},
    )
    if before is not None:
        settle(before.person, row.person)
    return link


def settle(before: User | None, person: User | None) -> None:
    """Who had only a stand-in here is known now: what they asked gets their name."""
    if before is not None and person is not None and is_stand_in(before):
        take_over(stranger=before, person=person)


def matched(email: str, name: str, *, is_open: bool) -> User | None:
    """The person with a mail address; a new guest for an open account of somebody unknown."""
    if not is_open:
        return User.objects.filter(email=email).first()
    try:
        return guest_for(email, name)
    except ValidationError:
        return None
