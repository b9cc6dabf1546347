"""How a person wants to hear, as a form."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils import timezone

from accounts.models import User
from notices.channels import outward_channels
from notices.kinds import Kind, Pace, all_kinds
from notices.models import Preference
from producthub.lib.forms import HubForm

LONGEST_PAUSE_DAYS = 366


class PreferenceForm(HubForm):
    """One radio group a kind, one box a channel, and the pause."""

    def __init__(self, person: User, preference: Preference, data: Any = None) -> None:
        self.today = timezone.localdate(timezone=person.zone)
        initial: dict[str, Any] = {"paused_until": preference.paused_until}
        super().__init__(data, initial=initial)
        self.kinds = all_kinds()
        self.channels = [one for one in outward_channels() if one.is_available(person)]
        for kind in self.kinds:
            self.fields[f"pace_{kind.key}"] = forms.ChoiceField(
                label=kind.name,
                help_text=kind.help,
                choices=Pace.choices,
                widget=forms.RadioSelect,
                initial=preference.paces.get(kind.key, kind.default),
                error_messages={
                    "required": f"Choose how you hear of {kind.name.lower()}.",
                    "invalid_choice": f"Choose how you hear of {kind.name.lower()}.",
                },
            )
        for channel in self.channels:
            self.fields[f"channel_{channel.key}"] = forms.BooleanField(
                label=channel.name,
                help_text=channel.help,
                required=False,
                initial=preference.channels.get(channel.key, channel.is_default),
            )
        self.fields["paused_until"] = forms.DateField(
            label="Hold my mails until",
            help_text="Your first day back. What waited comes as one mail on that day.",
            required=False,
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"class": "in", "type": "date"}),
            error_messages={"invalid": "Enter a date like 2026-12-24."},
        )

    def clean_paused_until(self) -> date | None:
        day: date | None = self.cleaned_data["paused_until"]
        if day is None or day == self.initial["paused_until"]:
            return day  # a pause that ended since is no fault of who saves something else
        if day <= self.today:
            raise forms.ValidationError("Enter a day after today, or leave it empty.")
        if day > self.today + timedelta(days=LONGEST_PAUSE_DAYS):
            raise forms.ValidationError("Enter a day within a year.")
        return day

    @property
    def pace_fields(self) -> list[BoundField]:
        return [self[f"pace_{kind.key}"] for kind in self.kinds]

    @property
    def channel_fields(self) -> list[BoundField]:
        return [self[f"channel_{channel.key}"] for channel in self.channels]

    def chosen(self, preference: Preference) -> dict[str, Any]:
        """What `save_preferences` takes; only kinds and channels that differ from what held."""

        def held(kind: Kind) -> str:
            return preference.paces.get(kind.key, kind.default)

        data = self.cleaned_data
        return {
            "paces": {
                kind.key: data[f"pace_{kind.key}"]
                for kind in self.kinds
                if data[f"pace_{kind.key}"] != held(kind)
            },
            "channels": {
                channel.key: data[f"channel_{channel.key}"]
                for channel in self.channels
                if data[f"channel_{channel.key}"]
                != preference.channels.get(channel.key, channel.is_default)
            },
            "paused_until": data["paused_until"],
        }
