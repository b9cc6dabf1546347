"""Home, search, theme."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from hub.context import THEMES
from producthub.lib.htmx import see_other


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The entry page."""
    return render(request, "hub/home.html")


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """One box over everything."""
    return render(request, "hub/search.html")


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Switch light and dark without scripts; the cookie is what base.html reads."""
    now = request.COOKIES.get("theme", "")
    chosen = "light" if now == "dark" else "dark"
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    response = see_other(target)
    assert chosen in THEMES
    response.set_cookie("theme", chosen, max_age=31_536_000, samesite="Lax", secure=request.is_secure())
    return response
