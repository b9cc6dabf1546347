"""How the forms do: what people begin, send and leave."""

from django.core.exceptions import PermissionDenied
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.http import SignedInRequest
from accounts.permissions import is_product_ops
from intake import form_stats
from producthub.lib.csv import csv_response


@require_safe
def forms(request: SignedInRequest) -> HttpResponseBase:
    """Begun, sent, became votes, answered and left, per form and by last field."""
    if not is_product_ops(request.user):
        raise PermissionDenied("How the forms do is for Product Ops.")
    since, until = form_stats.period(request.GET.get("from", ""), request.GET.get("to", ""))
    funnels = form_stats.funnels(since, until)
    if request.GET.get("format") == "csv":
        header = ("Form", "Begun", "Sent", "Became votes", "Answered", "Left", "Being written")
        rows = ((f.name, f.begun, f.sent, f.joined, f.answered, f.left, f.writing) for f in funnels)
        return csv_response(f"forms-{since}-{until}", header, rows)
    context = {"funnels": funnels, "since": since, "until": until}
    return render(request, "intake/forms.html", context)
