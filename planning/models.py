"""Decisions, and the work that follows from them."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Team

DECISION_NUMBERS = "planning_decision_numbers"


class Outcome(models.TextChoices):
    """What was decided."""

    DO = "do", "Do it"
    LATER = "later", "Not now"
    NO = "no", "No"


class Decision(models.Model):
    """What was decided, by whom, and why; the reason is read by everyone concerned."""

    number = models.PositiveIntegerField(unique=True)
    title = models.CharField(max_length=160)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    reason = models.TextField(max_length=2000)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="decisions")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions"
    )
    decided_at = models.DateTimeField(default=timezone.now)
    revisit_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["-decided_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()}: {self.title}"

    @property
    def reference(self) -> str:
        return f"DEC-{self.number}"
