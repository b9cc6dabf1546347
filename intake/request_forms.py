"""A version's questions as a Django form. Text in, domain values out."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from accounts.models import Team, User
from intake import questions
from intake.files import ACCEPT, MAX_FILES, BadFile, Checked, inspect
from intake.models import (
    PROBLEM_LENGTH,
    TITLE_LENGTH,
    Customer,
    FieldType,
    FormVersion,
    MapsTo,
    Priority,
)
from intake.questions import Question
from producthub.lib.forms import HubForm, TextArea

LINE_LENGTH = 300
# More choices than this are a list to open, not boxes to look through.
MAX_RADIOS = 7
TOO_LONG = "Shorten the text to %(limit_value)d characters; it has %(show_value)d"
BEHALF = ("for_whom", "for_name", "for_email", "for_customer")


def _suggested(what: str) -> dict[str, Any]:
    """A text field whose list of names is fetched while somebody types."""
    return {
        "list": f"{what}-list",
        "autocomplete": "off",
        "hx-get": reverse_lazy(f"intake:suggest-{what}"),
        "hx-trigger": "input changed delay:250ms",
        "hx-target": f"#{what}-list",
        "hx-swap": "innerHTML",
        "hx-sync": "this:replace",
    }


class PersonField(forms.CharField):
    """Somebody with an open account, by mail address, “Name <address>” or full name."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 200)
        super().__init__(**kwargs)
        self.widget.attrs.update(_suggested("people"))

    def clean(self, value: Any) -> User | None:
        typed = super().clean(value)
        if not typed:
            return None
        address = typed.rpartition("<")[2].rstrip("> ").strip().lower()
        people = User.objects.inside()
        if "@" in address:
            found = list(people.filter(email=address)[:1])
        else:
            found = list(people.filter(name__iexact=" ".join(typed.split()))[:2])
        if not found:
            raise ValidationError("Nobody here has this name or mail address. Choose from the list")
        if len(found) > 1:
            raise ValidationError("More than one person has this name. Enter the mail address")
        return found[0]


