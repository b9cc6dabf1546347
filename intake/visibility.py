"""Who may see a request: the same rule as `Request.objects.visible_to`, for many people at once."""

from collections.abc import Iterable

from accounts.models import Membership, User
from accounts.permissions import is_pm
from intake.models import Request, Visibility


def who_may_not_see(people: Iterable[User], item: Request) -> list[User]:
    """Those of these people who may not see a request; a test compares with `visible_to`."""
    held = list(people)
    if item.visibility == Visibility.COMPANY:
        return [person for person in held if not person.is_active]
    mine = {item.requester_id, item.owner_id, item.sent_by_id}
    in_team: set[int] = set()
    if item.visibility == Visibility.TEAM and item.team_id:
        in_team = set(
            Membership.objects.current()
            .filter(team_id=item.team_id)
            .values_list("user_id", flat=True)
        )
    return [
        person
        for person in held
        if not (person.is_active and (is_pm(person) or person.pk in mine or person.pk in in_team))
    ]
