"""Read the inbox."""

from django.db.models import QuerySet

from accounts.models import User
from notices.models import Notice


def inbox_for(user: User) -> QuerySet[Notice]:
    """A person's notices, newest first."""
    return Notice.objects.filter(recipient=user).order_by("-created_at", "-id")
