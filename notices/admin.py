"""Notices in admin: to see whether somebody was told."""

from django.contrib import admin

from activity.admin import ReadOnlyAdmin
from notices.models import Notice


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "recipient", "title", "read_at", "mailed_at", "mail_error"]
    list_filter = ["kind", ("mailed_at", admin.EmptyFieldListFilter)]
    search_fields = ["recipient__email", "recipient__name", "title"]
    list_select_related = ["recipient"]
    show_full_result_count = False
