"""How the engine is doing on this machine, in plain words for the integrations page."""

from dataclasses import dataclass

from django.core.cache import cache
from django.db import connection

from search import embedder, node
from search.models import Ranking, SearchEntry
from search.services import missing_vectors

# A follower looks twice a second; after this long without a look something is wrong.
LATE_SECONDS = 30
# Counting 100,000 texts takes a tenth of a second; the page asks every half minute.
COUNTS_KEPT_SECONDS = 20


@dataclass(frozen=True)
class EngineState:
    """`vectors` is "off", "absent", "making" or "ready"; `files` is "absent", "late" or "current".

    `behind` counts texts that the files of this machine do not hold yet; `age_seconds` is how long
    ago its follower looked, None when it never did.
    """

    texts: int
    vectors_made: int
    vectors: str
    files: str
    behind: int
    age_seconds: float | None
    learnt_merges: int

    @property
    def tone(self) -> str:
        """`good`, `info` or `warn`, as tags are coloured."""
        if self.files != "current":
            return "warn"
        return "info" if self.vectors == "making" else "good"

    @property
    def state_word(self) -> str:
        """One or two words for the tag."""
        if self.files == "absent":
            return "From the database"
        if self.files == "late":
            return "Behind"
        return "Reading" if self.vectors == "making" else "Current"

    @property
    def icon(self) -> str:
        """The tag's icon."""
        return {"good": "check", "info": "sync", "warn": "alert"}[self.tone]

    @property
    def words(self) -> str:
        """Whether similar requests are found, and how."""
        if self.files == "absent":
            return (
                "The search files of this machine are missing. Similar requests are found by words"
                " from the database, a little slower."
            )
        if self.files == "late":
            return "The process that follows new texts has stopped. New texts are found later."
        return "New texts are found within a second."

    @property
    def meaning(self) -> str:
        """Whether meaning helps beside words."""
        return {
            "off": "Meaning is switched off by SEARCH_VECTORS. Words alone decide.",
            "absent": "The sentence model is not installed. Words alone decide.",
            "making": (
                f"{self.vectors_made:,} of {self.texts:,} texts are compared by meaning;"
                " the others follow."
            ),
            "ready": f"All {self.texts:,} texts are compared by words and by meaning.",
        }[self.vectors]

    @property
    def learning(self) -> str:
        """What past merges contributed."""
        if not self.learnt_merges:
            return "The order follows fixed weights until twenty merges teach better ones."
        return f"The order was learnt from {self.learnt_merges:,} merges."


def engine_state() -> EngineState:
    """Counts of what there is and what is still to do. Source: the tables and this node's files."""
    is_wanted = embedder.is_wanted()
    key = f"search:state:{is_wanted}"
    counts = cache.get(key)
    if counts is None:
        counts = _counts(is_wanted)
        cache.set(key, counts, COUNTS_KEPT_SECONDS)
    texts, missing, learnt_merges = counts
    age = node.age_seconds()
    manifest = node.read_manifest()
    if not is_wanted:
        vectors = "absent" if embedder.is_switched_on() else "off"
    else:
        vectors = "making" if missing else "ready"
    if manifest is None or age is None:
        files = "absent"
    else:
        files = "late" if age > LATE_SECONDS else "current"
    return EngineState(
        texts=texts,
        vectors_made=texts - missing,
        vectors=vectors,
        files=files,
        behind=_behind(manifest),
        age_seconds=age,
        learnt_merges=learnt_merges,
    )


def _counts(is_wanted: bool) -> tuple[int, int, int]:
    """(texts, those without a vector, merges learnt from)."""
    texts = SearchEntry.objects.filter(is_deleted=False).exclude(title="", body="").count()
    missing = missing_vectors().count() if is_wanted else texts
    ranking = Ranking.objects.order_by("-merges").first()
    return texts, missing, ranking.merges if ranking else 0


def _behind(manifest: node.Manifest | None) -> int:
    if manifest is None:
        return SearchEntry.objects.filter(is_deleted=False).count()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM search_searchentry"
            " WHERE tx >= pg_snapshot_xmin(%s::pg_snapshot)::text::bigint"
            " AND NOT pg_visible_in_snapshot(tx::text::xid8, %s::pg_snapshot)",
            [manifest.snapshot, manifest.snapshot],
        )
        return int(cursor.fetchone()[0])
