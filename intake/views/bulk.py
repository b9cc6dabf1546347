"""What is done in the queue to several requests at once.

Each request is a change of its own: what cannot be done is told by its number, the rest is done,
and one Undo takes all of it back.
"""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, QueryDict
from django.views.decorators.http import require_POST

from accounts.http import SignedInRequest
from accounts.models import Team
from intake import queue as read
from intake import services
from intake.models import Request
from intake.triage_forms import BulkLabelForm, BulkRouteForm, MergeForm, SnoozeForm
from intake.views.acting import require_pm
from intake.views.queue import acted, query_of, queue_address
from intake.views.triage import my_team
from producthub.lib.forms import HubForm
from producthub.lib.htmx import page, wants_fragment
from producthub.lib.input import whole_number
from producthub.lib.tags import count_of

MAX_AT_ONCE = 500
SHOWN_FAILURES = 20
Change = Callable[[Request, services.Window], Any]


@require_POST
def bulk(request: SignedInRequest) -> HttpResponse:
    """Assign, route, snooze, wake, label or merge what is selected."""
    require_pm(request)
    came_from = queue_address(request.POST) or "/triage/"
    do = request.POST.get("do", "")
    if do not in ("take", "wake", *FORMS):
        raise Http404
    items = _selected(request, came_from)
    if not items:
        return _none_selected(request, came_from)
    form = _form(request, do, items)
    if form is not None and not (form.is_bound and form.is_valid()):
        return _ask(request, do, items, form, came_from)
    data = form.cleaned_data if form is not None else {}
    if do == "merge":
        items = [item for item in items if item.pk != data["into"].pk]
    undo = services.window(request.user)
    change, said = _changes(request, do, data)
    done, failures = _each(items, change, undo)
    text = f"{count_of(len(done), 'request')} {said}" if done else "Nothing was changed."
    last = done[-1] if done else items[-1]
    return acted(
        request,
        came_from,
        text,
        number=last.number,
        undo=undo if done and do != "wake" else None,
        failures=_told(failures),
    )


def _selected(request: SignedInRequest, came_from: str) -> list[Request]:
    """What is selected and may be seen; with `all` everything of the view, in its order."""
    visible = Request.objects.visible_to(request.user)
    if request.POST.get("all"):
        wanted = read.Wanted.read(query_of(came_from))
        found = read.queue(request.user, wanted)
        return list(found.select_related("team", "owner").defer("search_vector")[:MAX_AT_ONCE])
    numbers = [whole_number(text) for text in request.POST.getlist("id")[:MAX_AT_ONCE]]
    found = visible.filter(number__in=[number for number in numbers if number is not None])
    by_number = {
        item.number: item for item in found.select_related("team", "owner").defer("search_vector")
    }
    return [by_number[n] for n in dict.fromkeys(numbers) if n in by_number]


FORMS = {
    "route": ("Route", "Route them"),
    "snooze": ("Snooze", "Snooze them"),
    "label": ("Label", "Label them"),
    "merge": ("Merge", "Merge them"),
}


def _form(request: SignedInRequest, do: str, items: list[Request]) -> HubForm | None:
    if do not in FORMS:
        return None
    data: QueryDict | None = request.POST if "go" in request.POST else None
    if do == "route":
        return BulkRouteForm(data)
    if do == "snooze":
        return SnoozeForm(data, zone=request.user.zone)
    if do == "label":
        return BulkLabelForm(data, initial={"priority": ""})
    if data is None:
        return MergeForm(reader=request.user)
    typed = request.POST.get("target") or request.POST.get("into", "")
    return MergeForm({"into": typed}, reader=request.user)


def _ask(
    request: SignedInRequest, do: str, items: list[Request], form: HubForm, came_from: str
) -> HttpResponse:
    heading, button = FORMS[do]
    whole = bool(request.POST.get("all"))
    context = {
        "do": do,
        "heading": f"{heading} {count_of(len(items), 'request')}",
        "button": button,
        "items": items,
        "shown": items[:SHOWN_FAILURES],
        "more": max(0, len(items) - SHOWN_FAILURES),
        "whole": whole,
        "form": form,
        "part": f"intake/_bulk_{do}.html",
        "next": came_from,
        "chosen": request.POST.get("target", ""),
    }
    status = 422 if form.is_bound else 200
    response = page(request, "intake/bulk.html", "intake/_bulk.html", context, status=status)
    if wants_fragment(request):
        response["HX-Retarget"] = "#preview"
        response["HX-Reswap"] = "outerHTML show:none"
    return response


def _none_selected(request: SignedInRequest, came_from: str) -> HttpResponse:
    context = {"next": came_from}
    response = page(request, "intake/bulk_none.html", "intake/_bulk_none.html", context, status=422)
    response["HX-Retarget"] = "#said"
    response["HX-Reswap"] = "innerHTML show:none"
    return response


def _changes(request: SignedInRequest, do: str, data: dict[str, Any]) -> tuple[Change, str]:
    """What is done to each request, and how it is said of several."""
    actor = request.user
    if do == "take":
        mine = my_team(request)

        def take(item: Request, undo: services.Window) -> None:
            team: Team | None = item.team or mine
            if team is None:
                raise services.RequestError("It has no team yet. Route it instead.")
            services.triage_request(
                item=item, actor=actor, team=team, owner=actor, owner_seen=None, undo=undo
            )

        return take, "taken: they are yours."
    if do == "wake":
        return lambda item, undo: services.wake_request(
            item=item, actor=actor
        ), "back in the queue."
    if do == "route":
        return (
            lambda item, undo: services.triage_request(
                item=item,
                actor=actor,
                team=data["team"],
                owner=data["owner"] or item.owner,
                owner_seen=item.owner_id,
                undo=undo,
            ),
            f"routed to {data['team']}.",
        )
    if do == "snooze":
        day = data["until"]
        return (
            lambda item, undo: services.snooze_request(
                item=item, actor=actor, until=data["until"], undo=undo
            ),
            f"snoozed until {day:%A}, {day.day} {day:%B}.",
        )
    if do == "label":
        return (
            lambda item, undo: services.label_request(
                item=item,
                actor=actor,
                labels=[*item.labels, *data["labels"]],
                priority=data["priority"],
                undo=undo,
            ),
            "labelled.",
        )
    return (
        lambda item, undo: services.merge_requests(
            items=[item], into=data["into"], actor=actor, undo=undo
        ),
        f"merged into {data['into'].reference}.",
    )


def _each(
    items: list[Request], change: Change, undo: services.Window
) -> tuple[list[Request], list[tuple[Request, str]]]:
    done, failures = [], []
    for item in items:
        try:
            change(item, undo)
        except (services.RequestError, PermissionDenied) as error:
            failures.append((item, str(error)))
        else:
            done.append(item)
    return done, failures


def _told(failures: list[tuple[Request, str]]) -> list[str]:
    told = [f"{item.reference} was left as it is: {why}" for item, why in failures]
    if len(told) > SHOWN_FAILURES:
        more = len(told) - SHOWN_FAILURES
        told = [*told[:SHOWN_FAILURES], f"{count_of(more, 'other')} were left as they are."]
    return told
