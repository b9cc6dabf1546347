"""The app's manifest: one text that makes the app in Slack, with this hub's addresses."""

import json
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.permissions import is_product_ops, require
from integrations.slack.config import is_connected

NEW_APP = "https://api.slack.com/apps?new_app=1&manifest_json="
SCOPES = (
    "commands chat:write chat:write.public im:write im:history users:read users:read.email"
    " channels:read groups:read channels:history groups:history links:read links:write"
    " reactions:read reactions:write"
).split()
EVENTS = (
    "app_home_opened link_shared reaction_added reaction_removed message.channels message.groups"
    " app_uninstalled tokens_revoked"
).split()


def manifest(base_url: str) -> dict[str, Any]:
    """https://api.slack.com/reference/manifests"""

    def shortcut(name: str, kind: str, callback: str, words: str) -> dict[str, str]:
        return {"name": name, "type": kind, "callback_id": callback, "description": words}

    return {
        "display_information": {
            "name": "ProductHub",
            "description": "Requests and updates",
            "background_color": "#1f3a5f",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "ProductHub", "always_online": True},
            "slash_commands": [
                {
                    "command": "/request",
                    "url": base_url + reverse("integrations:slack-commands"),
                    "description": "File a product request",
                    "usage_hint": "[title]",
                    "should_escape": True,
                }
            ],
            "shortcuts": [
                shortcut("New product request", "global", "new_request", "Open the intake form"),
                shortcut("Turn into request", "message", "message_to_request", "File this message"),
            ],
            "unfurl_domains": [urlsplit(base_url).hostname],
        },
        "oauth_config": {"scopes": {"bot": SCOPES}},
        "settings": {
            "event_subscriptions": {
                "request_url": base_url + reverse("integrations:slack-events"),
                "bot_events": EVENTS,
            },
            "interactivity": {
                "is_enabled": True,
                "request_url": base_url + reverse("integrations:slack-interactivity"),
            },
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """How Slack is connected, for Product Ops."""
    require(is_product_ops(request.user), "Only Product Ops sees the integrations.")
    made = manifest(settings.BASE_URL)
    context = {
        "manifest": json.dumps(made, indent=2),
        "new_app": NEW_APP + quote(json.dumps(made, separators=(",", ":"))),
        "is_connected": is_connected(),
        "is_public": settings.BASE_URL.startswith("https://"),
        "emoji": settings.SLACK_REQUEST_EMOJI,
    }
    return render(request, "integrations/slack_manifest.html", context)
