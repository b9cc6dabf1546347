"""Notices in admin: to see whether somebody was told, and to try again."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from activity.admin import ReadOnlyAdmin
from notices import services
from notices.models import Delivery, Digest, Notice, Preference


class DeliveryInline(admin.TabularInline):
    model = Delivery
    fields = ("channel", "in_digest", "status", "due_at", "sent_at", "attempts", "error")
    readonly_fields = ("channel", "in_digest", "status", "due_at", "sent_at", "attempts", "error")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ["release_at", "recipient", "title", "channel_kind", "is_action", "read_at"]
    list_filter = ["channel_kind", "kind", "is_action"]
    search_fields = ["recipient__email", "recipient__name", "title", "subject_label"]
    list_select_related = ["recipient"]
    inlines = [DeliveryInline]
    show_full_result_count = False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = [
        "due_at", "recipient", "notice", "channel", "in_digest", "status", "sent_at", "attempts",
        "error",
    ]  # fmt: skip
    list_filter = ["status", "channel", "in_digest"]
    search_fields = ["notice__recipient__email", "notice__recipient__name", "notice__title"]
    list_select_related = ["notice__recipient"]
    show_full_result_count = False
    actions = ["send_again"]

    @admin.display(ordering="notice__recipient__name")
    def recipient(self, delivery: Delivery) -> str:
        return str(delivery.notice.recipient)

    @admin.action(description="Send again what failed", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        count = services.send_again(delivery_ids=queryset.values_list("pk", flat=True))
        messages.success(request, f"{count} will be tried again within a minute.")

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notices.change_delivery")


@admin.register(Digest)
class DigestAdmin(ReadOnlyAdmin):
    list_display = ["on", "recipient", "status", "sent_at", "attempts", "error"]
    list_filter = ["status"]
    search_fields = ["recipient__email", "recipient__name"]
    date_hierarchy = "on"
    list_select_related = ["recipient"]
    show_full_result_count = False


@admin.register(Preference)
class PreferenceAdmin(ReadOnlyAdmin):
    list_display = ["person", "paces", "channels", "paused_until"]
    search_fields = ["person__email", "person__name"]
    list_select_related = ["person"]
