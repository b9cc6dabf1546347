"""Productboard's plan as the hub holds it: entities, how they hang together, their own fields."""

from django.db import models
from django.db.models.functions import Now


class ProductEntity(models.Model):
    """A feature, component, objective or whatever else the product tool keeps. All upstream's.

    What is gone there stays here, marked, so that a roadmap's history can be read.
    """

    source = models.CharField(max_length=20)
    upstream_id = models.TextField()
    type = models.TextField(help_text="As the source calls it; unknown ones are kept.")
    name = models.TextField()
    status = models.TextField(blank=True)
    owner_email = models.TextField(blank=True)
    parent_upstream_id = models.TextField(blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    granularity = models.TextField(blank=True)
    health = models.TextField(blank=True)
    progress = models.FloatField(null=True, blank=True, help_text="Per cent; may be above 100.")
    is_archived = models.BooleanField(default=False)
    description = models.TextField(blank=True, help_text="Safe HTML.")
    custom = models.JSONField(default=dict, blank=True, help_text="Values of fields by their id.")
    origin_system = models.TextField(blank=True, help_text="Which system made it, as it says.")
    origin_record = models.TextField(blank=True)
    url = models.TextField(blank=True)
    upstream_created_at = models.DateTimeField(null=True, blank=True)
    upstream_updated_at = models.DateTimeField()
    synced_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "product entities"
        constraints = [
            # upsert by upstream id
            models.UniqueConstraint(fields=["source", "upstream_id"], name="product_entity_once"),
        ]
        indexes = [
            # the list of one type
            models.Index(fields=["source", "type", "name"], name="product_entity_type"),
            # the children of one entity
            models.Index(fields=["source", "parent_upstream_id"], name="product_entity_parent"),
        ]

    def __str__(self) -> str:
        return self.name


class ProductRelation(models.Model):
    """Two entities that belong together. A link is seen from both ends and kept once."""

    source = models.CharField(max_length=20)
    kind = models.TextField(help_text="link, or blocks: the first blocks the second.")
    first_id = models.TextField()
    second_id = models.TextField()
    synced_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # once a pair
            models.UniqueConstraint(
                fields=["source", "kind", "first_id", "second_id"], name="product_relation_once"
            ),
        ]
        indexes = [
            # seen from the other end
            models.Index(fields=["source", "second_id"], name="product_relation_second"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} {self.kind} {self.second_id}"


class ProductField(models.Model):
    """A field of one type of entity: what stands behind an id in `ProductEntity.custom`."""

    source = models.CharField(max_length=20)
    entity_type = models.TextField()
    upstream_id = models.TextField()
    name = models.TextField()
    schema = models.TextField(blank=True, help_text="What kind of value it holds.")
    options = models.JSONField(default=list, blank=True, help_text="What may be chosen.")
    synced_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["entity_type", "name"]
        constraints = [
            # upsert by type and upstream id
            models.UniqueConstraint(
                fields=["source", "entity_type", "upstream_id"], name="product_field_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entity_type}: {self.name}"
