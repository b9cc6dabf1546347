"""The trail in admin: to read, never to write."""

from django.contrib import admin
from django.http import HttpRequest

from activity.models import DailyUse, Event, EventDispatch


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that the hub writes and people only read."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["occurred_at", "kind", "subject_label", "actor"]
    list_filter = ["kind"]
    search_fields = ["subject_label"]
    date_hierarchy = "occurred_at"
    list_select_related = ["actor"]
    show_full_result_count = False


@admin.register(EventDispatch)
class EventDispatchAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "handler", "attempts", "done_at", "last_error"]
    list_filter = ["handler", ("done_at", admin.EmptyFieldListFilter)]
    show_full_result_count = False


@admin.register(DailyUse)
class DailyUseAdmin(ReadOnlyAdmin):
    list_display = ["day", "module", "person"]
    list_filter = ["module"]
    date_hierarchy = "day"
    list_select_related = ["person"]
    show_full_result_count = False
