"""What a product manager keeps about their own way of working the queue."""

from django.conf import settings
from django.db import models
from django.utils import timezone

VIEW_NAME_LENGTH = 40


class SavedView(models.Model):
    """A view of the queue that a person named: its filters as the address holds them."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    name = models.CharField(max_length=VIEW_NAME_LENGTH)
    query = models.CharField(max_length=500, blank=True, help_text="Without the question mark.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            # two tabs of one name cannot be told apart
            models.UniqueConstraint(fields=["person", "name"], name="saved_view_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
