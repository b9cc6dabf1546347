"""Request forms in admin: Product Ops builds them without code; saving publishes."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import Count, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify

from accounts.models import User
from intake import questions, services
from intake.models import FormField, FormVersion, IntakeForm, Request
from intake.services.forms import questions_of

POSITION_STEP = 10


class FieldForm(forms.ModelForm):
    """One question; its key is made from its label where none is given."""

    class Meta:
        model = FormField
        fields = [
            "key", "label", "help", "type", "choices", "is_required", "section", "position",
            "is_active", "show_if", "show_if_values", "maps_to", "jira_field",
        ]  # fmt: skip
        widgets = {
            "label": forms.TextInput(attrs={"size": 60}),
            "help": forms.TextInput(attrs={"size": 60}),
            "choices": forms.Textarea(attrs={"rows": 4, "cols": 40}),
            "show_if_values": forms.Textarea(attrs={"rows": 2, "cols": 40}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "key" in self.fields:
            self.fields["key"].required = False
            self.fields["key"].help_text = (
                "Left empty, it is made from the label. Answers are kept under it, so it never"
                " changes once there are answers."
            )
        if "position" in self.fields:
            self.fields["position"].required = False

    def clean_position(self) -> int:
        return int(self.cleaned_data.get("position") or 0)

    def clean_key(self) -> str:
        key = str(self.cleaned_data.get("key") or "").strip()
        if not key:
            words = slugify(str(self.data.get(self.add_prefix("label"), ""))).replace("-", "_")
            key = (words.lstrip("0123456789_") or "question")[:40].rstrip("_")
        return key


class FieldFormSet(BaseInlineFormSet):
    """The questions together: keys once, conditions that look back, one title."""

    def clean(self) -> None:
        super().clean()
        used = [form for form in self.forms if form.has_changed() or form.instance.pk]
        if any(form.errors for form in used):
            return
        kept = [form for form in used if not form.cleaned_data.get("DELETE")]
        self._number(kept)
        self._keep_keys()
        rows = [form for form in self._in_order(kept) if form.cleaned_data.get("is_active")]
        fields = [
            FormField(**{n: v for n, v in form.cleaned_data.items() if n in _COPIED})
            for form in rows
        ]
        for fault in questions.faults(questions_of(fields)):
            if fault.index is None:
                raise forms.ValidationError(fault.text)
            rows[fault.index].add_error(fault.field or NON_FIELD_ERRORS, fault.text)

    def _number(self, kept: list[Any]) -> None:
        """Rows without a position follow the last one, in the order of the page."""
        last = max((form.cleaned_data.get("position") or 0 for form in kept), default=0)
        for form in kept:
            if not form.cleaned_data.get("position"):
                last += POSITION_STEP
                form.cleaned_data["position"] = form.instance.position = last

    def _in_order(self, kept: list[Any]) -> list[Any]:
        return sorted(kept, key=lambda form: form.cleaned_data["position"])

    def _keep_keys(self) -> None:
        answered = self._answered_keys()
        for form in self.forms:
            before = form.initial.get("key", "")
            if not form.instance.pk or before not in answered:
                continue
            if form.cleaned_data.get("key") != before:
                form.add_error(
                    "key",
                    f"Answers are kept under “{before}”. Keep it; to ask something else, switch"
                    " this question off and add another.",
                )

    def _answered_keys(self) -> set[str]:
        """Keys of questions that somebody may have answered."""
        form = self.instance
        if not form.pk or not Request.objects.filter(form_version__form=form).exists():
            return set()
        return {
            question["key"]
            for stored in form.versions.values_list("questions", flat=True)
            for question in stored
        }


_COPIED = {field.name for field in FormField._meta.concrete_fields} - {"id", "form"}


class FieldInline(admin.StackedInline):
    model = FormField
    form = FieldForm
    formset = FieldFormSet
    extra = 0
    show_change_link = False
    ordering = ("position", "id")
    fieldsets = (
        (None, {"fields": (("position", "is_active", "is_required"), "label", "help")}),
        (None, {"fields": (("type", "maps_to"), "choices")}),
        (
            "Condition, section, key",
            {
                "classes": ("collapse",),
                "fields": (("show_if", "show_if_values"), "section", ("key", "jira_field")),
            },
        ),
    )


class VersionInline(admin.TabularInline):
    """What was asked when; to read."""

    model = FormVersion
    extra = 0
    can_delete = False
    verbose_name_plural = "versions"
    fields = ("number", "created_at", "created_by", "asked", "sent")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[FormVersion]:
        found = super().get_queryset(request).select_related("created_by", "form")
        return found.annotate(sent_count=Count("requests"))

    @admin.display(description="questions")
    def asked(self, version: FormVersion) -> str:
        return ", ".join(question["label"] for question in version.questions)

    @admin.display(description="requests")
    def sent(self, version: Any) -> int:
        return int(version.sent_count)


@admin.register(IntakeForm)
class IntakeFormAdmin(admin.ModelAdmin):
    """Saving publishes: what people get from then on. Requests keep the version they answered."""

    list_display = ("name", "kind", "is_active", "is_open", "questions_now", "position", "preview")
    list_display_links = ("name",)
    list_filter = ("is_active", "kind")
    search_fields = ("name", "summary")
    list_select_related = ("version",)
    prepopulated_fields = {"slug": ("name",)}
    autocomplete_fields = ("team", "owner")
    inlines = (FieldInline, VersionInline)
    actions = ("copy_forms",)
    readonly_fields = ("preview", "open_link")
    fieldsets = (
        (None, {"fields": ("name", "slug", "summary", "intro", "preview")}),
        ("What it makes", {"fields": ("kind", "team", "visibility", "owner")}),
        (
            "What it promises",
            {"fields": (("first_answer_days", "triage_days", "decision_days"),)},
        ),
        ("Who gets it", {"fields": (("is_active", "position"), "is_open", "open_link")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What was sent is read by its versions for ever: a form is switched off instead.
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        sent = obj is not None and Request.objects.filter(form_version__form=obj).exists()
        return (*self.readonly_fields, *(["slug"] if sent else []))

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if "slug" in self.get_readonly_fields(request, obj) else self.prepopulated_fields

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj is not None else (FieldInline,)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """After the questions are stored they are published, in the same transaction."""
        super().save_related(request, form, formsets, change)
        assert isinstance(request.user, User)
        before = form.instance.version_id
        version = services.publish_form(form=form.instance, actor=request.user)
        if version.pk != before:
            text = f"Version {version.number} is out: people get these questions from now on."
            messages.info(request, text)

    @admin.action(description="Copy the selected forms")
    def copy_forms(self, request: HttpRequest, queryset: QuerySet[IntakeForm]) -> None:
        assert isinstance(request.user, User)
        for form in queryset:
            made = services.copy_form(form=form, actor=request.user)
            messages.success(request, f"{made.name} is there, switched off.")

    @admin.display(description="questions")
    def questions_now(self, form: IntakeForm) -> str:
        return str(len(form.version.questions)) if form.version else "none yet"

    @admin.display(description="on its page")
    def preview(self, form: IntakeForm) -> SafeString | str:
        if not form.pk or form.version_id is None:
            return "Save it first."
        return format_html('<a href="{}">Look at it</a>', form.get_absolute_url())

    @admin.display(description="its open link")
    def open_link(self, form: IntakeForm) -> str:
        if not form.is_open:
            return "Comes once it is open and saved."
        return settings.BASE_URL + reverse("intake:open-form", args=[form.open_key])
