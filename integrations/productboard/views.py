"""Where Productboard posts to."""

import hashlib
import time

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.html import escape
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import SignedInRequest
from accounts.permissions import is_pm, require
from intake.models import Request
from integrations import inbox
from integrations.models import Source
from integrations.productboard import features, notes, webhooks
from producthub.lib.input import whole_number


@require_POST
def request_note(request: SignedInRequest, number: int) -> HttpResponse:
    """Send a request to Productboard as a note."""
    item = get_object_or_404(Request.objects.visible_to(request.user), number=number)
    try:
        notes.push_request(item=item, actor=request.user)
    except notes.CannotPush as why:
        messages.error(request, str(why))
    else:
        messages.success(request, "The note is on its way to Productboard.")
    return redirect(item)


@require_http_methods(["GET", "HEAD", "POST"])
def request_feature(request: SignedInRequest, number: int) -> HttpResponse:
    """Choose the feature that stands for a request."""
    require(is_pm(request.user), "Features of requests are for product managers.")
    found = Request.objects.visible_to(request.user).select_related(
        "requester", "customer", "decision"
    )
    item = get_object_or_404(found.defer("search_vector"), number=number)
    data = request.POST if request.method == "POST" else request.GET
    words = " ".join(data.get("q", "").replace("\x00", "").split())[:120]
    trouble = ""
    if request.method == "POST":
        chosen = request.POST.get("feature", "").replace("\x00", "")[:100]
        try:
            link = features.link_feature(item=item, actor=request.user, upstream_id=chosen)
        except features.CannotLink as why:
            trouble = str(why)
        else:
            messages.success(request, f"“{link.label}” is linked with {item.reference}.")
            return redirect(item)
    context = {
        "item": item,
        "words": words,
        "found": features.found_features(item, words),
        "trouble": trouble,
    }
    status = 422 if trouble else 200
    return render(request, "integrations/request_feature.html", context, status=status)


@require_POST
def request_feature_unlink(request: SignedInRequest, number: int, pk: int) -> HttpResponse:
    """Part a request and a feature."""
    item = get_object_or_404(Request.objects.visible_to(request.user), number=number)
    found = get_object_or_404(features.links_of(item), pk=pk)
    features.unlink_feature(link=found, item=item, actor=request.user)
    messages.success(request, f"“{found.label}” is not linked any more.")
    return redirect(item)


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: HttpRequest) -> HttpResponse:
    """Keep a message and answer; a worker reads the entity again. Nothing is there until a token
    is set, and nothing but the header is looked at before it fits."""
    token = settings.PRODUCTBOARD_WEBHOOK_TOKEN
    if not token:
        return HttpResponse(status=404)
    if "validationToken" in request.GET:
        # The probe comes without the header; only letters that cannot be markup are echoed.
        probe = request.GET["validationToken"]
        if not webhooks.is_probe_token(probe):
            return HttpResponse(status=400)
        return HttpResponse(escape(probe), content_type="text/plain; charset=utf-8")
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    if not webhooks.header_fits(request.headers.get("Authorization", ""), token):
        return HttpResponse(status=401)
    length = whole_number(request.headers.get("Content-Length", "").strip() or "0", digits=18)
    if length is None:
        return HttpResponse(status=400)
    if length > webhooks.MAX_BODY_BYTES:
        return HttpResponse(status=413)
    try:
        body = request.body
    except (UnreadablePostError, RawPostDataException):
        return HttpResponse(status=400)
    hint = webhooks.read_hint(body)
    mark = hashlib.sha256(body).hexdigest()[:40]
    inbox.receive(
        source=Source.PRODUCTBOARD,
        kind=hint.kind,
        key=webhooks.dedupe_key(hint, time.time(), mark),
        subject=hint.entity_id,
        body=body.decode("utf-8", "replace"),
    )
    return HttpResponse(status=204)
