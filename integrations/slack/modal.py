"""The intake form as a modal: blocks from questions, typed values from its state. Pure.

https://api.slack.com/reference/surfaces/views
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from intake import questions
from intake.models import TITLE_LENGTH, FieldType, IntakeForm, MapsTo
from intake.questions import Question
from intake.suggestions import Suggestions
from integrations.slack.messages import context, escape, link, section, words

CALLBACK = "request_form"
FORM = "form"
ANSWER = "answer"
VOTE = "vote"
TITLE_MAX, LABEL_MAX, HINT_MAX, OPTION_MAX = 24, 2000, 2000, 75
TEXT_MAX, LINE_MAX, OPTIONS_MAX, BLOCKS_MAX, VALUE_MAX = 3000, 300, 100, 100, 150

Typed = Mapping[str, Any]


@dataclass(frozen=True)
class Meta:
    """What a modal carries along: ids only, for it is no secret."""

    form: str = ""
    version: int = 0
    channel: str = ""
    ts: str = ""
    thread: str = ""
    shown: tuple[int, ...] = ()

    def write(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def read_meta(text: Any) -> Meta:
    """The same from a view; empty for what the hub did not write."""
    try:
        found = json.loads(text) if isinstance(text, str) else {}
        return Meta(
            form=str(found.get("form", "")),
            version=int(found.get("version", 0)),
            channel=str(found.get("channel", "")),
            ts=str(found.get("ts", "")),
            thread=str(found.get("thread", "")),
            shown=tuple(int(one) for one in found.get("shown", ())),
        )
    except (ValueError, TypeError, AttributeError):
        return Meta()


def block_id(form: str, key: str) -> str:
    """A form's own, so that another form's answers are not taken for its."""
    return f"{form}:{key}"


def build(
    *,
    forms: Sequence[IntakeForm],
    chosen: IntakeForm,
    asked: Sequence[Question],
    meta: Meta,
    typed: Typed,
    teams: Sequence[tuple[str, str]] = (),
    found: Suggestions | None = None,
    base_url: str = "",
    note: str = "",
) -> dict[str, Any]:
    """The modal that asks a form's questions, as far as they apply to what is typed."""
    shown = questions.applies(asked, typed)
    deciding = {one.show_if for one in asked if one.show_if}
    blocks: list[dict[str, Any]] = []
    if note:
        blocks.append(section(escape(note)))
    if len(forms) > 1:
        blocks.append(_form_choice(forms, chosen))
    has_files, last_section = False, ""
    for one in asked:
        if one.key not in shown:
            continue
        if one.type == FieldType.FILE:
            has_files = True
            continue
        if one.section and one.section != last_section:
            blocks.append(section(f"*{escape(one.section)}*"))
        last_section = one.section
        is_title = one.maps_to == MapsTo.TITLE
        element = _element(one, typed.get(one.key), teams)
        if element is None:
            continue
        blocks.append(
            {
                "type": "input",
                "block_id": block_id(chosen.slug, one.key),
                "label": words(one.label, LABEL_MAX),
                "optional": not one.is_required,
                "element": element,
                **({"hint": words(one.help, HINT_MAX)} if one.help else {}),
                **({"dispatch_action": True} if is_title or one.key in deciding else {}),
            }
        )
        if is_title and found is not None and found.rows:
            blocks += suggestion_blocks(found, base_url)
    if has_files:
        blocks.append(context("Files can be added on the request’s page once it is sent."))
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": words("New request", TITLE_MAX),
        "submit": words("Send", TITLE_MAX),
        "close": words("Cancel", TITLE_MAX),
        "private_metadata": meta.write(),
        "blocks": blocks[:BLOCKS_MAX],
    }


def closing(title: str, text: str) -> dict[str, Any]:
    """A modal that only says something; `text` is mrkdwn."""
    return {
        "type": "modal",
        "callback_id": "said",
        "title": words(title, TITLE_MAX),
        "close": words("Close", TITLE_MAX),
        "blocks": [section(text)],
    }


