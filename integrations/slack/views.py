"""Where Slack posts to: commands, what people press, and events. Answered within three seconds."""

import hashlib
import json
import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import parse_qs

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from integrations import inbox
from integrations.errors import UpstreamError
from integrations.models import Source
from integrations.slack import asking, modal, signing
from integrations.slack.client import SlackClient
from integrations.slack.config import is_our_team
from integrations.slack.handlers import HINT, is_heard, is_read, named_message
from integrations.slack.messages import plain
from integrations.slack.modal import Meta
from producthub.lib.input import whole_number

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 2 * 1024**2
SLOW = "ProductHub could not open the form in time. Please try again."
NO_FORM = "ProductHub offers no form just now. Ask Product Ops."

Body = dict[str, Any]
Answer = Callable[[Body], HttpResponse]


def signed(parse: Callable[[bytes], Body]) -> Callable[[Answer], Callable[..., HttpResponse]]:
    """A view for Slack alone: 404 without a secret, 401 for what it did not sign just now or
    what cannot be read, 403 for another workspace; the same signature is answered once more,
    but does nothing."""

    def make(answer: Answer) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @login_not_required
        @require_POST
        @wraps(answer)
        def view(request: HttpRequest) -> HttpResponse:
            secret = settings.SLACK_SIGNING_SECRET
            if not (secret and settings.SLACK_BOT_TOKEN):
                return HttpResponse(status=404)
            length = whole_number(request.headers.get("Content-Length", "").strip() or "0")
            if length is None or length > MAX_BODY_BYTES:
                return HttpResponse(status=413 if length else 401)
            try:
                raw = request.body
            except (UnreadablePostError, RawPostDataException):
                return HttpResponse(status=401)
            signature = request.headers.get("X-Slack-Signature", "")
            if not signing.is_genuine(
                raw,
                timestamp=request.headers.get("X-Slack-Request-Timestamp", ""),
                signature=signature,
                secret=secret,
                now=time.time(),
            ):
                return HttpResponse(status=401)
            try:
                body = parse(raw)
            except (ValueError, RecursionError):
                return HttpResponse(status=401)
            if body.get("ssl_check") == "1":
                return HttpResponse()
            if body.get("type") != "url_verification" and not is_our_team(*teams_of(body)):
                return HttpResponse(status=403)
            # What is kept outlives the cache: events by their id, requests by their view's.
            mark = hashlib.sha256(signature.encode("utf-8", "replace")).hexdigest()
            if not cache.add(f"slack:signed:{mark}", 1, 2 * signing.WINDOW_SECONDS):
                return HttpResponse()
            return answer(body)

        return view

    return make


def teams_of(body: Body) -> list[str]:
    """Workspaces and organisations that a body names as its own."""
    found = [body.get("team_id"), body.get("enterprise_id")]
    team = body.get("team")
    if isinstance(team, dict):
        found += [team.get("id"), team.get("enterprise_id")]
    grants = body.get("authorizations")
    for grant in grants if isinstance(grants, list) else ():
        if isinstance(grant, dict):
            found += [grant.get("team_id"), grant.get("enterprise_id")]
    return [one for one in found if isinstance(one, str) and one]


def _fields(raw: bytes) -> Body:
    fields = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=100)
    return {name: values[-1] for name, values in fields.items()}


def _json(raw: bytes | str) -> Body:
    found = json.loads(raw)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _payload(raw: bytes) -> Body:
    fields = _fields(raw)
    return fields if "ssl_check" in fields else _json(fields.get("payload", ""))


@signed(_fields)
def commands(body: Body) -> HttpResponse:
    """`/request [title]`: the form, at once."""
    title = " ".join(plain(str(body.get("text", ""))).split())
    said = _open(body, Meta(channel=str(body.get("channel_id", ""))), title=title)
    return JsonResponse({"response_type": "ephemeral", "text": said}) if said else HttpResponse()


