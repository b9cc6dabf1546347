"""What the hub does elsewhere is done at most once, in order, and can be retried and skipped."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from integrations import deliveries
from integrations.errors import (
    CredentialsRefused,
    RateLimited,
    RetryableUpstreamError,
    UpstreamError,
)
from integrations.models import Delivery, Source

pytestmark = pytest.mark.django_db
State = Delivery.State


@pytest.fixture
def post(monkeypatch):
    """An action that notes its calls; `post.fails` is raised by the next ones, in order."""

    class Post:
        def __init__(self):
            self.calls, self.fails, self.noted = [], [], []

        def __call__(self, delivery):
            self.calls.append((delivery.key, delivery.attempts))
            if self.fails:
                raise self.fails.pop(0)
            return {"id": f"up-{delivery.key}"}

    post = Post()
    monkeypatch.setitem(deliveries._handlers, ("jira", "post"), post)
    monkeypatch.setitem(deliveries._done, ("jira", "post"), lambda d: post.noted.append(d.result))
    return post


def planned(key, **more):
    return deliveries.plan(source=Source.JIRA, action="post", key=key, **more)


def now_due(delivery):
    Delivery.objects.filter(pk=delivery.pk).update(due_at=timezone.now())


def test_an_effect_that_is_planned_twice_is_done_once(post, run_on_commit):
    with run_on_commit():
        one, two = planned("a"), planned("a")
    assert one.pk == two.pk
    one.refresh_from_db()
    assert (one.state, one.result, one.attempts) == (State.DONE, {"id": "up-a"}, 1)
    assert not deliveries.deliver(one.pk)
    assert (post.calls, post.noted) == ([("a", 1)], [{"id": "up-a"}])


def test_trouble_is_tried_again_and_given_up_in_the_end(post):
    one = planned("a")
    post.fails = [RetryableUpstreamError("Jira is in trouble (502).")] * deliveries.MAX_ATTEMPTS
    for _ in range(deliveries.MAX_ATTEMPTS):
        now_due(one)
        assert deliveries.deliver(one.pk)
    one.refresh_from_db()
    assert (one.state, one.attempts) == (State.DEAD, deliveries.MAX_ATTEMPTS)
    assert one.message == "Jira is in trouble (502)."


@pytest.mark.parametrize(
    "pause", [RateLimited("Wait.", 90.0), CredentialsRefused("Make a new token.")]
)
def test_a_pause_costs_no_attempt_to_spare(post, pause):
    one = planned("a")
    post.fails = [pause] * 30
    for _ in range(30):
        now_due(one)
        deliveries.deliver(one.pk)
    one.refresh_from_db()
    assert one.state == State.WAITING
    assert one.due_at > timezone.now() + timedelta(seconds=60)


def test_what_a_dead_worker_held_goes_to_the_next_one_which_knows_it(post):
    one = planned("a")
    deliveries._claim(one.pk)
    assert not deliveries.deliver(one.pk)
    Delivery.objects.update(leased_until=timezone.now())
    assert deliveries.due_ids() == [one.pk]
    assert deliveries.deliver(one.pk)
    assert post.calls == [("a", 2)]  # the second attempt: it looks before it does


def test_a_lease_that_ran_out_takes_nothing_back(post):
    one = planned("a")
    slow = deliveries._claim(one.pk)
    Delivery.objects.update(leased_until=timezone.now())
    deliveries.deliver(one.pk)
    deliveries._settle(slow, State.DEAD, message="Too late.")
    one.refresh_from_db()
    assert (one.state, len(post.noted)) == (State.DONE, 1)


def test_those_of_one_lane_keep_their_order(post, run_on_commit):
    first, second = planned("a", lane="thread 1"), planned("b", lane="thread 1")
    other = planned("c", lane="thread 2")
    assert not deliveries.deliver(second.pk)
    assert deliveries.deliver(other.pk)
    with run_on_commit():
        assert deliveries.deliver(first.pk)  # has the next one sent
    assert [key for key, _ in post.calls] == ["c", "a", "b"]


def test_what_cannot_be_mended_is_given_up_at_once_and_retried_by_hand(post, opsadmin, ada):
    one = planned("a")
    post.fails = [UpstreamError("The project is archived.")]
    deliveries.deliver(one.pk)
    one.refresh_from_db()
    assert (one.state, one.message) == (State.DEAD, "The project is archived.")
    with pytest.raises(PermissionDenied):
        deliveries.retry(delivery=one, actor=ada)
    deliveries.retry(delivery=one, actor=opsadmin)
    deliveries.deliver(one.pk)
    one.refresh_from_db()
    assert one.state == State.DONE
    assert not deliveries.skip(delivery=one, actor=opsadmin)


def test_one_that_is_skipped_stays_away(post, opsadmin):
    one = planned("a")
    assert deliveries.skip(delivery=one, actor=opsadmin)
    assert not deliveries.deliver(one.pk)
    one.refresh_from_db()
    assert (one.state, one.message) == (State.SKIPPED, f"Skipped by {opsadmin.name}.")


def test_a_fault_of_ours_is_tried_again(post):
    one = planned("a")
    post.fails = [KeyError("oops")]
    deliveries.deliver(one.pk)
    one.refresh_from_db()
    assert (one.state, one.message) == (State.WAITING, "A fault in the hub (KeyError).")
