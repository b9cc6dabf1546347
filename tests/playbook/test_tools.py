import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse

from activity.models import Event
from playbook.models import Category, Tool, ToolStatus
from playbook.selectors import tools_for_home
from playbook.services import remove_tool, save_tool

HOSTILE = '<script>alert("x")</script>&'


def make_tool(name="Jira", **fields):
    return save_tool(
        tool=Tool(
            name=name,
            slug=fields.pop("slug", name.lower().replace(" ", "-")),
            purpose=fields.pop("purpose", "Building and tracking work"),
            url=fields.pop("url", "https://jira.harbourline.example/"),
            **fields,
        )
    )


def text(response):
    return response.content.decode()


def test_the_directory_groups_tools_by_use(ada, signed_in):
    make_tool("Looker", category=Category.NUMBERS)
    make_tool("Jira", owner=ada)
    shown = text(signed_in(ada).get(reverse("playbook:tools")))
    assert shown.index("Building</h2>") < shown.index("Jira</a>") < shown.index("Numbers</h2>")
    assert "Ada Mensah" in shown and 'href="/tools/looker/"' in shown


def test_filters_live_in_the_address(ada, signed_in):
    make_tool("Looker", category=Category.NUMBERS)
    make_tool("Jira", status=ToolStatus.RETIRING)
    browser = signed_in(ada)
    shown = text(browser.get("/tools/?for=numbers"))
    assert "Looker" in shown and "Jira</a>" not in shown
    assert "Jira</a>" in text(browser.get("/tools/?status=retiring"))
    assert "No tool matches" in text(browser.get("/tools/?for=numbers&status=trial"))
    assert "Looker" in text(browser.get("/tools/?for=nonsense"))


def test_htmx_gets_the_list_alone(ada, signed_in):
    make_tool()
    shown = text(signed_in(ada).get("/tools/?for=building", headers={"HX-Request": "true"}))
    assert shown.startswith('<div id="tools">') and 'data-said="1 tool matches"' in shown


def test_a_tool_tells_how_to_get_in_and_whom_to_ask(ada, team, signed_in):
    make_tool(owner=ada, team=team, access="Sign in.\n\nThen ask <b>Ada</b>.")
    shown = text(signed_in(ada).get("/tools/jira/"))
    assert 'href="mailto:ada@harbourline.example"' in shown
    assert 'href="https://jira.harbourline.example/"' in shown
    assert "&lt;b&gt;Ada" in shown and "/admin/" not in shown


def test_an_empty_directory_says_how_it_starts(ada, opsadmin, signed_in):
    add = reverse("admin:playbook_tool_add")
    shown = text(signed_in(opsadmin).get("/tools/"))
    assert "No tools yet" in shown and add in shown
    assert add not in text(signed_in(ada).get("/tools/"))


def test_strangers_sign_in_first(client, db):
    assert client.get("/tools/").status_code == 302


def test_hostile_text_is_shown_as_text(ada, signed_in):
    make_tool(HOSTILE, slug="hostile", purpose=HOSTILE, access=HOSTILE)
    for address in ("/tools/", "/tools/hostile/"):
        assert "<script>alert" not in text(signed_in(ada).get(address))


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "//evil.example/",
        "/\\evil.example", "ftp://x.example", "https://", "mailto:nobody", "work", "https://a b",
    ],
)  # fmt: skip
def test_it_refuses_addresses_that_run_or_mislead(url, db):
    with pytest.raises(ValidationError):
        make_tool(url=url)


@pytest.mark.parametrize("url", ["/", "/work/?a=b", "http://x.example", "mailto:a@x.example"])
def test_it_takes_web_mail_and_hub_addresses(url, db):
    assert make_tool(url=url).url == url


def test_the_database_refuses_scripts_too(db):
    tool = make_tool()
    with pytest.raises(IntegrityError), transaction.atomic():
        Tool.objects.filter(pk=tool.pk).update(url="javascript:alert(1)")


def test_only_product_ops_changes_the_directory(ada, pm, opsadmin):
    tool = make_tool()
    for person in (ada, pm):
        with pytest.raises(PermissionDenied):
            save_tool(tool=tool, actor=person)
        with pytest.raises(PermissionDenied):
            remove_tool(tool=tool, actor=person)
    tool.status = ToolStatus.RETIRING
    save_tool(tool=tool, actor=opsadmin)
    remove_tool(tool=Tool.objects.get(), actor=opsadmin)
    remove_tool(tool=tool, actor=opsadmin)
    kinds = Event.objects.filter(subject_type="playbook.tool").values_list("kind", flat=True)
    assert sorted(kinds) == ["tool.added", "tool.changed", "tool.removed"]


def test_admin_adds_a_tool_through_the_service(opsadmin, ada, signed_in):
    browser = signed_in(opsadmin)
    form = {
        "name": "Figma", "slug": "figma", "glyph": "", "purpose": "Design",
        "url": "javascript:x", "category": "building", "status": "in_use", "order": "10",
        "owner": "", "team": "", "access": "",
    }  # fmt: skip
    add = reverse("admin:playbook_tool_add")
    assert "Enter an address that starts with" in text(browser.post(add, form))
    assert browser.post(add, form | {"url": "https://figma.example"}).status_code == 302
    assert Tool.objects.get().letters == "Fi"
    assert Event.objects.get(kind="tool.added").actor_id == opsadmin.pk
    assert "Figma" in text(browser.get(reverse("admin:playbook_tool_changelist") + "?q=fig"))
    assert signed_in(ada).get(add, follow=True).status_code == 403


def test_home_shows_the_first_tools_in_use(db, django_assert_num_queries):
    for number in range(9):
        make_tool(f"Tool {number}", order=number)
    make_tool("Old", order=0, status=ToolStatus.RETIRING)
    with django_assert_num_queries(1):
        names = [tool.name + tool.letters for tool in tools_for_home()]
    assert names[0] == "Tool 0To" and len(names) == 8


def test_the_number_of_queries_does_not_grow(ada, team, signed_in, django_assert_max_num_queries):
    for number in range(30):
        make_tool(f"Tool {number}", owner=ada, team=team)
    browser = signed_in(ada)
    with django_assert_max_num_queries(7):
        browser.get("/tools/")
