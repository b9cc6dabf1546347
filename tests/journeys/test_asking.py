"""From the first typed word: a vote instead of a second request, a draft that comes back, a file
that goes along; with and without scripts, and for people without an account."""

import io
import re

import pytest
from django.core import mail
from PIL import Image

from activity.models import Event
from intake.models import Draft, IntakeForm, OpenSubmission, Request, Vote
from tests.factories import make_membership, make_request, make_team, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KNOWN = "Bulk reschedule deliveries when a depot closes"


@pytest.fixture
def people():
    team = make_team(name="Dispatch", slug="dispatch")
    ada = make_user("ada@harbourline.example", "Ada Mensah", department="Sales")
    pm = make_user("pm@harbourline.example", "Tomasz Wieczorek", role="pm")
    make_membership(pm, team, duty="pm")
    other = make_user("otto@harbourline.example", "Otto Fern")
    for title in (
        "Export invoices to the ledger", "Dark theme for the driver app", "Sort the yard by slot",
        "Photo proof of a parcel", "Show tolls on the route map", "Print labels in two sizes",
    ):  # fmt: skip
        make_request(other, title=title, problem=f"{title}. It is missing today.", team=team)
    make_request(other, title=KNOWN, problem="Planners move 640 stops.", team=team)
    return ada, pm


def picture():
    out = io.BytesIO()
    Image.new("RGB", (60, 40), (20, 120, 90)).save(out, format="PNG")
    return {"name": "gate.png", "mimeType": "image/png", "buffer": out.getvalue()}


@pytest.mark.parametrize("width", [1440, 390])
def test_a_duplicate_becomes_a_vote_and_can_be_taken_back(people, visit, width):
    ada, _ = people
    page = visit(ada, width=width)
    page.goto("/requests/new/")
    page.click("[name=title]")
    page.keyboard.type("Reschedule deliveries in bulk when the depot closes", delay=5)
    page.wait_for_selector(f"#similar >> text={KNOWN}")
    assert page.evaluate("document.activeElement.name") == "title"
    assert "similar request" in page.inner_text("#live")
    # On a phone they are below the form: the title leads to them.
    assert page.is_visible("#similar-hint") == (width == 390)
    page.fill("[name=problem]", "In Rotterdam it took us six hours.")
    page.wait_for_selector("#draft-state >> text=Saved at")
    page.click("#similar >> text=Add my vote")
    page.wait_for_selector("text=Your vote is in, with your case.")
    vote = Vote.objects.get()
    assert (vote.person, vote.case) == (ada, "In Rotterdam it took us six hours.")
    assert not Request.objects.filter(requester=ada).exists()
    page.click("text=Go back to my draft")
    page.wait_for_selector("text=Your draft is as it was.")
    assert page.input_value("[name=problem]") == "In Rotterdam it took us six hours."
    assert not Vote.objects.exists()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_draft_comes_back_and_is_sent_with_a_file(people, visit):
    ada, pm = people
    page = visit(ada)
    page.goto("/requests/new/?form=problem")
    page.fill("[name=title]", "The gate camera freezes in frost")
    page.fill("[name=problem]", "Every cold morning, for an hour.")
    assert page.locator("[name=workaround_how]").is_hidden()
    page.click("text=Is there a way around it? >> .. >> text=Yes")
    page.wait_for_selector("[name=workaround_how] >> visible=true")
    page.fill("[name=workaround_how]", "Somebody walks out.")
    page.set_input_files("[name=files]", picture())
    page.wait_for_selector("#files-files >> text=gate.png")
    page.wait_for_selector("#draft-state >> text=Saved at")
    page.wait_for_timeout(2500)

    page.goto("/requests/mine/")
    page.click("text=The gate camera freezes in frost")
    assert page.input_value("[name=workaround_how]") == "Somebody walks out."
    assert "gate.png" in page.inner_text("#files-files")
    page.click("text=Send request >> visible=true")
    page.wait_for_selector("text=Request sent. Its number is")
    item = Request.objects.get(requester=ada)
    assert item.answers["workaround_how"] == "Somebody walks out."
    assert "Somebody walks out." in page.inner_text("main")
    shown = page.locator("img.thumb")
    shown.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('img.thumb').naturalWidth === 60")
    kinds = Event.objects.filter(subject_type="intake.draft").values_list("kind", flat=True)
    assert {"draft.begun", "draft.sent"} <= set(kinds)
    assert Draft.objects.get().state == Draft.State.SENT


