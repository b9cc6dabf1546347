"""Read people and teams."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from accounts.models import Membership, Role, Team, User

ROWS_PER_PAGE = 50
FACES_PER_TEAM = 5


@dataclass
class TeamCard:
    """A team with how many are in it today, and the first faces."""

    team: Team
    count: int = 0
    faces: list[User] = field(default_factory=list)

    @property
    def shown(self) -> list[User]:
        """The lead first, then as many faces as fit a card."""
        others = [person for person in self.faces if person.pk != self.team.lead_id]
        lead = [self.team.lead] if self.team.lead else []
        return [*lead, *others][:FACES_PER_TEAM]


def active_teams() -> QuerySet[Team]:
    """Teams that exist today, with their leads, by name."""
    return Team.objects.filter(is_active=True).select_related("lead").order_by("name")


def team_cards(teams: list[Team]) -> list[TeamCard]:
    """These teams with their people of today; two queries, a few rows a team however large."""
    cards = {team.pk: TeamCard(team) for team in teams}
    present = Membership.objects.current().filter(team__in=cards, user__is_active=True)
    counted = present.order_by().values("team").annotate(n=Count("pk"))
    for team_id, count in counted.values_list("team", "n"):
        cards[team_id].count = count
    place = Window(RowNumber(), partition_by=F("team"), order_by=[F("user__name"), F("pk")])
    first = present.annotate(place=place).filter(place__lte=FACES_PER_TEAM)
    for membership in first.select_related("user").order_by("team", "place"):
        cards[membership.team_id].faces.append(membership.user)
    return list(cards.values())


def members_of(team: Team) -> QuerySet[Membership]:
    """Who is in a team today, by duty and name."""
    return (
        team.memberships.current()
        .filter(user__is_active=True)
        .select_related("user")
        .order_by("duty", "user__name")
    )


def past_members_of(team: Team, limit: int = 10) -> QuerySet[Membership]:
    """Who left a team, latest first."""
    return (
        team.memberships.filter(to_on__lte=timezone.localdate())
        .select_related("user")
        .order_by("-to_on", "user__name")[:limit]
    )


def memberships_of(user: User) -> QuerySet[Membership]:
    """All teams of a person, present ones first, then the latest."""
    return user.memberships.select_related("team").order_by("-to_on", "-from_on")


def people_list(text: str = "", team: Team | None = None) -> QuerySet[User]:
    """Active people with an account, filtered by words and by team of today."""
    found = _matching_people(text)
    if team is not None:
        inside = Membership.objects.current().filter(team=team, user=OuterRef("pk"))
        found = found.filter(Exists(inside))
    return found.order_by("name", "pk").only("name", "job_title", "department", "role")


def teams_of(users: list[User]) -> dict[int, list[tuple[str, str]]]:
    """(slug, name) of the teams of today of several people, by person; one query."""
    result: dict[int, list[tuple[str, str]]] = defaultdict(list)
    memberships = Membership.objects.current().filter(user__in=users, team__is_active=True)
    for user_id, slug, name in memberships.order_by("team__name").values_list(
        "user_id", "team__slug", "team__name"
    ):
        result[user_id].append((slug, name))
    return result


def people_count() -> int:
    """Active people with an account."""
    return int(User.objects.inside().aggregate(n=Count("pk"))["n"])


def keepers_of_accounts(without: Any = None, limit: int = 2) -> list[User]:
    """Whom to ask about access: admins, by name."""
    admins = User.objects.filter(is_active=True, role=Role.ADMIN).order_by("name")
    if without is not None:
        admins = admins.exclude(pk=without.pk)
    return list(admins[:limit])


def _matching_people(text: str) -> QuerySet[User]:
    found = User.objects.inside()
    for word in text.split():
        found = found.filter(
            Q(name__icontains=word)
            | Q(email__icontains=word)
            | Q(job_title__icontains=word)
            | Q(department__icontains=word)
        )
    return found