def suggestion_blocks(found: Suggestions, base_url: str) -> list[dict[str, Any]]:
    """At most five requests that may say the same, each with a way to join it."""
    blocks = [context("*Does one of these say it already?* A +1 counts more than a twin.")]
    for row in found.rows:
        item = row.item
        line = link(base_url + item.get_absolute_url(), f"{item.reference} {item.title}")
        said = f"{line}\n{escape(item.state[0])}" + (f" · {escape(row.why)}" if row.why else "")
        more: dict[str, Any] = {}
        if row.can_vote and not row.is_mine:
            more["accessory"] = {
                "type": "button",
                "action_id": VOTE,
                "value": str(item.pk),
                "text": words("+1", OPTION_MAX),
            }
        blocks.append(section(said, block_id=f"suggestion:{item.pk}", **more))
    return blocks


def _form_choice(forms: Sequence[IntakeForm], chosen: IntakeForm) -> dict[str, Any]:
    offered = [_option(form.slug, form.name) for form in forms[:OPTIONS_MAX]]
    held = next((one for one in offered if one["value"] == chosen.slug), offered[0])
    return {
        "type": "input",
        "block_id": FORM,
        "label": words("What is it?", LABEL_MAX),
        "dispatch_action": True,
        "element": {
            "type": "static_select",
            "action_id": FORM,
            "options": offered,
            "initial_option": held,
        },
    }


def _option(value: str, text: str) -> dict[str, Any]:
    return {"text": words(text, OPTION_MAX), "value": value[:VALUE_MAX]}


def _element(question: Question, value: Any, teams: Iterable[tuple[str, str]]) -> Any:
    """The control of a question; None where nothing can be chosen."""
    given = questions.as_texts(value)
    text = given[0] if given else ""
    if question.type in (FieldType.CHOICE, FieldType.YES, FieldType.TEAM, FieldType.MULTI):
        pairs = teams if question.type == FieldType.TEAM else question.options
        options = [_option(code, word) for code, word in pairs][:OPTIONS_MAX]
        if not options:
            return None
        held = [one for one in options if one["value"] in given]
        if question.type == FieldType.MULTI:
            made: dict[str, Any] = {"type": "multi_static_select", "options": options}
            return made | {"action_id": ANSWER} | ({"initial_options": held} if held else {})
        made = {"type": "static_select", "options": options, "action_id": ANSWER}
        return made | ({"initial_option": held[0]} if held else {})
    if question.type == FieldType.DATE:
        made = {"type": "datepicker", "action_id": ANSWER}
        return made | ({"initial_date": text} if text else {})
    if question.type == FieldType.NUMBER:
        made = {"type": "number_input", "is_decimal_allowed": True, "action_id": ANSWER}
        return made | ({"initial_value": text} if text else {})
    if question.type == FieldType.URL:
        made = {"type": "url_text_input", "action_id": ANSWER}
        return made | ({"initial_value": text} if text else {})
    is_text = question.type == FieldType.TEXT
    longest = TITLE_LENGTH if question.maps_to == MapsTo.TITLE else LINE_MAX
    longest = TEXT_MAX if is_text else longest
    made = {"type": "plain_text_input", "action_id": ANSWER, "max_length": longest}
    if is_text:
        made["multiline"] = True
    return made | ({"initial_value": text[:longest]} if text else {})


def typed_in(view: Mapping[str, Any]) -> tuple[str, dict[str, list[str]]]:
    """The chosen form's slug (“” where there is no choice) and what is typed by block id."""
    state = view.get("state")
    values = state.get("values") if isinstance(state, dict) else None
    found: dict[str, list[str]] = {}
    for name, actions in (values or {}).items() if isinstance(values, dict) else ():
        for held in (actions or {}).values() if isinstance(actions, dict) else ():
            if isinstance(held, dict) and (given := _given(held)):
                found[str(name)] = given
    return next(iter(found.pop(FORM, [])), ""), found


def _given(held: Mapping[str, Any]) -> list[str]:
    option, several = held.get("selected_option"), held.get("selected_options")
    if isinstance(option, dict):
        return [str(option.get("value", ""))]
    if isinstance(several, list):
        return [str(one.get("value", "")) for one in several if isinstance(one, dict)]
    plain = held.get("value") or held.get("selected_date")
    return [str(plain).replace("\x00", "")] if plain else []


def of_form(typed: Mapping[str, list[str]], form: str) -> dict[str, list[str]]:
    """What is typed into one form, by key of its questions."""
    start = block_id(form, "")
    return {name.removeprefix(start): one for name, one in typed.items() if name.startswith(start)}
