"""Figures and the spans they rest on: to read, never to write."""

from django.contrib import admin

from activity.admin import ReadOnlyAdmin
from metrics.models import Figure, FillState, Span


@admin.register(Span)
class SpanAdmin(ReadOnlyAdmin):
    list_display = ["reference", "key", "team", "started_at", "ended_at", "working_seconds"]
    list_filter = ["key", "team", ("ended_at", admin.EmptyFieldListFilter)]
    search_fields = ["reference"]
    list_select_related = ["team"]
    show_full_result_count = False


@admin.register(Figure)
class FigureAdmin(ReadOnlyAdmin):
    list_display = ["key", "team", "period", "value", "n_decided", "n_open", "as_of"]
    list_filter = ["key", "team"]
    list_select_related = ["team"]


@admin.register(FillState)
class FillStateAdmin(ReadOnlyAdmin):
    list_display = ["key", "tx", "as_of"]
