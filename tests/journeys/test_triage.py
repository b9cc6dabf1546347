"""The queue as product managers work it: by keyboard, two at once, on a phone, without scripts."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from intake.models import Request, Status
from intake.services import note_likely
from notices.models import Notice
from tests.factories import make_membership, make_request, make_team, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def people():
    team = make_team(name="Dispatch", slug="dispatch")
    ada = make_user("ada@harbourline.example", "Ada Mensah", department="Sales")
    pm = make_user("pm@harbourline.example", "Tomasz Wieczorek", role="pm")
    make_membership(pm, team, duty="pm")
    return ada, pm, team


def wishes(ada, team, *titles):
    """Requests in this order of urgency."""
    made = [make_request(ada, title=t, problem=f"{t}: {t}", team=team) for t in titles]
    for days, item in enumerate(made, 1):
        due = timezone.now() + timedelta(days=days)
        Request.objects.filter(pk=item.pk).update(due_at=due)
    return made


def opened(page, title):
    """This request is open beside the queue, and its row has the focus."""
    page.wait_for_selector(f"#preview h2:has-text('{title}')")
    page.wait_for_function(
        "title => document.activeElement.matches('.on .q-t')"
        " && document.activeElement.textContent === title",
        arg=title,
    )


def test_the_queue_by_keyboard_alone(people, visit):
    ada, pm, team = people
    take, ask, snooze, twin, decide, top = wishes(
        ada, team, "Take", "Ask", "Snooze", "Twin", "Decide", "Top"
    )
    note_likely(item=twin, found=[(top.pk, 0.91, ["depot", "closes"], False)])
    page = visit(pm)
    page.goto("/triage/")
    press = page.keyboard.press

    press("j")
    opened(page, "Ask")
    press("k")
    opened(page, "Take")
    press("a")
    page.wait_for_selector(f"#said p:has-text('{take.reference} is yours.')")
    opened(page, "Ask")
    assert "Five requests wait." in page.inner_text("#q-lede")
    assert page.inner_text("#q-tabs a >> nth=1").split() == ["Mine", "1"]
    assert page.url.endswith(f"?on={ask.number}")

    press("q")
    page.wait_for_selector("[name=question]:focus")
    page.keyboard.type("Which depot, and j k x?")
    press("Tab")
    press("Enter")
    page.wait_for_selector("#said p:has-text('Ada Mensah is asked.')")
    opened(page, "Snooze")

    press("z")
    page.wait_for_selector("[name=until]:focus")
    for _ in range(8):
        press("Tab")
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    press("Enter")
    page.wait_for_selector(f"#said p:has-text('{snooze.reference} comes back on')")
    opened(page, "Twin")

    assert "91% sure. Shared words: depot, closes." in page.inner_text("#preview")
    press("m")
    page.wait_for_selector(f"#said p:has-text('{twin.reference} joined {top.reference}')")
    opened(page, "Decide")
    twin.refresh_from_db()
    assert twin.root == top
    press("u")
    page.wait_for_selector("#said p:has-text('Undone:')")
    opened(page, "Twin")
    twin.refresh_from_db()
    assert twin.root is None
    assert not Notice.objects.filter(kind="request.merged").exists()

    press("j")
    opened(page, "Decide")
    press("d")
    page.wait_for_selector("#act [name=outcome]")
    page.check("#act [name=outcome][value=no]", force=True)
    page.select_option("#act [name=reason_code]", "wrong-time")
    page.fill("#act [name=reason]", "It costs more than it brings.")
    page.focus("#act button:has-text('Record the decision')")
    press("Enter")
    page.wait_for_selector("#said p:has-text('ecision recorded')")
    decide.refresh_from_db()
    assert (decide.status, decide.outcome) == (Status.DECIDED, "no")

    press("?")
    page.wait_for_selector("#keys-help:popover-open")
    press("Escape")
    page.uncheck("[data-keys-switch]")
    before = page.inner_text("#preview h2")
    page.locator("#queue .on .q-t").focus()
    press("j")
    assert page.inner_text("#preview h2") == before


def test_a_selection_is_routed_at_once_by_keyboard(people, visit):
    ada, pm, team = people
    make_team(name="Yard", slug="yard")
    wishes(ada, team, "One", "Two", "Three")
    page = visit(pm)
    page.goto("/triage/")
    page.keyboard.press("x")
    page.keyboard.press("j")
    opened(page, "Two")
    page.keyboard.press("x")
    assert page.inner_text("#picked") == "2 selected"
    page.keyboard.press("r")
    page.wait_for_selector("#preview [name=team]:focus")
    page.select_option("#preview [name=team]", "yard")
    page.click("text=Route them")
    page.wait_for_selector("#said p:has-text('2 requests routed to Yard.')")
    assert page.inner_text("#picked") == "0 selected"
    assert Request.objects.filter(team__slug="yard").count() == 2


def test_two_at_once_see_each_other_and_the_second_is_told(people, visit):
    ada, pm, team = people
    ines = make_user("ines@harbourline.example", "Ines Carvalho", role="product_ops")
    wishes(ada, team, "Wanted by both", "Other")
    first, second = visit(pm), visit(ines)
    first.goto("/triage/")
    second.goto("/triage/")
    assert "Tomasz looks at this too" in second.inner_text("#preview")
    first.keyboard.press("a")
    first.wait_for_selector("#said p:has-text('is yours.')")
    second.keyboard.press("a")
    second.wait_for_selector("#act .summary:has-text('Tomasz Wieczorek took this first')")
    assert Request.objects.get(title="Wanted by both").owner == pm


def test_on_a_phone_a_row_leads_to_its_preview(people, visit):
    ada, pm, team = people
    wishes(ada, team, *[f"Wish {number}" for number in range(12)])
    page = visit(pm, width=390)
    page.goto("/triage/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#queue >> text=Wish 3")
    page.wait_for_selector("#preview h2:has-text('Wish 3')")
    page.wait_for_function("document.querySelector('#preview').getBoundingClientRect().top < 800")
    page.click("#preview button:has-text('Assign to me')")
    page.wait_for_selector("#said p:has-text('is yours.')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_everything_is_a_press_away(people, visit):
    ada, pm, team = people
    one, two, _ = wishes(ada, team, "One", "Two", "Three")
    page = visit(pm, scripts=False)
    page.goto("/triage/")
    page.click("#preview a:has-text('Snooze')")
    page.check("[name=until][value=monday]") if page.locator("[value=monday]").count() else None
    page.click("button:has-text('Snooze')")
    assert f"{one.reference} comes back on" in page.inner_text("main")
    page.click("button:has-text('Undo')")
    assert "Nobody was told." in page.inner_text("main")

    page.check(f"#queue [value='{one.number}']")
    page.check(f"#queue [value='{two.number}']")
    page.click("#bulk button:has-text('Merge')")
    page.check(f"[name=target][value='{two.reference}']")
    page.click("text=Merge them")
    assert f"1 request merged into {two.reference}." in page.inner_text("main")
    one.refresh_from_db()
    assert one.root == two

    page.goto(f"{one.get_absolute_url()}?stay=1")
    page.click("text=Part it")
    assert "stands for itself again" in page.inner_text("main")
    page.click(f"button:has-text('Part {one.reference}')")
    one.refresh_from_db()
    assert one.root is None

    page.goto("/triage/?kind=idea&sort=votes")
    page.click("text=Save this view")
    page.fill("[name=name]", "Ideas by votes")
    page.click("text=Save view")
    assert re.search(r"kind=idea.*sort=votes", page.url)
    assert page.locator(".tabs [aria-current=true]").inner_text() == "Ideas by votes"
