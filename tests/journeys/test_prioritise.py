"""Three product managers score blind, reveal, talk, decide and get the notes."""

import re

import pytest
from django.core import mail

from accounts.models import Role
from intake.models import Request, ScoringSession
from notices.models import Notice
from planning.models import Decision
from tests.factories import make_membership, make_team, make_user
from tests.factories_scoring import make_candidates, make_model

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("width", "scripts"), [(1440, True), (390, False)], ids=["desktop", "phone without scripts"]
)
def test_a_session_from_its_agenda_to_its_notes(visit, width, scripts):
    team = make_team(name="Dispatch", slug="dispatch")
    pms = [
        make_user(f"{name.split()[0].lower()}@harbourline.example", name, role=Role.PM)
        for name in ("Tomasz Wieczorek", "Priya Raman", "Noor Haddad")
    ]
    for pm in pms:
        make_membership(pm, team, duty="pm")
    ada = make_user("ada@harbourline.example", "Ada Mensah", department="Sales")
    make_candidates(2, pms[0], team, ada)
    make_model()
    pages = [visit(pm, width=width, scripts=scripts) for pm in pms]
    lead = pages[0]

    lead.goto("/prioritise/")
    lead.click("a:has-text('New session') >> visible=true")
    lead.fill("[name=title]", "December scoring")
    lead.select_option("[name=model]", "points")
    for box in lead.locator("[name=item]").all():
        box.check()
    lead.fill("[name=capacity]", "3")
    lead.click("text=Open the session")
    lead.wait_for_selector("text=Session opened. 3 people score blind from now on.")
    session = ScoringSession.objects.get()

    # Wish 0 is clear to all, about Wish 1 they differ.
    for page, points in zip(pages, ({0: 9, 1: 2}, {0: 9, 1: 10}, {0: 8, 1: 3}), strict=True):
        page.goto(session.get_absolute_url())
        for done in range(2):
            title = page.inner_text("#s-on h2")
            number = int(title.removeprefix("Wish "))
            form = page.locator("#s-on form")
            form.locator(f"label:has-text('{points[number]} points')").first.click()
            form.locator("[name=joy][value='5']").check()
            form.locator("[name=effort]").fill("2")
            page.click("text=Save score")
            page.wait_for_selector(f"text=You scored {done + 1} of 2")
    pages[1].goto("/prioritise/")
    assert "You are done" in pages[1].inner_text("main")

    lead.goto(session.get_absolute_url())
    lead.click("button:has-text('Open the scores')")
    lead.wait_for_selector(".flash:has-text('The scores are open.')")
    assert lead.inner_text("#s-on h2") == "Wish 1"
    assert "They differ most on gain" in lead.inner_text("#s-on")
    lead.click("button:has-text('Start the clock')")
    clock = lead.wait_for_selector("[data-ends]")
    assert re.match(r"[78]:\d\d left", clock.inner_text())
    if scripts:
        was = clock.inner_text()
        lead.wait_for_function(
            "was => document.querySelector('[data-ends]').innerText != was", arg=was
        )
    lead.fill("[name=value]", "45")
    lead.fill("[name=note]", "Noor had other numbers.")
    lead.click("text=Settle the score")
    lead.wait_for_selector("text=is settled.")

    # Somebody else still looks at the blind page and hears what happened.
    pages[1].goto(f"{session.get_absolute_url()}?v=talk")
    assert "Noor Haddad" in pages[1].inner_text("main")

    lead.click("button:has-text('Begin to decide')")
    lead.wait_for_selector("text=Now decide, from the top.")
    assert lead.inner_text("#s-on h2") == "Wish 0"
    assert "The line falls here: one fits, the rest waits" in lead.inner_text("main")
    lead.click("text=Record the decision")
    lead.wait_for_selector("text=is decided. Everyone behind it is told.")
    lead.fill("[name=notes]", "A good talk.")
    lead.fill("[name=actions]", "Noor asks Finance by Friday")
    lead.click("text=Save notes")
    lead.wait_for_selector("text=Notes saved.")
    lead.click("button:has-text('Close and send notes')")
    lead.wait_for_selector("text=The session is closed.")
    lead.click("a:has-text('Summary') >> visible=true")
    assert "A good talk." in lead.inner_text("main")

    assert Decision.objects.get().outcome == "do"
    assert [item.score for item in Request.objects.order_by("number")] == [90, 45]
    told = Notice.objects.filter(kind="session.closed").values_list("recipient__name", flat=True)
    assert sorted(told) == ["Noor Haddad", "Priya Raman"]
    assert sum("Notes of December scoring" in m.subject for m in mail.outbox) == 2
    assert Notice.objects.filter(kind="request.decided", recipient=ada).count() == 1
