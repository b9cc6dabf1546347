"""Pages offered before a request is sent: those that answer it, and no others."""

import pytest

from hub.demo.handbook import PAGES
from playbook.models import Article
from playbook.selectors import answers_for
from playbook.services import save_article
from tests.factories import make_article

QUESTIONS = {
    "I need access to Looker": "ask-for-access",
    "access to figma": "ask-for-access",
    "how do I get a seat in Amplitude": "ask-for-access",
    "where can I see the roadmap": "where-is-the-roadmap",
    "when will this ship, is there a roadmap?": "where-is-the-roadmap",
    "I have a data question about docks": "ask-a-data-question",
    "export numbers for a customer": "ask-a-data-question",
    "what to do before a launch": "launch-checklist",
    "launch checklist": "launch-checklist",
    "when is the next release of the driver app": "release-calendar",
    "can we release on friday": "release-calendar",
    "who decides about my request": "how-decisions-are-made",
    "who owns invoices": "who-owns-what",
    "which team do I ask about docks": "who-owns-what",
    "scoring of requests": "how-scoring-works",
    "release calendar": "release-calendar",
    "roadmap": "where-is-the-roadmap",
    "access": "ask-for-access",
}
WISHES = [
    "Move deliveries in bulk when a depot closes",
    "Dark mode in the driver app",
    "Invoice shows the wrong VAT",
    "Scanner freezes when offline",
    "Let receivers choose a time slot by SMS",
    "The map loads slowly",
    "Barcode of pallets is cut off in print",
    "Integrate with SAP",
    "Add Polish translation",
    "Login fails with umlauts",
    "Notify drivers of weather",
    "CSV export of stops",
    "Photo proof of delivery",
    "Add a second phone number to a customer",
    "Show dock temperature",
    "Late trucks cannot find the gate",
    "Customers want to see the driver on a map",
    "Addresses with a slash are refused",
    "Get an alert when a truck is late",
    "Find a parcel by its old number",
]


@pytest.fixture
def handbook(db):
    for page in PAGES:
        save_article(
            article=Article(
                slug=page.slug,
                title=page.title,
                body=page.body,
                is_published=True,
                visible_to=page.visible_to,
            )
        )


def slugs(user, text, **more):
    return [row.slug for row in answers_for(user, text, **more)]


def test_questions_are_answered(handbook, pm):
    missed = [text for text, slug in QUESTIONS.items() if slug not in slugs(pm, text)]
    assert len(missed) <= 1, missed


def test_wishes_are_not_answered_with_pages_that_share_a_word(handbook, pm):
    wrong = {text: found for text in WISHES if (found := slugs(pm, text))}
    assert len(wrong) <= 1, wrong


def test_the_whole_text_counts_not_its_first_line_alone(handbook, ada):
    text = "A wish of mine\nWho decides about a request, and when is a decision made?"
    assert "how-decisions-are-made" in slugs(ada, text)


def test_nobody_is_offered_what_they_may_not_read(handbook, ada, pm):
    assert "how-scoring-works" in slugs(pm, "scoring of requests")
    assert "how-scoring-works" not in slugs(ada, "scoring of requests")


def test_a_withdrawn_page_answers_no_more(ada):
    page = make_article("Walrus feeding", "Feed the walrus at noon.")
    assert slugs(ada, "walrus feeding") == [page.slug]
    page.is_published = False
    save_article(article=page)
    assert slugs(ada, "walrus feeding") == []


def test_the_limit_holds(ada):
    for number in range(6):
        make_article(f"Walrus feeding {number}", "Feed the walrus at noon.")
    assert len(slugs(ada, "walrus feeding")) == 3
    assert len(slugs(ada, "walrus feeding", limit=2)) == 2


@pytest.mark.parametrize(
    "text", ["", "  \n ", "²", "9" * 30, "\u202eabc", "' OR 1=1 --", "x" * 9999]
)
def test_odd_texts_find_nothing_and_break_nothing(handbook, ada, text):
    assert slugs(ada, text) == []


def test_it_costs_few_queries(handbook, ada, django_assert_max_num_queries):
    with django_assert_max_num_queries(9):
        answers_for(ada, "access to figma")
