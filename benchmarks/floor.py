"""The least that a page of 50 rows can cost in Django: session, sign-in, one query, a template."""

from collections.abc import Callable
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine
from django.test import override_settings
from django.urls import path

from intake.models import Request
from planning.models import WorkItem

TEMPLATE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Rows</title></head>
<body><p>{{ user.name }}</p><table>{% for row in rows %}<tr><td>{{ row.title }}</td>
<td>{{ row.reference }}</td><td>{{ row.state }}</td><td>{{ row.at }}</td></tr>{% endfor %}</table>
</body></html>"""
_template = Engine().from_string(TEMPLATE)


def _answer(request: HttpRequest, rows: Any) -> HttpResponse:
    if not request.user.is_authenticated:
        return HttpResponse(status=403)
    return HttpResponse(_template.render(Context({"user": request.user, "rows": rows})))


def requests(request: HttpRequest) -> HttpResponse:
    """The newest 50 requests, only the columns that are shown."""
    rows = Request.objects.only("number", "title", "status", "submitted_at").order_by("-number")
    return _answer(
        request,
        [
            {"title": r.title, "reference": r.reference, "state": r.status, "at": r.submitted_at}
            for r in rows[:50]
        ],
    )


def work_items(request: HttpRequest) -> HttpResponse:
    """The 50 work items that changed last."""
    rows = WorkItem.objects.only("key", "title", "status_name", "upstream_updated_at").filter(
        deleted_at__isnull=True
    )
    return _answer(
        request,
        [
            {
                "title": r.title,
                "reference": r.key,
                "state": r.status_name,
                "at": r.upstream_updated_at,
            }
            for r in rows.order_by("-upstream_updated_at", "-id")[:50]
        ],
    )


urlpatterns = [path("floor/requests/", requests), path("floor/work/", work_items)]


def own_addresses(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Resolve in this file instead of the hub's addresses."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.urlconf = __name__  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def handler() -> WSGIHandler:
    """A WSGI application with Django's session and sign-in, and nothing else."""
    with override_settings(
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "benchmarks.floor.own_addresses",
        ]
    ):
        return WSGIHandler()
