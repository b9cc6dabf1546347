"""Runs, errors and payloads in admin: to read, never to write."""

from django.contrib import admin

from activity.admin import ReadOnlyAdmin
from integrations.models import RawRecord, SourceState, SyncError, SyncRun


@admin.register(SourceState)
class SourceStateAdmin(ReadOnlyAdmin):
    """Where each source stands. The fingerprint of credentials is not shown."""

    list_display = ["source", "watermark_at", "last_success_at", "wait_until_at"]
    exclude = ["refused_credentials"]


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    """What each run did."""

    list_display = ["started_at", "source", "status", "seen", "created", "updated", "failed"]
    list_filter = ["source", "status", "trigger"]
    date_hierarchy = "started_at"


@admin.register(SyncError)
class SyncErrorAdmin(ReadOnlyAdmin):
    """Bad items; the integrations page retries them."""

    list_display = ["last_at", "source", "label", "stage", "message", "attempts", "resolved_at"]
    list_filter = ["source", "stage", ("resolved_at", admin.EmptyFieldListFilter)]
    search_fields = ["label", "=upstream_id"]


@admin.register(RawRecord)
class RawRecordAdmin(ReadOnlyAdmin):
    """Last payloads, as they came."""

    list_display = ["source", "kind", "upstream_id", "received_at"]
    list_filter = ["source", "kind"]
    search_fields = ["=upstream_id"]
    show_full_result_count = False
