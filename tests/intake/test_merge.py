import pytest
from django.core.exceptions import PermissionDenied
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity.models import Event
from intake.models import Comment, DuplicatePair, Follow, Request, Vote
from intake.services import (
    AlreadyMerged,
    CannotMerge,
    comment_on_request,
    decide_request,
    dismiss_pair,
    follow_request,
    merge_requests,
    note_likely,
    submit_request,
    unmerge_request,
    vote_for_request,
)
from intake.services.groups import behind
from notices.models import Notice
from tests.factories import make_request, make_user

pytestmark = pytest.mark.django_db


def test_it_sums_the_people_once(pm, ada):
    one, two = make_request(ada), make_request()
    both, only = make_user(), make_user()
    for item in (one, two):
        vote_for_request(item=item, person=both)
    vote_for_request(item=two, person=only)
    vote_for_request(item=two, person=ada)  # she asked for the first herself
    top = merge_requests(items=[two], into=one, actor=pm)
    assert top == one
    assert top.vote_count == 3  # both, only, and who asked for the second
    two.refresh_from_db()
    assert (two.merged_into, two.root, two.is_open) == (one, one, False)
    assert Event.objects.get(kind="request.merged").data == {"into": one.pk}


def test_what_had_joined_comes_along(pm):
    one, two, three = (make_request() for _ in range(3))
    merge_requests(items=[three], into=two, actor=pm)
    merge_requests(items=[two], into=one, actor=pm)
    three.refresh_from_db()
    assert (three.merged_into, three.root) == (two, one)
    assert Request.objects.group_of(three).count() == 3


def test_a_target_that_joined_another_stands_for_nothing(pm):
    one, two, three = (make_request() for _ in range(3))
    merge_requests(items=[two], into=one, actor=pm)
    assert merge_requests(items=[three], into=two, actor=pm) == one


def test_only_pms_merge(ada, item):
    with pytest.raises(PermissionDenied):
        merge_requests(items=[make_request()], into=item, actor=ada)


def test_it_is_refused_with_a_reason(pm, ada, decided):
    other = make_request()
    with pytest.raises(CannotMerge, match="cannot join itself"):
        merge_requests(items=[other], into=other, actor=pm)
    with pytest.raises(CannotMerge, match="is decided"):
        merge_requests(items=[decided], into=other, actor=pm)
    hidden = make_request(visibility="private")
    with pytest.raises(CannotMerge, match=f"One|1 person behind .* may not see {hidden.reference}"):
        merge_requests(items=[make_request(ada)], into=hidden, actor=pm)
    merge_requests(items=[other], into=decided, actor=pm)
    with pytest.raises(AlreadyMerged, match=decided.reference):
        merge_requests(items=[other], into=make_request(), actor=pm)


def test_repeating_it_changes_nothing(pm, item):
    other = make_request()
    for _ in range(2):
        merge_requests(items=[other], into=item, actor=pm)
    assert Event.objects.filter(kind="request.merged").count() == 1


def test_all_behind_it_are_told_once_with_a_decision_that_stands(pm, decided, run_on_commit):
    asker, voter = make_user(), make_user()
    other = make_request(asker)
    vote_for_request(item=other, person=voter)
    with run_on_commit():
        merge_requests(items=[other], into=decided, actor=pm)
    notices = Notice.objects.filter(kind="request.merged")
    assert {notice.recipient for notice in notices} == {asker, voter}
    assert "Six hours a closure is too much." in notices[0].text


def test_a_decision_reaches_everyone_in_the_group(pm, ada, triaged, run_on_commit):
    asker, voter, muted = make_user(), make_user(), make_user()
    other = make_request(asker)
    for person in (voter, muted):
        vote_for_request(item=other, person=person)
    Follow.objects.create(request=other, person=muted, is_muted=True)
    merge_requests(items=[other], into=triaged, actor=pm)
    with run_on_commit():
        decide_request(item=triaged, actor=pm, outcome="no", reason="Too dear.")
    told = Notice.objects.filter(kind="request.decided").values_list("recipient", flat=True)
    assert sorted(told) == sorted([ada.pk, asker.pk, voter.pk])
    assert not other.promises.filter(met_at__isnull=True).exists()