class CustomerField(forms.CharField):
    """A customer that the hub knows, by name."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 120)
        super().__init__(**kwargs)
        self.widget.attrs.update(_suggested("customers"))

    def clean(self, value: Any) -> Customer | None:
        typed = " ".join((super().clean(value) or "").split())
        if not typed:
            return None
        found = Customer.objects.filter(is_active=True, name__iexact=typed).first()
        if found is None:
            raise ValidationError("No customer has this name. Choose from the list, or leave it")
        return found


@dataclass(frozen=True)
class Asked:
    """One question on the page."""

    question: Question
    field: BoundField
    only_if: str
    condition: SafeString
    files: Sequence[Any] = ()

    @property
    def is_group(self) -> bool:
        """Several boxes under one legend."""
        return isinstance(self.field.field.widget, forms.RadioSelect | forms.CheckboxSelectMultiple)

    @property
    def is_file(self) -> bool:
        """Takes files, which the page sends by themselves."""
        return self.question.type == FieldType.FILE


@dataclass(frozen=True)
class Block:
    """Questions under one heading."""

    heading: str
    asked: list[Asked]


class VersionForm(HubForm):
    """Base of the forms that `form_class` makes: whose request it is, and what applies."""

    questions: Sequence[Question] = ()
    version_id = 0

    for_whom = PersonField(
        label="Who is it for?",
        help_text="A colleague’s name or mail address. They get the news, and it is their request.",
        required=False,
    )
    for_name = forms.CharField(label="Their name", max_length=120, required=False)
    for_email = forms.EmailField(
        label="Their mail address",
        required=False,
        error_messages={"invalid": "Enter a mail address, like name@example.com"},
    )
    for_customer = CustomerField(
        label="Customer",
        help_text="The account that asks for it.",
        required=False,
    )
    submission_key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("submission_key", uuid.uuid4())
        for question in self.questions:
            field = self.fields.get(question.key)
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = Team.objects.filter(takes_requests=True, is_active=True)
        # Files that are on the draft already, by key of the question.
        self.kept: dict[str, list[Any]] = {}
        self.shown = questions.applies(self.questions, self.typed())
        if self.is_bound:
            for question in self.questions:
                if question.key not in self.shown and question.key in self.fields:
                    _pass_over(self.fields[question.key])

    def typed(self) -> dict[str, Any]:
        """What is typed or filled in, by key, as it is: before anything is checked."""
        found: dict[str, Any] = {}
        for question in self.questions:
            if question.key not in self.fields or question.type == FieldType.FILE:
                continue
            name = self.add_prefix(question.key)
            if not self.is_bound:
                found[question.key] = self.initial.get(question.key)
            elif isinstance(self.data, QueryDict) and question.type == FieldType.MULTI:
                found[question.key] = self.data.getlist(name)
            else:
                found[question.key] = self.data.get(name)
        return found

    @property
    def blocks(self) -> list[Block]:
        """The questions under their headings, for the page."""
        by_key = {question.key: question for question in self.questions}
        return [
            Block(
                section.heading,
                [
                    Asked(
                        by_key[key],
                        self[key],
                        questions.condition_words(by_key[key], self.questions),
                        _condition(by_key[key]),
                        self.kept.get(key, ()),
                    )
                    for key in section.keys
                    if key in self.fields
                ],
            )
            for section in questions.sections(self.questions)
        ]

    def keep(self, files: Mapping[str, list[Any]]) -> None:
        """Files that the draft holds: they are shown, and answer a question that needs one."""
        self.kept = dict(files)
        for key, held in self.kept.items():
            if held and key in self.fields:
                self.fields[key].required = False

    @property
    def is_for_someone(self) -> bool:
        """Something is typed about whose request it is."""
        return any(self[name].value() for name in BEHALF if name in self.fields)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("for_email") and data.get("for_whom"):
            self.add_error("for_email", "Choose a colleague or enter an address, not both")
        elif data.get("for_email") and not data.get("for_name"):
            self.add_error("for_name", "Enter their name")
        elif data.get("for_name") and not data.get("for_email") and "for_email" not in self.errors:
            self.add_error("for_email", "Enter their mail address: it is how they hear of it")
        return data

    def request_fields(self) -> dict[str, Any]:
        """What fills the request itself, by argument of `submit_request`."""
        found: dict[str, Any] = {}
        labels: list[str] = []
        for question in self._answered():
            value = self.cleaned_data[question.key]
            if question.maps_to == MapsTo.LABELS:
                labels += [question.word(one) for one in questions.as_texts(value)]
            elif question.maps_to:
                found[str(question.maps_to)] = value
        if labels:
            found["labels"] = labels
        if found.get("priority") == "":
            found["priority"] = Priority.NORMAL
        if "problem" not in found:
            found["problem"] = self._as_problem()
        if self.cleaned_data.get("for_customer"):
            found["customer"] = self.cleaned_data["for_customer"]
        return found

    def _as_problem(self) -> str:
        """A form without a question for the problem: its texts together are the problem."""
        texts = [
            f"{question.label}\n{self.cleaned_data[question.key]}"
            for question in self._answered()
            if question.type in (FieldType.TEXT, FieldType.LINE)
            and question.maps_to != MapsTo.TITLE
            and self.cleaned_data[question.key]
        ]
        return "\n\n".join(texts)[:PROBLEM_LENGTH]

    def answers(self) -> dict[str, Any]:
        """The other answers as JSON, by key; what was left empty or does not apply is not there."""
        found = {}
        for question in self._answered():
            value = self.cleaned_data[question.key]
            if not question.maps_to and value not in (None, "", [], ()):
                found[question.key] = _as_json(value)
        return found

    def _answered(self) -> list[Question]:
        return [
            one
            for one in self.questions
            if one.key in self.shown and one.key in self.cleaned_data and one.type != FieldType.FILE
        ]


def form_class(version: FormVersion) -> type[VersionForm]:
    """The form that asks a version's questions. A version never changes, so it is made once."""
    return _made(version.pk, _stable_text(version.questions))


