"""What every page's frame needs."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from hub.nav import navigation
from producthub.lib.frame import counts_for

THEMES = {"light", "dark"}


def shell(request: HttpRequest) -> dict[str, Any]:
    """Theme, navigation and counts for base.html; costs a query only where they are shown."""
    theme = request.COOKIES.get("theme", "")
    context: dict[str, Any] = {"theme": theme if theme in THEMES else ""}
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return context
    counts: Any = SimpleLazyObject(lambda: shell_counts(user))
    return {
        **context,
        "home_url": "/",
        "shell_counts": counts,
        "nav": SimpleLazyObject(lambda: navigation(user, request.path, counts)),
    }


def shell_counts(user: Any) -> dict[str, int]:
    """The numbers of the side bar and the bell, in one query."""
    counts = counts_for(user, timezone.localdate())
    for name in ("triage", "late"):
        if f"{name}_all" in counts:
            counts[name] = counts.pop(f"{name}_all")
    return counts
