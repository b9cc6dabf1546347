import pytest

from intake import likely
from intake.models import DuplicatePair
from intake.services import dismiss_pair, merge_requests
from tests.factories import make_request

pytestmark = pytest.mark.django_db

TITLE = "Bulk reschedule when a depot closes"
PROBLEM = "Planners moved every delivery by hand when the depot was flooded."


@pytest.fixture
def twins(ada):
    for number in range(8):  # others, so that rare words count
        make_request(ada, title=f"Invoice layout {number}", problem="The customer wants columns.")
    return [make_request(ada, title=TITLE, problem=PROBLEM) for _ in range(2)]


def test_a_twin_is_kept_for_triage_with_the_words_they_share(twins):
    one, two = twins
    assert likely.find(two.pk) >= 1
    pair = DuplicatePair.objects.get(low=one, high=two)
    assert pair.score > 0.15 and "depot" in [word.lower() for word in pair.words]
    two.refresh_from_db()
    assert two.similar_count >= 1


def test_looking_again_finds_nothing_twice(twins):
    assert likely.find_again() >= 1
    assert likely.find_again() == 0


def test_what_was_settled_stays_settled(twins, pm):
    one, two = twins
    dismiss_pair(one=one, other=two, actor=pm)
    likely.find_again()
    assert DuplicatePair.objects.get(low=one, high=two).state == "dismissed"


def test_what_joined_another_is_not_looked_at(twins, pm):
    one, two = twins
    merge_requests(items=[two], into=one, actor=pm)
    assert likely.find(two.pk) == 0
    likely.find(one.pk)
    assert not DuplicatePair.objects.filter(low=one, high=two, state="open").exists()
