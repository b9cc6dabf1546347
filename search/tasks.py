"""Work beside the pages: vectors of stored texts, and what merges teach."""

from celery import shared_task

from search import services
from search.models import SearchEntry


@shared_task(soft_time_limit=110, time_limit=120)
def embed_texts() -> None:
    """Make vectors for texts that have none yet, some seconds long; goes on by itself."""
    if services.embed_missing(seconds=services.EMBED_SECONDS):
        services.ask_for_vectors()


@shared_task(soft_time_limit=110, time_limit=120)
def learn_from_merges() -> None:
    """Replay new merges, then weigh anew."""
    kinds = SearchEntry.objects.filter(group_id__isnull=False).values_list("kind", flat=True)
    for kind in sorted(set(kinds.distinct())):
        services.learn(kind=kind, seconds=services.LEARN_SECONDS)


@shared_task(soft_time_limit=110, time_limit=120)
def tidy_search() -> None:
    """Delete vectors of texts that are gone, and traces of what was forgotten long ago."""
    services.tidy()
