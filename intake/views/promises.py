"""What was promised and kept, for everyone; who has heard nothing, for PMs."""

from collections import defaultdict

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.http import SignedInRequest
from accounts.models import Role, User
from intake import records
from intake.models import IntakeForm
from intake.permissions import can_triage
from intake.services.promises import HEARD_CEILING_DAYS
from intake.views.acting import PAGE_SIZE, require_pm
from notices.selectors import pings_by_week
from producthub.lib.csv import csv_response


@require_safe
def promises(request: SignedInRequest) -> HttpResponse:
    """Each form's promises beside how they were kept, this quarter or an earlier one."""
    today = timezone.localdate()
    spans = [records.quarter(today, back) for back in range(4)]
    chosen = next((s for s in spans if s.key == request.GET.get("span")), spans[0])
    rows = records.promise_record(chosen.start, chosen.end)
    by_form: dict[str, list[records.Kept]] = defaultdict(list)
    for row in rows:
        by_form[row.form].append(row)
    forms = IntakeForm.objects.filter(is_active=True)
    context = {
        "forms": forms,
        "house": records.house_promises(),
        "spans": spans,
        "chosen": chosen,
        "by_form": dict(by_form),
        "totals": records.totals(rows),
        "ceiling": HEARD_CEILING_DAYS,
        "pings": pings_by_week(User.objects.filter(role=Role.PM, is_active=True))
        if can_triage(request.user)
        else None,
    }
    return render(request, "intake/promises.html", context)


@require_safe
def quiet(request: SignedInRequest) -> HttpResponseBase:
    """Everybody past the ceiling of silence, longest first; as CSV with `?format=csv`."""
    require_pm(request)
    found = records.unheard(request.user)
    if request.GET.get("format") == "csv":
        header = ["request", "title", "person", "mail address", "days", "last heard", "owner"]
        rows = (
            [
                one.item.reference,
                one.item.title,
                one.person.name,
                one.person.email,
                one.days,
                one.since,
                one.item.owner.name if one.item.owner else "",
            ]
            for one in found
        )
        return csv_response("not-heard", header, rows)
    shown = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": shown, "found": len(found), "ceiling": HEARD_CEILING_DAYS}
    return render(request, "intake/quiet.html", context)
