"""A04 to A06, A08, S46: forms on the page, whatever the browser sends."""

import pytest

from intake import services
from intake.asking import answers_of, better_form, offered_forms
from intake.models import Customer, FormField, FormVersion, IntakeForm, Request
from tests.factories import make_user

pytestmark = pytest.mark.django_db
NEW = "/requests/new/"
HELP = {
    "form": "help",
    "title": "Get into the data warehouse",
    "problem": "I wait for reports.",
    "help_with": "access",
    "tool": "Looker, to read",
}


def text(response):
    return response.content.decode()


@pytest.fixture
def survey(opsadmin):
    """A form with every type of question."""
    form = IntakeForm.objects.create(slug="survey", name="Everything", position=90)
    rows = [
        ("wish", "line", "title", ""),
        ("long", "text", "problem", ""),
        ("one", "choice", "priority", ""),
        ("several", "multi", "labels", "red = Red things\nblue = Blue things"),
        ("how_much", "number", "", ""),
        ("day", "date", "", ""),
        ("sure", "yes", "", ""),
        ("page", "url", "", ""),
        ("who", "person", "", ""),
        ("area", "team", "team", ""),
        ("account", "customer", "customer", ""),
    ]
    for position, (key, kind, maps_to, choices) in enumerate(rows):
        FormField.objects.create(
            form=form, key=key, label=f"Ask {key}", type=kind, maps_to=maps_to, choices=choices,
            position=position, section="Second part" if position > 5 else "",
            is_required=key in ("wish", "long"),
        )  # fmt: skip
    services.publish_form(form=form, actor=opsadmin)
    form.refresh_from_db()
    return form


ANSWERS = {
    "form": "survey",
    "wish": "A wish\twith  blanks",
    "long": "A case.",
    "one": "high",
    "several": ["red", "blue"],
    "how_much": "3.50",
    "day": "2020-02-01",
    "sure": "no",
    "page": "example.com/x",
    "who": "Otto Fern",
    "area": "dispatch",
    "account": "northwind",
}


class TestShipped:
    def test_four_forms_are_there_with_their_first_version(self):
        forms = IntakeForm.objects.filter(is_active=True)
        assert [form.slug for form in forms] == ["idea", "problem", "data", "help"]
        assert set(FormVersion.objects.values_list("number", flat=True)) == {1}
        assert all(form.version.form_id == form.pk for form in forms)

    def test_publishing_them_as_they_are_makes_no_new_version(self, opsadmin):
        for form in IntakeForm.objects.all():
            assert services.publish_form(form=form, actor=opsadmin) == form.version

    def test_each_can_be_opened_by_form_and_by_kind(self, ada, signed_in):
        for slug in ("idea", "problem", "data", "help"):
            for name in ("form", "kind"):
                page = text(signed_in(ada).get(NEW, {name: slug}))
                assert f'value="{slug}" checked' in page


