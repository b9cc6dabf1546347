"""Text in, domain values out: recording a decision, looking at it again, linking it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import Role, Team, User
from planning import links
from planning.decision_log import decision_number
from planning.decisions import MAX_OPTIONS, Option
from planning.models import (
    REASON_LENGTH,
    TITLE_LENGTH,
    Decision,
    Outcome,
    ReasonCode,
    Verdict,
    Visibility,
)
from producthub.lib.forms import HubForm, TextArea

BLANK_OPTIONS = 2
REVISIT_DAYS = 91
_TOO_LONG = "Shorten this to %(limit_value)d characters; it has %(show_value)d"
_DAY = "Enter a date like 2027-03-31"
_PARTS = re.compile(r"[,;\n]+")


def revisit_default(today: date | None = None) -> date:
    """Three months on, moved to a Monday where it would be a weekend."""
    day = (today or timezone.localdate()) + timedelta(days=REVISIT_DAYS)
    return day + timedelta(days=(7 - day.weekday()) % 7) if day.weekday() > 4 else day


@dataclass(slots=True)
class OptionRow:
    """One row of the options as it stands in the form."""

    index: int
    title: str = ""
    pros: str = ""
    cons: str = ""
    is_chosen: bool = False
    error: str = ""
    is_new: bool = False

    @property
    def number(self) -> int:
        return self.index + 1

    @property
    def is_blank(self) -> bool:
        return not (self.title or self.pros or self.cons)


def option_rows(data: Any) -> list[OptionRow]:
    """The rows that were posted, in order, at most MAX_OPTIONS."""
    columns = [
        data.getlist(f"option_{name}") if hasattr(data, "getlist") else data.get(f"option_{name}")
        for name in ("title", "pros", "cons")
    ]
    titles, pros, cons = ([str(text).replace("\x00", "") for text in one or []] for one in columns)
    count = min(max(map(len, (titles, pros, cons))), MAX_OPTIONS)

    def at(values: list[str], index: int) -> str:
        return values[index].strip() if index < len(values) else ""

    chosen = str(data.get("option_chosen", ""))
    return [
        OptionRow(i, at(titles, i), at(pros, i), at(cons, i), chosen == str(i))
        for i in range(count)
    ]


class RecordFields(HubForm):
    """What every decision may say, wherever it is recorded."""

    outcome = forms.ChoiceField(
        label="Outcome",
        choices=Outcome.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose an outcome", "invalid_choice": "Choose an outcome"},
    )
    reason_code = forms.ModelChoiceField(
        label="Main reason",
        queryset=ReasonCode.objects.none(),
        to_field_name="code",
        required=False,
        empty_label="Choose one",
        error_messages={"invalid_choice": "Choose a reason from the list"},
    )
    reason = forms.CharField(
        label="Reason",
        max_length=REASON_LENGTH,
        widget=TextArea(3),
        error_messages={
            "required": "Give the reason: everyone concerned reads it",
            "max_length": "Shorten the reason to %(limit_value)d characters; it has %(show_value)d",
        },
    )
    revisit_on = forms.DateField(
        label="Look at it again on",
        required=False,
        widget=forms.DateInput,
        error_messages={"invalid": _DAY},
    )
    criteria = forms.CharField(
        label="What we judged by",
        max_length=2000,
        required=False,
        widget=TextArea(2),
        error_messages={"max_length": _TOO_LONG},
    )
    dissent = forms.CharField(
        label="Who saw it differently, and why",
        max_length=2000,
        required=False,
        widget=TextArea(2),
        error_messages={"max_length": _TOO_LONG},
    )
    deciders = forms.CharField(
        label="Who decided with you",
        help_text="Names or mail addresses, with commas between.",
        max_length=2000,
        required=False,
    )
    heard = forms.CharField(
        label="Who was heard",
        help_text="Names or mail addresses, with commas between.",
        max_length=2000,
        required=False,
    )
    supersedes = forms.CharField(
        label="Takes the place of",
        help_text="An earlier decision, like DEC-12.",
        max_length=20,
        required=False,
    )
    # Shown under “more” where a form is short.
    DETAILS: tuple[str, ...] = ("criteria", "dissent", "deciders", "heard", "supersedes")

    def __init__(
        self, *args: Any, options: Iterable[OptionRow] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason_code"].queryset = ReasonCode.objects.filter(is_active=True)  # type: ignore[attr-defined]
        self.fields["revisit_on"].widget.attrs["class"] = "in sm"
        self.fields[
            "revisit_on"
        ].help_text = (
            f"A not now is looked at on {_spoken(revisit_default())} unless you say otherwise."
        )
        self.fields["supersedes"].widget.attrs["class"] = "in sm"
        rows = option_rows(self.data) if self.is_bound else list(options or [])
        while len(rows) < BLANK_OPTIONS:
            rows.append(OptionRow(len(rows)))
        self.option_rows = rows

    @classmethod
    def keeping(cls, data: Mapping[str, Any], **kwargs: Any) -> Any:
        """A form that holds what was typed, unjudged, with one more row for an option."""
        rows = option_rows(data)
        while len(rows) < BLANK_OPTIONS:
            rows.append(OptionRow(len(rows)))
        if len(rows) < MAX_OPTIONS:
            rows.append(OptionRow(len(rows), is_new=True))
        initial = {name: data.get(name, "") for name in cls.base_fields}
        return cls(initial={**kwargs.pop("initial", {}), **initial}, options=rows, **kwargs)

    @property
    def may_add_option(self) -> bool:
        return len(self.option_rows) < MAX_OPTIONS

    @property
    def is_detailed(self) -> bool:
        """Something beyond outcome and reason is filled in, faulty or asked for."""
        if any(not row.is_blank or row.is_new for row in self.option_rows):
            return True
        return any(self[name].value() or self[name].errors for name in self.DETAILS)

    @property
    def outcomes(self) -> list[tuple[str, str, str, bool]]:
        """(value, word, help, is chosen) for the choice cards."""
        words = {
            Outcome.DO: "Goes to the team’s plan",
            Outcome.LATER: "Looked at again on a date you set",
            Outcome.NO: "Closed, with the reason shared",
        }
        chosen = self["outcome"].value()
        return [(str(o), str(o.label), words[o], o == chosen) for o in Outcome]

    def clean_revisit_on(self) -> date | None:
        day: date | None = self.cleaned_data["revisit_on"]
        if day is not None and day <= timezone.localdate():
            raise forms.ValidationError("Enter a date after today")
        return day

    def clean_deciders(self) -> list[User]:
        return people_named(self.cleaned_data["deciders"])

    def clean_heard(self) -> list[User]:
        return people_named(self.cleaned_data["heard"])

    def clean_supersedes(self) -> Decision | None:
        text = self.cleaned_data["supersedes"].strip()
        if not text:
            return None
        number = decision_number(text)
        found = Decision.objects.standing().filter(number=number).first() if number else None
        if found is None:
            raise forms.ValidationError(f"There is no decision {text}. Its number is like DEC-12")
        return found

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        outcome = data.get("outcome")
        if outcome in (Outcome.LATER, Outcome.NO):
            if data.get("reason_code") is None and "reason_code" not in self.errors:
                self.add_error("reason_code", "Choose the main reason")
        elif outcome:
            data["reason_code"] = None
        if outcome == Outcome.LATER and "revisit_on" not in self.errors:
            data["revisit_on"] = data.get("revisit_on") or revisit_default()
        data["options"] = self._options()
        return data

    def _options(self) -> list[Option]:
        """The options that were named; a row without a name, or too long, is at fault."""
        for row in self.option_rows:
            if row.is_blank:
                continue
            if not row.title:
                row.error = f"Name option {row.number}"
            elif len(row.title) > 160 or max(len(row.pros), len(row.cons)) > 1000:
                row.error = f"Shorten option {row.number}: a name of 160, texts of 1,000 characters"
            if row.error:
                self.add_error(None, row.error)
        return [
            Option(row.title, row.pros, row.cons, row.is_chosen)
            for row in self.option_rows
            if row.title
        ]


def _spoken(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def people_named(text: str) -> list[User]:
    """The people that a text names by mail address or full name; raises ValidationError that says
    which it does not know."""
    parts = list(dict.fromkeys(" ".join(part.split()) for part in _PARTS.split(text)))
    wanted = [part for part in parts if part]
    if not wanted:
        return []
    if len(wanted) > 60:
        raise forms.ValidationError("Name at most 60 people")
    folded = [part.lower() for part in wanted]
    known = (
        User.objects.filter(is_active=True)
        .exclude(role=Role.GUEST)
        .annotate(low_name=Lower("name"), low_email=Lower("email"))
        .filter(Q(low_name__in=folded) | Q(low_email__in=folded))
    )
    by_word: dict[str, list[User]] = {}
    for person in known:
        for word in {person.name.lower(), person.email.lower()}:
            by_word.setdefault(word, []).append(person)
    for part, word in zip(wanted, folded, strict=True):
        count = len(by_word.get(word, []))
        if count == 0:
            raise forms.ValidationError(f"Nobody here is called {part}. Use their mail address")
        if count > 1:
            raise forms.ValidationError(f"{count} people are called {part}. Use the mail address")
    return [by_word[word][0] for word in folded]


class RecordForm(RecordFields):
    """A decision that stands for itself."""

    title = forms.CharField(
        label="What was decided",
        help_text="One line that is understood in a year.",
        max_length=TITLE_LENGTH,
        error_messages={
            "required": "Say in one line what was decided",
            "max_length": "Shorten the line to %(limit_value)d characters; it has %(show_value)d",
        },
    )
    context = forms.CharField(
        label="What it is about",
        help_text="What made it necessary to decide.",
        max_length=5000,
        required=False,
        widget=TextArea(3),
        error_messages={"max_length": _TOO_LONG},
    )
    team = forms.ModelChoiceField(
        label="Team",
        queryset=Team.objects.none(),
        to_field_name="slug",
        required=False,
        empty_label="No single team",
        error_messages={"invalid_choice": "Choose a team from the list"},
    )
    expected = forms.CharField(
        label="What we expect to see",
        help_text="A number and a day make the second look easy.",
        max_length=1000,
        required=False,
        widget=TextArea(2),
        error_messages={"max_length": _TOO_LONG},
    )
    confidence = forms.IntegerField(
        label="How sure, in percent",
        min_value=1,
        max_value=100,
        required=False,
        error_messages={
            "invalid": "Enter a whole number from 1 to 100",
            "min_value": "Enter a whole number from 1 to 100",
            "max_value": "Enter a whole number from 1 to 100",
        },
    )
    can_undo_until = forms.CharField(
        label="Can be undone until",
        help_text="A day or an event, like “the contract starts”.",
        max_length=160,
        required=False,
    )
    visibility = forms.ChoiceField(
        label="Who may read it",
        choices=Visibility.choices,
        initial=Visibility.COMPANY,
        error_messages={"invalid_choice": "Choose from the list"},
    )
    concerns = forms.CharField(
        label="What it concerns",
        help_text="Requests and work items by number, like REQ-142, DSP-904.",
        max_length=1000,
        required=False,
    )

    def __init__(self, *args: Any, reader: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reader = reader
        self.fields["team"].queryset = Team.objects.filter(is_active=True)  # type: ignore[attr-defined]
        self.fields["confidence"].widget.attrs["class"] = "in sm"

    def clean_title(self) -> str:
        return " ".join(self.cleaned_data["title"].split())

    def clean_concerns(self) -> list[tuple[str, int]]:
        return subjects_named(self.cleaned_data["concerns"], self.reader)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("visibility") == Visibility.TEAM and data.get("team") is None:
            self.add_error("team", "Choose the team that may read it")
        return data


def subjects_named(text: str, reader: User) -> list[tuple[str, int]]:
    """(kind, id) of the references in a text; raises ValidationError that says which is unknown."""
    wanted = [part for part in (" ".join(one.split()) for one in _PARTS.split(text)) if part]
    found = links.find(wanted, reader)
    unknown = [one for one in wanted if one not in found]
    if unknown:
        raise forms.ValidationError(
            f"There is no {unknown[0]}. Write REQ-142 for a request, DSP-904 for a work item"
        )
    return list(dict.fromkeys(found[one] for one in wanted))


class LookForm(HubForm):
    """Was it right?"""

    verdict = forms.ChoiceField(
        label="Was it right?",
        choices=Verdict.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose an answer", "invalid_choice": "Choose an answer"},
    )
    seen = forms.CharField(
        label="What do we see?",
        max_length=2000,
        widget=TextArea(2),
        error_messages={"required": "Say what you see now", "max_length": _TOO_LONG},
    )
    next_on = forms.DateField(
        label="Look again on",
        help_text="Needed for “too early”.",
        required=False,
        widget=forms.DateInput,
        error_messages={"invalid": _DAY},
    )
    due_seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_look_%s")
        super().__init__(*args, **kwargs)
        self.fields["next_on"].widget.attrs["class"] = "in sm"

    def clean_next_on(self) -> date | None:
        day: date | None = self.cleaned_data["next_on"]
        if day is not None and day <= timezone.localdate():
            raise forms.ValidationError("Enter a date after today")
        return day

    def clean_due_seen(self) -> date | None | bool:
        raw = self.cleaned_data["due_seen"]
        if raw == "none":
            return None
        try:
            return date.fromisoformat(raw)
        except ValueError:
            return False

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        early = data.get("verdict") == Verdict.EARLY
        if early and data.get("next_on") is None and "next_on" not in self.errors:
            self.add_error("next_on", "Set the day of the next look")
        return data

    @property
    def verdicts(self) -> list[tuple[str, str, str, bool]]:
        """(value, word, help, is chosen) for the choice cards."""
        words = {
            Verdict.YES: "As expected",
            Verdict.PARTLY: "Say which part",
            Verdict.NO: "Say what we missed",
            Verdict.EARLY: "Sets a new date",
        }
        chosen = self["verdict"].value()
        return [(str(v), str(v.label), words[v], v == chosen) for v in Verdict]


class LinkForm(HubForm):
    """Something that a decision concerns."""

    reference = forms.CharField(
        label="Request or work item",
        help_text="By its number, like REQ-142 or DSP-904.",
        max_length=60,
        error_messages={"required": "Enter a number like REQ-142"},
    )
    note = forms.CharField(label="Why", max_length=200, required=False)

    def __init__(self, *args: Any, reader: User, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_link_%s")
        super().__init__(*args, **kwargs)
        self.reader = reader

    def clean_reference(self) -> tuple[str, int]:
        named = subjects_named(self.cleaned_data["reference"], self.reader)
        if len(named) != 1:
            raise forms.ValidationError("Enter one number like REQ-142")
        return named[0]
