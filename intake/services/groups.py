"""Groups of merged requests: roots, counts, promises, and their places in the text engine.

Nothing moves when requests are merged: each keeps its votes, comments and followers, and the
pointers `merged_into` and `root` say who stands for whom. What is derived from them is made anew
here after every change, under the locks of all requests concerned.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Q

from accounts.models import User
from intake.models import DuplicatePair, Promise, Request
from search.services import Row, index_many

REQUEST_KIND = "request"


def members_of(ids: Collection[int]) -> list[int]:
    """All requests of the groups that these belong to, by id."""
    roots = Request.objects.filter(pk__in=ids).values_list("pk", "root_id")
    wanted = {root or pk for pk, root in roots}
    found = Request.objects.filter(Q(pk__in=wanted) | Q(root_id__in=wanted))
    return sorted(found.values_list("pk", flat=True))


_TREE = """
WITH RECURSIVE tree AS (
    SELECT id, id AS top FROM intake_request WHERE id = ANY(%(tops)s)
    UNION
    SELECT child.id, tree.top FROM intake_request child JOIN tree ON child.merged_into_id = tree.id
)
UPDATE intake_request r SET root_id = CASE WHEN tree.id = tree.top THEN NULL ELSE tree.top END
FROM tree WHERE r.id = tree.id
  AND r.root_id IS DISTINCT FROM CASE WHEN tree.id = tree.top THEN NULL ELSE tree.top END
"""


def refresh_roots(tops: Iterable[int]) -> None:
    """Everything below these canonical requests points to them, by following `merged_into`."""
    with connection.cursor() as cursor:
        cursor.execute(_TREE, {"tops": list(tops)})


_VOTES = """
UPDATE intake_request top SET vote_count = people.number
FROM (
    SELECT t.id, (
        SELECT count(DISTINCT person) FROM (
            SELECT v.person_id AS person FROM intake_vote v
            JOIN intake_request m ON m.id = v.request_id WHERE m.id = t.id OR m.root_id = t.id
            UNION ALL
            SELECT m.requester_id FROM intake_request m WHERE m.root_id = t.id
        ) voices WHERE person <> t.requester_id
    ) AS number
    FROM intake_request t WHERE t.id = ANY(%(tops)s)
) people
WHERE top.id = people.id AND top.vote_count <> people.number
"""


def refresh_votes(tops: Iterable[int]) -> None:
    """Count the people behind these canonical requests: each once, the requester not."""
    with connection.cursor() as cursor:
        cursor.execute(_VOTES, {"tops": list(tops)})


_SIMILAR = """
UPDATE intake_request r SET similar_count = found.number
FROM (
    SELECT r.id, (
        SELECT count(*) FROM (
            SELECT p.low_id AS other FROM intake_duplicatepair p
            WHERE p.high_id = r.id AND p.state = 'open'
            UNION
            SELECT p.high_id FROM intake_duplicatepair p
            WHERE p.low_id = r.id AND p.state = 'open'
        ) pair JOIN intake_request o ON o.id = pair.other
        WHERE coalesce(o.root_id, o.id) <> coalesce(r.root_id, r.id)
    ) AS number
    FROM intake_request r WHERE r.id = ANY(%(ids)s)
) found
WHERE r.id = found.id AND r.similar_count <> found.number
"""


def refresh_similar(ids: Iterable[int]) -> None:
    """Count the likely duplicates of these requests that nobody has settled."""
    with connection.cursor() as cursor:
        cursor.execute(_SIMILAR, {"ids": list(ids)})


def partners_of(ids: Collection[int]) -> set[int]:
    """The other sides of all pairs that these requests are in."""
    pairs = DuplicatePair.objects.filter(Q(low_id__in=ids) | Q(high_id__in=ids))
    return {one for pair in pairs.values_list("low_id", "high_id") for one in pair} - set(ids)


def index_groups(tops: Collection[int]) -> None:
    """Tell the text engine what these groups hold now: each group is found once."""
    found = Request.objects.filter(Q(pk__in=tops) | Q(root_id__in=tops))
    index_many(
        [
            Row(REQUEST_KIND, pk, title, problem, root, at)
            for pk, title, problem, root, at in found.values_list(
                "pk", "title", "problem", "root_id", "submitted_at"
            )
        ]
    )


def regroup(tops: Collection[int]) -> None:
    """After pointers changed: roots, votes, likely duplicates and the index of these groups."""
    refresh_roots(tops)
    refresh_votes(tops)
    members = members_of(tops)
    refresh_similar(set(members) | partners_of(members))
    index_groups(tops)


def after_unmerge(item: Request, was_in: int | None) -> None:
    """A request stands for itself again: what it joined loses it, and its own clock runs on."""
    regroup([item.pk, *([was_in] if was_in else [])])
    if item.is_open:
        Promise.objects.filter(
            request__in=members_of([item.pk]), kind=Promise.Kind.DECISION
        ).update(met_at=None)
    pairs = DuplicatePair.objects.filter(Q(low=item) | Q(high=item))
    pairs.filter(state=DuplicatePair.State.MERGED).update(
        state=DuplicatePair.State.OPEN, settled_at=None, settled_by=None
    )
    refresh_similar({item.pk} | partners_of([item.pk]))


def decided(root: Request, at: datetime) -> None:
    """The decision on a canonical request keeps the promises of all that joined it."""
    Promise.objects.filter(request__in=members_of([root.pk]), met_at__isnull=True).update(
        met_at=at, paused_at=None
    )


def decision_withdrawn(root: Request) -> None:
    """Nobody decided after all: those who joined wait again for the decision."""
    joined = [pk for pk in members_of([root.pk]) if pk != root.pk]
    Promise.objects.filter(request__in=joined, kind=Promise.Kind.DECISION).update(met_at=None)


_BEHIND = """
WITH members AS (
    SELECT id, requester_id, sent_by_id FROM intake_request WHERE id = ANY(%(ids)s)
), people AS (
    SELECT requester_id AS person FROM members
    UNION SELECT sent_by_id FROM members WHERE sent_by_id IS NOT NULL
    UNION SELECT person_id FROM intake_vote WHERE request_id = ANY(%(ids)s)
    UNION SELECT person_id FROM intake_follow WHERE request_id = ANY(%(ids)s) AND NOT is_muted
)
SELECT person FROM people
WHERE NOT EXISTS (SELECT FROM intake_follow f
                  WHERE f.person_id = person AND f.request_id = ANY(%(ids)s) AND f.is_muted)
