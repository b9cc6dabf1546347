"""What can be found, and what its texts mean as vectors; index files are derived from these."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models.functions import Now

from activity.models import TransactionId

CONFIG = "english"


class SearchEntry(models.Model):
    """The text of one object of one kind. Written by `services` in the transaction of its owner.

    A forgotten entry stays for a while as a row without text, so that followers on every node
    hear of it.
    """

    kind = models.CharField(max_length=20)
    object_id = models.BigIntegerField()
    group_id = models.BigIntegerField(
        null=True, blank=True, help_text="The object that this one was merged into, if any."
    )
    title = models.TextField(blank=True)
    body = models.TextField(blank=True)
    text_hash = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(db_default=Now(), help_text="When the object came to be.")
    is_deleted = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True, blank=True)
    tx = models.BigIntegerField(db_default=TransactionId())

    class Meta:
        verbose_name_plural = "search entries"
        constraints = [
            models.UniqueConstraint(fields=["kind", "object_id"], name="search_entry_once"),
        ]
        indexes = [
            # followers: what committed since they last looked
            models.Index(fields=["tx", "id"], name="search_entry_tx"),
            # the members of a merged group
            models.Index(
                fields=["kind", "group_id"],
                name="search_entry_group",
                condition=models.Q(group_id__isnull=False),
            ),
            # the entries of a text whose vector was just made
            models.Index(fields=["text_hash"], name="search_entry_text"),
            # similar() on a node whose index files are missing
            GinIndex(
                SearchVector("title", "body", config=CONFIG),
                name="search_entry_words",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"


class TextVector(models.Model):
    """One text as the sentence model sees it, kept by the hash of the text: never made twice."""

    text_hash = models.CharField(max_length=64)
    model = models.CharField(max_length=40, help_text="Model, its version and how it is fed.")
    vector = models.BinaryField(help_text="A little-endian float32 scale, then signed bytes.")
    tx = models.BigIntegerField(db_default=TransactionId())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["text_hash", "model"], name="search_vector_once"),
        ]
        indexes = [
            # followers: what committed since they last looked
            models.Index(fields=["tx", "id"], name="search_vector_tx"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.text_hash[:12]}"


class Lesson(models.Model):
    """What one past merge, or one text that stayed alone, teaches the ranking.

    Holds numbers only: the features of the groups that were near at the time (`learning.py`).
    Made once; made again when its entry is merged elsewhere.
    """

    entry = models.OneToOneField(SearchEntry, on_delete=models.CASCADE, related_name="lesson")
    group_id = models.BigIntegerField(null=True, help_text="Where it was merged; None: nowhere.")
    model = models.CharField(max_length=40, help_text="What the features were measured with.")
    examples = models.JSONField(help_text="By mode: rows of features, and which one was right.")

    def __str__(self) -> str:
        return f"Lesson of entry {self.entry_id}"


class Ranking(models.Model):
    """What was learnt for one kind: weights by mode, and from how much."""

    kind = models.CharField(max_length=20, unique=True)
    model = models.CharField(max_length=40)
    weights = models.JSONField(default=dict)
    merges = models.PositiveIntegerField(default=0)
    learnt_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"Ranking of {self.kind}"
