"""What differs from one Jira to another."""

from typing import Any

from django.db import models


class JiraFieldRole(models.Model):
    """Which field of the connected Jira holds what the hub needs. The sync finds candidates."""

    class Role(models.TextChoices):
        SPRINT = "sprint", "Sprint"
        POINTS = "points", "Story points"
        EPIC_LINK = "epic_link", "Epic link"

    role = models.CharField(max_length=20, choices=Role.choices, unique=True)
    field_id = models.CharField(
        "field",
        max_length=100,
        blank=True,
        help_text="Which of Jira’s fields holds it. Names may repeat; the id tells them apart.",
    )
    candidates = models.JSONField(
        default=list, help_text="Fields that could hold it: their ids and names."
    )
    used = models.JSONField(default=list, help_text="The ids that are read, in this order.")
    is_unclear = models.BooleanField(
        default=False, help_text="Several fields have the name, and nobody picked one."
    )

    class Meta:
        ordering = ["role"]
        verbose_name = "Jira field"

    def __str__(self) -> str:
        return self.get_role_display()

    def choices(self) -> list[tuple[str, str]]:
        """The candidates as choices of a form."""
        named: list[Any] = self.candidates
        return [(pk, f"{name} ({pk})") for pk, name in named]
