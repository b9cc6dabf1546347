"""Every page in a browser: no WCAG fault, script error, policy violation or sideways scroll."""

import pytest

from activity.events import replaying
from intake.services import ask_requester, decide_request, triage_request
from notices.models import Notice
from playbook.models import Tool
from tests.factories import (
    install_reasons,
    make_article,
    make_membership,
    make_request,
    make_team,
    make_user,
)
from tests.factories_scoring import make_session

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE = "<script>alert(1)</script> " + "مرحبا بكم " + "🚚" * 20 + "W" * 30
PAGES = {
    "stakeholder": [
        "/",
        "/requests/new/",
        "/requests/new/?form=help&title=A+line",
        "/requests/mine/",
        "/requests/mine/?view=voted",
        "/requests/{asked}/",
        "/requests/{decided}/",
        "/inbox/",
        "/inbox/preferences/",
        "/search/?q=depot",
        "/search/?q=nothinglikeit",
        "/tools/",
        "/playbook/",
        "/teams/",
        "/teams/dispatch/",
        "/people/",
        "/me/",
        "/work/",
        "/metrics/time-to-decision/",
        "/promises/",
        "/decisions/",
        "/decisions/{decision}/",
        "/prioritise/",
        "/me/unsent/",
        "/playbook/rotate-a-key/",
        "/requests/{asked}/edit/",
        "/nowhere/",
    ],
    "pm": [
        "/",
        "/triage/",
        "/triage/?view=reply",
        "/requests/{asked}/",
        "/requests/{new}/",
        "/requests/held/",
        "/requests/{decided}/",
        "/requests/{new}/compare/?with={asked}",
        "/requests/{new}/forms/merge/",
        "/triage/quiet/",
        "/triage/views/?query=kind%3Didea",
        "/decisions/new/",
        "/prioritise/new/",
        "/prioritise/{session}/",
        "/prioritise/{session}/summary/",
        "/scoring/",
        "/scoring/points/",
        "/requests/{new}/score/",
    ],
    "product_ops": [
        "/requests/forms/",
        "/",
        "/triage/?kind=data",
        "/integrations/",
        "/admin/",
        "/routing/",
        "/routing/new/",
        "/requests/import/",
        "/integrations/slack/manifest/",
        "/integrations/slack/channels/",
        "/integrations/out/",
        "/integrations/in/",
        "/integrations/links/",
        "/integrations/links/conflicts/",
        "/integrations/mapping/",
        "/integrations/unmapped/",
        "/scoring/new/",
        "/scoring/points/edit/",
    ],
}


@pytest.fixture
def scene():
    """People, and requests in every state, one with hostile words."""
    with replaying():
        team = make_team(name="Dispatch", slug="dispatch", channel="#dispatch")
        people = {
            "stakeholder": make_user("ada@harbourline.example", "Ada Mensah", department="Sales"),
            "pm": make_user("pm@harbourline.example", "Tomasz Wieczorek", role="pm"),
            "product_ops": make_user("ops@harbourline.example", "Ines C", role="product_ops"),
        }
        ada, pm = people["stakeholder"], people["pm"]
        make_membership(pm, team, duty="pm")
        new = make_request(ada, title=HOSTILE, problem=HOSTILE * 4, team=team)
        asked, decided, owned = (make_request(ada, team=team) for _ in range(3))
        ask_requester(item=asked, actor=pm, question=HOSTILE)
        triage_request(item=owned, actor=pm, team=team, owner=pm)
        decision = decide_request(item=decided, actor=pm, outcome="no", reason=HOSTILE)
        for number, person in enumerate(people.values()):
            Notice.objects.create(
                recipient=person, event_id=number, kind="x", title=HOSTILE, text=HOSTILE, url="/"
            )
        Tool.objects.create(
            slug="jira", name="Jira", glyph="Ji", purpose="Work", url="https://jira.example"
        )
        install_reasons()
        make_article("Rotate a key", HOSTILE * 3, slug="rotate-a-key")
        session = make_session(pm, [pm], [new, asked])
    numbers = {
        "asked": asked.number,
        "decided": decided.number,
        "new": new.number,
        "decision": decision.number,
        "session": session.number,
    }
    return people, numbers


@pytest.mark.parametrize(
    ("width", "scheme"), [(390, "dark"), (1440, "light")], ids=["phone dark", "desktop light"]
)
@pytest.mark.parametrize("role", PAGES)
def test_pages_are_sound(role, width, scheme, scene, visit):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    people, numbers = scene
    page = visit(people[role], width=width, scheme=scheme)
    faults = []
    for path in PAGES[role]:
        path = path.format(**numbers)
        page.goto(path)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{path}: scrolls sideways")
        # Between phone and desktop, without a second load.
        page.set_viewport_size({"width": 768, "height": 900})
        if page.evaluate("document.documentElement.scrollWidth") > 768:
            faults.append(f"{path}: scrolls sideways at 768")
        page.set_viewport_size({"width": width, "height": 900})
        if path != "/admin/" and page.locator("h1").count() != 1:
            faults.append(f"{path}: {page.locator('h1').count()} h1")
        if not page.title().endswith("ProductHub") and path != "/admin/":
            faults.append(f"{path}: title {page.title()!r}")
        options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
        for fault in axe.run(page, options=options).response["violations"]:
            where = "; ".join(node["html"][:120] for node in fault["nodes"][:3])
            faults.append(f"{path}: {fault['id']}: {where}")
    assert faults == []


def test_the_palette_leads_anywhere(scene, visit):
    people, _ = scene
    page = visit(people["pm"])
    page.goto("/work/")
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open] input")
    page.keyboard.type("bulk")
    page.wait_for_selector("dialog[open] a:has-text('Move deliveries in')")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/*/")
    page.keyboard.press("Control+k")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
