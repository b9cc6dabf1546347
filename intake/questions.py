"""The questions of a form: read from a version, checked before publishing, shown by one rule.

Pure: no database, no request. `applies` is the only place that says which questions a reader must
answer; the page's script follows the data attributes that are written from the same questions.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from intake.models import Affected, FieldType, MapsTo, Priority

KEY = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
# Names of controls that the page needs for itself.
RESERVED_KEYS = frozenset(
    "form kind version submission_key draft saved tab touched field switch send check overwrite"
    " csrfmiddlewaretoken for_whom for_name for_email for_customer website next number".split()
)
MAX_CHOICES = 60
MAX_QUESTIONS = 60
WITH_CHOICES = (FieldType.CHOICE, FieldType.MULTI)
# What a condition can look at: answers that are one of a few.
DECIDING = (FieldType.CHOICE, FieldType.MULTI, FieldType.YES, FieldType.TEAM)
YES_NO = (("yes", "Yes"), ("no", "No"))
# Which types can fill which part of a request.
FITTING: dict[str, tuple[str, ...]] = {
    MapsTo.TITLE: (FieldType.LINE,),
    MapsTo.PROBLEM: (FieldType.TEXT,),
    MapsTo.TEAM: (FieldType.TEAM,),
    MapsTo.AFFECTED: (FieldType.MULTI,),
    MapsTo.EVIDENCE: (FieldType.URL,),
    MapsTo.NEEDED_ON: (FieldType.DATE,),
    MapsTo.PRIORITY: (FieldType.CHOICE,),
    MapsTo.CUSTOMER: (FieldType.CUSTOMER,),
    MapsTo.LABELS: (FieldType.CHOICE, FieldType.MULTI),
}
# Parts of a request that know a few values only; without choices of its own a question offers
# all of them.
FIXED: dict[str, list[tuple[str, str]]] = {
    MapsTo.AFFECTED: [(str(value), str(word)) for value, word in Affected.choices],
    MapsTo.PRIORITY: [(str(value), str(word)) for value, word in Priority.choices],
}


@dataclass(frozen=True)
class Question:
    """One question as a version holds it."""

    key: str
    label: str
    type: str = FieldType.LINE
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    is_required: bool = True
    section: str = ""
    show_if: str = ""
    show_if_values: tuple[str, ...] = ()
    maps_to: str = ""
    jira_field: str = ""

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """(code, words) of what can be chosen."""
        if self.type == FieldType.YES:
            return YES_NO
        if not self.choices and self.type in WITH_CHOICES:
            return tuple(FIXED.get(self.maps_to, ()))
        return self.choices

    def word(self, code: str) -> str:
        """The words of a chosen code; the code itself where it is not offered any more."""
        return dict(self.options).get(code, code)


@dataclass(frozen=True)
class Fault:
    """What is wrong with the questions; `index` is None for the form as a whole."""

    index: int | None
    field: str
    text: str


@dataclass
class Section:
    """Questions under one heading, in order."""

    heading: str
    keys: list[str] = field(default_factory=list)


def read(stored: Iterable[Mapping[str, Any]]) -> tuple[Question, ...]:
    """The questions of a version; keys that are not known yet or any more are passed over."""
    known = Question.__dataclass_fields__
    found = []
    for row in stored:
        values = {name: value for name, value in row.items() if name in known}
        values["choices"] = tuple((str(code), str(word)) for code, word in row.get("choices", ()))
        values["show_if_values"] = tuple(map(str, row.get("show_if_values", ())))
        found.append(Question(**values))
    return tuple(found)


def write(questions: Iterable[Question]) -> list[dict[str, Any]]:
    """The same as JSON."""
    return [
        {
            **asdict(question),
            "type": str(question.type),
            "maps_to": str(question.maps_to),
            "choices": [list(choice) for choice in question.choices],
            "show_if_values": list(question.show_if_values),
        }
        for question in questions
    ]


def parse_choices(text: str) -> tuple[tuple[str, str], ...]:
    """Choices one a line: “code = Words”, or words that are their own code."""
    found = []
    for line in text.splitlines():
        line = " ".join(line.split())
        if not line:
            continue
        code, separator, words = line.partition(" = ")
        found.append((code.strip(), words.strip()) if separator else (line, line))
    return tuple(found)


def parse_lines(text: str) -> tuple[str, ...]:
    """The lines of a text without blanks at their ends."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def as_texts(answer: Any) -> tuple[str, ...]:
    """An answer, typed or stored, as the texts that conditions compare."""
    if answer is None or answer == "":
        return ()
    if isinstance(answer, bool):
        return ("yes" if answer else "no",)
    if isinstance(answer, list | tuple):
        return tuple(str(one).strip() for one in answer if str(one).strip())
    return (str(answer).strip(),)


def applies(questions: Sequence[Question], answers: Mapping[str, Any]) -> set[str]:
    """Keys of the questions that these answers call for.

    A question with a condition applies when the earlier question applies itself and was answered
    with one of the values; so whatever hangs on a hidden question is hidden too.
    """
    shown: set[str] = set()
    for question in questions:
        if not question.show_if:
            shown.add(question.key)
        elif question.show_if in shown:
            given = as_texts(answers.get(question.show_if))
            if any(value in question.show_if_values for value in given):
                shown.add(question.key)
    return shown


