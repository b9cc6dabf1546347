"""Requests in admin: to find and read; changes of state go through the hub's pages."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from activity.admin import ReadOnlyAdmin
from intake import form_admin  # noqa: F401  registers the request forms
from intake.models import Comment, Request, RoutingRule


@admin.register(Request)
class RequestAdmin(admin.ModelAdmin):
    """Wording, area and visibility can be mended here; the state follows the services alone."""

    list_display = ["reference", "title", "kind", "status", "team", "requester", "owner"]
    list_filter = ["status", "kind", "team", "visibility"]
    search_fields = ["=number", "title"]
    list_select_related = ["team", "requester", "owner"]
    show_full_result_count = False
    fields = [
        "number",
        "title",
        "problem",
        "kind",
        "team",
        "visibility",
        "evidence_url",
        "needed_on",
        "requester",
        "owner",
        "status",
        "outcome",
        "submitted_at",
        "due_at",
    ]
    readonly_fields = [
        "number",
        "requester",
        "owner",
        "status",
        "outcome",
        "submitted_at",
        "due_at",
    ]
    autocomplete_fields = ["team"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "request", "author", "kind"]
    list_filter = ["kind"]
    search_fields = ["=request__number"]
    list_select_related = ["request", "author"]
    show_full_result_count = False


@admin.register(RoutingRule)
class RoutingRuleAdmin(ReadOnlyAdmin):
    """Rules to find and read; they are changed on their own pages, after a trial."""

    list_display = ["position", "name", "is_active", "to_team", "to_owner", "changed_at"]
    list_filter = ["is_active", "to_team"]
    search_fields = ["name", "words"]
    list_select_related = ["to_team", "to_owner"]
    ordering = ["position"]

    def view_on_site(self, obj: RoutingRule) -> str:
        return reverse("intake:rule", args=[obj.pk])