class TestAnswers:
    def test_every_type_arrives_where_it_belongs(self, survey, ada, outsider, team, signed_in):
        customer = Customer.objects.create(name="Northwind")
        response = signed_in(ada).post(NEW, ANSWERS)
        assert response.status_code == 303
        item = Request.objects.get()
        assert (item.title, item.problem) == ("A wish with blanks", "A case.")
        assert item.priority == "high"
        assert (item.team, item.customer, item.labels) == (
            team, customer, ["red things", "blue things"],
        )  # fmt: skip
        assert item.answers == {
            "how_much": "3.50",
            "day": "2020-02-01",
            "sure": "no",
            "page": "https://example.com/x",
            "who": outsider.pk,
        }
        assert item.form_version == survey.version
        assert [(one.label, one.text) for one in answers_of(item)] == [
            ("Ask how_much", "3.50"),
            ("Ask day", "2020-02-01"),
            ("Ask sure", "No"),
            ("Ask page", "https://example.com/x"),
            ("Ask who", "Otto Fern"),
        ]

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("one", "extreme", "Choose from the list"),
            ("several", "green", "Choose from the list"),
            ("how_much", "many²", "Enter a number"),
            ("how_much", "9" * 30, "digits"),
            ("day", "tomorrow", "Enter a date like"),
            ("sure", "perhaps", "Choose yes or no"),
            ("page", "javascript:alert(1)", "Enter a full address"),
            ("page", "ftp://example.com", "Enter a full address"),
            ("who", "Nobody Known", "Nobody here has this name"),
            ("area", "nowhere", "Choose an area from the list"),
            ("account", "Unknown Ltd", "No customer has this name"),
            ("wish", "", "Say what you need in one line"),
            ("long", "x" * 10_001, "Shorten the text to 10000 characters"),
        ],
    )
    def test_faults_are_named_beside_the_field(
        self, survey, ada, outsider, team, signed_in, name, value, words
    ):
        Customer.objects.create(name="Northwind")
        response = signed_in(ada).post(NEW, {**ANSWERS, name: value})
        assert response.status_code == 422
        assert words in text(response) and "One answer needs a change" in text(response)
        assert not Request.objects.exists()

    def test_two_people_of_one_name_are_told_apart(self, survey, ada, team, signed_in):
        Customer.objects.create(name="Northwind")
        make_user("otto1@harbourline.example", "Otto Fern")
        otto = make_user("otto2@harbourline.example", "Otto Fern")
        refused = signed_in(ada).post(NEW, ANSWERS)
        assert "More than one person has this name" in text(refused)
        posted = {**ANSWERS, "who": "Otto Fern <OTTO2@harbourline.example>"}
        assert signed_in(ada).post(NEW, posted).status_code == 303
        assert Request.objects.get().answers["who"] == otto.pk

    def test_old_answers_stay_readable_when_the_form_changes(self, ada, opsadmin, signed_in):
        signed_in(ada).post(NEW, HELP)
        form = IntakeForm.objects.get(slug="help")
        form.fields.filter(key="help_with").update(label="Something new?", choices="x = X\ny = Y")
        form.fields.filter(key="tool").delete()
        form.fields.filter(key="people_count").delete()
        assert services.publish_form(form=form, actor=opsadmin).number == 2
        item = Request.objects.get()
        assert [(one.label, one.text) for one in answers_of(item)] == [
            ("What do you need?", "Access to a tool"),
            ("Which tool, and what must you be able to do there?", "Looker, to read"),
        ]

    def test_who_answered_an_older_version_is_not_sent_back(self, ada, opsadmin, signed_in):
        form = IntakeForm.objects.get(slug="help")
        old = form.version
        FormField.objects.create(form=form, key="new_one", label="New and needed", position=99)
        services.publish_form(form=form, actor=opsadmin)
        browser = signed_in(ada)
        assert "New and needed" in text(browser.post(NEW, HELP))
        assert browser.post(NEW, {**HELP, "version": old.pk}).status_code == 303
        assert Request.objects.get().form_version == old


class TestConditions:
    def test_the_page_carries_the_rule_and_says_it_in_words(self, ada, signed_in):
        page = text(signed_in(ada).get(NEW, {"form": "help"}))
        assert 'data-if="help_with" data-if-values="[&quot;access&quot;]"' in page
        assert "Only if “What do you need?” is Access to a tool." in page

    def test_a_hidden_required_question_is_not_required(self, ada, signed_in):
        posted = {**HELP, "help_with": "template", "tool": ""}
        assert signed_in(ada).post(NEW, posted).status_code == 303

    def test_a_shown_required_question_is(self, ada, signed_in):
        response = signed_in(ada).post(NEW, {**HELP, "tool": ""})
        assert response.status_code == 422
        assert "One answer needs a change" in text(response)

    def test_the_server_drops_what_does_not_apply_whatever_was_sent(self, ada, signed_in):
        posted = {**HELP, "help_with": "other", "tool": "Smuggled", "people_count": "not a number"}
        assert signed_in(ada).post(NEW, posted).status_code == 303
        assert Request.objects.get().answers == {"help_with": "other"}

    def test_nested_conditions_fall_with_their_parent(self, ada, signed_in):
        posted = {"form": "data", "title": "How many?", "problem": "To plan.", "repeat": "once"}
        assert signed_in(ada).post(NEW, {**posted, "rhythm": "week"}).status_code == 303
        assert Request.objects.get().answers == {"repeat": "once"}


class TestSwitching:
    def test_what_is_typed_is_kept(self, ada, signed_in):
        posted = {"form": "help", "switch": "1", "title": "T <b>", "problem": "Long story"}
        response = signed_in(ada).post(NEW, posted, headers={"HX-Request": "true"})
        page = text(response)
        assert page.lstrip().startswith('<div id="asking"')
        assert 'value="T &lt;b&gt;"' in page and "Long story" in page
        assert 'value="help" checked' in page and not Request.objects.exists()

    def test_it_carries_over_what_fills_the_same_part(self, survey, ada, signed_in):
        version = IntakeForm.objects.get(slug="idea").version_id
        posted = {"form": "survey", "switch": "1", "version": version, "title": "Carried along"}
        page = text(signed_in(ada).post(NEW, posted))
        assert 'name="wish" value="Carried along"' in page

    def test_a_line_that_belongs_elsewhere_is_noticed(self, ada):
        forms = offered_forms(ada)
        idea = next(form for form in forms if form.slug == "idea")
        better = better_form(idea, forms, "Monthly report on missed windows, with numbers")
        assert better.slug == "data"
        assert better_form(idea, forms, "Move deliveries in bulk when a depot closes") is None
        assert better_form(better, forms, "Monthly report on missed windows") is None


