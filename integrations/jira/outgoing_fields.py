"""Answers of a request to fields of a new Jira issue, by what Jira says these take. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.jira import document

# Set by the hub itself, or by Jira.
OURS = frozenset({"project", "issuetype", "summary", "description", "labels"})


@dataclass(frozen=True)
class Answer:
    """One answer that a form maps to Jira: to a field's id or its name."""

    jira_field: str
    label: str
    words: tuple[str, ...]
    account_id: str = ""

    @property
    def text(self) -> str:
        return ", ".join(self.words)


@dataclass
class Filled:
    """Fields with values, labels to add, what Jira has no field for, and what is in the way."""

    fields: dict[str, Any] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    beside: list[Answer] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    takes_description: bool = True


def fill(
    answers: Iterable[Answer], meta: Iterable[Mapping[str, Any]], *, type_name: str, project: str
) -> Filled:
    """Values for the fields of a type. An answer without a field goes into the description.

    `troubles` are sentences for the person at the form: a value that a field does not take, and
    required fields that nothing fills.
    """
    known = {_id(entry): entry for entry in meta if _id(entry)}
    by_name = {str(entry.get("name", "")).casefold(): pk for pk, entry in known.items()}
    filled = Filled()
    for answer in answers:
        wanted = answer.jira_field.strip()
        pk = wanted if wanted in known else by_name.get(wanted.casefold(), "")
        if "labels" in (pk, wanted.casefold()):
            filled.labels += [label for word in answer.words if (label := as_label(word))]
        elif not pk or pk in OURS:
            filled.beside.append(answer)
        else:
            try:
                filled.fields[pk] = _value(answer, known[pk])
            except ValueError as error:
                filled.troubles.append(str(error))
    filled.takes_description = "description" in known
    if "labels" not in known:
        # By its label an issue is found again after a lost answer.
        filled.troubles.append(
            f"A new {type_name} in {project} takes no labels, and the hub needs one to make it only"
            " once. Have “Labels” added to its create screen in Jira, or choose another type."
        )
    for pk, entry in known.items():
        is_required = entry.get("required") is True and entry.get("hasDefaultValue") is not True
        if is_required and pk not in OURS and pk not in filled.fields:
            name = entry.get("name") or pk
            filled.troubles.append(
                f"Jira wants “{name}” for a {type_name} in {project}, and nothing in this request"
                " fills it. Choose another type, or have Product Ops map a question of the form"
                " to it."
            )
    return filled


def as_label(word: str) -> str:
    """A label: Jira takes no blanks in one."""
    return "_".join(word.split())[:255]


def _id(entry: Mapping[str, Any]) -> str:
    return str(entry.get("fieldId") or entry.get("key") or "")


def _value(answer: Answer, entry: Mapping[str, Any]) -> Any:
    """The answer in the shape that the field takes. Raises ValueError with a sentence."""
    schema = entry.get("schema") or {}
    kind, custom = str(schema.get("type", "")), str(schema.get("custom", ""))
    name = entry.get("name") or _id(entry)
    allowed = entry.get("allowedValues")
    if kind == "array":
        if isinstance(allowed, list):
            return [_choice(name, word, allowed) for word in answer.words]
        if schema.get("items") == "string":
            return [as_label(word) for word in answer.words if as_label(word)]
    elif isinstance(allowed, list) and allowed:
        return _choice(name, answer.text, allowed)
    elif kind == "number":
        try:
            return float(answer.text)
        except ValueError:
            raise ValueError(
                f"Jira’s field “{name}” takes a number, and the answer is “{answer.text[:80]}”."
            ) from None
    elif kind == "user":
        if answer.account_id:
            return {"accountId": answer.account_id}
        raise ValueError(f"{answer.text} has no account in Jira for its field “{name}”.")
    elif kind == "date":
        return answer.text[:10]
    elif kind == "string":
        if custom.endswith(":textarea") or schema.get("system") == "environment":
            return document.document(document.paragraphs(answer.text))
        return " ".join(answer.text.split())[:255]
    raise ValueError(
        f"The hub cannot fill Jira’s field “{name}” from “{answer.label}”. Ask Product Ops to map"
        " that question to another field."
    )


def _choice(name: Any, word: str, allowed: list[Any]) -> dict[str, str]:
    options = [one for one in allowed if isinstance(one, dict) and one.get("id")]
    for one in options:
        if word.casefold() in (str(one.get(part, "")).casefold() for part in ("value", "name")):
            return {"id": str(one["id"])}
    listed = ", ".join(str(one.get("value") or one.get("name")) for one in options[:8])
    raise ValueError(
        f"Jira’s field “{name}” takes one of {listed}; the answer “{word[:80]}” is none of them."
    )
