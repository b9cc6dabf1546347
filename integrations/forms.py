"""Forms of the integrations: text in, domain values out."""

import re
from typing import Any

from django import forms

from integrations.models.slack import LONGEST_KEEP_DAYS
from producthub.lib.forms import HubForm

SUMMARY_LENGTH = 255
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,39}-\d{1,12})(?:[/?#].*)?$")


class IssueForm(HubForm):
    """A new issue from a request."""

    summary = forms.CharField(
        label="Summary",
        max_length=SUMMARY_LENGTH,
        error_messages={"required": "Say in one line what is to be done"},
    )
    type = forms.ChoiceField(
        label="Type",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a type", "invalid_choice": "Choose a type"},
    )

    def __init__(self, *args: Any, types: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["type"].choices = types  # type: ignore[attr-defined]


class ChannelForm(HubForm):
    """Whether and for how long a channel of Slack is read."""

    is_picked = forms.BooleanField(label="Read its messages", required=False)
    keep_days = forms.IntegerField(
        label="Keep messages for days",
        min_value=1,
        max_value=LONGEST_KEEP_DAYS,
        help_text="Older ones are deleted every night; a thread goes with its first message.",
        error_messages={"required": "Enter a number of days", "invalid": "Enter a number of days"},
    )
    digest_at = forms.TimeField(
        label="Daily digest at",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="What was asked, decided and delivered, once each working day. Empty for none.",
        error_messages={"invalid": "Enter a time like 09:00"},
    )


class LinkForm(HubForm):
    """An issue that is there, by its key or its address."""

    key = forms.CharField(
        label="Key or address of the issue",
        max_length=500,
        help_text="Like PLT-142.",
        error_messages={"required": "Enter a key like PLT-142"},
    )

    def clean_key(self) -> str:
        typed = self.cleaned_data["key"].strip()
        found = _KEY.match(typed.rsplit("/browse/", 1)[-1])
        if found is None:
            raise forms.ValidationError("Enter a key like PLT-142")
        return found[1].upper()