def test_switching_the_form_keeps_the_words_and_the_focus(people, visit):
    ada, _ = people
    page = visit(ada)
    page.goto("/requests/new/")
    page.fill("[name=title]", "Access to the warehouse reports")
    page.click("label:has-text('Process or tool help')")
    page.wait_for_selector("[name=help_with]")
    assert page.input_value("[name=title]") == "Access to the warehouse reports"
    assert page.evaluate("document.activeElement.id") == "form-help"
    assert page.locator("[name=tool]").is_hidden()
    page.click("text=Access to a tool")
    page.wait_for_selector("[name=tool] >> visible=true")
    page.wait_for_selector("#draft-state >> text=Saved at")


def test_two_tabs_do_not_overwrite_each_other(people, visit):
    ada, _ = people
    first = visit(ada)
    first.goto("/requests/new/")
    first.fill("[name=title]", "Words of the first tab")
    first.locator("[name=title]").blur()
    first.wait_for_selector("#draft-state >> text=Saved at")
    second = first.context.new_page()
    second.goto(f"/requests/new/?draft={Draft.objects.get().key}")
    second.fill("[name=title]", "Words of the second tab")
    second.locator("[name=title]").blur()
    second.wait_for_selector("#draft-state >> text=Saved at")
    first.fill("[name=problem]", "More in the first tab")
    first.locator("[name=problem]").blur()
    first.wait_for_selector("text=was changed in another tab")
    assert first.input_value("[name=problem]") == "More in the first tab"
    assert Draft.objects.get().data["title"] == ["Words of the second tab"]
    first.click("text=Save this copy instead")
    first.wait_for_selector("#draft-state >> text=Saved at")
    assert Draft.objects.get().data["title"] == ["Words of the first tab"]


def test_all_of_it_without_scripts_on_a_phone(people, visit):
    ada, _ = people
    page = visit(ada, width=390, scripts=False)
    page.goto("/requests/new/")
    page.fill("[name=title]", "Reschedule deliveries in bulk when the depot closes")
    page.fill("[name=problem]", "Planners move 640 stops.")
    page.click("text=Check for similar requests")
    assert KNOWN in page.inner_text("#similar")
    page.click("#similar >> text=Not the same")
    assert page.input_value("[name=problem]") == "Planners move 640 stops."
    page.click("label:has-text('It works badly')")
    page.click("text=Show the questions of the chosen one")
    assert "Only if “Is there a way around it?” is Yes." in page.inner_text("main")
    page.set_input_files("[name=files]", picture())
    page.click("text=Save as draft")
    assert "Draft saved." in page.inner_text("main") and "gate.png" in page.inner_text("main")
    page.click("text=Send request >> visible=true")
    if "Send mine anyway" in page.inner_text("main"):
        page.click("text=Send mine anyway")
    item = Request.objects.get(requester=ada)
    assert (item.kind, item.attachments.count()) == ("problem", 1)


def test_somebody_without_an_account_is_let_in(people, visit, browser, live_server):
    _, pm = people
    IntakeForm.objects.filter(slug="problem").update(is_open=True)
    form = IntakeForm.objects.get(slug="problem")
    context = browser.new_context(base_url=live_server.url, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"/open/{form.open_key}/")
    page.fill("[name=title]", "The gate stays shut")
    page.fill("[name=problem]", "Drivers wait outside.")
    page.fill("[name=sender_name]", "Eve Stone")
    page.fill("[name=sender_email]", "eve@haulier.example")
    page.wait_for_timeout(4500)
    page.click("button:has-text('Send')")
    page.wait_for_selector("text=Look into your mail")
    path = re.search(r"https?://[^/\s]+(/open/\S+)", mail.outbox[-1].body).group(1)
    page.goto(path)
    page.click("text=Confirm, it was me")
    page.wait_for_selector("text=Waits to be read")
    status = page.url
    reviews = visit(pm)
    reviews.goto("/requests/held/")
    reviews.click("text=Let it in")
    reviews.wait_for_selector("text=is in triage.")
    page.goto(status)
    assert "In triage" in page.inner_text("main")
    assert OpenSubmission.objects.get().request.requester.is_guest
    context.close()
