"""Forms of scoring: sessions, scores, models."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import Role, Team, User
from intake import scoring
from intake.models import Request, ScoringModel, ScoringSession
from intake.scoring import Criterion, Scheme, Step
from producthub.lib.forms import HubForm, TextArea
from producthub.lib.input import whole_number

PMS = [Role.PM, Role.PRODUCT_OPS, Role.ADMIN]


def product_managers() -> Any:
    """Whom a session can ask."""
    return User.objects.filter(is_active=True, role__in=PMS)


class DateTimeBox(forms.DateTimeInput):
    """A day and a time, picked by the browser."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


CAPACITY = {
    "label": "Weeks that the team has",
    "help_text": "The line falls where they are used up.",
    "required": False,
    "min_value": Decimal(0),
    "max_value": Decimal(9999),
    "max_digits": 8,
    "decimal_places": 1,
    "error_messages": {
        "invalid": "Enter the weeks as a number, like 26",
        "min_value": "Enter 0 weeks or more",
        "max_value": "Enter 9,999 weeks or fewer",
        "max_decimal_places": "Enter weeks with one decimal place at most",
    },
}
CLOSES_AT = {
    "label": "Blind scoring closes",
    "help_text": "Scores open then by themselves. Without a time, the facilitator opens them.",
    "required": False,
    "widget": DateTimeBox,
    "input_formats": ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
    "error_messages": {"invalid": "Enter a day and time like 2027-03-31 16:00"},
}
CLOCK = {
    "label": "Minutes for each talk",
    "min_value": 1,
    "max_value": 120,
    "error_messages": {
        "required": "Enter how many minutes a talk takes",
        "invalid": "Enter the minutes as a whole number",
        "min_value": "Enter 1 minute or more",
        "max_value": "Enter 120 minutes or fewer",
    },
}


def _soon(form: forms.Form, value: Any) -> Any:
    if value is not None and value <= timezone.now():
        raise forms.ValidationError("Choose a closing time that is still to come")
    return value


