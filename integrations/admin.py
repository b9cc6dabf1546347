"""Runs, errors and payloads in admin: to read, never to write."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from activity.admin import ReadOnlyAdmin
from integrations.models import (
    Delivery,
    FieldRule,
    FieldState,
    IdentityLink,
    InboundMessage,
    ItemLink,
    JiraConnection,
    JiraFieldRole,
    MemberDay,
    RawRecord,
    SlackChannel,
    SourceState,
    StatusRule,
    SyncError,
    SyncRun,
)


@admin.register(SourceState)
class SourceStateAdmin(admin.ModelAdmin):
    """Where each source stands, and the day its token ends, which only people know. The
    fingerprint of credentials is not shown."""

    list_display = ["source", "watermark_at", "last_success_at", "token_expires_on"]
    exclude = ["refused_credentials"]

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> list[str]:
        kept = ("id", "token_expires_on", "refused_credentials")
        return [one.name for one in SourceState._meta.fields if one.name not in kept]

    def save_model(self, request: HttpRequest, obj: SourceState, form: Any, change: bool) -> None:
        # Only this column: a run may have written the others since the form was opened.
        obj.save(update_fields=["token_expires_on"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


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


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """What the hub does in other systems; the integrations page retries and skips."""

    list_display = ["created_at", "source", "action", "subject_label", "state", "attempts"]
    list_filter = ["source", "action", "state"]
    search_fields = ["subject_label", "=key"]
    show_full_result_count = False


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyAdmin):
    """What other systems sent, without its text."""

    list_display = ["received_at", "source", "kind", "subject", "state", "times", "message"]
    list_filter = ["source", "state"]
    exclude = ["body"]
    show_full_result_count = False


@admin.register(IdentityLink)
class IdentityLinkAdmin(ReadOnlyAdmin):
    """Who is who in other systems."""

    list_display = ["name", "source", "email", "person", "is_active", "synced_at"]
    list_filter = ["source", "is_active", ("person", admin.EmptyFieldListFilter)]
    list_select_related = ["person"]
    search_fields = ["name", "email", "=upstream_id"]


@admin.register(StatusRule)
class StatusRuleAdmin(ReadOnlyAdmin):
    """What a status means for requests; kept on the hub's own page, which tries it first."""

    list_display = ["name", "source", "effect"]
    list_filter = ["source", "effect"]
    search_fields = ["name"]


@admin.register(FieldRule)
class FieldRuleAdmin(ReadOnlyAdmin):
    """Who owns a field that both sides have; kept on the hub's own page."""

    list_display = ["field", "source", "owner"]
    list_filter = ["source", "owner"]


@admin.register(FieldState)
class FieldStateAdmin(ReadOnlyAdmin):
    """What both sides say of each shared field, and whether a person is asked."""

    list_display = ["link", "field", "here", "there", "state", "changed_at"]
    list_filter = ["state", "field", "link__source"]
    list_select_related = ["link"]


@admin.register(ItemLink)
class ItemLinkAdmin(ReadOnlyAdmin):
    """Which thing of another system stands for which thing of the hub."""

    list_display = ["label", "source", "kind", "subject_type", "subject_id", "origin", "state"]
    list_filter = ["source", "kind", "origin"]
    search_fields = ["label", "=upstream_id"]


@admin.register(JiraConnection)
class JiraConnectionAdmin(ReadOnlyAdmin):
    """Which issue stands for which entity, as Productboard says."""

    list_display = ["issue_key", "entity_id", "integration_name", "first_seen_at", "gone_at"]
    list_filter = ["integration_name", ("gone_at", admin.EmptyFieldListFilter)]
    search_fields = ["=issue_key", "=issue_id", "=entity_id"]


@admin.register(MemberDay)
class MemberDayAdmin(ReadOnlyAdmin):
    """Who used Productboard or wrote in a channel of Slack when."""

    list_display = ["day", "source", "place", "member_id", "role", "is_active"]
    list_filter = ["source", "is_active", "role"]
    date_hierarchy = "day"


@admin.register(SlackChannel)
class SlackChannelAdmin(ReadOnlyAdmin):
    """Which channels are read; their messages are for those who may read them, not for admins."""

    list_display = ["name", "is_picked", "is_private", "is_joined", "keep_days", "read_at"]
    list_filter = ["is_picked", "is_private", "is_joined"]
    search_fields = ["name", "=channel_id"]


class JiraFieldForm(forms.ModelForm):
    """One of the fields that the site has; none of them lets the hub choose."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "Let the hub choose"), *self.instance.choices()]
        gone = self.instance.field_id
        if gone and gone not in dict(choices):
            choices.append((gone, f"{gone}, which Jira no longer has"))
        field = self.fields["field_id"]
        self.fields["field_id"] = forms.ChoiceField(
            label=field.label, help_text=field.help_text, choices=choices, required=False
        )


@admin.register(JiraFieldRole)
class JiraFieldRoleAdmin(admin.ModelAdmin):
    """Which fields hold sprints, points and epics. The next sync reads all issues with them."""

    form = JiraFieldForm
    list_display = ["role", "field_id", "used", "is_unclear"]
    fields = ["role", "field_id", "used"]
    readonly_fields = ["role", "used"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
