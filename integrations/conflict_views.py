"""Both sides changed: shown side by side, for a product manager to choose."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.permissions import is_pm, is_product_ops, require
from intake.models import Request
from intake.services import RequestError
from integrations import coming_back, shared_fields
from integrations.models import FieldState, SharedField, Source
from producthub.lib.htmx import see_other

PMS_ONLY = "Conflicts are for product managers and Product Ops."


@require_safe
def conflicts(request: SignedInRequest) -> HttpResponse:
    """All that waits for a choice; a fixed number of queries, however many."""
    require(is_pm(request.user), PMS_ONLY)
    rows = shared_fields.conflicts(request.user)
    pairs = [(row.field, value) for row in rows for value in (row.here, row.there)]
    people = shared_fields.people_in(pairs)
    # Few, and each costs one query: only of requests whose status is in dispute.
    counterparts = {
        (row.link.source, row.item.pk): coming_back.counterpart(  # type: ignore[attr-defined]
            Source(row.link.source),
            row.item,  # type: ignore[attr-defined]
        )
        for row in rows
        if row.field == SharedField.STATUS
    }
    context = {
        "rows": [
            {
                "row": row,
                "item": row.item,  # type: ignore[attr-defined]
                "here": shared_fields.shown(row.field, row.here, people),
                "there": shared_fields.shown(row.field, row.there, people),
                "is_status": row.field == SharedField.STATUS,
                "counterpart": counterparts.get((row.link.source, row.item.pk)),  # type: ignore[attr-defined]
            }
            for row in rows
        ],
        "is_ops": is_product_ops(request.user),
    }
    return render(request, "integrations/conflicts.html", context)


@require_POST
def settle(request: SignedInRequest, pk: int) -> HttpResponse:
    """Let one side stand on both."""
    require(is_pm(request.user), PMS_ONLY)
    seen = Request.objects.visible_to(request.user).values("pk")
    rows = FieldState.objects.select_related("link").filter(link__subject_id__in=seen)
    row = get_object_or_404(rows, pk=pk)
    side = request.POST.get("side", "")
    side = side if side in ("there", "send") else "here"
    try:
        shared_fields.settle(row=row, side=side, actor=request.user)
    except (shared_fields.AlreadySettled, RequestError) as why:
        messages.error(request, str(why))
    else:
        where = row.link.get_source_display()
        said = {
            ("status", "here"): "It stays as it is here.",
            ("status", "send"): f"It stays as it is here, and is moved in {where}.",
            ("", "here"): f"The hub’s value goes to {where}.",
            ("", "there"): f"{where}’s value stands here now.",
        }
        key = ("status" if row.field == SharedField.STATUS else "", side)
        messages.success(request, said.get(key, "It is settled."))
    return see_other(reverse("integrations:conflicts"))
