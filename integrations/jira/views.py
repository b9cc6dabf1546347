"""Where Jira posts to."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from integrations import inbox
from integrations.jira import webhooks
from integrations.models import Source
from producthub.lib.input import whole_number


@csrf_exempt
@login_not_required
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Keep a signed message and answer; a worker reads the issue again. Nothing is there
    until a secret is set, and nothing but the signature is looked at before it fits."""
    secret = settings.JIRA_WEBHOOK_SECRET
    if not secret:
        return HttpResponse(status=404)
    length = whole_number(request.headers.get("Content-Length", "").strip() or "0", digits=18)
    if length is None:
        return HttpResponse(status=400)
    if length > webhooks.MAX_BODY_BYTES:
        return HttpResponse(status=413)
    try:
        body = request.body
    except (UnreadablePostError, RawPostDataException):
        return HttpResponse(status=400)
    if not webhooks.signature_fits(body, request.headers.get("X-Hub-Signature", ""), secret):
        return HttpResponse(status=401)
    hint = webhooks.read_hint(body)
    inbox.receive(
        source=Source.JIRA,
        kind=hint.kind,
        key=webhooks.dedupe_key(body, request.headers.get("X-Atlassian-Webhook-Identifier", "")),
        subject=hint.issue_id,
        body=body.decode("utf-8", "replace"),
    )
    return HttpResponse(status=200)
