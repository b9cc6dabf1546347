"""Forms of the queue: text in, domain values out."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from accounts.models import User
from intake import pairs
from intake.forms import RouteFields
from intake.models import VIEW_NAME_LENGTH, Priority, Request
from producthub.lib.forms import HubForm

MORNING_HOUR = 9
LABEL_LENGTH = 40


class SnoozeForm(HubForm):
    """Until when a request is out of sight: tomorrow, Monday or a day, at nine."""

    until = forms.ChoiceField(
        label="Show it again",
        choices=[("tomorrow", "Tomorrow"), ("monday", "On Monday"), ("date", "On a day")],
        initial="tomorrow",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose when", "invalid_choice": "Choose when"},
    )
    on = forms.DateField(
        label="Day",
        required=False,
        widget=forms.DateInput,
        error_messages={"invalid": "Enter a date like 2027-03-31"},
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_snooze_%s")
        super().__init__(*args, **kwargs)
        self.zone = zone
        self.fields["on"].widget.attrs["class"] = "in sm"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        today = timezone.localdate(timezone=self.zone)
        kind = data.get("until")
        # A day that is typed is meant, whatever the choice above it says.
        if data.get("on") is not None:
            kind = "date"
        if kind == "date" and data.get("on") is None and "on" not in self.errors:
            self.add_error("on", "Choose the day")
        if kind == "date" and data.get("on") is not None and data["on"] <= today:
            self.add_error("on", "Enter a date after today")
        if self.errors:
            return data
        day = {
            "tomorrow": today + timedelta(days=1),
            "monday": today + timedelta(days=7 - today.weekday()),
            "date": data["on"],
        }[kind or "tomorrow"]
        return {"until": datetime.combine(day, time(MORNING_HOUR), tzinfo=self.zone)}

    @property
    def options(self) -> list[tuple[str, str, bool]]:
        """(value, word with its day, is chosen) for the choices that name a day."""
        today = timezone.localdate(timezone=self.zone)
        monday = today + timedelta(days=7 - today.weekday())
        tomorrow = today + timedelta(days=1)
        chosen = self["until"].value()
        found = [("tomorrow", f"Tomorrow, {tomorrow:%A}", chosen == "tomorrow")]
        if monday != tomorrow:
            found.append(("monday", f"On Monday, {monday.day} {monday:%B}", chosen == "monday"))
        return [*found, ("date", "On another day", chosen == "date")]


class LabelForm(HubForm):
    """Labels as a list with commas, and the priority."""

    labels = forms.CharField(
        label="Labels",
        help_text="With commas between them. Up to twelve.",
        max_length=500,
        required=False,
        error_messages={"max_length": "Shorten the labels: they have %(show_value)d characters"},
    )
    priority = forms.ChoiceField(
        label="Priority",
        choices=Priority.choices,
        error_messages={"required": "Choose one", "invalid_choice": "Choose from the list"},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_label_%s")
        super().__init__(*args, **kwargs)

    def clean_labels(self) -> list[str]:
        labels = [part.strip() for part in self.cleaned_data["labels"].split(",")]
        for label in labels:
            if len(label) > LABEL_LENGTH:
                raise forms.ValidationError(
                    f"Shorten “{label[:20]}…”: a label has at most {LABEL_LENGTH} characters"
                )
        return [label for label in labels if label]


class MergeForm(HubForm):
    """The request that another joins, as REQ-142 or 142."""

    into = forms.CharField(
        label="Merge it into",
        help_text="Its number, like REQ-142, or words of its title to find it.",
        max_length=120,
        error_messages={"required": "Enter the number of the request that it joins"},
    )

    def __init__(self, *args: Any, reader: User, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_merge_%s")
        super().__init__(*args, **kwargs)
        self.reader = reader

    def clean_into(self) -> Request:
        found = pairs.by_reference(self.reader, self.cleaned_data["into"])
        if found is None:
            raise forms.ValidationError(
                "Enter the number of a request, like REQ-142, or choose one below"
            )
        return found


class BulkRouteForm(RouteFields):
    """A team for several requests, and an owner if all shall have the same."""

    ids = "id_bulkroute_%s"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].required = False
        self.fields["owner"].empty_label = "As it is"  # type: ignore[attr-defined]


class BulkLabelForm(LabelForm):
    """Labels that several requests get besides their own, and a priority if it shall change."""

    priority = forms.ChoiceField(
        label="Priority",
        choices=[("", "As it is"), *Priority.choices],
        required=False,
        error_messages={"invalid_choice": "Choose from the list"},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["labels"].label = "Add labels"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not data.get("labels") and not data.get("priority"):
            self.add_error("labels", "Enter a label, or choose a priority")
        return data


class ViewNameForm(HubForm):
    """What a saved view is called."""

    name = forms.CharField(
        label="Name",
        max_length=VIEW_NAME_LENGTH,
        error_messages={
            "required": "Give the view a name",
            "max_length": "Shorten the name to %(limit_value)d characters; it has %(show_value)d",
        },
    )

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())
