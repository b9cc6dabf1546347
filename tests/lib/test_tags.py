from datetime import UTC, date, datetime, timedelta

import pytest
from django.template import Context, Template

from producthub.lib.tags import in_words, spoken

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=4), "4 minutes ago"),
        (timedelta(hours=3), "3 hours ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=12), "10 November"),
        (timedelta(days=400), "18 October 2025"),
        (-timedelta(hours=2), "in 2 hours"),
        (-timedelta(days=20), "12 December"),
    ],
)
def test_times_are_said_as_people_do(gap, said):
    assert spoken(NOW - gap, NOW) == said


def test_a_date_has_its_year_when_it_is_not_this_one():
    assert spoken(date(2025, 5, 14), NOW) == "14 May 2025"


def test_numbers_in_sentences():
    assert [in_words(n) for n in (0, 3, 9, 12, 1400)] == ["no", "three", "nine", "12", "1,400"]


def test_what_people_typed_is_escaped_in_tags():
    html = Template('{% tag word "good" %}{% avatar person %}').render(
        Context({"word": "<b>", "person": type("P", (), {"name": "<i>x", "pk": 1})()})
    )
    assert "<b>" not in html and "<i>" not in html


def test_a_tag_has_a_shape_and_a_word():
    html = Template('{% tag "Overdue" "bad" %}').render(Context())
    assert 'class="tag bad"' in html and "#alert" in html and "Overdue" in html
