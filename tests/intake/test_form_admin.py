"""A04, S99: Product Ops builds a form in admin, without code, as a person would."""

import pytest

from intake.models import FormField, IntakeForm, Request

pytestmark = pytest.mark.django_db
ADD = "/admin/intake/intakeform/add/"
LIST = "/admin/intake/intakeform/"


def text(response):
    return response.content.decode()


def fields(*rows, stored=()):
    """What the browser sends for the questions."""
    posted = {
        "fields-TOTAL_FORMS": len(rows),
        "fields-INITIAL_FORMS": len(stored),
        "fields-MIN_NUM_FORMS": 0,
        "fields-MAX_NUM_FORMS": 1000,
        "versions-TOTAL_FORMS": 0,
        "versions-INITIAL_FORMS": 0,
    }
    for number, row in enumerate(rows):
        whole = {"type": "line", "is_required": "on", "is_active": "on", "position": "", **row}
        if number < len(stored):
            whole["id"] = stored[number]
        for name, value in whole.items():
            if value is not None:
                posted[f"fields-{number}-{name}"] = value
    return posted


def about(**more):
    return {
        "name": "Contract change", "slug": "contract", "kind": "help", "visibility": "company",
        "first_answer_days": 2, "triage_days": 2, "decision_days": 9, "position": 50,
        "is_active": "on", **more,
    }  # fmt: skip


ROWS = (
    {"label": "What should change?", "maps_to": "title"},
    {"label": "Is it signed?", "type": "yes"},
    {"label": "By whom?", "show_if": "is_it_signed", "show_if_values": "Yes"},
)


def test_a_form_is_built_and_asked_at_once(opsadmin, ada, signed_in):
    ops = signed_in(opsadmin)
    page = text(ops.get(ADD))
    assert "made from the label" in page
    response = ops.post(ADD, {**about(), **fields(*ROWS)}, follow=True)
    assert "Version 1 is out" in text(response)
    form = IntakeForm.objects.get(slug="contract")
    keys = list(form.fields.values_list("key", flat=True))
    assert keys == ["what_should_change", "is_it_signed", "by_whom"]
    asked = text(signed_in(ada).get("/requests/new/?form=contract"))
    assert "By whom?" in asked and "Only if “Is it signed?” is Yes." in asked
    posted = {"form": "contract", "what_should_change": "Notice period", "is_it_signed": "no"}
    assert signed_in(ada).post("/requests/new/", posted).status_code == 303
    assert Request.objects.get().answers == {"is_it_signed": "no"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (({"label": "No title"},), "Exactly one question must fill"),
        ((*ROWS[:2], {"label": "x", "show_if": "unknown", "show_if_values": "a"}), "No earlier"),
        ((*ROWS[:1], {"label": "Pick", "type": "choice"}), "at least two choices"),
        ((*ROWS[:1], {"label": "What should change?"}), "key"),
    ],
)
def test_what_makes_no_sense_is_refused_with_words(opsadmin, signed_in, rows, words):
    response = signed_in(opsadmin).post(ADD, {**about(), **fields(*rows)})
    assert response.status_code == 200 and words in text(response)
    assert not IntakeForm.objects.filter(slug="contract").exists()


def change(browser, form, edit=None, more=()):
    stored = list(form.fields.order_by("position", "id"))
    rows = [
        {
            "key": one.key, "label": one.label, "help": one.help, "type": one.type,
            "choices": one.choices, "section": one.section, "position": one.position,
            "show_if": one.show_if, "show_if_values": one.show_if_values,
            "maps_to": one.maps_to, "jira_field": one.jira_field,
            "is_required": "on" if one.is_required else None, "is_active": "on",
            **(edit or {}).get(one.key, {}),
        }
        for one in stored
    ]  # fmt: skip
    posted = fields(*rows, *more, stored=[one.pk for one in stored])
    whole = {**about(name=form.name, slug=form.slug, kind=form.kind), **posted}
    return browser.post(f"{LIST}{form.pk}/change/", whole, follow=True)


def test_a_change_of_the_questions_makes_a_version_and_other_changes_do_not(opsadmin, signed_in):
    form = IntakeForm.objects.get(slug="idea")
    browser = signed_in(opsadmin)
    assert "is out:" not in text(change(browser, form))
    form.refresh_from_db()
    assert form.version.number == 1
    page = text(change(browser, form, {"title": {"label": "In one line"}}))
    assert "Version 2 is out" in page
    form.refresh_from_db()
    assert form.version.created_by == opsadmin


def test_a_key_with_answers_cannot_change(opsadmin, ada, signed_in):
    form = IntakeForm.objects.get(slug="idea")
    browser = signed_in(opsadmin)
    signed_in(ada).post("/requests/new/", {"form": "idea", "title": "A", "problem": "B"})
    response = change(browser, form, {"promised_whom": {"key": "other"}})
    assert "Answers are kept under “promised_whom”" in text(response)
    assert form.fields.filter(key="promised_whom").exists()


def test_a_copy_is_off_and_has_a_link_of_its_own(opsadmin, signed_in):
    form = IntakeForm.objects.get(slug="data")
    posted = {"action": "copy_forms", "_selected_action": [form.pk]}
    page = text(signed_in(opsadmin).post(LIST, posted, follow=True))
    assert "Copy of Data or insight is there, switched off." in page
    copy = IntakeForm.objects.get(slug="data-2")
    assert not copy.is_active and copy.open_key != form.open_key and copy.version.number == 1
    assert copy.fields.count() == form.fields.count() == FormField.objects.filter(form=form).count()


def test_it_is_for_product_ops_alone(pm, ada, signed_in):
    for person in (pm, ada):
        assert signed_in(person).get(LIST).status_code in (302, 403)
    form = IntakeForm.objects.get(slug="idea")
    assert signed_in(ada).post(ADD, about()).status_code in (302, 403) and form.fields.count() == 9


def test_a_form_is_never_deleted(opsadmin, signed_in):
    form = IntakeForm.objects.get(slug="idea")
    assert signed_in(opsadmin).post(f"{LIST}{form.pk}/delete/", {"post": "yes"}).status_code == 403