class TestOffered:
    def test_a_form_that_is_off_is_a_preview_for_product_ops_alone(
        self, survey, ada, opsadmin, signed_in
    ):
        IntakeForm.objects.filter(pk=survey.pk).update(is_active=False)
        assert "switched off" in text(signed_in(opsadmin).get(NEW, {"form": "survey"}))
        page = text(signed_in(ada).get(NEW, {"form": "survey"}))
        assert "Everything" not in page and 'value="idea" checked' in page

    def test_without_any_form_the_page_says_so(self, ada, opsadmin, signed_in):
        IntakeForm.objects.update(is_active=False)
        assert "No request form is open" in text(signed_in(ada).get(NEW))
        assert "Open the forms" in text(signed_in(opsadmin).get(NEW))
        assert signed_in(ada).post(NEW, HELP).status_code == 200

    def test_the_form_s_promises_are_shown_and_kept(self, ada, signed_in):
        IntakeForm.objects.filter(slug="help").update(triage_days=1, decision_days=3)
        assert "Decided within 3 working days" in text(signed_in(ada).get(NEW, {"form": "help"}))
        signed_in(ada).post(NEW, HELP)
        item = Request.objects.get()
        assert {one.kind: one.days for one in item.promises.all()}["decision"] == 3

    def test_the_form_decides_where_it_goes_and_who_sees_it(self, ada, team, signed_in):
        IntakeForm.objects.filter(slug="help").update(team=team, visibility="private")
        signed_in(ada).post(NEW, HELP)
        item = Request.objects.get()
        assert (item.team, item.visibility, item.kind) == (team, "private", "help")


class TestForSomebodyElse:
    def test_a_colleague_gets_the_request_and_the_proxy_is_recorded(self, ada, outsider, signed_in):
        signed_in(ada).post(NEW, {**HELP, "for_whom": "otto fern"})
        item = Request.objects.get()
        assert (item.requester, item.sent_by) == (outsider, ada)

    def test_for_oneself_is_no_proxy(self, ada, signed_in):
        signed_in(ada).post(NEW, {**HELP, "for_whom": ada.email})
        assert Request.objects.get().sent_by is None

    def test_a_customer_is_kept(self, ada, signed_in):
        customer = Customer.objects.create(name="Northwind")
        signed_in(ada).post(NEW, {**HELP, "for_customer": " NORTHWIND "})
        assert Request.objects.get().customer == customer

    def test_somebody_without_an_account_becomes_a_guest(self, ada, signed_in):
        posted = {**HELP, "for_name": "Eve Stone", "for_email": "Eve@Customer.example"}
        assert signed_in(ada).post(NEW, posted).status_code == 303
        item = Request.objects.get()
        assert (item.requester.email, item.requester.name) == ("eve@customer.example", "Eve Stone")
        assert item.requester.is_guest and item.sent_by == ada

    def test_a_leaver_cannot_have_a_request(self, ada, outsider, signed_in):
        outsider.is_active = False
        outsider.save(update_fields=["is_active"])
        posted = {**HELP, "for_name": "Otto", "for_email": outsider.email}
        response = signed_in(ada).post(NEW, posted)
        assert response.status_code == 422 and "This person has left" in text(response)

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ({"for_name": "Eve"}, "Enter their mail address"),
            ({"for_email": "eve@example.com"}, "Enter their name"),
            ({"for_email": "not an address", "for_name": "Eve"}, "like name@example.com"),
            (
                {"for_email": "eve@example.com", "for_name": "Eve", "for_whom": "Otto Fern"},
                "not both",
            ),
        ],
    )
    def test_half_an_answer_is_refused(self, ada, outsider, signed_in, more, words):
        response = signed_in(ada).post(NEW, {**HELP, **more})
        assert response.status_code == 422 and words in text(response)

    def test_names_are_suggested_while_typing(self, ada, outsider, signed_in):
        browser = signed_in(ada)
        assert "Otto Fern" in text(browser.get("/requests/suggest/people/", {"for_whom": "fer"}))
        assert text(browser.get("/requests/suggest/people/", {"for_whom": "f"})).strip() == ""
        Customer.objects.create(name="<b>Bold</b>")
        page = text(browser.get("/requests/suggest/customers/", {"for_customer": "bold"}))
        assert "&lt;b&gt;Bold&lt;/b&gt;" in page
