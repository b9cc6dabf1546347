"""Requests that come in a file: choose, map, try, bring in, take back."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.permissions import is_product_ops, require
from intake.importing import DATE_ORDERS, MAX_BYTES, TARGETS
from intake.models import ImportRow, ImportRun
from intake.services import importing
from intake.views.acting import PAGE_SIZE, said_and_gone
from producthub.lib.csv import csv_response
from producthub.lib.forms import HubForm
from producthub.lib.htmx import page, see_other

SHOWN = {
    "faulty": "Need a change",
    "lost": "Not all taken over",
    "new": "New",
    "changed": "Changed",
}


class UploadForm(HubForm):
    """A file and where it comes from."""

    system = forms.CharField(
        label="Where does it come from?",
        help_text="The same name each time, like airtable: ids of rows belong to it.",
        max_length=40,
        error_messages={"required": "Name the system, like airtable"},
    )
    file = forms.FileField(
        label="CSV file",
        help_text="With a header line; at most 20 MB.",
        error_messages={
            "required": "Choose the file again: a browser does not keep it",
            "empty": "The file is empty. Export it again and choose the new file",
        },
    )

    def clean_file(self) -> Any:
        held = self.cleaned_data["file"]
        if held.size > MAX_BYTES:
            raise forms.ValidationError("The file is larger than 20 MB. Split it in parts")
        return held


class MappingForm(HubForm):
    """Which column fills what."""

    date_order = forms.ChoiceField(label="Order of dates", choices=list(DATE_ORDERS.items()))

    def __init__(self, run: ImportRun, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = [("", "Leave empty"), *((name, name) for name in run.columns)]
        for target in TARGETS:
            self.fields[target.key] = forms.ChoiceField(
                label=target.label,
                help_text=target.help,
                choices=columns,
                required=target.is_required,
                widget=forms.Select(attrs={"class": "in"}),
                error_messages={
                    "required": "Choose its column",
                    "invalid_choice": "Choose a column of the file",
                },
            )
        self.order_fields([*(target.key for target in TARGETS), "date_order"])


def _require(request: SignedInRequest) -> None:
    require(is_product_ops(request.user), "Product Ops brings requests in.")


@require_http_methods(["GET", "HEAD", "POST"])
def import_new(request: SignedInRequest) -> HttpResponse:
    """Choose a file; earlier ones are listed below."""
    _require(request)
    form = UploadForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                run = importing.start_import(
                    upload=form.cleaned_data["file"],
                    system=form.cleaned_data["system"],
                    actor=request.user,
                )
            except importing.ImportRefused as error:
                form.add_error("file", str(error))
            else:
                return see_other(reverse("intake:import", args=[run.pk]))
    runs = Paginator(ImportRun.objects.select_related("created_by"), PAGE_SIZE)
    context = {"form": form, "page": runs.get_page(request.GET.get("page"))}
    return page(
        request, "intake/import_new.html", "intake/_import_new.html", context, status=status
    )


@require_safe
def import_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    """One file: its columns, what trying found, how far it is, what became of each row."""
    _require(request)
    run = get_object_or_404(ImportRun.objects.select_related("created_by"), pk=pk)
    initial = {**run.mapping, "date_order": run.dialect.get("date_order", "dmy")}
    return _show(request, run, MappingForm(run, initial=initial))


@require_POST
def import_act(request: SignedInRequest, pk: int) -> HttpResponse:
    """Try it, bring it in, or take it back."""
    _require(request)
    run = get_object_or_404(ImportRun, pk=pk)
    here = reverse("intake:import", args=[run.pk])
    form = MappingForm(run, request.POST if request.POST.get("do") == "try" else None)
    try:
        match request.POST.get("do"):
            case "try":
                if not form.is_valid():
                    return _show(request, run, form, status=422)
                data = dict(form.cleaned_data)
                order = data.pop("date_order")
                importing.try_import(run=run, actor=request.user, mapping=data, date_order=order)
                return see_other(here)
            case "bring":
                importing.confirm_import(run=run, actor=request.user)
                return said_and_gone(request, "The requests are being brought in.", to=here)
            case "undo":
                importing.undo_import(run=run, actor=request.user)
                return said_and_gone(request, "The requests are being taken back.", to=here)
    except importing.ImportRefused as error:
        bound = MappingForm(run, {**run.mapping, **request.POST.dict()})
        bound.add_error(None, str(error))
        return _show(request, run, bound, status=409)
    return see_other(here)


@require_safe
def import_report(request: SignedInRequest, pk: int) -> StreamingHttpResponse:
    """What became of each row, and what was lost, as CSV."""
    _require(request)
    run = get_object_or_404(ImportRun, pk=pk)
    lines = run.lines.select_related("request").iterator(chunk_size=2000)
    header = ["line", "id", "result", "request", "to change", "not taken over"]
    return csv_response(f"import-{run.pk}", header, map(_report_line, lines))


def _report_line(line: ImportRow) -> list[Any]:
    return [
        line.number,
        line.source_ref,
        line.get_result_display(),
        line.request.reference if line.request else "",
        _joined(line.faults),
        _joined(line.lost),
    ]


def _joined(said: Iterable[dict[str, str]]) -> str:
    return "; ".join(": ".join(filter(None, (one["column"], one["text"]))) for one in said)


def _show(
    request: SignedInRequest, run: ImportRun, form: MappingForm, *, status: int = 200
) -> HttpResponse:
    chosen = request.GET.get("show", "")
    lines = run.lines.select_related("request").order_by("number")
    if chosen == "lost":
        lines = lines.exclude(lost=[])
    elif chosen in SHOWN:
        lines = lines.filter(result=chosen)
    else:
        chosen = ""
    shown = Paginator(lines, PAGE_SIZE).get_page(request.GET.get("page"))
    counts = {key: run.counts.get(key, 0) for key in (*SHOWN, "same", "kept")}
    context = {
        "run": run,
        "form": form,
        "page": shown,
        "counts": counts,
        "good": counts["new"] + counts["changed"],
        "tabs": [(key, word, counts[key]) for key, word in SHOWN.items()],
        "chosen": chosen,
        "base": f"show={chosen}&" if chosen else "",
        "fields": [form[target.key] for target in TARGETS],
    }
    return page(request, "intake/import.html", "intake/_import.html", context, status=status)
