"""What this hub's own merges teach the ranking.

A merged entry is replayed: its text is asked as of when it came, and the group it was merged into
should have been first. An entry that stayed alone teaches when to be sure. Nothing else is learnt
from, and only five weights and a confidence are learnt, tied to the priors: a hub with few merges
stays near them.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Mod
from django.utils import timezone

from search import embedder, node
from search.models import Lesson, Ranking, SearchEntry, TextVector
from search.ranking import GROUP_MEANING, MEANING, Weights, prior

if TYPE_CHECKING:
    from search.engine import Group

# Below this a hub has too little to learn from.
MIN_MERGES = 20
# Of merges, and of texts that stayed alone.
MAX_LESSONS = 400
MAX_GROUPS = 30
# Younger texts may only be waiting for someone to merge them.
SETTLED_DAYS = 14
KEEP_SECONDS = 30.0
_kept: dict[str, tuple[float, dict[str, Weights]]] = {}


def mode(*, is_typed: bool, has_vectors: bool) -> str:
    """The name under which weights are kept: a few typed words differ from a whole text."""
    return f"{'typed' if is_typed else 'whole'} {'with vectors' if has_vectors else 'words alone'}"


def weights(kind: str, *, is_typed: bool, has_vectors: bool) -> Weights:
    """What ranks now: learnt, or the prior. Read at most every KEEP_SECONDS."""
    read_at, found = _kept.get(kind, (0.0, {}))
    if not read_at or time.monotonic() - read_at > KEEP_SECONDS:
        row = Ranking.objects.filter(kind=kind, model=_model()).first()
        found = {name: _weights(value) for name, value in row.weights.items()} if row else {}
        _kept[kind] = (time.monotonic(), found)
    name = mode(is_typed=is_typed, has_vectors=has_vectors)
    return found.get(name) or prior(has_vectors=has_vectors)


def forget_weights() -> None:
    """Read them again at the next call."""
    _kept.clear()


def _weights(value: dict[str, list[float]]) -> Weights:
    features, of_best = tuple(value["features"]), tuple(value["of_best"])
    return Weights(features, value["even"][0], value["total"][0], of_best)


def make_lessons(kind: str, *, seconds: float) -> int:
    """Replay merges, and texts that stayed alone, that were not replayed yet; how many were.

    Stops after so many seconds; the next call goes on. Features are numbers, never words. Nothing
    is replayed while this machine lacks its files or the model: such lessons would be false.
    """
    if not _can_replay():
        return 0
    deadline = time.monotonic() + seconds
    made = 0
    for entry in _unlearnt(kind):
        if time.monotonic() > deadline:
            break
        Lesson.objects.update_or_create(
            entry=entry,
            defaults={
                "group_id": entry.group_id,
                "model": _model(),
                "examples": _examples(entry),
            },
        )
        made += 1
    return made


def learn(kind: str) -> bool:
    """Weigh anew from all lessons; False where there are too few, or no numpy.

    The same lessons give the same weights, whatever was learnt before.
    """
    try:
        from search import fitting
    except ImportError:  # without the group `semantic` the priors hold
        return False
    merged, alone = _chosen(kind)
    lessons = Lesson.objects.filter(
        Q(entry__in=merged.values("pk")) | Q(entry__in=alone.values("pk")), model=_model()
    )
    rows = list(lessons.order_by("entry_id").values_list("group_id", "examples"))
    merges = sum(1 for group_id, _ in rows if group_id is not None)
    if merges < MIN_MERGES:
        return False
    live = SearchEntry.objects.filter(kind=kind, is_deleted=False)
    all_alone = live.filter(group_id__isnull=True).count()
    all_merges = live.filter(group_id__isnull=False).count()
    learnt = {}
    for has_vectors in (True, False) if _model() else (False,):
        for is_typed in (True, False):
            examples = [
                (group_id is not None, _seen(example, has_vectors))
                for group_id, found in rows
                if (example := found.get("typed" if is_typed else "whole"))
            ]
            fitted = fitting.fit(
                examples,
                prior(has_vectors=has_vectors),
                alone_for_each_merge=all_alone / max(1, all_merges),
            )
            learnt[mode(is_typed=is_typed, has_vectors=has_vectors)] = {
                "features": list(fitted.features),
                "even": [fitted.even],
                "total": [fitted.total],
                "of_best": list(fitted.of_best),
            }
    Ranking.objects.update_or_create(
        kind=kind,
        defaults={
            "model": _model(),
            "weights": learnt,
            "merges": merges,
            "learnt_at": timezone.now(),
        },
    )
    forget_weights()
    return True


def _model() -> str:
    return embedder.VERSION if embedder.is_wanted() else ""


def _can_replay() -> bool:
    view = node.current_view()
    if view is None:
        return False
    return not _model() or (view.vectors is not None and embedder.load() is not None)


def _unlearnt(kind: str) -> Iterator[SearchEntry]:
    is_same = Q(lesson__group_id=F("group_id")) | Q(
        lesson__group_id__isnull=True, group_id__isnull=True
    )
    for chosen in _chosen(kind):
        yield from chosen.exclude(is_same, lesson__model=_model()).order_by("-pk")


def _chosen(kind: str) -> tuple[QuerySet[SearchEntry], QuerySet[SearchEntry]]:
    """Merged entries, and those that stayed alone, that there are lessons of."""
    live = SearchEntry.objects.filter(kind=kind, is_deleted=False)
    settled = Q(created_at__lt=timezone.now() - timedelta(days=SETTLED_DAYS))
    return (
        _every_few(live.filter(group_id__isnull=False)),
        _every_few(live.filter(settled, group_id=None)),
    )


def _every_few(entries: QuerySet[SearchEntry]) -> QuerySet[SearchEntry]:
    """All of them; of many every second, fourth and so on, which makes nearly no lesson useless."""
    step = 1
    count = entries.count()
    while step * MAX_LESSONS < count:
        step *= 2
    return entries.annotate(place=Mod("pk", step)).filter(place=0)


def _examples(entry: SearchEntry) -> dict[str, Any]:
    """Features by mode; rows of the nearest groups, and the number of the right one."""
    words = entry.title.split()
    # Someone who types is seen at every length: every other lesson is half a title.
    typed = entry.title if entry.pk % 2 else " ".join(words[: max(3, (len(words) + 1) // 2)])
    found = {}
    for name, title, body in (("whole", entry.title, entry.body), ("typed", typed, "")):
        if title or body:
            found[name] = _example(entry, title, body)
    return {name: example for name, example in found.items() if example["rows"]}


def _example(entry: SearchEntry, title: str, body: str) -> dict[str, Any]:
    from search import engine
    from search.services import full_text

    model = embedder.load()
    vector = None
    if model is not None:
        text = full_text(title, body)
        is_whole = text == full_text(entry.title, entry.body)
        vector = kept_vector(entry) if is_whole else None
        vector = model.vector(text) if vector is None else vector
    groups, has_vectors = engine.near_groups(
        title,
        body,
        entry.kind,
        exclude=frozenset({entry.object_id}),
        at=entry.created_at,
        is_past=True,
        vector=vector,
    )
    return _nearest(groups, entry.group_id, has_vectors)


def _nearest(groups: "list[Group]", right: int | None, has_vectors: bool) -> dict[str, Any]:
    totals = prior(has_vectors=has_vectors).totals([group.features for group in groups])
    order = sorted(range(len(groups)), key=lambda n: (-totals[n], groups[n].group_id))
    kept = [groups[n] for n in order[:MAX_GROUPS]]
    kept += [groups[n] for n in order[MAX_GROUPS:] if groups[n].group_id == right]
    numbers = [group.group_id for group in kept]
    return {
        "rows": [[round(value, 4) for value in group.features] for group in kept],
        "right": numbers.index(right) if right in numbers else None,
    }


def _seen(example: dict[str, Any], has_vectors: bool) -> dict[str, Any]:
    if has_vectors:
        return example
    blank = {MEANING, GROUP_MEANING}
    rows = [[0.0 if n in blank else v for n, v in enumerate(row)] for row in example["rows"]]
    return {**example, "rows": rows}


def kept_vector(entry: SearchEntry) -> Any:
    """The vector of an entry's whole text from PostgreSQL; None when it was not made yet."""
    from search.vectors import unpack

    kept = TextVector.objects.filter(text_hash=entry.text_hash, model=embedder.VERSION).first()
    if kept is None:
        return None
    scale, values = unpack(bytes(kept.vector))
    return values.astype("float32") * scale
