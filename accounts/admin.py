"""Accounts in admin. Changes go through the services, so that each leaves an event."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialApp, SocialToken
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts import calendars, services
from accounts.models import (
    ROLES_WITH_ACCOUNT,
    Audience,
    GroupMapping,
    Holiday,
    Membership,
    Role,
    Team,
    User,
    WorkCalendar,
)
from accounts.permissions import is_admin
from producthub.lib.periods import MONDAY_TO_FRIDAY, weekdays_in_words
from producthub.lib.tags import count_of

# Roles stand in for permission groups, the environment for single sign-on's settings, and a
# person's own address for allauth's table of addresses.
for unused in (Group, EmailAddress, SocialApp, SocialToken):
    if admin.site.is_registered(unused):
        admin.site.unregister(unused)


class NewUserForm(BaseUserCreationForm):
    """A new person; without a password they come in by single sign-on or a reset mail."""

    class Meta:
        model = User
        fields = ("email", "name", "role", "job_title", "department", "time_zone")

    role = forms.ChoiceField(choices=ROLES_WITH_ACCOUNT, initial=Role.STAKEHOLDER)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("password1", "password2"):
            self.fields[name].required = False

    def clean_email(self) -> str:
        address = str(self.cleaned_data["email"]).strip().lower()
        if User.objects.filter(email=address, role=Role.GUEST).exists():
            raise ValidationError(
                "This is a guest’s address. Choose Guest in the filter of the list, open the"
                " person and give them a role."
            )
        return address


class EditUserForm(UserChangeForm):
    """Refuses, with the sentence of the service, what the service would refuse."""

    class Meta:
        model = User
        fields = "__all__"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        was_guest = self.initial.get("role") == Role.GUEST
        if data.get("role") == Role.GUEST and not was_guest:
            self.add_error("role", services.NotAGuest())
        stays = data.get("role", Role.ADMIN) == Role.ADMIN and data.get("is_active", True)
        if not stays and services.is_last_admin(self.instance):
            raise services.LastAdmin
        return data

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


class MembershipInline(admin.TabularInline):
    """A person's teams, to read; they change on their own page, each with an event."""

    model = Membership
    extra = 0
    can_delete = False
    fields = ["team", "duty", "from_on", "to_on", "from_directory"]
    readonly_fields = ["team", "duty", "from_on", "to_on", "from_directory"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("team", "user")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RoleFilter(admin.SimpleListFilter):
    """By role. Guests stand in the list only where they are asked for."""

    title = "role"
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return Role.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        if self.value() in Role.values:
            return queryset.filter(role=self.value())
        return queryset.exclude(role=Role.GUEST)

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        return [{**first, "display": "All but guests"}, *others]


@admin.register(User)
class PersonAdmin(UserAdmin):
    """People. Nobody is deleted: leavers are deactivated, and anonymised when asked."""

    add_form = NewUserForm
    form = EditUserForm
    ordering = ["name"]
    list_display = ["name", "email", "role", "department", "is_active", "last_login"]
    list_filter = [RoleFilter, "is_active", "department", "audiences"]
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["name", "email", "job_title"]
    filter_horizontal = []
    readonly_fields = ["last_login", "joined_at", "role_from_directory"]
    inlines = [MembershipInline]
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        ("Work", {"fields": ["job_title", "department", "time_zone"]}),
        ("Rights", {"fields": ["role", "role_from_directory", "is_active"]}),
        ("Dates", {"fields": ["joined_at", "last_login"]}),
    ]
    add_fieldsets = [
        (
            None,
            {
                "fields": ["email", "name", "role", "job_title", "department", "time_zone"],
                "description": "Without a password the person comes in by single sign-on, or"
                " chooses one through “Forgot your password?” on the sign-in page.",
            },
        ),
        ("Password", {"fields": ["password1", "password2"]}),
    ]
    actions = ["deactivate_people", "reactivate_people", "anonymise_people"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and match.url_name == "autocomplete":
            # A guest is nobody's lead, owner, member or reader.
            return people.exclude(role=Role.GUEST)
        return people

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = list(super().get_readonly_fields(request, obj))
        if obj is not None and obj.pk == request.user.pk:
            fields += ["role", "is_active"]  # nobody lifts or locks out themselves
        return fields

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Role and activity through the services; what they refuse reaches the person."""
        actor = request.user
        assert isinstance(actor, User)
        if not change:
            made = services.create_user(
                email=obj.email,
                name=obj.name,
                role=obj.role,
                password=form.cleaned_data.get("password1") or None,
                actor=actor,
                job_title=obj.job_title,
                department=obj.department,
                time_zone=obj.time_zone,
            )
            obj.pk, obj.password, obj._state.adding = made.pk, made.password, False
            return
        wanted_role, wanted_active = obj.role, obj.is_active
        stored = User.objects.get(pk=obj.pk)
        services.update_details(
            user=stored,
            actor=actor,
            **{
                name: form.cleaned_data[name]
                for name in services.DETAILS
                if name in form.cleaned_data
            },
        )
        try:
            if wanted_role != stored.role:
                services.change_role(user=stored, role=wanted_role, actor=actor)
            if wanted_active != stored.is_active:
                turn = services.reactivate if wanted_active else services.deactivate
                turn(user=stored, actor=actor)
        except (ValidationError, PermissionDenied) as error:
            self._say(request, error)
        obj.refresh_from_db()

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.save(commit=False)

    def _say(self, request: HttpRequest, error: Exception) -> None:
        text = error.messages[0] if isinstance(error, ValidationError) else str(error)
        self.message_user(request, text, messages.ERROR)

    def _each(self, request: HttpRequest, queryset: QuerySet[User], service: Any) -> None:
        actor = request.user
        if not is_admin(actor):
            raise PermissionDenied("Only admins change accounts.")
        done = 0
        for person in queryset:
            try:
                service(user=person, actor=actor)
                done += 1
            except (ValidationError, PermissionDenied) as error:
                self._say(request, error)
        if done:
            self.message_user(request, f"Done for {done}.", messages.SUCCESS)

    @admin.action(description="Deactivate: a leaver", permissions=["change"])
    def deactivate_people(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._each(request, queryset, services.deactivate)

    @admin.action(description="Reactivate", permissions=["change"])
    def reactivate_people(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._each(request, queryset, services.reactivate)

    @admin.action(description="Anonymise: erase name and mail for good", permissions=["change"])
    def anonymise_people(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._each(request, queryset, services.anonymise)


class WorkCalendarForm(forms.ModelForm):
    """Weekdays to tick; the country's holidays must be known."""

    weekdays = forms.TypedMultipleChoiceField(
        choices=WorkCalendar.WEEKDAYS,
        coerce=int,
        initial=MONDAY_TO_FRIDAY,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose a weekday."},
    )

    class Meta:
        model = WorkCalendar
        fields = ["name", "opens_hour", "closes_hour", "weekdays", "country", "region"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name in ("country", "region"):
            data[name] = str(data.get(name) or "").strip().upper()
        calendars.check_place(data["country"], data["region"])
        return data


class HolidayInline(admin.TabularInline):
    model = Holiday
    extra = 1


@admin.register(WorkCalendar)
class WorkCalendarAdmin(admin.ModelAdmin):
    """Working hours and holidays. Teams choose theirs; the company's counts for the others."""

    form = WorkCalendarForm
    inlines = [HolidayInline]
    list_display = ["name", "hours", "days", "country", "region", "holiday_count", "is_default"]
    search_fields = ["name", "country"]
    actions = ["add_public_holidays", "make_default"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkCalendar]:
        return super().get_queryset(request).annotate(holiday_number=Count("holidays"))

    @admin.display(description="Hours")
    def hours(self, obj: WorkCalendar) -> str:
        return f"{obj.opens_hour} to {obj.closes_hour}"

    @admin.display(description="Weekdays")
    def days(self, obj: WorkCalendar) -> str:
        return weekdays_in_words(obj.weekdays)

    @admin.display(description="Holidays", ordering="holiday_number")
    def holiday_count(self, obj: Any) -> int:
        return int(obj.holiday_number)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Teams without a calendar of their own would lose their hours.
        return super().has_delete_permission(request, obj) and not (obj and obj.is_default)

    def get_actions(self, request: HttpRequest) -> Any:
        # One by one, where it is said which teams have it.
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        return found

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        fields = set(form.changed_data)
        if any(formset.has_changed() for formset in formsets):
            fields.add("holidays")
        if fields:
            assert isinstance(request.user, User)
            calendars.note_change(calendar=form.instance, fields=fields, actor=request.user)

    def delete_model(self, request: HttpRequest, obj: WorkCalendar) -> None:
        assert isinstance(request.user, User)
        calendars.note_change(calendar=obj, fields=["deleted"], actor=request.user)
        super().delete_model(request, obj)

    @admin.action(
        description="Add the public holidays of this and next year", permissions=["change"]
    )
    def add_public_holidays(self, request: HttpRequest, queryset: QuerySet[WorkCalendar]) -> None:
        assert isinstance(request.user, User)
        year = timezone.localdate().year
        for calendar in queryset:
            try:
                added = calendars.add_public_holidays(
                    calendar=calendar, years=(year, year + 1), actor=request.user
                )
            except ValidationError as error:
                self.message_user(request, error.messages[0], messages.ERROR)
            else:
                text = f"“{calendar}”: {count_of(added, 'holiday')} added."
                self.message_user(request, text, messages.SUCCESS)

    @admin.action(description="Make it the company's calendar", permissions=["change"])
    def make_default(self, request: HttpRequest, queryset: QuerySet[WorkCalendar]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one calendar.", messages.ERROR)
            return
        assert isinstance(request.user, User)
        calendars.make_default(calendar=chosen[0], actor=request.user)
        self.message_user(
            request, f"“{chosen[0]}” is the company's calendar now.", messages.SUCCESS
        )


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    """Teams. They are closed, not deleted: requests and numbers point at them."""

    list_display = ["name", "lead", "channel", "takes_requests", "is_active"]
    list_filter = ["is_active", "takes_requests"]
    list_select_related = ["lead"]
    search_fields = ["name", "mission", "channel"]
    autocomplete_fields = ["lead"]
    prepopulated_fields = {"slug": ["name"]}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembershipForm(forms.ModelForm):
    """Says beside the fields what the service would refuse."""

    class Meta:
        model = Membership
        fields = ["user", "team", "duty", "from_on", "to_on"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        user, team, day = data.get("user"), data.get("team"), data.get("from_on")
        if self.instance.pk is None and user and team and day:
            if services.is_member_from(user, team, day):
                raise services.AlreadyMember
        held, end = self.instance, self.initial.get("to_on")
        if held.pk and end and not data.get("to_on"):
            if services.is_member_from(held.user, held.team, end):
                raise services.AlreadyMember
        return data


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    """Who is where. Ended by a date, never deleted."""

    form = MembershipForm
    list_display = ["user", "team", "duty", "from_on", "to_on", "from_directory"]
    list_filter = ["team", "duty", "from_directory", ("to_on", admin.EmptyFieldListFilter)]
    list_select_related = ["user", "team"]
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["user__name", "user__email", "team__name"]
    autocomplete_fields = ["user", "team"]
    date_hierarchy = "from_on"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Whoever moves gets a new row; only duty and end of one that exists change.
        return ["user", "team", "from_on", "from_directory"] if obj else []

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        actor = request.user
        assert isinstance(actor, User)
        if not change:
            made = services.open_membership(
                user=obj.user, team=obj.team, duty=obj.duty, on=obj.from_on, actor=actor
            )
            if obj.to_on:
                services.close_membership(membership=made, on=obj.to_on, actor=actor)
            obj.pk, obj._state.adding = made.pk, False
            return
        if "duty" in form.changed_data:
            services.change_duty(membership=obj, duty=obj.duty, actor=actor)
        if "to_on" in form.changed_data:
            stored = Membership.objects.get(pk=obj.pk)
            if obj.to_on:
                services.close_membership(membership=stored, on=obj.to_on, actor=actor)
            else:
                services.reopen_membership(membership=stored, actor=actor)


class AudienceForm(forms.ModelForm):
    """Members are saved by the admin class below, through the service."""

    class Meta:
        model = Audience
        fields = ["key", "name", "members"]


@admin.register(Audience)
class AudienceAdmin(admin.ModelAdmin):
    """Groups of readers. Those that a directory group maps to follow the directory."""

    form = AudienceForm
    list_display = ["name", "key"]
    search_fields = ["name", "key"]
    autocomplete_fields = ["members"]
    prepopulated_fields = {"key": ["name"]}

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        actor = request.user
        assert isinstance(actor, User)
        services.set_audience_members(
            audience=form.instance, users=form.cleaned_data["members"], actor=actor
        )


@admin.register(GroupMapping)
class GroupMappingAdmin(admin.ModelAdmin):
    """What the groups of single sign-on mean here; takes hold at a person's next sign-in."""

    list_display = ["group", "role", "team", "audience"]
    list_filter = ["role", "team", "audience"]
    list_select_related = ["team", "audience"]
    search_fields = ["group"]
    autocomplete_fields = ["team", "audience"]
