"""A04 to A06: questions as data, one rule for what is shown, what may be published."""

from hypothesis import given
from hypothesis import strategies as st

from intake.models import FieldType, MapsTo
from intake.questions import (
    Question,
    applies,
    carried,
    condition_words,
    faults,
    parse_choices,
    read,
    sections,
    write,
)
from intake.shipped_forms import SHIPPED

TITLE = Question("title", "Say it in one line", maps_to=MapsTo.TITLE)
KIND = Question("what", "What?", FieldType.CHOICE, choices=(("tool", "A tool"), ("no", "Nothing")))
TOOL = Question("tool", "Which?", show_if="what", show_if_values=("tool",))
MANY = Question("many", "For many?", FieldType.YES, show_if="what", show_if_values=("tool", "no"))
COUNT = Question("count", "How many?", FieldType.NUMBER, show_if="many", show_if_values=("yes",))
ALL = (TITLE, KIND, TOOL, MANY, COUNT)


def test_a_condition_looks_at_an_earlier_answer():
    assert applies(ALL, {}) == {"title", "what"}
    assert applies(ALL, {"what": "tool"}) == {"title", "what", "tool", "many"}
    assert applies(ALL, {"what": ["no"]}) == {"title", "what", "many"}


def test_what_hangs_on_a_hidden_question_is_hidden_too():
    assert "count" in applies(ALL, {"what": "tool", "many": "yes"})
    assert "count" not in applies(ALL, {"what": "", "many": "yes"})


@given(st.dictionaries(st.sampled_from([q.key for q in ALL]), st.text(max_size=6)))
def test_whatever_is_answered_unconditional_questions_stay(answers):
    assert {"title", "what"} <= applies(ALL, answers)


def test_conditions_are_said_in_words():
    assert condition_words(TOOL, ALL) == "Only if “What?” is A tool."
    assert condition_words(COUNT, ALL) == "Only if “For many?” is Yes."
    assert condition_words(TITLE, ALL) == ""


def test_questions_survive_storage_and_unknown_keys_do_no_harm():
    assert read(write(ALL)) == ALL
    assert read([{**write([TITLE])[0], "from_the_future": 1}]) == (TITLE,)


def test_choices_keep_their_code():
    assert parse_choices("a = First one\n\n  Plain   words \nb=c") == (
        ("a", "First one"),
        ("Plain words", "Plain words"),
        ("b=c", "b=c"),
    )


def test_sections_follow_each_other():
    asked = [Question("a", "A"), Question("b", "B", section="More"), Question("c", "C")]
    assert [(one.heading, one.keys) for one in sections(asked)] == [
        ("", ["a"]),
        ("More", ["b"]),
        ("", ["c"]),
    ]


def test_what_is_typed_moves_to_another_form_by_what_it_fills():
    old = (TITLE, Question("pain", "Pain", FieldType.TEXT, maps_to=MapsTo.PROBLEM))
    new = (
        Question("wish", "Wish", maps_to=MapsTo.TITLE),
        Question("why", "Why", FieldType.TEXT, maps_to=MapsTo.PROBLEM),
    )
    kept = carried(old, new, {"title": "T", "pain": "P", "other": "O"})
    assert (kept["wish"], kept["why"], kept["other"], kept["pain"]) == ("T", "P", "O", "P")


def test_the_shipped_forms_can_be_published():
    for form in SHIPPED:
        asked = read(form["questions"])
        assert faults(asked) == [], form["slug"]
        assert any(question.show_if for question in asked) or form["slug"] == "none"


def texts(*asked):
    return [fault.text for fault in faults(asked)]


def test_exactly_one_question_fills_the_title():
    assert "Exactly one question" in texts(KIND)[0]
    second = Question("second", "Second", maps_to=MapsTo.TITLE)
    assert "Exactly one question" in texts(TITLE, second)[0]


def test_faults_say_what_to_do():
    cases = [
        (Question("Bad Key", "x"), "small letters"),
        (Question("version", "x"), "for itself"),
        (Question("title", "x"), "Another question has this key."),
        (Question("c", "x", FieldType.CHOICE), "at least two choices"),
        (Question("c", "x", choices=(("a", "A"), ("b", "B"))), "takes no choices"),
        (
            Question("c", "x", FieldType.CHOICE, choices=(("a", "A"), ("a", "B"))),
            "is there twice",
        ),
        (Question("c", "x", show_if="later", show_if_values=("a",)), "No earlier question"),
        (Question("c", "x", show_if="title", show_if_values=("a",)), "Only a choice"),
        (Question("c", "x", show_if="what"), "answers for which"),
        (Question("c", "x", show_if="what", show_if_values=("odd",)), "not one of its answers"),
        (Question("c", "x", maps_to=MapsTo.TEAM), "Only “Product area” can fill"),
        (
            Question(
                "c", "x", FieldType.MULTI, choices=(("odd", "O"), ("us", "U")), maps_to="affected"
            ),
            "is not one of",
        ),
    ]
    for question, words in cases:
        found = texts(TITLE, KIND, question)
        assert len(found) == 1 and words in found[0], (question, found)
