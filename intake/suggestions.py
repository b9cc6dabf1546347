"""Requests that may be what somebody is about to ask: found by likeness, trimmed by rights."""

from collections.abc import Collection
from dataclasses import dataclass

from accounts.models import User
from intake.models import Request
from intake.services.groups import REQUEST_KIND
from playbook.selectors import PageRow, answers_for
from search.engine import Similar, similar

SHOWN = 5
DECISIONS_SHOWN = 2
PAGES_SHOWN = 3
# Fewer letters are no title yet.
MIN_LETTERS = 6
# Taken from the engine before rights and dismissals trim them.
TAKEN = 30
# Below this the best match is noise; a suggestion costs attention.
CONFIDENCE_FLOOR = 0.12
# A match this much weaker than the best one is not worth a look beside it.
SHARE_OF_BEST = 0.45
# So sure that the decision on the match may be the answer.
ANSWER_CONFIDENCE = 0.3
# So sure that a person who has not seen it is asked before a second request is made of it.
ASK_FIRST_CONFIDENCE = 0.6


@dataclass(frozen=True)
class Suggestion:
    """One request that may be the same. `can_vote` is False where the vote would go to a request
    that the reader may not see."""

    item: Request
    score: float
    words: tuple[str, ...]
    is_by_meaning: bool
    can_vote: bool
    is_mine: bool

    @property
    def why(self) -> str:
        """What is alike, in words."""
        if self.words:
            return "Both say: " + ", ".join(self.words[:5])
        return "Says it in other words" if self.is_by_meaning else ""


@dataclass(frozen=True)
class Suggestions:
    """At most five, best first."""

    rows: list[Suggestion]
    confidence: float = 0.0

    @property
    def ids(self) -> list[int]:
        return [row.item.pk for row in self.rows]

    @property
    def decided(self) -> list[Request]:
        """Requests like it whose decision may be the answer."""
        if self.confidence < ANSWER_CONFIDENCE:
            return []
        return [row.item for row in self.rows if row.item.decision is not None][:DECISIONS_SHOWN]


@dataclass(frozen=True)
class Answers:
    """What may answer the question before it is sent: playbook pages, and decisions."""

    pages: list[PageRow]
    decided: list[Request]

    def __bool__(self) -> bool:
        return bool(self.pages or self.decided)


def answers_beside(user: User, found: Suggestions, *, title: str, body: str = "") -> Answers:
    """Playbook pages that this person may read and decisions on requests that they may see."""
    if len(title.strip()) < MIN_LETTERS:
        return Answers([], [])
    pages = answers_for(user, f"{title}\n{body}", PAGES_SHOWN)
    return Answers(pages, found.decided)


def suggestions_for(
    user: User, *, title: str, body: str = "", dismissed: Collection[int] = ()
) -> Suggestions:
    """Requests that this person may see and that are probably the same as what they type.

    A group is shown as the request that stands for it where they may see that one, else as the
    member that fits, if they may see it; else not at all. One query besides the engine's own.
    """
    if len(title.strip()) < MIN_LETTERS:
        return Suggestions([])
    found = similar(
        title=title, body=body, kind=REQUEST_KIND, limit=TAKEN, exclude=tuple(dismissed)
    )
    if found.confidence < CONFIDENCE_FLOOR:
        return Suggestions([])
    rows = _visible(user, found, set(dismissed))
    if not rows:
        return Suggestions([])
    # How sure the engine is of its best match says less of one that stands below it.
    return Suggestions(rows, found.confidence * rows[0].score / (found.candidates[0].score or 1.0))


def _visible(user: User, found: Similar, dismissed: set[int]) -> list[Suggestion]:
    best = found.candidates[0].score if found.candidates else 0.0
    wanted = [one for one in found.candidates if one.score >= best * SHARE_OF_BEST]
    ids = {pk for one in wanted for pk in (one.object_id, one.group_id)}
    seen = {
        item.pk: item
        for item in Request.objects.visible_to(user)
        .filter(pk__in=ids)
        .select_related("team", "decision")
        .defer("search_vector", "problem")
    }
    rows: list[Suggestion] = []
    for one in wanted:
        # The engine may lag behind a merge: what stands for the group is what the row says.
        member = seen.get(one.object_id)
        root_id = (member.root_id if member else None) or one.group_id
        item = seen.get(root_id) or member
        if item is None or item.pk in dismissed or any(row.item.pk == item.pk for row in rows):
            continue
        rows.append(
            Suggestion(
                item=item,
                score=one.score,
                words=one.words if one.object_id in seen else (),
                is_by_meaning=one.is_by_meaning,
                can_vote=item.root_id is None,
                is_mine=item.requester_id == user.pk,
            )
        )
        if len(rows) == SHOWN:
            break
    return rows
