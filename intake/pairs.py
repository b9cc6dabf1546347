"""Likely duplicates: why two requests may say the same, and what merging them would do."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils.safestring import SafeString

from accounts.models import User
from accounts.permissions import require
from intake.models import Comment, DuplicatePair, Follow, Kind, Request, Status, Vote, state_of
from intake.permissions import can_triage
from intake.selectors import KIND_WORDS
from intake.services import groups
from producthub.lib.input import whole_number
from producthub.lib.tags import tag_html
from search.engine import similar

SHOWN_PAIRS = 3
FOUND_BY_TYPING = 8
LOOKED_AT = 30
VERY_LIKELY, LIKELY = 0.8, 0.5


@dataclass(slots=True)
class Partner:
    """A request that another may be merged with; plain values.

    `gains` are the votes that it would get, `told` the people who would hear of it.
    """

    number: int
    title: str
    problem: str
    kind: str
    status: str
    outcome: str
    is_asked: bool
    votes: int
    team: str | None
    requester: str
    submitted_at: datetime
    score: float
    words: list[str]
    is_by_meaning: bool
    gains: int
    told: int

    @property
    def reference(self) -> str:
        return f"REQ-{self.number}"

    @property
    def url(self) -> str:
        return f"/requests/{self.number}/"

    @property
    def is_open(self) -> bool:
        return self.status in (Status.NEW, Status.TRIAGED)

    @property
    def percent(self) -> int:
        return round(self.score * 100)

    @property
    def is_likely(self) -> bool:
        """Sure enough for merging to be the first thing to do."""
        return self.score >= LIKELY

    @property
    def verdict(self) -> str:
        """How sure the likeness is, in words."""
        if self.score >= VERY_LIKELY:
            return "Very likely the same as"
        return "Likely the same as" if self.is_likely else "Perhaps the same as"

    @property
    def kind_word(self) -> str:
        return KIND_WORDS[self.kind]

    @property
    def kind_icon(self) -> str:
        return {"idea": "bulb", "problem": "bug", "data": "data", "help": "help"}[Kind(self.kind)]

    @property
    def state_html(self) -> SafeString:
        return tag_html(*state_of(self.status, self.outcome, self.is_asked))


# `best` are the tops that may stand for the request, one a group, with the reasons; what would
# happen is counted from the people: those of its own tree go where they are not yet.
_PARTNERS = """
WITH RECURSIVE own AS (
    SELECT id, requester_id, sent_by_id FROM intake_request WHERE id = %(item)s
    UNION
    SELECT r.id, r.requester_id, r.sent_by_id FROM intake_request r
    JOIN own ON r.merged_into_id = own.id
), voices AS (
    SELECT person_id FROM intake_vote WHERE request_id IN (SELECT id FROM own)
    UNION SELECT requester_id FROM own
), heard AS (
    SELECT person_id FROM voices
    UNION SELECT sent_by_id FROM own WHERE sent_by_id IS NOT NULL
    UNION SELECT person_id FROM intake_follow
          WHERE request_id IN (SELECT id FROM own) AND NOT is_muted
), told AS (
    SELECT count(*) AS number FROM heard JOIN accounts_user u ON u.id = person_id
    WHERE u.is_active AND u.id <> %(actor)s AND NOT EXISTS (
        SELECT FROM intake_follow f WHERE f.person_id = u.id AND f.is_muted
          AND f.request_id IN (SELECT id FROM own))
), best AS ({best})
SELECT t.number, t.title, t.problem, t.kind, t.status, t.outcome, t.asked_at IS NOT NULL,
    t.vote_count, team.name, u.name, t.submitted_at, best.score, best.words, best.is_by_meaning,
    (SELECT count(*) FROM voices WHERE person_id <> t.requester_id AND person_id NOT IN (
        SELECT v.person_id FROM intake_vote v JOIN intake_request m ON m.id = v.request_id
        WHERE m.id = t.id OR m.root_id = t.id
        UNION SELECT m.requester_id FROM intake_request m WHERE m.root_id = t.id)),
    (SELECT number FROM told)
FROM best JOIN intake_request t ON t.id = best.top JOIN accounts_user u ON u.id = t.requester_id
LEFT JOIN accounts_team team ON team.id = t.team_id
WHERE t.id <> %(root)s
ORDER BY best.score DESC, t.id LIMIT %(limit)s
"""
_OF_PAIRS = """
    SELECT DISTINCT ON (coalesce(o.root_id, o.id)) coalesce(o.root_id, o.id) AS top,
        p.score, p.words, p.is_by_meaning
    FROM intake_duplicatepair p
    JOIN intake_request o ON o.id = CASE WHEN p.low_id = %(item)s THEN p.high_id ELSE p.low_id END
    WHERE (p.low_id = %(item)s OR p.high_id = %(item)s) AND p.state = 'open'
    ORDER BY 1, p.score DESC
