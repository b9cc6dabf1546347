"""The main job, driven as its people do it, with and without scripts."""

import pytest
from django.core import mail
from django.utils import timezone

from activity.models import Event
from intake.models import Request
from notices.models import Delivery, Notice, Slip
from notices.tasks import send_waiting_mails
from tests.factories import make_membership, make_team, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def people():
    team = make_team(name="Dispatch", slug="dispatch")
    ada = make_user("ada@harbourline.example", "Ada Mensah", department="Sales")
    pm = make_user("pm@harbourline.example", "Tomasz Wieczorek", role="pm")
    make_membership(pm, team, duty="pm")
    return ada, pm


@pytest.mark.parametrize(
    ("width", "scripts"), [(1440, True), (390, False)], ids=["desktop", "phone without scripts"]
)
def test_a_request_from_the_first_word_to_the_reason(people, visit, width, scripts):
    ada, pm = people
    asks = visit(ada, width=width, scripts=scripts)
    asks.click("a:has-text('New request') >> visible=true")
    asks.click("text=It works badly or not at all")
    asks.fill("[name=title]", "Photos are lost on weak signal")
    asks.click("text=Send request")
    assert asks.locator(".summary").inner_text().startswith("One answer needs a change")
    assert asks.input_value("[name=title]") == "Photos are lost on weak signal"
    asks.fill("[name=problem]", "Drivers take them twice, every day.")
    asks.select_option("[name=team]", "dispatch")
    asks.click("text=Send request")
    item = Request.objects.get()
    assert f"Its number is {item.reference}" in asks.inner_text("main")

    decides = visit(pm, width=width, scripts=scripts)
    decides.goto("/triage/")
    assert "One request waits." in decides.inner_text("main")
    if scripts:
        decides.keyboard.press("a")
    else:
        decides.click("#preview button:has-text('Assign to me')")
    decides.wait_for_selector(f"text={item.reference} is yours.")
    decides.goto("/triage/?view=mine")
    decides.click("#preview a:has-text('Ask')")
    decides.fill("[name=question]", "Which phones?")
    decides.click("button:has-text('Ask')")
    decides.wait_for_selector("text=Ada Mensah is asked.")

    asks.goto("/")
    asks.click("text=Answer a question on Photos are lost")
    assert "Which phones?" in asks.inner_text("#answer")
    asks.fill("[name=answer]", "All of the old ones.")
    asks.click("text=Send answer")
    asks.wait_for_selector("text=Your answer is sent.")

    decides.goto(item.get_absolute_url())
    assert "All of the old ones." in decides.inner_text("#history")
    decides.click(".pick label:has-text('Not now')")
    decides.select_option("#decide [name=reason_code]", "wrong-time")
    decides.fill("#decide [name=reason]", "The old phones go in March.")
    decides.click("text=Record the decision")
    decides.wait_for_selector("text=Decision recorded. Ada Mensah is told.")

    asks.goto("/requests/mine/")
    row = asks.inner_text("main table")
    assert "Decided: not now" in row
    assert "Tomasz Wieczorek" in row
    assert "The old phones go in March." in row
    asks.click("text=Photos are lost on weak signal")
    assert "The old phones go in March." in asks.inner_text("main")
    assert [
        entry.kind for entry in Event.objects.filter(subject_type="intake.request").order_by("id")
    ] == [
        "request.submitted",
        "request.acknowledged",
        "request.triaged",
        "request.asked",
        "request.answered",
        "request.decided",
    ]
    # The time to take the actions back has passed.
    Notice.objects.update(release_at=timezone.now())
    Delivery.objects.filter(status=Slip.Status.WAITING).update(due_at=timezone.now())
    send_waiting_mails()
    told = [m.subject for m in mail.outbox if m.to == ["Ada Mensah <ada@harbourline.example>"]]
    assert {
        subject.split(":")[0].split(" REQ")[0].split(f"{item.reference} ")[-1] for subject in told
    } == {"received", "was read", "Tomasz Wieczorek asks about", "decided"}
    assert len(told) == 4


def test_two_pms_at_once_and_the_second_keeps_what_was_typed(people, visit):
    from tests.factories import make_request

    ada, pm = people
    priya = make_user("priya@harbourline.example", "Priya Raman", role="pm")
    item = make_request(ada)
    first, second = visit(pm), visit(priya)
    for page in (first, second):
        page.goto(item.get_absolute_url())
        page.click(".pick label:has-text('Do it')")
    first.fill("#decide [name=reason]", "Yes, soon.")
    second.fill("#decide [name=reason]", "My own long reason.")
    first.click("text=Record the decision")
    first.wait_for_selector("text=Decision recorded.")
    second.click("text=Record the decision")
    second.wait_for_selector("text=Tomasz Wieczorek decided this first: Do it.")
    assert second.input_value("[name=body]") == "My own long reason."
    assert item.decision is None and Request.objects.get().decision.decided_by == pm


def test_the_queue_is_driven_by_keys(people, visit):
    from tests.factories import make_request

    ada, pm = people
    for number in range(3):
        make_request(ada, title=f"Wish {number}")
    page = visit(pm)
    page.goto("/triage/")
    assert page.inner_text("#queue .on .q-t") == "Wish 0"
    page.keyboard.press("j")
    page.wait_for_selector("#queue .on .q-t:has-text('Wish 1')")
    page.wait_for_selector("#preview h2:has-text('Wish 1')")
    assert page.evaluate("document.activeElement.textContent") == "Wish 1"
    page.keyboard.press("k")
    page.wait_for_selector("#preview h2:has-text('Wish 0')")
    page.keyboard.press("q")
    page.wait_for_selector("[name=question]:focus")
    page.keyboard.type("jk: typed into the field")
    assert page.input_value("[name=question]") == "jk: typed into the field"


def test_a_page_leads_back_with_the_address(people, visit):
    _, pm = people
    page = visit(pm)
    page.goto("/triage/")
    page.select_option("[name=kind]", "problem")
    page.wait_for_url("**kind=problem**")
    page.click(".tabs >> text=Mine")
    page.wait_for_url("**view=mine**")
    page.go_back()
    page.wait_for_selector(".tabs [aria-current]:has-text('To triage')")