def _stable_text(stored: Any) -> str:
    """A stable text of stored questions, to recognise them by."""
    return orjson.dumps(stored, option=orjson.OPT_SORT_KEYS).decode()


@lru_cache(maxsize=128)
def _made(version_id: int, stored: str) -> type[VersionForm]:
    asked = questions.read(orjson.loads(stored))
    fields = {question.key: _field(question) for question in asked}
    known = {key: field for key, field in fields.items() if field is not None}
    made: Any = type("RequestForm", (VersionForm,), dict(known))
    # After the class is made: a question may have the same key as one of these.
    made.questions, made.version_id = asked, version_id
    made.field_order = [*known, *BEHALF]
    return cast(type[VersionForm], made)


def _condition(question: Question) -> SafeString:
    """Data attributes that the page's script reads: when to show this question."""
    if not question.show_if:
        return mark_safe("")
    return format_html(
        ' data-if="{}" data-if-values="{}"',
        question.show_if,
        _stable_text(list(question.show_if_values)),
    )


def _pass_over(field: forms.Field) -> None:
    """A question that does not apply asks nothing and takes nothing, whatever was sent."""
    field.required = False
    field.clean = lambda *args: None  # type: ignore[method-assign]


def _as_json(value: Any) -> Any:
    if isinstance(value, User | Customer):
        return value.pk
    if isinstance(value, Team):
        return value.slug
    if isinstance(value, list):
        return [str(one) for one in value]
    return str(value)


def _day_from_today(day: Any) -> None:
    if day is not None and day < timezone.localdate():
        raise ValidationError("Enter a date from today on")


def _field(question: Question) -> forms.Field | None:
    """The control of one question; None for types that the page does not know yet."""
    maker = _MAKERS.get(question.type)
    if maker is None:
        return None
    field = maker(question)
    field.label, field.help_text = question.label, question.help
    field.required = field.widget.is_required = question.is_required
    field.error_messages = {**field.error_messages, **_ERRORS.get(question.type, {})}
    field.error_messages["required"] = _REQUIRED.get(
        question.maps_to, _REQUIRED.get(question.type, "Answer this: it is needed")
    )
    return field


_REQUIRED: Mapping[str, str] = {
    MapsTo.TITLE: "Say what you need in one line",
    MapsTo.PROBLEM: "Describe what happens today",
    FieldType.CHOICE: "Choose one",
    FieldType.MULTI: "Choose at least one",
    FieldType.YES: "Choose yes or no",
    FieldType.TEAM: "Choose an area from the list",
    FieldType.DATE: "Enter a date like 2027-03-31",
    FieldType.NUMBER: "Enter a number",
    FieldType.URL: "Enter a full address, like https://example.com/page",
    FieldType.PERSON: "Enter a name or mail address",
    FieldType.CUSTOMER: "Enter the customer’s name",
    FieldType.FILE: "Add a file: it is needed",
}
_ERRORS: Mapping[str, dict[str, str]] = {
    FieldType.CHOICE: {"invalid_choice": "Choose from the list"},
    FieldType.YES: {"invalid_choice": "Choose yes or no"},
    FieldType.MULTI: {
        "invalid_choice": "Choose from the list",
        "invalid_list": "Choose from the list",
    },
    FieldType.TEAM: {"invalid_choice": "Choose an area from the list"},
    FieldType.NUMBER: {"invalid": "Enter a number, like 12 or 3.5"},
    FieldType.DATE: {"invalid": "Enter a date like 2027-03-31"},
    FieldType.URL: {"invalid": "Enter a full address, like https://example.com/page"},
}