def test_pairs_are_settled_by_merging_and_open_again_by_parting(pm, item):
    other, third = make_request(), make_request()
    note_likely(item=other, found=[(item.pk, 0.9, ["depot"], False), (third.pk, 0.5, [], True)])
    item.refresh_from_db()
    assert item.similar_count == 1
    merge_requests(items=[other], into=item, actor=pm)
    item.refresh_from_db()
    assert item.similar_count == 0
    unmerge_request(item=other, actor=pm)
    other.refresh_from_db()
    assert other.similar_count == 2


def test_what_is_not_the_same_is_remembered(pm, item):
    other = make_request()
    dismiss_pair(one=other, other=item, actor=pm)
    assert note_likely(item=other, found=[(item.pk, 0.9, [], False)]) == 0
    assert DuplicatePair.objects.get().state == "dismissed"
    item.refresh_from_db()
    assert item.similar_count == 0


# --- Any sequence of merges and unmerges -------------------------------------------------------
SIZE = 5
moves = st.lists(
    st.tuples(
        st.sampled_from(["merge", "unmerge", "vote", "comment", "follow"]),
        st.integers(0, SIZE - 1),
        st.integers(0, SIZE - 1),
    ),
    max_size=14,
)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(moves=moves)
def test_any_way_of_merging_and_parting_restores_everything(pm, moves):
    people = [make_user() for _ in range(SIZE)]
    items = [
        submit_request(requester=who, title=f"Wish {n}", problem="x")
        for n, who in enumerate(people)
    ]
    parent: dict[int, int] = {}
    voices: dict[int, set[int]] = {n: set() for n in range(SIZE)}
    said: dict[int, int] = dict.fromkeys(range(SIZE), 0)
    heard: dict[int, set[int]] = {n: set() for n in range(SIZE)}

    def root(n: int) -> int:
        while n in parent:
            n = parent[n]
        return n

    for kind, one, two in moves:
        if kind == "merge":
            if one == root(two) or one in parent:
                with (
                    pytest.raises((CannotMerge, AlreadyMerged))
                    if root(one) != root(two) or (one not in parent)
                    else nothing()
                ):
                    merge_requests(items=[items[one]], into=items[two], actor=pm)
                continue
            merge_requests(items=[items[one]], into=items[two], actor=pm)
            parent[one] = root(two)
        elif kind == "unmerge":
            unmerge_request(item=items[one], actor=pm)
            parent.pop(one, None)
        elif kind == "vote" and root(two) != one:
            vote_for_request(item=items[two], person=people[one])
            voices[root(two)].add(one)
        elif kind == "comment":
            comment_on_request(item=items[two], actor=people[one], body=f"{one} {two}")
            said[two] += 1
        elif kind == "follow":
            follow_request(item=items[two], person=people[one])
            heard[root(two)].add(one)
    _compare(items, people, parent, voices, said, heard)
    for one in range(SIZE):  # part everything: each stands as if nothing had ever joined
        unmerge_request(item=items[one], actor=pm)
    _compare(items, people, {}, voices, said, heard)


class nothing:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None


def _compare(items, people, parent, voices, said, heard):
    def root(n):
        while n in parent:
            n = parent[n]
        return n

    for n, item in enumerate(items):
        item.refresh_from_db()
        top = root(n)
        assert (item.root_id or item.pk) == items[top].pk
        assert item.merged_into_id == (items[parent[n]].pk if n in parent else None)
        assert set(Vote.objects.filter(request=item).values_list("person", flat=True)) == {
            people[one].pk for one in voices[n]
        }
        assert Comment.objects.filter(request=item).count() == said[n]
        assert set(Follow.objects.filter(request=item).values_list("person", flat=True)) == {
            people[one].pk for one in heard[n]
        }
        if n == top:
            group = [m for m in range(len(items)) if root(m) == n]
            voters = set().union(*(voices[m] for m in group)) | set(group)
            assert item.vote_count == len(voters - {n})
            assert {person.pk for person in behind(item)} == {
                people[m].pk for m in voters | set(group) | set().union(*(heard[m] for m in group))
            }
