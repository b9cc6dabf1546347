"""Who must sign in, and who must prove themselves twice."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from accounts.adapters import PROVEN_BY_PROVIDER, is_second_factor_required
from accounts.models import User
from activity.usage import MODULES, note_use

# Session: this person has a second factor; saves asking the database at every request.
HAS_SECOND_FACTOR = "has_second_factor"

# What stays open to someone who still has to set up a second factor.
_OPEN_NAMES = {
    "account_logout",
    "account_reauthenticate",
    "account_change_password",
    "account_set_password",
    "healthz",
    "readyz",
    "prometheus",
    "hub:theme",
}


def is_open(view_func: Any) -> bool:
    """Whether a view is for everyone, so that nobody needs to know who asks."""
    return not getattr(view_func, "login_required", True)


def move_to(request: HttpRequest, address: str) -> HttpResponse:
    """A redirect of the whole page; htmx would otherwise put the target into a part of it."""
    if request.headers.get("HX-Request") == "true":
        response = HttpResponse()
        response["HX-Redirect"] = address
        return response
    return HttpResponseRedirect(address)


def _page_of(request: HttpRequest) -> str:
    """The page to come back to: for htmx the one that asked, never a fragment or a POST."""
    if request.headers.get("HX-Request") == "true":
        current = request.headers.get("HX-Current-URL", "")
        host = f"{request.scheme}://{request.get_host()}"
        return current.removeprefix(host) if current.startswith(host + "/") else "/"
    return request.get_full_path() if request.method in ("GET", "HEAD") else "/"


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Django's, for htmx too: an ended session leads the page, not a part of it, to sign-in."""

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        # Before Django's own look at the user, which costs a query: what is open to everyone,
        # like health checks, must answer without a database.
        if is_open(view_func):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(  # type: ignore[override]  # Django knows redirects only
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponse:
        if request.headers.get("HX-Request") != "true":
            return super().handle_no_permission(request, view_func)
        query = urlencode({"next": _page_of(request)})
        return move_to(request, f"{reverse('account_login')}?{query}")


class TimeZoneMiddleware:
    """Shows times in the reader's own time zone, the company's where nobody is signed in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()

    def process_view(
        self, request: HttpRequest, view_func: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not is_open(view_func) and isinstance(request.user, User):
            timezone.activate(request.user.zone)
        return None


class SecondFactorMiddleware:
    """Leads admins and Product Ops without a second factor to set one up before anything else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view_func: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if is_open(view_func):
            return None
        user = request.user
        if not is_second_factor_required(user):
            return None
        if request.session.get(PROVEN_BY_PROVIDER) or request.session.get(HAS_SECOND_FACTOR):
            return None
        if Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
            request.session[HAS_SECOND_FACTOR] = True
            return None
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in _OPEN_NAMES or name.startswith("mfa_"):
            return None
        return move_to(request, reverse("mfa_activate_totp"))


# The search page and the palette stand in hub, but are a part of their own.
_SEARCH_NAMES = {"hub:search", "hub:palette"}
# What static/js/app.js sends along when a part of a page asks for itself again.
BY_TIMER = "X-By-Timer"


class DailyUseMiddleware:
    """Notes that a person used a part of the hub today: pages that were asked for by hand and
    answered, never health checks, and never what an open tab fetches by itself.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        module = _module_of(request)
        # Only a user whom the page has looked up anyway.
        user = getattr(request, "_cached_user", None)
        if module and isinstance(user, User) and response.status_code < 400:
            note_use(user, module)
        return response


def _module_of(request: HttpRequest) -> str:
    match = request.resolver_match
    if match is None or BY_TIMER in request.headers or is_open(match.func):
        return ""
    if match.view_name in _SEARCH_NAMES:
        return "search"
    return match.app_name if match.app_name in MODULES else ""
