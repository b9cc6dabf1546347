"""Who and what in a source is who and what here."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from integrations.models.syncing import Source


class IdentityLink(models.Model):
    """One account in a source, and the person here, where known: matched by mail address."""

    source = models.CharField(max_length=20, choices=Source.choices)
    upstream_id = models.TextField()
    name = models.TextField(blank=True)
    email = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    is_bot = models.BooleanField(default=False)
    is_guest = models.BooleanField(
        default=False, db_default=False, help_text="It sees only some places there."
    )
    time_zone = models.TextField(blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="identities",
    )
    synced_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["source", "name"]
        constraints = [
            # upsert by upstream id
            models.UniqueConstraint(fields=["source", "upstream_id"], name="identity_once"),
        ]
        indexes = [
            # matching by mail address, both ways
            models.Index(models.functions.Lower("email"), name="identity_email"),
        ]

    def __str__(self) -> str:
        return self.name or self.upstream_id


class ItemLink(models.Model):
    """One thing of the hub and the thing in a source that stands for it.

    A request and the issue made from it, a request and its note, a request and a Slack thread.
    """

    class Origin(models.TextChoices):
        CREATED = "created", "Made by the hub"
        MATCHED = "matched", "Matched"
        PERSON = "person", "Linked by a person"
        INBOUND = "inbound", "It came from there"

    source = models.CharField(max_length=20, choices=Source.choices)
    kind = models.CharField(max_length=20, help_text="What it is there: issue, note, thread.")
    upstream_id = models.TextField()
    label = models.TextField(blank=True, help_text="What people call it there: its key.")
    url = models.TextField(blank=True)
    subject_type = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.CREATED)
    state = models.TextField(blank=True, help_text="Its status there, as last read.")
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    synced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["source", "kind", "label"]
        constraints = [
            # once a pair
            models.UniqueConstraint(
                fields=["source", "kind", "upstream_id", "subject_type", "subject_id"],
                name="item_link_once",
            ),
        ]
        indexes = [
            # what stands for one thing of the hub
            models.Index(fields=["subject_type", "subject_id"], name="item_link_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.get_source_display()} {self.label or self.upstream_id}"


class StatusRule(models.Model):
    """What it means for a request that what stands for it comes into a status there.

    Product Ops keeps these. Several statuses may mean the same.
    """

    class Effect(models.TextChoices):
        NOTHING = "nothing", "Nothing: it is only shown"
        BEGUN = "begun", "Work has begun: everyone behind the request hears it once"
        SHIPPED = "shipped", "Delivered, once all that stands for the request is"
        DROPPED = "dropped", "Given up there: product managers are asked"

    source = models.CharField(max_length=20, choices=Source.choices, default=Source.JIRA)
    status_key = models.TextField(
        default="", help_text="How the source knows the status: its id in Jira, else its name."
    )
    name = models.TextField(default="", help_text="What people call it there.")
    effect = models.CharField(max_length=10, choices=Effect.choices, default=Effect.NOTHING)

    class Meta:
        ordering = ["source", "name"]
        constraints = [
            # one meaning a status
            models.UniqueConstraint(fields=["source", "status_key"], name="status_rule_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} in {self.get_source_display()}: {self.get_effect_display()}"
