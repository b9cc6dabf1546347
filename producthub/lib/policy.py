"""The security policy of every page, as a header."""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

HEADER = "Content-Security-Policy"
# For files that people sent: nothing in them runs, asks for anything or acts as the hub.
SANDBOXED = "is_sandboxed"
SANDBOX = "sandbox; default-src 'none'; img-src 'self'"


def policy_text(extra: Mapping[str, Any] | None = None) -> str:
    """The directives of CONTENT_SECURITY_POLICY in their order, with a view's additions."""
    parts = []
    for name, sources in settings.CONTENT_SECURITY_POLICY["DIRECTIVES"].items():
        added = (extra or {}).get(name, ())
        more = [added] if isinstance(added, str) else list(added)
        parts.append(" ".join([name, *sources, *more]))
    return "; ".join(parts)


class SecurityPolicyMiddleware:
    """Sets the policy on whatever leaves the hub.

    In place of django-csp's own, which builds the text anew for every answer, in random order,
    and lets a view switch it off. Its decorator `csp_update` works here: a view can add sources
    to a directive that the settings name, or mark its answer SANDBOXED, and nothing else.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.common = policy_text()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if settings.DEBUG and response.status_code in (404, 500):
            return response  # Django's own debug pages bring their styles along
        if getattr(response, SANDBOXED, False):
            response[HEADER] = SANDBOX
            return response
        extra = getattr(response, "_csp_update", None)
        response[HEADER] = policy_text(extra) if extra else self.common
        return response
