"""Who looks at what in the queue, for half a minute: told to others, kept nowhere.

One cache key a person, so two people never overwrite each other. Without a cache nobody is shown.
"""

from django.core.cache import cache

from accounts.models import Role, User

LOOK_SECONDS = 30
TEAM_SECONDS = 60


def look(user: User, number: int) -> None:
    """This person has this request before them."""
    cache.set(_key(user.pk), number, LOOK_SECONDS)


def others(user: User) -> dict[int, list[str]]:
    """Who else looks at which request: first names by the request's number."""
    people = {_key(pk): name for pk, name in _triagers() if pk != user.pk}
    found: dict[int, list[str]] = {}
    for key, number in cache.get_many(people).items():
        found.setdefault(number, []).append(people[key])
    return {number: sorted(names) for number, names in found.items()}


def sentence(names: list[str]) -> str:
    """“Ines looks at this too”; empty when nobody does."""
    if not names:
        return ""
    if len(names) == 1:
        return f"{names[0]} looks at this too"
    return f"{', '.join(names[:-1])} and {names[-1]} look at this too"


def _key(person: int) -> str:
    return f"looks:{person}"


def _triagers() -> list[tuple[int, str]]:
    known = cache.get("looks:people")
    if known is None:
        found = User.objects.filter(
            is_active=True, role__in=[Role.PM, Role.PRODUCT_OPS, Role.ADMIN]
        )
        known = [(pk, name.split(" ")[0]) for pk, name in found.values_list("pk", "name")]
        cache.set("looks:people", known, TEAM_SECONDS)
    return list(known)
