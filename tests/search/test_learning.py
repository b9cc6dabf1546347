"""What past merges teach the ranking: repeatable, tied to the priors, numbers only."""

from datetime import UTC, datetime, timedelta

import pytest

from search import learning, ranking, services, tasks
from search.engine import similar
from search.models import Lesson, Ranking

START = datetime(2025, 1, 6, 9, tzinfo=UTC)
np = pytest.importorskip("numpy")


def fill(machine, merges=30):
    """Merges that go to old requests of the same words, never to young ones that look alike."""
    rows = []
    for n in range(merges):
        at = START + timedelta(days=n)
        words = f"topic{n} report export"
        old, young, copy = 10 * n + 1, 10 * n + 2, 10 * n + 3
        rows += [
            services.Row("request", old, f"{words} weekly", "", created_at=at),
            services.Row("request", young, f"{words} daily", "", None, at + timedelta(days=90)),
            services.Row("request", copy, words, "", old, at + timedelta(days=100)),
        ]
    services.index_many(rows)
    machine.step()


def test_too_few_merges_leave_the_priors(machine):
    fill(machine, learning.MIN_MERGES - 1)
    assert services.learn(kind="request", seconds=60) is False
    assert not Ranking.objects.exists()
    weights = learning.weights("request", is_typed=True, has_vectors=False)
    assert weights == ranking.prior(has_vectors=False)


def test_merges_change_the_order_and_the_same_merges_the_same_way(machine):
    fill(machine)
    asked = {"title": "topic5 report export ", "at": START + timedelta(days=106), "limit": 500}
    before = [c.group_id for c in similar(**asked).candidates]
    tasks.learn_from_merges()
    first = Ranking.objects.get(kind="request")
    assert first.merges == 30
    weights = learning.weights("request", is_typed=True, has_vectors=False)
    assert weights.features[ranking.AGE] > ranking.PRIOR_WORDS_ALONE[ranking.AGE]
    after = [c.group_id for c in similar(**asked).candidates]
    assert after != before
    assert sorted(after) == sorted(before)
    assert again() == first.weights
    assert [c.group_id for c in similar(**asked).candidates] == after


def again():
    Lesson.objects.all().delete()
    Ranking.objects.all().delete()
    services.learn(kind="request", seconds=60)
    return Ranking.objects.get(kind="request").weights


def test_a_lesson_is_made_once_and_again_when_merged_elsewhere(machine):
    fill(machine)
    services.learn(kind="request", seconds=60)
    made = set(Lesson.objects.values_list("pk", "group_id"))
    assert services.learn(kind="request", seconds=60) is False
    machine.add(3, "topic0 report export", group_id=2, created_at=START + timedelta(days=100))
    machine.step()
    services.learn(kind="request", seconds=60)
    changed = set(Lesson.objects.values_list("pk", "group_id")) - made
    assert {group for _, group in changed} == {2}


def test_making_lessons_stops_in_time_and_goes_on(machine):
    fill(machine)
    assert learning.make_lessons("request", seconds=-1) == 0
    assert learning.make_lessons("request", seconds=60) == 90
    assert learning.make_lessons("request", seconds=60) == 0


def test_a_lesson_knows_only_what_came_before(machine):
    fill(machine, 3)
    learning.make_lessons("request", seconds=60)
    first = Lesson.objects.get(entry__object_id=1)
    assert first.examples == {}  # nobody was there yet
    merged = Lesson.objects.get(entry__object_id=3)
    for example in merged.examples.values():
        assert example["right"] is not None
        assert all(len(row) == len(ranking.FEATURES) for row in example["rows"])


def test_forgetting_a_text_leaves_no_lesson_in_use(machine):
    fill(machine)
    services.learn(kind="request", seconds=60)
    services.forget(kind="request", object_id=3)
    Ranking.objects.all().delete()
    assert learning.learn("request") is True
    assert Ranking.objects.get().merges == 29


def test_a_fit_without_contradiction_stays_finite():
    from search import fitting

    rows = [[1.0, 0.9, 0.9, 0.7, 0.0], [0.1, 0.1, 0.1, 0.0, 5.0]]
    examples = [(True, {"rows": rows, "right": 0})] * 50
    fitted = fitting.fit(examples, ranking.prior(has_vectors=True), alone_for_each_merge=1.0)
    assert all(abs(weight) < 50 for weight in (*fitted.features, *fitted.of_best, fitted.even))
    assert fitted.confidence(rows[0]) > 0.9
