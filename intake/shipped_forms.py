"""The four request forms that the hub comes with. Product Ops changes them in admin from there."""

from typing import Any

TITLE: dict[str, Any] = {
    "key": "title",
    "label": "Say it in one line",
    "help": "Name the need, not the solution. Similar requests appear as you type.",
    "type": "line",
    "maps_to": "title",
}
PROBLEM: dict[str, Any] = {
    "key": "problem",
    "label": "What happens today, and what does it cost?",
    "help": "One real case helps more than a long list.",
    "type": "text",
    "maps_to": "problem",
}
TEAM: dict[str, Any] = {
    "key": "team",
    "label": "Product area",
    "type": "team",
    "is_required": False,
    "maps_to": "team",
}
AFFECTED: dict[str, Any] = {
    "key": "affected",
    "label": "Who feels it?",
    "type": "multi",
    "is_required": False,
    "maps_to": "affected",
}
EVIDENCE: dict[str, Any] = {
    "key": "evidence_url",
    "label": "Link to evidence",
    "help": "A ticket, call recording, dashboard or document.",
    "type": "url",
    "is_required": False,
    "maps_to": "evidence_url",
}
FILES: dict[str, Any] = {
    "key": "files",
    "label": "Files",
    "help": "A picture or document that shows it.",
    "type": "file",
    "is_required": False,
}
NEEDED: dict[str, Any] = {
    "key": "needed_on",
    "label": "Is there a date it must meet?",
    "type": "date",
    "is_required": False,
    "maps_to": "needed_on",
}

SHIPPED: list[dict[str, Any]] = [
    {
        "slug": "idea",
        "name": "Idea or feature",
        "summary": "Something a product should do",
        "kind": "idea",
        "position": 10,
        "questions": [
            TITLE,
            PROBLEM,
            TEAM,
            AFFECTED,
            {
                "key": "promised",
                "label": "Has anyone been promised it?",
                "type": "yes",
                "is_required": False,
            },
            {
                "key": "promised_whom",
                "label": "Who was promised what, and by whom?",
                "help": "Product managers speak with them before they decide.",
                "type": "line",
                "show_if": "promised",
                "show_if_values": ["yes"],
            },
            EVIDENCE,
            FILES,
            NEEDED,
        ],
    },
    {
        "slug": "problem",
        "name": "Problem",
        "summary": "It works badly or not at all",
        "kind": "problem",
        "position": 20,
        "questions": [
            TITLE,
            {
                **PROBLEM,
                "help": "What you did, what happened, what you expected. One real case is best.",
            },
            TEAM,
            AFFECTED,
            {
                "key": "how_often",
                "label": "How often does it happen?",
                "type": "choice",
                "is_required": False,
                "choices": [
                    ["always", "Every time"],
                    ["daily", "Every day"],
                    ["weekly", "Every week"],
                    ["once", "It happened once"],
                ],
            },
            {
                "key": "workaround",
                "label": "Is there a way around it?",
                "type": "yes",
                "is_required": False,
            },
            {
                "key": "workaround_how",
                "label": "What do people do instead, and how long does it take?",
                "type": "line",
                "is_required": False,
                "show_if": "workaround",
                "show_if_values": ["yes"],
            },
            EVIDENCE,
            FILES,
            NEEDED,
        ],
    },
    {
        "slug": "data",
        "name": "Data or insight",
        "summary": "A number, report or answer",
        "kind": "data",
        "position": 30,
        "questions": [
            {**TITLE, "label": "What do you want to know?", "help": "As one question."},
            {
                **PROBLEM,
                "label": "What will you decide with the answer?",
                "help": "Who decides, and what would change your mind. That sets how exact it is.",
            },
            TEAM,
            {
                "key": "repeat",
                "label": "Do you need it once or again?",
                "type": "choice",
                "choices": [["once", "Once"], ["again", "Again and again"]],
            },
            {
                "key": "rhythm",
                "label": "How often?",
                "type": "choice",
                "choices": [
                    ["day", "Every day"],
                    ["week", "Every week"],
                    ["month", "Every month"],
                    ["quarter", "Every quarter"],
                ],
                "show_if": "repeat",
                "show_if_values": ["again"],
            },
            {
                **EVIDENCE,
                "label": "Link to what you have now",
                "help": "A report or sheet that comes close.",
            },
            FILES,
            {**NEEDED, "label": "When do you need it?"},
        ],
    },
    {
        "slug": "help",
        "name": "Process or tool help",
        "summary": "Access, training, a template",
        "kind": "help",
        "position": 40,
        "decision_days": 5,
        "questions": [
            {**TITLE, "help": "What should be possible that is not today."},
            {
                "key": "help_with",
                "label": "What do you need?",
                "type": "choice",
                "choices": [
                    ["access", "Access to a tool"],
                    ["training", "Training or advice"],
                    ["template", "A template"],
                    ["process", "Help with a process"],
                    ["other", "Something else"],
                ],
            },
            {
                "key": "tool",
                "label": "Which tool, and what must you be able to do there?",
                "type": "line",
                "show_if": "help_with",
                "show_if_values": ["access"],
            },
            {
                "key": "people_count",
                "label": "How many people is it for?",
                "type": "number",
                "is_required": False,
                "show_if": "help_with",
                "show_if_values": ["access", "training"],
            },
            {
                **PROBLEM,
                "label": "What do you want to get done?",
                "help": "What you tried so far, and where it stops.",
            },
            TEAM,
            FILES,
            NEEDED,
        ],
    },
]

FORM_FIELDS = ("name", "summary", "kind", "position", "decision_days")
DEFAULTS: dict[str, Any] = {
    "type": "line",
    "help": "",
    "choices": [],
    "is_required": True,
    "section": "",
    "show_if": "",
    "show_if_values": [],
    "maps_to": "",
    "jira_field": "",
}


def install(form_model: Any, field_model: Any, version_model: Any) -> None:
    """Make the shipped forms, each with its version 1, where they are missing.

    The models are handed in: a migration brings those of its own time.
    """
    for shipped in SHIPPED:
        form, is_new = form_model.objects.get_or_create(
            slug=shipped["slug"],
            defaults={name: shipped[name] for name in FORM_FIELDS if name in shipped},
        )
        if not is_new:
            continue
        questions = [{**DEFAULTS, **question} for question in shipped["questions"]]
        field_model.objects.bulk_create(
            field_model(
                form=form,
                position=10 * number,
                **{
                    **question,
                    "choices": "\n".join(f"{code} = {word}" for code, word in question["choices"]),
                    "show_if_values": "\n".join(question["show_if_values"]),
                },
            )
            for number, question in enumerate(questions, start=1)
        )
        form.version = version_model.objects.create(form=form, number=1, questions=questions)
        form.save(update_fields=["version"])
