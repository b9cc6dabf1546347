"""Who stands behind a request."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from intake.models.requests import Request


class Customer(models.Model):
    """An account of the company: evidence of who is behind a request."""

    name = models.CharField(max_length=120, unique=True)
    segment = models.CharField(max_length=60, blank=True)
    yearly_revenue = models.DecimalField(
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="In the company's currency.",
    )
    source_ref = models.CharField(max_length=200, blank=True, help_text="Its id in the CRM.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Vote(models.Model):
    """One person's voice for a request, with their own case where they gave one.

    It stays with the request that it was given to, also when that one is merged: the canonical
    request counts the group's people, so that an unmerge restores everything exactly.
    """

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="votes")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="votes"
    )
    case = models.TextField(
        max_length=10_000, blank=True, help_text="What happens to them, in their own words."
    )
    title = models.CharField(max_length=120, blank=True, help_text="What they had begun to ask.")
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.SET_NULL, related_name="votes"
    )
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who gave it for them.",
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            # one voice a person, however often the button is pressed
            models.UniqueConstraint(fields=["request", "person"], name="vote_once"),
        ]
        indexes = [
            # what I voted for
            models.Index(fields=["person", "-created_at"], name="vote_mine"),
        ]

    def __str__(self) -> str:
        return f"{self.person} for {self.request_id}"


class Follow(models.Model):
    """Hears of a request without voting, or, muted, hears nothing although behind it."""

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="follows")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="follows"
    )
    is_muted = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["request", "person"], name="follow_once"),
        ]
        indexes = [
            # what I follow
            models.Index(fields=["person", "-created_at"], name="follow_mine"),
        ]

    def __str__(self) -> str:
        return f"{self.person} follows {self.request_id}"


class DuplicatePair(models.Model):
    """Two requests that may say the same: found by likeness, settled by a person."""

    class State(models.TextChoices):
        OPEN = "open", "Likely"
        MERGED = "merged", "Merged"
        DISMISSED = "dismissed", "Not the same"

    low = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="+")
    high = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    score = models.FloatField(default=0, help_text="How sure, 0 to 1.")
    words = models.JSONField(default=list, help_text="The words that both share.")
    is_by_meaning = models.BooleanField(
        default=False, help_text="Other words, nearly the same meaning."
    )
    found_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-score", "id"]
        constraints = [
            models.UniqueConstraint(fields=["low", "high"], name="pair_once"),
            models.CheckConstraint(
                condition=models.Q(low__lt=models.F("high")), name="pair_low_before_high"
            ),
        ]
        indexes = [
            # the likely duplicates of one request, from either side
            models.Index(fields=["high", "state"], name="pair_high"),
            models.Index(fields=["low", "state"], name="pair_low"),
        ]

    def __str__(self) -> str:
        return f"{self.low_id} and {self.high_id}: {self.get_state_display()}"
