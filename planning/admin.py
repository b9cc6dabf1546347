"""Work and decisions in admin: teams of projects, flow rules and reason codes are ours to change;
work is the tracker's, and decisions are never edited."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from activity.admin import ReadOnlyAdmin
from planning import services
from planning.models import (
    Decision,
    FlowRule,
    ProductEntity,
    ProductField,
    ReasonCode,
    WorkItem,
    WorkProject,
    WorkStatus,
)
from planning.tasks import recompute_flow


class UpstreamOwnedAdmin(admin.ModelAdmin):
    """Rows that come and go with the tracker."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(WorkProject)
class WorkProjectAdmin(UpstreamOwnedAdmin):
    """Which team a project belongs to."""

    list_display = ["key", "name", "team", "source"]
    list_filter = ["team"]
    search_fields = ["key", "name"]
    list_select_related = ["team"]
    fields = ["key", "name", "source", "upstream_id", "team"]
    readonly_fields = ["key", "name", "source", "upstream_id"]

    def save_model(
        self, request: HttpRequest, obj: WorkProject, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        services.assign_team(obj)


@admin.register(WorkStatus)
class WorkStatusAdmin(ReadOnlyAdmin):
    """Statuses as the tracker has them; unmapped ones want a flow rule."""

    list_display = ["name", "upstream_id", "category", "source"]
    list_filter = ["category", "source"]
    search_fields = ["name", "upstream_id"]


@admin.register(FlowRule)
class FlowRuleAdmin(admin.ModelAdmin):
    """Where the clock starts and stops. A change is applied to all history after saving."""

    list_display = ["status", "project", "phase"]
    list_filter = ["phase", "project"]
    list_select_related = ["status", "project"]
    autocomplete_fields = ["status", "project"]

    def save_model(
        self, request: HttpRequest, obj: FlowRule, form: ModelForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        # A rule that left a project concerns that project too, so a change concerns all.
        _recompute_after_commit(None if change else obj)

    def delete_model(self, request: HttpRequest, obj: FlowRule) -> None:
        super().delete_model(request, obj)
        _recompute_after_commit(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[FlowRule]) -> None:
        super().delete_queryset(request, queryset)
        _recompute_after_commit(None)


def _recompute_after_commit(rule: FlowRule | None) -> None:
    key = rule.project.key if rule is not None and rule.project is not None else None

    def enqueue() -> None:
        try:
            recompute_flow.delay(project_key=key)
        except Exception:  # noqa: BLE001  broker clients raise many kinds
            services.recompute_flow(project_key=key)

    transaction.on_commit(enqueue)


@admin.register(WorkItem)
class WorkItemAdmin(ReadOnlyAdmin):
    """To look things up; the tracker is where work is changed."""

    list_display = ["key", "title", "status_name", "phase", "team", "is_history_complete"]
    list_filter = ["phase", "team", "is_history_complete", "project_key"]
    search_fields = ["=key", "title"]
    list_select_related = ["team"]
    exclude = ["search_text"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("search_text")


@admin.register(ReasonCode)
class ReasonCodeAdmin(admin.ModelAdmin):
    """Why requests are declined or put off. One that was used is retired, never deleted."""

    list_display = ["name", "code", "help", "position", "is_active"]
    list_editable = ["position", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name", "code"]
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: ReasonCode | None = None) -> list[str]:
        # Events and exports hold the code.
        return ["code"] if obj is not None else []

    def has_delete_permission(self, request: HttpRequest, obj: ReasonCode | None = None) -> bool:
        # One on the page; the database refuses to delete a used one as well.
        return obj is not None and not obj.decisions.exists()


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    """To look things up, those that were taken back too; the hub's pages are where one decides."""

    list_display = ["reference", "title", "outcome", "reason_code", "team", "decided_by",
                    "decided_at", "withdrawn_at"]  # fmt: skip
    list_filter = ["outcome", "reason_code", "team"]
    search_fields = ["=number", "title"]
    list_select_related = ["reason_code", "team", "decided_by"]
    exclude = ["search_vector"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("search_vector")


@admin.register(ProductEntity)
class ProductEntityAdmin(ReadOnlyAdmin):
    """Productboard's entities, as they are there."""

    list_display = ["name", "type", "status", "health", "upstream_updated_at", "deleted_at"]
    list_filter = ["type", "status", "is_archived", ("deleted_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "=upstream_id"]
    show_full_result_count = False


@admin.register(ProductField)
class ProductFieldAdmin(ReadOnlyAdmin):
    """What stands behind the ids of custom fields."""

    list_display = ["name", "entity_type", "schema", "synced_at"]
    list_filter = ["entity_type"]
    search_fields = ["name", "=upstream_id"]
