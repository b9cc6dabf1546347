"""The form of a routing rule."""

from collections.abc import Collection, Iterable
from typing import Any

from django import forms as fields
from django.db.models import QuerySet

from accounts.models import Role, Team, User
from intake.models import IntakeForm, Kind, Priority, RoutingRule
from intake.services.requests import clean_labels
from intake.services.routing import LISTS
from producthub.lib.forms import HubForm, TextArea

DEPARTMENT_LENGTH = 80
_CHOICE = {"invalid_choice": "Choose from the list", "invalid_list": "Choose from the list"}
_DAYS = {
    "invalid": "Enter a whole number of days",
    "min_value": "Enter at least one day",
    "max_value": "Enter at most %(limit_value)s days",
}


def _many(label: str, queryset: QuerySet[Any]) -> fields.ModelMultipleChoiceField:
    return fields.ModelMultipleChoiceField(
        label=label,
        queryset=queryset,
        required=False,
        widget=fields.CheckboxSelectMultiple,
        error_messages={**_CHOICE, "invalid_pk_value": "Choose from the list"},
    )


class RuleForm(HubForm):
    """If a request looks like this, it goes there."""

    name = fields.CharField(
        label="Name",
        help_text="Shown on each request that it routes.",
        max_length=80,
        error_messages={
            "required": "Give the rule a name",
            "max_length": "Shorten the name to %(limit_value)d characters; it has %(show_value)d",
        },
    )
    kinds = fields.MultipleChoiceField(
        label="Kind",
        choices=Kind.choices,
        required=False,
        widget=fields.CheckboxSelectMultiple,
        error_messages=_CHOICE,
    )
    forms = _many("Form", IntakeForm.objects.none())
    areas = _many("Product area that was chosen", Team.objects.none())
    words = fields.CharField(
        label="Words",
        help_text="One a line. Any of them, as whole words, in the title or the problem.",
        max_length=2000,
        required=False,
        widget=TextArea(3),
        error_messages={"max_length": "Shorten the list: it has %(show_value)d characters"},
    )
    departments = fields.CharField(
        label="Department of who asks",
        help_text="One a line.",
        max_length=2000,
        required=False,
        widget=TextArea(2),
    )
    requester_teams = _many("Team of who asks", Team.objects.none())
    to_team = fields.ModelChoiceField(
        label="Team",
        queryset=Team.objects.none(),
        required=False,
        empty_label="Leave as it is",
        error_messages=_CHOICE,
    )
    to_owner = fields.ModelChoiceField(
        label="Owner",
        queryset=User.objects.none(),
        required=False,
        empty_label="Nobody yet",
        error_messages=_CHOICE,
    )
    to_priority = fields.ChoiceField(
        label="Priority",
        choices=[("", "Leave as it is"), *Priority.choices],
        required=False,
        error_messages=_CHOICE,
    )
    add_labels = fields.CharField(
        label="Labels", help_text="With commas between them.", max_length=500, required=False
    )
    triage_days = fields.IntegerField(
        label="Read within",
        help_text="Working days, instead of the form’s promise.",
        min_value=1,
        max_value=365,
        required=False,
        error_messages=_DAYS,
    )
    decision_days = fields.IntegerField(
        label="Decided within",
        help_text="Working days, instead of the form’s promise.",
        min_value=1,
        max_value=365,
        required=False,
        error_messages=_DAYS,
    )
    place = fields.TypedChoiceField(
        label="Place",
        coerce=int,
        help_text="Rules are looked at from the first to the last.",
        error_messages={**_CHOICE, "required": "Choose a place"},
    )
    stops = fields.BooleanField(
        label="Stop here: later rules are not looked at once this one fired",
        required=False,
        initial=True,
    )
    is_active = fields.BooleanField(label="Switched on", required=False, initial=True)
    seen = fields.CharField(widget=fields.HiddenInput, required=False)

    def __init__(self, *args: Any, rule: RoutingRule | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_rule_%s")
        super().__init__(*args, **kwargs)
        self.rule = rule
        teams = Team.objects.filter(is_active=True)
        pms = User.objects.filter(is_active=True, role__in=[Role.PM, Role.PRODUCT_OPS, Role.ADMIN])
        for name, found in (
            ("forms", IntakeForm.objects.all()),
            ("areas", teams.filter(takes_requests=True)),
            ("requester_teams", teams),
            ("to_team", teams),
            ("to_owner", pms),
        ):
            self.fields[name].queryset = found  # type: ignore[attr-defined]
        others = RoutingRule.objects.exclude(pk=rule.pk) if rule else RoutingRule.objects.all()
        names = list(others.order_by("position", "pk").values_list("name", flat=True))
        places = [(0, "First")]
        places += [(index + 1, f"After {name}") for index, name in enumerate(names)]
        self.fields["place"].choices = places  # type: ignore[attr-defined]
        if rule is None:
            self.initial.setdefault("place", len(names))

    @classmethod
    def of(cls, rule: RoutingRule) -> "RuleForm":
        """The form of a rule that is there."""
        plain = {
            name: getattr(rule, name)
            for name in (
                "name",
                "kinds",
                "words",
                "to_team",
                "to_owner",
                "to_priority",
                "triage_days",
                "decision_days",
                "stops",
                "is_active",
            )
        }
        lists = {name: [one.pk for one in getattr(rule, name).all()] for name in LISTS}
        before = RoutingRule.objects.filter(position__lt=rule.position).count()
        return cls(
            rule=rule,
            initial={
                **plain,
                **lists,
                "departments": "\n".join(rule.departments),
                "add_labels": ", ".join(rule.add_labels),
                "place": before,
                "seen": rule.changed_at.isoformat(),
            },
        )

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_departments(self) -> list[str]:
        names = [" ".join(line.split()) for line in self.cleaned_data["departments"].splitlines()]
        if any(len(name) > DEPARTMENT_LENGTH for name in names):
            raise fields.ValidationError(
                f"Shorten the departments: each has at most {DEPARTMENT_LENGTH} characters"
            )
        return list(dict.fromkeys(name for name in names if name))

    def clean_add_labels(self) -> list[str]:
        return clean_labels(self.cleaned_data["add_labels"].split(","))

    def values(self) -> tuple[dict[str, Any], dict[str, Collection[int]]]:
        """The plain fields of the rule, and the ids of its lists."""
        data = self.cleaned_data
        left_out = {*LISTS, "place", "seen"}
        plain = {name: value for name, value in data.items() if name not in left_out}
        return plain, {name: _ids(data[name]) for name in LISTS}

    def draft(self) -> RoutingRule:
        """The rule as it would be, unsaved; with its id where it is there already."""
        plain, _ = self.values()
        return RoutingRule(pk=self.rule.pk if self.rule else None, **plain)


def _ids(found: Iterable[Any]) -> list[int]:
    return [one.pk for one in found]