class SessionForm(HubForm):
    """A new session: what is scored, how, by whom, until when."""

    title = forms.CharField(
        label="Name",
        max_length=120,
        error_messages={
            "required": "Name the session, for example after its month",
            "max_length": "Shorten the name to %(limit_value)d characters; it has %(show_value)d",
        },
    )
    model = forms.ModelChoiceField(
        label="Scoring model",
        queryset=ScoringModel.objects.none(),
        to_field_name="slug",
        empty_label=None,
        error_messages={
            "required": "Choose a model",
            "invalid_choice": "Choose a model from the list",
        },
    )
    scorers = forms.ModelMultipleChoiceField(
        label="Who scores",
        queryset=User.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": "Choose at least one scorer",
            "invalid_choice": "Choose scorers from the list",
            "invalid_pk_value": "Choose scorers from the list",
        },
    )
    numbers = forms.CharField(
        label="More requests, by number",
        help_text="Like 1482, 1490. They join what is ticked above.",
        required=False,
        max_length=1000,
    )
    capacity = forms.DecimalField(**CAPACITY)  # type: ignore[arg-type]
    closes_at = forms.DateTimeField(**CLOSES_AT)  # type: ignore[arg-type]
    clock_minutes = forms.IntegerField(initial=8, **CLOCK)  # type: ignore[arg-type]

    def __init__(self, *args: Any, models: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["model"].queryset = models  # type: ignore[attr-defined]
        self.fields["scorers"].queryset = product_managers()  # type: ignore[attr-defined]
        self.fields["closes_at"].widget.attrs["class"] = "in"

    def clean_closes_at(self) -> Any:
        return _soon(self, self.cleaned_data["closes_at"])

    def clean_title(self) -> str:
        return " ".join(self.cleaned_data["title"].split())

    def clean_numbers(self) -> list[int]:
        return numbers_in(self.cleaned_data["numbers"])


def numbers_in(text: str) -> list[int]:
    """Request numbers in a line of them. Raises ValidationError for words that are none."""
    found = []
    for word in text.replace(",", " ").replace(";", " ").split():
        number = whole_number(word.upper().removeprefix("REQ-"))
        if number is None:
            raise forms.ValidationError(f"“{word[:20]}” is no request number: enter ones like 1482")
        found.append(number)
    return list(dict.fromkeys(found))


class AgendaForm(HubForm):
    """More requests for a running session."""

    numbers = forms.CharField(
        label="Requests, by number",
        help_text="Like 1482, 1490.",
        max_length=1000,
        error_messages={"required": "Enter at least one request number"},
    )

    def clean_numbers(self) -> list[int]:
        return numbers_in(self.cleaned_data["numbers"])


class SessionChangeForm(HubForm):
    """Weeks, closing time and clock of a session."""

    capacity = forms.DecimalField(**CAPACITY)  # type: ignore[arg-type]
    closes_at = forms.DateTimeField(**CLOSES_AT)  # type: ignore[arg-type]
    clock_minutes = forms.IntegerField(**CLOCK)  # type: ignore[arg-type]

    def __init__(self, *args: Any, session: ScoringSession, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_change_%s")
        kwargs.setdefault(
            "initial",
            {
                "capacity": session.capacity,
                "closes_at": session.closes_at,
                "clock_minutes": session.clock_minutes,
            },
        )
        super().__init__(*args, **kwargs)
        if not session.is_blind:
            del self.fields["closes_at"]
        else:
            self.fields["closes_at"].widget.attrs["class"] = "in"

    def clean_closes_at(self) -> Any:
        return _soon(self, self.cleaned_data["closes_at"])


class PersonForm(HubForm):
    """One product manager."""

    person = forms.ModelChoiceField(
        label="Person",
        queryset=User.objects.none(),
        error_messages={
            "required": "Choose a person",
            "invalid_choice": "Choose a product manager from the list",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_person_%s")
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = product_managers()  # type: ignore[attr-defined]


class AnswersForm(HubForm):
    """One person's answers to a model's criteria, each with its rubric beside it."""

    def __init__(self, *args: Any, scheme: Scheme, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_score_%s")
        super().__init__(*args, **kwargs)
        self.scheme = scheme
        for one in scheme.criteria:
            # What a person typed is read by `scoring.read_answers`, which knows the sentences.
            field = forms.CharField(label=one.name, help_text=one.help, required=False)
            field.widget.attrs["class"] = "in"
            self.fields[one.key] = field

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        typed = {one.key: cleaned.get(one.key) or "" for one in self.scheme.criteria}
        try:
            cleaned["answers"] = scoring.read_answers(self.scheme, typed)
        except scoring.Unfit as fault:
            for key, said in fault.errors.items():
                self.add_error(key, said)
        return cleaned

    @property
    def questions(self) -> list[dict[str, Any]]:
        """What the template shows: field, criterion, and its steps with the chosen one marked."""
        shown = []
        for one in self.scheme.criteria:
            bound = self[one.key]
            raw = bound.value()
            chosen = scoring.read_number(str(raw)) if raw not in (None, "") else None
            shown.append(
                {
                    "field": bound,
                    "criterion": one,
                    "as_list": one.is_picked and one.kind == "percent",
                    "steps": [
                        (plain(step.value), step, step.value == chosen) for step in one.steps
                    ],
                }
            )
        return shown


def plain(value: float) -> str:
    """A number as a form carries it: all its digits."""
    return f"{value:.10g}"


def initial_answers(values: Mapping[str, float]) -> dict[str, str]:
    """Saved answers as a form shows them."""
    return {key: plain(value) for key, value in values.items()}


class SettleForm(HubForm):
    """What the group agreed on."""

    value = forms.CharField(
        label="Agreed score",
        help_text="Empty takes the median.",
        required=False,
        max_length=20,
    )
    note = forms.CharField(
        label="Why", required=False, max_length=2000, widget=TextArea(2), help_text=""
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=20)

    def __init__(self, *args: Any, scheme: Scheme, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_settle_%s")
        super().__init__(*args, **kwargs)
        if scheme.method == "moscow":
            steps = next(one.steps for one in scheme.criteria if one.key == "class")
            choices = [("", "The median"), *((str(s.value), s.label) for s in steps)]
            self.fields["value"].widget = forms.Select(choices=choices, attrs={"class": "in"})
            self.fields["value"].help_text = ""
        else:
            self.fields["value"].widget.attrs["inputmode"] = "decimal"

    def clean_value(self) -> float | None:
        text = self.cleaned_data["value"].strip()
        if not text:
            return None
        number = scoring.read_number(text)
        if number is None:
            raise forms.ValidationError("Enter the agreed score as a number, like 62")
        return number

    def clean_seen(self) -> Decimal | None:
        number = scoring.read_number(self.cleaned_data["seen"] or "")
        return None if number is None else Decimal(f"{number:.3f}")


class NotesForm(HubForm):
    """Notes and actions; carries what stood there, so that nobody's words are written over."""

    notes = forms.CharField(
        label="Notes",
        required=False,
        max_length=10_000,
        widget=TextArea(4),
        error_messages={"max_length": "Shorten the notes to %(limit_value)d characters"},
    )
    actions = forms.CharField(
        label="Actions",
        help_text="One a line: who does what by when.",
        required=False,
        max_length=5000,
        widget=TextArea(3),
        error_messages={"max_length": "Shorten the actions to %(limit_value)d characters"},
    )
    seen_notes = forms.CharField(widget=forms.HiddenInput, required=False)
    seen_actions = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, session: ScoringSession, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "id_notes_%s")
        kwargs.setdefault(
            "initial",
            {
                "notes": session.notes,
                "actions": session.actions,
                "seen_notes": session.notes,
                "seen_actions": session.actions,
            },
        )
        super().__init__(*args, **kwargs)


# --- Models -------------------------------------------------------------------------------------
def weights_in(query: Any, scheme: Scheme) -> tuple[dict[str, float], dict[str, str]]:
    """(weights by key, faults by key) of an address with `w_…`; weights it does not name are
    left as they are."""
    weights: dict[str, float] = {}
    faults: dict[str, str] = {}
    for one in scheme.counted:
        text = query.get(f"w_{one.key}", "").strip()
        if not text:
            continue
        number = scoring.read_number(text)
        if number is None or number > 1000:
            faults[one.key] = f"Enter a weight for {one.name.lower()} from 0 to 1,000"
        else:
            weights[one.key] = number
    if weights and not faults:
        try:
            scoring.check_scheme(scheme.weighted_by(weights))
        except scoring.Unfit as fault:
            faults.update(fault.errors)
    return ({} if faults else weights), faults


class ReasonForm(HubForm):
    """Why a model changes."""

    note = forms.CharField(
        label="Why it changes",
        help_text="Everyone who scores by it reads this.",
        max_length=300,
        error_messages={
            "required": "Say why it changes",
            "max_length": "Shorten the reason to %(limit_value)d characters",
        },
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, max_value=1_000_000)


class ModelForm(HubForm):
    """What a model is for and who uses it."""

    name = forms.CharField(
        label="Name",
        max_length=80,
        error_messages={
            "required": "Name the model",
            "max_length": "Shorten the name to %(limit_value)d characters; it has %(show_value)d",
        },
    )
    purpose = forms.CharField(
        label="When to use it",
        max_length=240,
        required=False,
        error_messages={"max_length": "Shorten this to %(limit_value)d characters"},
    )
    teams = forms.ModelMultipleChoiceField(
        label="Teams that use it",
        help_text="Tick none, and every team can.",
        queryset=Team.objects.none(),
        to_field_name="slug",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Choose teams from the list"},
    )
    is_active = forms.BooleanField(label="Offer it for new sessions", required=False, initial=True)

    def __init__(self, *args: Any, is_new: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["teams"].queryset = Team.objects.filter(is_active=True)  # type: ignore[attr-defined]
        if not is_new:
            del self.fields["name"]
        else:
            del self.fields["is_active"]

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class CriterionForm(HubForm):
    """One row of a model: a criterion with its rubric, a line for each step."""

    key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)
    name = forms.CharField(label="Criterion", required=False, max_length=60)
    help = forms.CharField(label="Question", required=False, max_length=300)
    weight = forms.CharField(label="Weight", required=False, max_length=12)
    direction = forms.ChoiceField(
        label="More of it",
        choices=[("benefit", "Raises the score"), ("cost", "Lowers the score")],
        required=False,
    )
    kind = forms.ChoiceField(label="Answered by", choices=list(scoring.KINDS.items()))
    low = forms.CharField(label="Lowest", required=False, max_length=12)
    high = forms.CharField(label="Highest", required=False, max_length=12)
    unit = forms.CharField(label="Unit", required=False, max_length=30)
    rubric = forms.CharField(
        label="Rubric",
        help_text="A line for each step: value | name | what it means",
        required=False,
        max_length=4000,
        widget=TextArea(5),
    )
    objective = forms.CharField(label="Objective that it serves", required=False, max_length=200)
    is_effort = forms.BooleanField(label="The answer is in weeks of work", required=False)

    def __init__(self, *args: Any, fixed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("weight", "low", "high"):
            self.fields[name].widget.attrs.update({"class": "in", "inputmode": "decimal"})
        # The formula of a standard method names its criteria.
        self.is_fixed = fixed

    @property
    def is_blank(self) -> bool:
        """A row that nobody filled in."""
        return not any(
            (self.data.get(self.add_prefix(name)) or "").strip()
            for name in ("name", "rubric", "help")
        )

    def _number(self, name: str, default: float) -> float:
        text = self.cleaned_data.get(name) or ""
        if not text.strip():
            return default
        number = scoring.read_number(text)
        if number is None:
            self.add_error(
                name, f"Enter the {name} as a number" if name == "weight" else "Enter a number"
            )
            return default
        return number

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not (cleaned.get("name") or "").strip():
            self.add_error("name", "Name the criterion, or empty its row")
        cleaned["steps"] = self._steps()
        cleaned["weight_number"] = self._number("weight", 1.0)
        kind = cleaned.get("kind") or "scale"
        low, high = (0.0, 100.0) if kind == "percent" else (1.0, 5.0)
        cleaned["low_number"] = self._number("low", low)
        cleaned["high_number"] = self._number("high", high)
        return cleaned

    def _steps(self) -> tuple[Step, ...]:
        steps = []
        for line in (self.cleaned_data.get("rubric") or "").splitlines():
            if not line.strip():
                continue
            parts = [part.strip() for part in line.split("|", 2)]
            number = scoring.read_number(parts[0])
            if number is None or len(parts) < 2 or not parts[1]:
                self.add_error(
                    "rubric",
                    f"Write “{line.strip()[:40]}” as value | name | what it means, like"
                    " 3 | Medium | Saves minutes each time",
                )
                break
            steps.append(Step(number, parts[1][:60], parts[2][:300] if len(parts) > 2 else ""))
        return tuple(steps)

    def criterion(self, known: Mapping[str, Criterion]) -> Criterion:
        """The criterion that a valid row says; a known key keeps what the form does not show."""
        data = self.cleaned_data
        before = known.get(data.get("key") or "")
        key = before.key if before else slugify(data["name"]).replace("-", "_")[:40] or "criterion"
        return Criterion(
            key=key,
            name=" ".join(data["name"].split()),
            kind=data["kind"],
            help=data.get("help") or "",
            low=data["low_number"],
            high=data["high_number"],
            unit=data.get("unit") or "",
            steps=data["steps"],
            weight=data["weight_number"],
            direction=data.get("direction") or "benefit",
            is_effort=bool(data.get("is_effort")),
            middle=before.middle if before else None,
            objective=data.get("objective") or "",
            objective_id=before.objective_id if before else None,
        )


BLANK_ROWS = 2


def criterion_rows(
    criteria: Sequence[Criterion], data: Any = None, *, fixed: bool = False
) -> list[CriterionForm]:
    """A form for each criterion and two blank ones, or those that were posted."""
    if data is not None:
        count = min(whole_number(data.get("rows", "")) or 0, 20)
        return [CriterionForm(data, prefix=f"c{n}", fixed=fixed) for n in range(count)]
    filled = [
        CriterionForm(prefix=f"c{n}", initial=_row_of(one), fixed=fixed)
        for n, one in enumerate(criteria)
    ]
    blank = 0 if fixed else BLANK_ROWS if criteria else 3
    return filled + [
        CriterionForm(prefix=f"c{len(filled) + n}", initial={"weight": "10"}) for n in range(blank)
    ]


def _row_of(one: Criterion) -> dict[str, Any]:
    return {
        "key": one.key,
        "name": one.name,
        "help": one.help,
        "weight": plain(one.weight),
        "direction": one.direction,
        "kind": one.kind,
        "low": plain(one.low),
        "high": plain(one.high),
        "unit": one.unit,
        "rubric": "\n".join(
            " | ".join(part for part in (plain(step.value), step.label, step.meaning) if part)
            for step in one.steps
        ),
        "objective": one.objective,
        "is_effort": one.is_effort,
    }


def read_rows(rows: Sequence[CriterionForm], known: Sequence[Criterion]) -> list[Criterion] | None:
    """The criteria of posted rows, or None when one needs a change (said at its field)."""
    by_key = {one.key: one for one in known}
    filled = [row for row in rows if not row.is_blank]
    # Each row, so that all faults are said at once.
    if [row for row in filled if not row.is_valid()]:
        return None
    criteria: list[Criterion] = []
    taken: set[str] = set()
    for row in filled:
        one = row.criterion(by_key)
        if one.key in taken:
            row.add_error("name", "Another criterion has this name. Rename one")
            return None
        taken.add(one.key)
        criteria.append(one)
    return criteria


def requests_by_number(user: User, numbers: Sequence[int]) -> tuple[list[Request], list[int]]:
    """(requests that this person may see, numbers that lead nowhere), in the order given."""
    found = {
        item.number: item for item in Request.objects.visible_to(user).filter(number__in=numbers)
    }
    return (
        [found[number] for number in numbers if number in found],
        [number for number in numbers if number not in found],
    )
