"""Likely duplicates of a request that has just arrived, kept for triage."""

from activity.models import Event
from intake import services
from intake.models import Request
from intake.services.groups import REQUEST_KIND
from search.engine import similar

KEPT = 5
# Below this a match is chance; triage should not look at chance.
CONFIDENCE_FLOOR = 0.15
SHARE_OF_BEST = 0.5
LOOKED_AT_AGAIN = 200


def look_for(event: Event) -> None:
    """Handler of request.submitted, whatever way it came: look for duplicates in the background."""
    from intake.tasks import find_likely

    find_likely.delay(event.subject_id)


def find_again(limit: int = LOOKED_AT_AGAIN) -> int:
    """Look once more for the newest open requests: vectors were made since, the engine has
    learnt, others have arrived. Returns how many pairs are new."""
    newest = Request.objects.open().order_by("-id").values_list("pk", flat=True)[:limit]
    return sum(find(pk) for pk in list(newest))


def find(request_id: int) -> int:
    """Keep the likely duplicates of one request; returns how many are new. Repeatable: what a
    person has settled stays settled."""
    item = Request.objects.defer("search_vector").filter(pk=request_id).first()
    if item is None or not item.is_open:
        return 0
    found = similar(
        title=item.title, body=item.problem, kind=REQUEST_KIND, limit=KEPT + 1, exclude=(item.pk,)
    )
    if not found.candidates or found.confidence < CONFIDENCE_FLOOR:
        return 0
    best = found.candidates[0].score or 1.0
    own = item.root_id or item.pk
    pairs = [
        (one.group_id, found.confidence * one.score / best, one.words, one.is_by_meaning)
        for one in found.candidates
        if one.group_id != own
        and one.score >= best * SHARE_OF_BEST
        and found.confidence * one.score / best >= CONFIDENCE_FLOOR
    ]
    alive = set(
        Request.objects.filter(pk__in=[pair[0] for pair in pairs]).values_list("pk", flat=True)
    )
    return services.note_likely(
        item=item, found=[pair for pair in pairs if pair[0] in alive][:KEPT]
    )
