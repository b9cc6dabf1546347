"""Where Product Ops writes pages and keeps the tool directory."""

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html

from playbook.models import Article, Tool
from playbook.services import remove_tool, save_article, save_tool


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


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin):
    """Pages. They are withdrawn, not deleted: answers that were offered point at them."""

    list_display = ["title", "is_published", "visible_to", "author", "updated_at", "page"]
    list_filter = ["is_published", "visible_to"]
    list_select_related = ["author"]
    search_fields = ["title", "body"]
    autocomplete_fields = ["author"]
    prepopulated_fields = {"slug": ["title"]}
    readonly_fields = ["page", "updated_at"]
    view_on_site = False  # the link below shows drafts, too
    fieldsets = [
        (None, {"fields": ["title", "slug", "body"]}),
        (
            "Readers",
            {
                "fields": ["is_published", "visible_to", "author", "page", "updated_at"],
                "description": "Save as a draft and open the page to see how it reads. Published"
                " pages are found by search and offered as answers to those they are for.",
            },
        ),
    ]

    @admin.display(description="page")
    def page(self, article: Article) -> str:
        if article.pk is None:
            return "Save first, then open it here."
        word = "Open the page" if article.is_published else "Preview the draft"
        return format_html('<a href="{}">{}</a>', article.get_absolute_url(), word)

    def save_model(self, request: HttpRequest, obj: Article, form: ModelForm, change: bool) -> None:
        save_article(article=obj, actor=request.user)  # type: ignore[arg-type]

    def has_delete_permission(self, request: HttpRequest, obj: Article | None = None) -> bool:
        return False