def condition_words(question: Question, questions: Sequence[Question]) -> str:
    """“Only if “Does anyone wait for it?” is Yes.”; empty where there is no condition."""
    if not question.show_if:
        return ""
    before = next((one for one in questions if one.key == question.show_if), None)
    if before is None:
        return ""
    words = " or ".join(before.word(value) for value in question.show_if_values)
    return f"Only if “{before.label}” is {words}."


def sections(questions: Sequence[Question]) -> list[Section]:
    """Questions under their headings; those without one come under no heading, where they are."""
    found: list[Section] = []
    for question in questions:
        if not found or found[-1].heading != question.section:
            found.append(Section(question.section))
        found[-1].keys.append(question.key)
    return found


def carried(
    old: Sequence[Question], new: Sequence[Question], data: Mapping[str, Any]
) -> dict[str, Any]:
    """What is typed, for another form's questions: what fills the same part of a request moves
    along under that form's key; the rest stays, so that going back brings it back."""
    kept = dict(data)
    sources = {question.maps_to: question.key for question in old if question.maps_to}
    for question in new:
        source = sources.get(question.maps_to, "")
        if source and source != question.key and as_texts(data.get(source)):
            kept[question.key] = data[source]
    return kept


def faults(questions: Sequence[Question]) -> list[Fault]:
    """Everything that must change before these questions can be published."""
    found: list[Fault] = []
    if len(questions) > MAX_QUESTIONS:
        found.append(Fault(None, "", f"Ask at most {MAX_QUESTIONS} questions; people give up."))
    titles = [index for index, one in enumerate(questions) if one.maps_to == MapsTo.TITLE]
    if len(titles) != 1:
        found.append(
            Fault(None, "", "Exactly one question must fill the request’s one line (its title).")
        )
    seen: dict[str, Question] = {}
    taken: set[str] = set()
    for index, question in enumerate(questions):
        found += [Fault(index, name, text) for name, text in _own_faults(question, seen)]
        if question.maps_to and question.maps_to != MapsTo.LABELS:
            if question.maps_to in taken and question.maps_to != MapsTo.TITLE:
                word = MapsTo(question.maps_to).label.lower()
                found.append(Fault(index, "maps_to", f"Another question fills “{word}” already."))
            taken.add(question.maps_to)
        seen.setdefault(question.key, question)
    return found


def _own_faults(question: Question, earlier: Mapping[str, Question]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if not KEY.match(question.key):
        text = "Use small letters, digits and underscores, like depot_name."
        found.append(("key", text))
    elif question.key in RESERVED_KEYS:
        found.append(("key", "The page needs this name for itself. Choose another."))
    elif question.key in earlier:
        found.append(("key", "Another question has this key."))
    found += _choice_faults(question)
    if question.maps_to and question.type not in FITTING[question.maps_to]:
        words = " or ".join(f"“{FieldType(one).label}”" for one in FITTING[question.maps_to])
        part = MapsTo(question.maps_to).label.lower()
        found.append(("type", f"Only {words} can fill “{part}”."))
    if question.maps_to == MapsTo.TITLE and not question.is_required:
        found.append(("is_required", "The one line is always required."))
    if question.maps_to == MapsTo.TITLE and question.show_if:
        found.append(("show_if", "The one line is always asked: take the condition away."))
    found += _condition_faults(question, earlier)
    return found


def _choice_faults(question: Question) -> list[tuple[str, str]]:
    if question.type not in WITH_CHOICES:
        return [("choices", "This type takes no choices.")] if question.choices else []
    codes = [code for code, _ in question.choices]
    allowed = [code for code, _ in FIXED.get(question.maps_to, ())]
    if not codes and not allowed:
        return [("choices", "Write at least two choices, one a line.")]
    if allowed and (unknown := [code for code in codes if code not in allowed]):
        return [("choices", f"“{unknown[0]}” is not one of {', '.join(allowed)}.")]
    if codes and len(codes) < 2:
        return [("choices", "Write at least two choices, one a line.")]
    if len(codes) > MAX_CHOICES:
        return [("choices", f"Offer at most {MAX_CHOICES} choices.")]
    if doubled := [code for code in codes if codes.count(code) > 1]:
        return [("choices", f"“{doubled[0]}” is there twice.")]
    if long := [code for code, word in question.choices if len(code) > 80 or len(word) > 160]:
        return [("choices", f"Shorten “{long[0][:40]}…”: it is a choice, not a text.")]
    return []


def _condition_faults(question: Question, earlier: Mapping[str, Question]) -> list[tuple[str, str]]:
    if not question.show_if:
        if question.show_if_values:
            return [("show_if", "Name the earlier question that these values answer.")]
        return []
    before = earlier.get(question.show_if)
    if before is None:
        names = ", ".join(key for key, one in earlier.items() if one.type in DECIDING)
        hint = f" Earlier ones that can decide: {names}." if names else ""
        return [("show_if", f"No earlier question has the key “{question.show_if}”.{hint}")]
    if before.type not in DECIDING:
        return [("show_if", "Only a choice, a yes or no, or a product area can decide this.")]
    if not question.show_if_values:
        return [("show_if_values", "Write the answers for which it is shown, one a line.")]
    codes = [code for code, _ in before.options]
    if codes and (unknown := [one for one in question.show_if_values if one not in codes]):
        text = f"“{unknown[0]}” is not one of its answers: {', '.join(codes)}."
        return [("show_if_values", text)]
    return []


def codes_for(before: Question, values: Iterable[str]) -> tuple[str, ...]:
    """Values of a condition as codes: people may also write the words of a choice."""
    by_word = {word.lower(): code for code, word in before.options}
    return tuple(by_word.get(value.lower(), value) for value in values)
