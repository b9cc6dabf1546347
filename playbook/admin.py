"""Where Product Ops keeps the tool directory."""

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from playbook.models import Tool
from playbook.services import remove_tool, save_tool


@admin.register(Tool)
class ToolAdmin(admin.ModelAdmin):
    list_display = ["name", "category", "status", "owner", "team", "order"]
    list_filter = ["status", "category", ("team", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["owner", "team"]
    search_fields = ["name", "purpose"]
    autocomplete_fields = ["owner", "team"]
    prepopulated_fields = {"slug": ["name"]}
    fieldsets = [
        (None, {"fields": ["name", "slug", "glyph", "purpose", "url"]}),
        ("People", {"fields": ["owner", "team", "access"]}),
        ("Place in the directory", {"fields": ["category", "status", "order"]}),
    ]

    def save_model(self, request: HttpRequest, obj: Tool, form: ModelForm, change: bool) -> None:
        save_tool(tool=obj, actor=request.user)  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: Tool) -> None:
        remove_tool(tool=obj, actor=request.user)  # type: ignore[arg-type]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Tool]) -> None:
        for tool in queryset:
            remove_tool(tool=tool, actor=request.user)  # type: ignore[arg-type]