"""
_OF_IDS = """
    SELECT top, 0::float AS score, '[]'::jsonb AS words, FALSE AS is_by_meaning
    FROM unnest(%(tops)s::bigint[]) AS top
"""


def likely(item: Request, reader: User, limit: int = SHOWN_PAIRS) -> list[Partner]:
    """What this request may be merged with, surest first, one a group, in one query.

    For PMs alone, who see every request. Pairs that somebody settled are not among them.
    """
    return _partners(item, reader, _OF_PAIRS, limit=limit)


def partner(item: Request, other: Request, reader: User) -> Partner | None:
    """One request as the other side of a merge, with the reasons where it is a likely one."""
    top = other.root_id or other.pk
    found = {one.number: one for one in likely(item, reader, limit=50)}
    made = _partners(item, reader, _OF_IDS, limit=1, tops=[top])
    return found.get(made[0].number, made[0]) if made else None


def _partners(
    item: Request, reader: User, best: str, *, limit: int, tops: list[int] | None = None
) -> list[Partner]:
    require(can_triage(reader), "Only product managers merge requests.")
    params: dict[str, Any] = {
        "item": item.pk,
        "root": item.root_id or item.pk,
        "actor": reader.pk,
        "limit": limit,
        "tops": tops or [],
    }
    with connection.cursor() as cursor:
        cursor.execute(_PARTNERS.format(best=best), params)
        rows = cursor.fetchall()
    made = [Partner(*row) for row in rows]
    for one in made:
        # psycopg hands jsonb of raw SQL as text.
        one.words = _words(one.words)
    return made


def _words(value: object) -> list[str]:
    found = json.loads(value) if isinstance(value, str) else value
    return [str(word) for word in found] if isinstance(found, list) else []


def candidates(item: Request, reader: User, typed: str) -> list[Partner]:
    """What somebody means by a number or words: REQ-142, 142, or part of a title.

    Trimmed to what the reader may see; merged groups once, the request's own group not at all.
    """
    typed = " ".join(typed.split())
    number = whole_number(typed.upper().removeprefix("REQ-"))
    visible = Request.objects.visible_to(reader)
    if number is not None:
        found = list(visible.filter(number=number).values_list("pk", "root_id"))
        tops = [root or pk for pk, root in found]
    elif typed:
        own = groups.members_of([item.pk])
        engine = similar(title=typed, limit=LOOKED_AT, exclude=own)
        ranked = [one.group_id for one in engine.candidates]
        seen = set(visible.filter(pk__in=ranked).values_list("pk", flat=True))
        tops = [pk for pk in ranked if pk in seen]
    else:
        return []
    place = {pk: index for index, pk in enumerate(dict.fromkeys(tops))}
    numbers = dict(Request.objects.filter(pk__in=place).values_list("number", "pk"))
    made = _partners(item, reader, _OF_IDS, limit=LOOKED_AT, tops=list(place))
    return sorted(made, key=lambda one: place[numbers[one.number]])[:FOUND_BY_TYPING]


def by_reference(reader: User, typed: str) -> Request | None:
    """The request that REQ-142 or 142 names, if the reader may see it."""
    number = whole_number(typed.strip().upper().removeprefix("REQ-").strip())
    if number is None:
        return None
    return Request.objects.visible_to(reader).filter(number=number).first()


@dataclass(slots=True)
class Parting:
    """What parting a merged request restores, on both sides."""

    votes: int
    comments: int
    followers: int
    joined: int
    told: int
    left_votes: int


def parting(item: Request) -> Parting:
    """What a merged request gets back, and what its group keeps. Five queries."""
    members = groups.below(item)
    behind = groups.behind(item, alone=True)
    root = item.root_id
    assert root is not None
    stays = set(groups.members_of([root])) - set(members)
    voices = set(Vote.objects.filter(request__in=stays).values_list("person_id", flat=True)) | set(
        Request.objects.filter(pk__in=stays - {root}).values_list("requester_id", flat=True)
    )
    asked_by = Request.objects.filter(pk=root).values_list("requester_id", flat=True).get()
    own = Vote.objects.filter(request__in=members).exclude(person_id=item.requester_id)
    return Parting(
        votes=own.values("person_id").distinct().count(),
        comments=Comment.objects.filter(request__in=members).count(),
        followers=Follow.objects.filter(request__in=members, is_muted=False).count(),
        joined=len(members) - 1,
        told=len(behind),
        left_votes=len(voices - {asked_by}),
    )


def members_paired(item: Request, other: Request) -> list[Request]:
    """The requests of the other's group that were proposed with this one, or else the other."""
    members = groups.members_of([other.pk])
    pairs = DuplicatePair.objects.filter(
        Q(low=item, high_id__in=members) | Q(high=item, low_id__in=members),
        state=DuplicatePair.State.OPEN,
    ).values_list("low_id", "high_id")
    ids = {one for pair in pairs for one in pair} - {item.pk}
    return list(Request.objects.filter(pk__in=ids)) or [other]