class ManyFiles(forms.FileInput):
    """A control that takes several files."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        several = getattr(files, "getlist", None)
        return several(name) if several else files.get(name) or []


class FilesField(forms.Field):
    """Files, told by their content; as `intake.files.Checked`."""

    widget = ManyFiles

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs.update({"accept": ACCEPT, "multiple": True})

    def clean(self, value: Any) -> list[Checked]:
        uploads = [one for one in value or [] if one]
        if self.required and not uploads:
            raise ValidationError(self.error_messages["required"], code="required")
        if len(uploads) > MAX_FILES:
            raise ValidationError(
                f"Add at most {MAX_FILES} files here. Zip them, or leave some out."
            )
        try:
            return [inspect(one) for one in uploads]
        except BadFile as error:
            raise ValidationError(str(error)) from error


class OneLine(forms.CharField):
    """One line: breaks and runs of blanks are one blank."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return " ".join(text.split()) if isinstance(text, str) else text


def _line(question: Question) -> forms.Field:
    is_title = question.maps_to == MapsTo.TITLE
    words = "Shorten the line to %(limit_value)d characters; it has %(show_value)d"
    field = OneLine(
        max_length=TITLE_LENGTH if is_title else LINE_LENGTH, error_messages={"max_length": words}
    )
    if is_title:
        field.widget.attrs.update({"autocomplete": "off", "data-similar": ""})
    return field


def _text(question: Question) -> forms.Field:
    is_problem = question.maps_to == MapsTo.PROBLEM
    field = forms.CharField(
        max_length=PROBLEM_LENGTH,
        widget=TextArea(5 if is_problem else 3),
        error_messages={"max_length": TOO_LONG},
    )
    if is_problem:
        field.widget.attrs["data-similar"] = ""
    return field


def _choice(question: Question) -> forms.Field:
    options = list(question.options)
    if len(options) > MAX_RADIOS or not question.is_required:
        return forms.ChoiceField(choices=[("", "Choose"), *options])
    return forms.ChoiceField(choices=options, widget=forms.RadioSelect)


def _multi(question: Question) -> forms.Field:
    return forms.MultipleChoiceField(
        choices=list(question.options), widget=forms.CheckboxSelectMultiple
    )


def _yes(question: Question) -> forms.Field:
    return forms.ChoiceField(choices=questions.YES_NO, widget=forms.RadioSelect)


def _number(question: Question) -> forms.Field:
    field = forms.DecimalField(max_digits=18, decimal_places=6)
    field.widget = forms.TextInput(attrs={"inputmode": "decimal", "class": "in sm"})
    return field


def _date(question: Question) -> forms.Field:
    checks = [_day_from_today] if question.maps_to == MapsTo.NEEDED_ON else []
    return forms.DateField(widget=forms.DateInput(attrs={"class": "in sm"}), validators=checks)


class WebAddress(forms.URLField):
    """A link to a page: http or https alone."""

    default_validators = [URLValidator(schemes=["http", "https"])]


def _url(question: Question) -> forms.Field:
    return WebAddress(max_length=500, assume_scheme="https")


def _team(question: Question) -> forms.Field:
    return forms.ModelChoiceField(
        queryset=Team.objects.none(), to_field_name="slug", empty_label="I am not sure"
    )


_MAKERS: Mapping[str, Any] = {
    FieldType.LINE: _line,
    FieldType.TEXT: _text,
    FieldType.CHOICE: _choice,
    FieldType.MULTI: _multi,
    FieldType.NUMBER: _number,
    FieldType.DATE: _date,
    FieldType.YES: _yes,
    FieldType.URL: _url,
    FieldType.PERSON: lambda question: PersonField(),
    FieldType.TEAM: _team,
    FieldType.CUSTOMER: lambda question: CustomerField(),
    FieldType.FILE: lambda question: FilesField(),
}
