"""One view serves page and fragment."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request that went through django-htmx's middleware."""

    htmx: HtmxDetails


def wants_fragment(request: HttpRequest) -> bool:
    """True for htmx requests that swap a part; boosted ones get the full page."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def page(
    request: HttpRequest,
    template: str,
    fragment: str,
    context: dict[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """The whole page, or only the fragment that it includes, as the request asks."""
    name = fragment if wants_fragment(request) else template
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def done(
    request: HttpRequest, fragment: str, context: dict[str, Any], *, to: Any, said: str = ""
) -> HttpResponse:
    """After a change: the fragment with htmx, a 303 to the object without.

    `said` is one sentence for the live region (htmx) or the notice on the next page.
    """
    if wants_fragment(request):
        return render(request, fragment, {**context, "said": said})
    if said:
        from django.contrib import messages

        messages.success(request, said)
    return see_other(to)


def see_other(to: Any) -> HttpResponse:
    """303: the browser fetches the target with GET, and a reload posts nothing twice."""
    response = HttpResponseRedirect(resolve_url(to))
    response.status_code = 303
    return response
