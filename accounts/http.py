"""What a view behind the sign-in receives."""

from django.http import HttpRequest

from accounts.models import User


class SignedInRequest(HttpRequest):
    """A request of a known person: `LoginRequiredMiddleware` lets no other reach a view."""

    user: User
