"""A new request."""

from django.http import (
    HttpResponse,
)
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.http import SignedInRequest
from intake import services
from intake.forms import (
    RequestForm,
)
from intake.models import Kind
from intake.views.acting import said_and_gone


@require_http_methods(["GET", "HEAD", "POST"])
def request_new(request: SignedInRequest) -> HttpResponse:
    """The form; what was typed stays when something needs a change."""
    if request.method == "POST":
        form = RequestForm(request.POST)
        if form.is_valid():
            data = form.cleaned_data
            item = services.submit_request(requester=request.user, **data)
            return said_and_gone(request, f"Request sent. Its number is {item.reference}.", to=item)
        return render(request, "intake/new.html", {"form": form}, status=422)
    known = {
        name: request.GET[name] for name in ("kind", "title", "problem") if name in request.GET
    }
    if known.get("kind") not in Kind.values:
        known.pop("kind", None)
    return render(request, "intake/new.html", {"form": RequestForm(initial=known)})
