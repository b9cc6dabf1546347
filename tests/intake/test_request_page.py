import pytest
from django.urls import reverse

from intake.models import Customer, Follow, Vote
from intake.services import (
    comment_on_request,
    decide_request,
    edit_request,
    merge_requests,
    undo_action,
    vote_for_request,
    window,
)
from tests.factories import make_request

pytestmark = pytest.mark.django_db


def text(response):
    return response.content.decode()


# --- Votes ------------------------------------------------------------------------------------
def test_a_vote_is_one_press_and_can_be_taken_back(signed_in, outsider, item):
    browser = signed_in(outsider)
    assert "Vote for this" in text(browser.get(item.get_absolute_url()))
    url = reverse("intake:request-vote", args=[item.number])
    for _ in range(2):
        assert browser.post(url).status_code == 303
    page = text(browser.get(item.get_absolute_url()))
    assert "You voted" in page and "Following" in page
    assert Vote.objects.filter(request=item, person=outsider).count() == 1
    browser.post(url, {"do": "withdraw"})
    item.refresh_from_db()
    assert item.vote_count == 0


def test_a_case_is_kept_as_ones_own(signed_in, outsider, item):
    browser = signed_in(outsider)
    url = reverse("intake:request-vote", args=[item.number])
    browser.post(url, {"case": "In Antwerp it was 210 stops."})
    browser.post(url, {"case": "And again <b>in March</b>."})
    page = text(browser.get(item.get_absolute_url()))
    assert "In Antwerp it was 210 stops." in page
    assert "And again &lt;b&gt;in March&lt;/b&gt;." in page


def test_the_requester_needs_no_vote(signed_in, ada, item):
    browser = signed_in(ada)
    assert "Vote for this" not in text(browser.get(item.get_absolute_url()))
    browser.post(reverse("intake:request-vote", args=[item.number]))
    assert not Vote.objects.exists()


def test_nobody_votes_for_what_they_may_not_see(signed_in, outsider, ada):
    hidden = make_request(ada, visibility="private")
    browser = signed_in(outsider)
    for name in ("request-vote", "request-follow"):
        assert browser.post(reverse(f"intake:{name}", args=[hidden.number])).status_code == 404


def test_a_pm_adds_a_voice_heard_elsewhere(signed_in, pm, outsider, item):
    customer = Customer.objects.create(name="Veldhoven Foods")
    browser = signed_in(pm)
    url = reverse("intake:request-vote-for", args=[item.number])
    refused = browser.post(url, {"email": "nobody@example.com", "case": "They said so."})
    assert refused.status_code == 422
    assert "Nobody here has this address" in text(refused) and "They said so." in text(refused)
    browser.post(
        url, {"email": outsider.email.upper(), "case": "By phone.", "customer": customer.pk}
    )
    vote = Vote.objects.get()
    assert (vote.person, vote.given_by, vote.customer) == (outsider, pm, customer)
    assert "By phone." in text(browser.get(item.get_absolute_url()))


def test_only_a_pm_does(signed_in, ada, item):
    url = reverse("intake:request-vote-for", args=[item.number])
    assert signed_in(ada).post(url, {"email": ada.email}).status_code == 403


def test_stopping_to_follow_mutes_who_is_behind_it(signed_in, outsider, item):
    browser = signed_in(outsider)
    url = reverse("intake:request-follow", args=[item.number])
    browser.post(url, {"do": "follow"})
    assert not Follow.objects.get().is_muted
    browser.post(url, {"do": "stop"})
    assert not Follow.objects.exists()
    vote_for_request(item=item, person=outsider)
    browser.post(url, {"do": "stop"})
    assert Follow.objects.get().is_muted
    assert ">Follow<" in text(browser.get(item.get_absolute_url())).replace("</svg>", ">")


# --- Merged -----------------------------------------------------------------------------------
def test_a_merged_page_leads_to_the_one_that_stands_for_it(signed_in, pm, outsider, item):
    other = make_request(outsider, title="Shift a depot's day in one go")
    comment_on_request(item=other, actor=outsider, body="Twice a year in Hamburg.")
    merge_requests(items=[other], into=item, actor=pm)
    browser = signed_in(outsider)
    gone = browser.get(other.get_absolute_url())
    assert gone.status_code == 302 and gone.url == f"{item.get_absolute_url()}?from={other.number}"
    page = text(browser.get(gone.url))
    assert f"{other.reference} joined this request" in page
    assert "Twice a year in Hamburg." in page and f"on {other.reference}" in page
    stayed = text(browser.get(f"{other.get_absolute_url()}?stay=1"))
    assert f"Go to {item.reference}" in stayed and "Part it" not in stayed