@signed(_payload)
def interactivity(body: Body) -> HttpResponse:
    """Shortcuts, what is pressed or typed in the form, and the form itself."""
    kind = body.get("type")
    if kind == "shortcut" and body.get("callback_id") == "new_request":
        _open(body, Meta())
    elif kind == "message_action" and body.get("callback_id") == "message_to_request":
        _from_message(body)
    elif kind == "block_actions":
        _pressed(body)
    elif kind == "view_submission":
        return _submitted(body)
    elif kind == "block_suggestion":
        return JsonResponse({"options": []})
    return HttpResponse()


@signed(_json)
def events(body: Body) -> HttpResponse:
    """Keep what matters and answer; a worker does the rest. Sent again, it is heard once."""
    if body.get("type") == "url_verification":
        return JsonResponse({"challenge": str(body.get("challenge", ""))})
    event = body.get("event")
    if body.get("type") != "event_callback" or not isinstance(event, dict):
        return HttpResponse()
    kind, event_id = event.get("type"), body.get("event_id")
    if isinstance(kind, str) and isinstance(event_id, str) and is_heard(event):
        inbox.receive(
            source=Source.SLACK,
            kind=kind,
            key=event_id,
            subject=str(event.get("user", "")),
            body=json.dumps(event),
        )
    channel, ts = named_message(event)
    if isinstance(event_id, str) and is_read(channel):
        inbox.receive(
            source=Source.SLACK,
            kind=HINT,
            key=f"{HINT}:{event_id}",
            subject=channel,
            body=json.dumps({"channel": channel, "ts": ts}),
        )
    return HttpResponse()


def _open(body: Body, meta: Meta, *, title: str = "", problem: str = "") -> str:
    """Open the form; returns what went wrong."""
    try:
        is_open = asking.open_form(
            SlackClient(hurry=True),
            trigger_id=str(body.get("trigger_id", "")),
            meta=meta,
            title=title,
            problem=problem,
        )
    except UpstreamError as error:
        log.warning("slack_form_not_opened", error=type(error).__name__)
        return SLOW
    return "" if is_open else NO_FORM


def _from_message(body: Body) -> None:
    message, channel = body.get("message"), body.get("channel")
    message = message if isinstance(message, dict) else {}
    text = plain(str(message.get("text", ""))).strip()
    ts = message.get("ts")
    thread = message.get("thread_ts")
    meta = Meta(
        channel=str(channel.get("id", "")) if isinstance(channel, dict) else "",
        ts=ts if isinstance(ts, str) else "",
        thread=thread if isinstance(thread, str) else "",
    )
    first = text.partition("\n")[0].strip()
    _open(body, meta, title=first, problem=text)


def _own_view(body: Body) -> bool:
    view, user = body.get("view"), body.get("user")
    return (
        isinstance(view, dict)
        and isinstance(user, dict)
        and isinstance(view.get("id"), str)
        and isinstance(user.get("id"), str)
        and view.get("callback_id") == modal.CALLBACK
    )


def _pressed(body: Body) -> None:
    actions = body.get("actions")
    action = actions[0] if isinstance(actions, list) and actions else None
    if not _own_view(body) or not isinstance(action, dict):
        return
    writing = asking.writing_of(body["view"])
    if writing is None:
        return
    chosen = whole_number(str(action.get("value", "")), digits=18)
    try:
        client = SlackClient(hurry=True)
        if action.get("action_id") == modal.VOTE and chosen is not None:
            asking.join(client, body, writing, chosen)
        else:
            asking.refresh(client, body, writing)
    except UpstreamError as error:
        # The form stays as it is, and can be sent.
        log.warning("slack_form_not_updated", error=type(error).__name__)


def _submitted(body: Body) -> HttpResponse:
    if not _own_view(body):
        return HttpResponse()
    return JsonResponse(asking.submit(SlackClient(hurry=True), body))
