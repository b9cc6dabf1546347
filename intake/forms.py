"""Text in, domain values out. Whether they are allowed is the services' matter."""

import re
import uuid
from typing import Any

from django import forms

from accounts.models import Role, Team, User
from intake.models import (
    PROBLEM_LENGTH,
    TITLE_LENGTH,
    Customer,
    Request,
    Visibility,
)
from intake.request_forms import FilesField
from planning.forms import RecordFields
from producthub.lib.forms import HubForm, TextArea
from producthub.lib.input import whole_number
from search.queries import parse


class KeyedForm(HubForm):
    """A form that, posted twice, counts once."""

    key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"id_{type(self).__name__.removesuffix('Form').lower()}_%s")
        super().__init__(*args, **kwargs)
        self.initial.setdefault("key", uuid.uuid4())


class VoteForm(HubForm):
    """A voice, with a case of one's own where one has one."""

    case = forms.CharField(
        label="Your case",
        help_text="What happens to you, and what does it cost? It helps the decision.",
        max_length=5000,
        required=False,
        widget=TextArea(3),
        error_messages={
            "max_length": "Shorten the text to %(limit_value)d characters; it has %(show_value)d"
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_vote_%s")
        super().__init__(*args, **kwargs)


class VoteForOtherForm(VoteForm):
    """A voice that a PM heard elsewhere."""

    email = forms.EmailField(
        label="Whose voice is it?",
        help_text="The mail address of somebody with an account here.",
        error_messages={
            "required": "Enter their mail address",
            "invalid": "Enter a mail address like ana@example.com",
        },
    )
    customer = forms.ModelChoiceField(
        label="Customer",
        queryset=Customer.objects.none(),
        required=False,
        empty_label="None",
        error_messages={"invalid_choice": "Choose a customer from the list"},
    )
    field_order = ("email", "case", "customer")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_other_%s")
        super().__init__(*args, **kwargs)
        self.fields["customer"].queryset = Customer.objects.filter(is_active=True)  # type: ignore[attr-defined]
        self.person: User | None = None

    def clean_email(self) -> str:
        address = self.cleaned_data["email"].strip().lower()
        self.person = User.objects.filter(email=address, is_active=True).first()
        if self.person is None:
            raise forms.ValidationError("Nobody here has this address. Check it, or invite them")
        return address


class EditForm(HubForm):
    """The words of a request, and for PMs who may see it."""

    title = forms.CharField(
        label="Say it in one line",
        max_length=TITLE_LENGTH,
        error_messages={
            "required": "Say what is needed in one line",
            "max_length": "Shorten the line to %(limit_value)d characters; it has %(show_value)d",
        },
    )
    problem = forms.CharField(
        label="What happens today, and what does it cost?",
        max_length=PROBLEM_LENGTH,
        widget=TextArea(8),
        error_messages={
            "required": "Describe what happens today",
            "max_length": "Shorten the text to %(limit_value)d characters; it has %(show_value)d",
        },
    )
    evidence_url = forms.URLField(
        label="Link to evidence",
        max_length=500,
        required=False,
        assume_scheme="https",
        error_messages={"invalid": "Enter a full address, like https://example.com/page"},
    )
    needed_on = forms.DateField(
        label="Is there a date it must meet?",
        required=False,
        widget=forms.DateInput,
        error_messages={"invalid": "Enter a date like 2027-03-31"},
    )
    visibility = forms.ChoiceField(
        label="Who may see it",
        choices=Visibility.choices,
        error_messages={"invalid_choice": "Choose from the list"},
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0)

    def __init__(self, *args: Any, is_pm: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["needed_on"].widget.attrs["class"] = "in sm"
        if not is_pm:
            del self.fields["visibility"]

    def clean_title(self) -> str:
        return " ".join(self.cleaned_data["title"].split())


class CommentForm(KeyedForm):
    """Something to say."""

    is_internal = forms.BooleanField(
        label="Internal note: product managers alone read it",
        required=False,
    )

    body = forms.CharField(
        label="Add a comment",
        max_length=5000,
        widget=TextArea(2),
        error_messages={"required": "Write the comment first"},
    )
    uploads = FilesField(label="Files", required=False)


class AskForm(KeyedForm):
    """A question to the requester."""

    question = forms.CharField(
        label="Question",
        help_text="They get it by mail; the promise waits until they answer.",
        max_length=5000,
        widget=TextArea(2),
        error_messages={"required": "Write the question first"},
    )


class AnswerForm(KeyedForm):
    """The requester's answer."""

    answer = forms.CharField(
        label="Your answer",
        max_length=5000,
        widget=TextArea(3),
        error_messages={"required": "Write the answer first"},
    )


class RouteFields(HubForm):
    """A team, and who of the product managers owns it there."""

    team = forms.ModelChoiceField(
        label="Team",
        queryset=Team.objects.none(),
        to_field_name="slug",
        empty_label="Choose a team",
        error_messages={
            "required": "Choose a team",
            "invalid_choice": "Choose a team from the list",
        },
    )
    owner = forms.ModelChoiceField(
        label="Owner",
        queryset=User.objects.none(),
        error_messages={
            "required": "Choose who owns it",
            "invalid_choice": "Choose a product manager from the list",
        },
    )
    ids = "id_route_%s"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", self.ids)
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = Team.objects.filter(is_active=True)  # type: ignore[attr-defined]
        self.fields["owner"].queryset = User.objects.filter(  # type: ignore[attr-defined]
            is_active=True, role__in=[Role.PM, Role.PRODUCT_OPS, Role.ADMIN]
        )


class TriageForm(RouteFields):
    """Which team and who; carries the owner that was on the page."""

    owner_seen = forms.CharField(widget=forms.HiddenInput, required=False)
    ids = "id_triage_%s"

    def clean_owner_seen(self) -> int | None | bool:
        raw = self.cleaned_data["owner_seen"]
        if raw == "none":
            return None
        number = whole_number(raw, digits=18)
        return False if number is None else number


class DecisionForm(RecordFields):
    """The outcome of a request and its reason; more where it helps to understand it later."""

    also = forms.CharField(
        label="Also answers",
        help_text="Other open requests, like REQ-142, REQ-150. Everyone behind them is told, too.",
        max_length=400,
        required=False,
    )
    DETAILS = (*RecordFields.DETAILS, "also")
    # How many people hear of the decision; the page sets it.
    told: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_decide_%s")
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = "Everyone behind the request reads it."

    def clean_also(self) -> list[Request]:
        wanted = {
            part: parse(part).request_number
            for part in re.split(r"[,;\s]+", self.cleaned_data["also"])
            if part
        }
        unread = [part for part, number in wanted.items() if number is None]
        found = Request.objects.in_bulk(
            [number for number in wanted.values() if number is not None], field_name="number"
        )
        unread += [part for part, number in wanted.items() if number and number not in found]
        if unread:
            raise forms.ValidationError(f"There is no request {unread[0]}. Write it like REQ-142")
        return list(found.values())


class ReopenForm(KeyedForm):
    """The one answer to a no or a not now."""

    text = forms.CharField(
        label="What should be looked at again?",
        help_text="Say what the decision did not take into account. You can do this once.",
        max_length=5000,
        widget=TextArea(3),
        error_messages={
            "required": "Say what should be looked at again",
            "max_length": "Shorten the text to %(limit_value)d characters; it has %(show_value)d",
        },
    )
