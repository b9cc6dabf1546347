"""Who must sign in, and who must prove themselves twice."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from accounts import unsent
from accounts.adapters import PROVEN_BY_PROVIDER, client_ip, is_second_factor_required
from accounts.models import User
from activity.usage import MODULES, note_use
from producthub.lib.input import whole_number

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


# What static/js/app.js sends along when a part of a page asks for itself again.
BY_TIMER = "X-By-Timer"


def is_by_itself(request: HttpRequest) -> bool:
    """Whether a page asks without anyone having pressed something: by timer, while somebody
    types, or as it is left. Browsers tell the last from a form that was sent.
    """
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    by_htmx = request.headers.get("HX-Request") == "true"
    return BY_TIMER in request.headers or (mode != "navigate" and not by_htmx)


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Django's, for htmx too: an ended session leads the page, not a part of it, to sign-in.

    What was typed into a form is kept before that, see `accounts.unsent`; and what a page asks
    for by itself never leads away from a page that someone is typing into.
    """

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        # Before Django's own look at the user, which costs a query: what is open to everyone,
        # like health checks, must answer without a database.
        if is_open(view_func):
            return None
        if request.method == "POST":
            # Now: looking at the user empties a session that holds no more.
            request.former_person = unsent.former_person(request)  # type: ignore[attr-defined]
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(  # type: ignore[override]  # Django knows redirects only
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponse:
        if is_by_itself(request):
            return HttpResponse(status=401)
        if typed := unsent.typed_fields(request):
            # The CSRF middleware comes first, so the token was found to fit.
            person = getattr(request, "former_person", None)
            cookie = unsent.keep(request, person, client_ip(request))
            if not cookie:
                return _show_again(request, typed)
            door = f"{reverse('account_login')}?next={reverse('accounts:unsent')}"
            response = move_to(request, door)
            unsent.set_browser_cookie(response, cookie)
            return response
        if request.headers.get("HX-Request") != "true":
            return super().handle_no_permission(request, view_func)
        query = urlencode({"next": _page_of(request)})
        return move_to(request, f"{reverse('account_login')}?{query}")


def _show_again(request: HttpRequest, typed: list[unsent.Field]) -> HttpResponse:
    """What could not be kept, to be copied: on a page, or over the form it stands in still."""
    if request.headers.get("HX-Request") != "true":
        return render(request, "accounts/unsent_copy.html", {"typed": typed}, status=401)
    response = render(request, "accounts/_unsent_note.html", status=422)
    response["HX-Retarget"] = "#main"
    response["HX-Reswap"] = "afterbegin show:top"
    return response


class UnsentMiddleware:
    """Names the person in the browser, and forgets a kept form once it has arrived."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        user = getattr(request, "_cached_user", None)
        if not isinstance(user, User) or request.resolver_match is None:
            return response
        if request.method == "POST" and not is_open(request.resolver_match.func):
            pk = whole_number(request.POST.get(unsent.FIELD, ""), digits=18)
            # 422 shows the form with what was typed; after any other refusal it still waits.
            if pk is not None and (response.status_code < 400 or response.status_code == 422):
                unsent.forget(request, user, pk)
        unsent.remember_person(request, response, user)
        return response


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
    if match is None or is_by_itself(request) or is_open(match.func):
        return ""
    if match.view_name in _SEARCH_NAMES:
        return "search"
    return match.app_name if match.app_name in MODULES else ""
