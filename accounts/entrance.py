"""The door: allauth's views where the hub's rules need more than templates."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
import structlog
from allauth.account.views import LoginView
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator

from accounts import unsent

log = structlog.get_logger(__name__)

TOO_MANY_TRIES_SECONDS = 300


def allow_issuer(response: HttpResponse) -> HttpResponse:
    """Let forms of this page lead to the single sign-on provider.

    Chromium applies form-action to the redirect that follows a post, too.
    """
    if settings.OIDC_ISSUER:
        parts = urlsplit(settings.OIDC_ISSUER)
        origin = f"{parts.scheme}://{parts.netloc}"
        response._csp_update = {"form-action": [origin]}  # type: ignore[attr-defined]
    return response


@method_decorator(login_not_required, name="dispatch")
class SignInView(LoginView):
    """Sign-in: 422 for what does not fit, 429 with a time after too many tries."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return allow_issuer(super().dispatch(request, *args, **kwargs))

    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)
        if response.status_code == 200:
            response.status_code = 422
        if form.too_many_tries:
            response.status_code = 429
            response["Retry-After"] = str(TOO_MANY_TRIES_SECONDS)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["single_sign_on"] = bool(settings.OIDC_ISSUER)
        context["is_unsent"] = unsent.is_waiting(self.request)
        return context


sign_in = SignInView.as_view()


@login_not_required
def single_sign_on(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Leads to the provider. A GET shows one button, so that a link alone signs nobody in."""
    return allow_issuer(_or_failure(request, openid_connect.login, provider_id))


@login_not_required
def single_sign_on_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Where the provider sends people back to."""
    return _or_failure(request, openid_connect.callback, provider_id)


def _or_failure(
    request: HttpRequest, view: Callable[..., HttpResponse], provider_id: str
) -> HttpResponse:
    """A provider that is away, or whose answer lacks what the standard asks for, is its fault:
    the person gets a page that says so, the log the rest.
    """
    try:
        return view(request, provider_id)
    except (requests.RequestException, KeyError, ValueError):
        log.exception("single_sign_on_failed")
        return render(request, "socialaccount/authentication_error.html", status=502)


@login_not_required
def to_account(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    """Pages of allauth that the hub does not have: own mail addresses, sign-up, linking."""
    name = "accounts:me" if request.user.is_authenticated else "account_login"
    return HttpResponseRedirect(reverse(name))