def test_parting_is_for_pms(signed_in, pm, ada, item):
    other = make_request()
    merge_requests(items=[other], into=item, actor=pm)
    url = reverse("intake:request-unmerge", args=[other.number])
    assert signed_in(ada).post(url).status_code == 403
    assert signed_in(pm).post(url).status_code == 303
    other.refresh_from_db()
    assert other.merged_into is None


def test_what_joined_is_hidden_from_who_may_not_see_it(signed_in, pm, ada, outsider, item):
    hidden = make_request(ada, title="Secret depot", visibility="private")
    comment_on_request(item=hidden, actor=ada, body="Not for everyone.")
    merge_requests(items=[hidden], into=item, actor=pm)
    page = text(signed_in(outsider).get(item.get_absolute_url()))
    assert "Secret depot" not in page and "Not for everyone." not in page
    assert hidden.reference not in page
    assert "Secret depot" in text(signed_in(pm).get(item.get_absolute_url()))


# --- Notes, history, words --------------------------------------------------------------------
def test_internal_notes_reach_pms_alone(signed_in, pm, ada, item, run_on_commit, mailoutbox):
    with run_on_commit():
        signed_in(pm).post(
            reverse("intake:request-comment", args=[item.number]),
            {"body": "They threaten to leave.", "is_internal": "on"},
        )
    assert "They threaten to leave." in text(signed_in(pm).get(item.get_absolute_url()))
    for path in (item.get_absolute_url(), f"{item.get_absolute_url()}?show=notes", "/inbox/"):
        assert "They threaten" not in text(signed_in(ada).get(path))
    assert not any("threaten" in mail.body for mail in mailoutbox)


def test_a_stakeholder_cannot_write_one(signed_in, ada, item):
    url = reverse("intake:request-comment", args=[item.number])
    assert signed_in(ada).post(url, {"body": "x", "is_internal": "on"}).status_code == 403


def test_what_was_taken_back_does_not_show(signed_in, pm, item):
    undo = window(pm)
    decide_request(item=item, actor=pm, outcome="no", reason="A slip of the finger.", undo=undo)
    undo_action(key=undo.key, actor=pm)
    page = text(signed_in(pm).get(item.get_absolute_url()))
    assert "A slip of the finger." not in page and "decided: no" not in page


def test_words_are_mended_and_what_was_said_is_kept(signed_in, ada, item):
    browser = signed_in(ada)
    url = reverse("intake:request-edit", args=[item.number])
    fields = {"title": "Move a depot's day", "problem": "Now with 700 stops.", "seen": "0"}
    assert browser.post(url, fields).status_code == 303
    assert "Edited" in text(browser.get(item.get_absolute_url()))
    before = text(browser.get(reverse("intake:request-revisions", args=[item.number])))
    assert "Planners moved 640 stops by hand." in before and "Now with 700 stops." in before


def test_of_two_editors_the_second_sees_the_first(signed_in, pm, ada, item):
    edit_request(item=item, actor=ada, title="Hers", problem="Her words.")
    url = reverse("intake:request-edit", args=[item.number])
    fields = {"title": "His", "problem": "His words.", "visibility": "company", "seen": "0"}
    lost = signed_in(pm).post(url, fields)
    assert lost.status_code == 409
    for words in ("His words.", "Her words.", "Ada Mensah changed the words first"):
        assert words in text(lost)


def test_nobody_loses_sight_of_what_they_stand_behind(signed_in, pm, outsider, item):
    vote_for_request(item=item, person=outsider)
    fields = {"title": item.title, "problem": item.problem, "visibility": "private", "seen": "0"}
    refused = signed_in(pm).post(reverse("intake:request-edit", args=[item.number]), fields)
    assert refused.status_code == 409
    assert "1 person behind it could no longer see it" in text(refused)


def test_strangers_change_nothing(signed_in, outsider, item):
    url = reverse("intake:request-edit", args=[item.number])
    assert signed_in(outsider).get(url).status_code == 403