ORDER BY person
"""


_COUNT_BEHIND = """
WITH members AS (
    SELECT id, requester_id, sent_by_id, owner_id FROM intake_request
    WHERE id = %(root)s OR root_id = %(root)s
), people AS (
    SELECT requester_id AS person FROM members
    UNION SELECT sent_by_id FROM members
    UNION SELECT person_id FROM intake_vote WHERE request_id IN (SELECT id FROM members)
    UNION SELECT person_id FROM intake_follow WHERE request_id IN (SELECT id FROM members)
    EXCEPT SELECT person_id FROM intake_follow
        WHERE request_id IN (SELECT id FROM members) AND is_muted
    UNION SELECT owner_id FROM members WHERE id = %(root)s
)
SELECT count(*) FROM people JOIN accounts_user u ON u.id = person
WHERE u.is_active AND u.id <> %(without)s
"""


def count_told(item: Request, actor: User) -> int:
    """How many people hear what someone decides on a request: those of `behind` and its owner."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_BEHIND, {"root": item.root_id or item.pk, "without": actor.pk})
        return int(cursor.fetchone()[0])


_BELOW = """
WITH RECURSIVE tree AS (
    SELECT id FROM intake_request WHERE id = %(top)s
    UNION
    SELECT child.id FROM intake_request child JOIN tree ON child.merged_into_id = tree.id
)
SELECT id FROM tree
"""


def below(item: Request) -> list[int]:
    """A request and what had joined it, without what it joined itself."""
    with connection.cursor() as cursor:
        cursor.execute(_BELOW, {"top": item.pk})
        return [row[0] for row in cursor.fetchall()]


def behind(item: Request, *, alone: bool = False) -> list[User]:
    """Everyone behind a request and what joined it: who asked, who sent it for them, who voted
    or follows, minus those who muted it. `alone` leaves out what it joined itself."""
    members = below(item) if alone else members_of([item.pk])
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, {"ids": members})
        ids = [row[0] for row in cursor.fetchall()]
    return list(User.objects.filter(pk__in=ids, is_active=True).order_by("pk"))
