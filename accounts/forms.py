"""Sign-in and the own account."""

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from allauth.account.forms import LoginForm, ResetPasswordForm
from django import forms
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.models import User, check_time_zone


class SignInForm(LoginForm):
    """allauth's, with the errors beside the field that the reader has to change."""

    too_many_tries = False

    def clean(self) -> Any:
        try:
            return super().clean()
        except forms.ValidationError as error:
            self.too_many_tries = error.code == "too_many_login_attempts"
            self.add_error("password", error)
            return self.cleaned_data


class NewPasswordForm(ResetPasswordForm):
    """allauth's; guests get no mail, as if nobody had the address."""

    def clean_email(self) -> str:
        address: str = super().clean_email()
        found: list[User] = self.users  # type: ignore[has-type]  # allauth has no types
        self.users = [user for user in found if not user.is_guest]
        return address


THEME_CHOICES = [("", "As my device"), ("light", "Light"), ("dark", "Dark")]


class AccountForm(forms.Form):
    """What people keep about themselves; the rest comes from the directory or an admin."""

    name = forms.CharField(
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Enter your name as colleagues know it."},
    )
    time_zone = forms.CharField(
        max_length=64,
        help_text="Dates and promises are shown in it, for example Europe/Lisbon.",
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"}),
        error_messages={"required": "Enter a time zone like Europe/Lisbon."},
        validators=[check_time_zone],
    )
    theme = forms.ChoiceField(
        label="Colours", choices=THEME_CHOICES, required=False, widget=forms.RadioSelect
    )

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())


@cache
def time_zone_options() -> SafeString:
    """Zones of places for the list beside the field; old aliases still pass when typed.

    Rendered once: some four hundred that never change.
    """
    names = sorted(zone for zone in available_timezones() if "/" in zone and "Etc/" not in zone)
    return format_html_join("", '<option value="{}"></option>', ((name,) for name in names))
