"""Work items for the hub's search."""

import pytest

from planning import services
from planning.selectors import search_work_items
from tests.factories_work import make_work_item

pytestmark = pytest.mark.django_db


def test_it_works():
    make_work_item(title="Hold photos until there is signal")
    make_work_item(title="Depot closure spike")
    assert [item.title for item in search_work_items("holding photo")] == [
        "Hold photos until there is signal"
    ]


def test_the_exact_key_comes_first():
    make_work_item(title="Other work", key="PLT-1")
    make_work_item(title="Something else", key="PLT-77")
    found = search_work_items("plt-77")
    assert [item.key for item in found] == ["PLT-77"]


@pytest.mark.parametrize("text", ["", "   ", "\x00", "!!!", "a:*|b", "'); --", "&", "x" * 5000])
def test_odd_texts_find_nothing_and_break_nothing(text):
    make_work_item()
    assert search_work_items(text) == []


def test_it_stops_at_the_limit_and_skips_the_deleted():
    items = [make_work_item(title="Carrier portal") for _ in range(5)]
    services.mark_deleted(source="jira", upstream_ids=[items[0].upstream_id])
    assert len(search_work_items("carrier", limit=3)) == 3
    assert len(search_work_items("carrier", limit=9)) == 4
