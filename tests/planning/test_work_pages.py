"""The list of work items, one item, the export, and admin."""

import csv
import io
from datetime import timedelta

import pytest
from django.utils import timezone

from planning import services
from planning.models import FlowRule, WorkItem, WorkProject, WorkStatus
from tests.factories_work import make_moves, make_row, make_run, make_work_item, upsert

NOW = timezone.now()


@pytest.fixture
def reader(signed_in, ada):
    return signed_in(ada)


def text(answer) -> str:
    return answer.content.decode()


def test_the_list_works(reader):
    item = make_work_item("building", "done", title="Sign-in page for carriers")
    page = text(reader.get("/work/"))
    assert "Sign-in page for carriers" in page
    assert f'href="/work/{item.key}/"' in page
    assert "Done" in page
    assert "1 to 1 of 1" in page


def test_strangers_are_sent_to_sign_in(client, db):
    for path in ("/work/", "/work/PLT-1/"):
        assert client.get(path)["Location"].startswith("/accounts/login/")


def test_an_empty_list_says_how_it_fills(reader, signed_in, opsadmin):
    page = text(reader.get("/work/"))
    assert "Connect Jira" in page
    assert "Product Ops can do that" in page
    assert 'href="/integrations/"' in text(signed_in(opsadmin).get("/work/"))


def test_the_first_items_show_at_once(reader):
    reader.get("/work/")
    make_work_item(title="The first of all")
    assert "The first of all" in text(reader.get("/work/"))


def test_a_connected_but_empty_list_waits(reader, settings):
    settings.JIRA_BASE_URL, settings.JIRA_API_TOKEN = "http://127.0.0.1:9", "t"
    assert "Nothing has come from Jira yet" in text(reader.get("/work/"))


@pytest.mark.parametrize(
    "query,titles",
    [
        ("team=dispatch", {"Depot closure"}),
        ("project=DSP", {"Depot closure"}),
        ("state=active", {"Depot closure"}),
        ("state=done", {"Tax codes"}),
        ("owner=me", {"Tax codes"}),
        ("q=depot", {"Depot closure"}),
        ("q=clos", {"Depot closure"}),
        ("q=dsp-7", {"Depot closure"}),
        ("q=tax+closure", set()),
        ("q=%27%3A%26%21%00", set()),
        ("team=none", set()),
        ("owner=x%27", set()),
        ("state=%3Cscript%3E", set()),
        ("page=0", {"Depot closure", "Tax codes"}),
        ("page=9999999", {"Depot closure", "Tax codes"}),
    ],
)
def test_filters_stand_in_the_address(reader, ada, team, query, titles):
    make_work_item("building", title="Depot closure", key="DSP-7", project_id="2",
                   project_key="DSP")  # fmt: skip
    make_work_item("building", "done", title="Tax codes", assignee_email=ada.email,
                   assignee_account_id="a", assignee_name="Ada")  # fmt: skip
    project = WorkProject.objects.get(key="DSP")
    project.team = team
    project.save()
    services.assign_team(project)
    page = text(reader.get(f"/work/?{query}"))
    assert {title for title in ("Depot closure", "Tax codes") if title in page} == titles


def test_the_list_pages_at_fifty(reader):
    upsert(*(make_row(title=f"Item {n:03d}", updated=NOW - timedelta(hours=n)) for n in range(60)))
    first, second = text(reader.get("/work/")), text(reader.get("/work/?page=2"))
    assert "1 to 50 of 60" in first and 'href="/work/?page=2"' in first
    assert "51 to 60 of 60" in second and "Previous page" in second
    assert "Item 049" in first and "Item 050" in second


def test_htmx_gets_the_list_alone(reader):
    make_work_item()
    answer = reader.get("/work/?state=waiting", headers={"HX-Request": "true"})
    assert text(answer).lstrip().startswith('<section class="card mt4" id="work"')
    assert "HX-Request" in answer["Vary"]


def test_hostile_text_is_shown_as_text(reader):
    item = make_work_item(title="<script>alert(1)</script>", assignee_name="<b>x</b>")
    for path in ("/work/", f"/work/{item.key}/"):
        page = text(reader.get(path))
        assert "<script>alert(1)" not in page and "<b>x</b>" not in page


def finish(count: int, hours: float, ago: timedelta) -> None:
    for _ in range(count):
        start = NOW - ago - timedelta(hours=2 * hours)
        make_work_item("building", "done", moved_hours=hours, created=start)


def test_figures_are_of_the_last_four_weeks(reader):
    finish(5, hours=48, ago=timedelta(days=3))
    finish(5, hours=72, ago=timedelta(days=40))
    finish(1, hours=9999, ago=timedelta(days=200))
    make_work_item("building", created=NOW - timedelta(days=4))
    page = text(reader.get("/work/"))
    assert "Half finish within 2.0 days" in page
    assert "-1.0" in page or "−1.0" in page
    assert "5 finished in four weeks" in page


def test_too_little_data_gives_no_median(reader):
    finish(4, hours=48, ago=timedelta(days=3))
    page = text(reader.get("/work/"))
    assert "Not enough data" in page and "Half finish" not in page


def test_the_export_holds_what_the_filter_holds(reader):
    make_work_item("building", "done", title="=1+1", assignee_name="@x")
    make_work_item(title="Other")
    answer = reader.get("/work/?state=done&format=csv")
    body = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(body)))
    assert len(rows) == 1
    assert (rows[0]["Title"], rows[0]["Owner"]) == ("'=1+1", "'@x")
    assert rows[0]["Cycle time, days"] == "1.00"
    assert "attachment" in answer["Content-Disposition"]


def test_an_item_shows_its_history(reader):
    item = make_work_item("building", "review", "done", moved_hours=12, title="Sign-in page")
    page = text(reader.get(f"/work/{item.key}/"))
    assert "Moved to <b" in page and "by Ruben de Vries" in page
    assert "To Do 0.5 d" in page and "In Review 0.5 d" in page
    assert "Created in Jira" in page
    assert "1.0 days" in page


def test_an_item_without_history_has_a_page(reader):
    item = make_work_item()
    assert "To Do" in text(reader.get(f"/work/{item.key}/"))


def test_an_old_key_leads_to_the_new_one(reader):
    upsert(make_row(5))
    upsert(make_row(5, key="DSP-5", updated=NOW))
    assert reader.get("/work/PLT-5/")["Location"] == "/work/DSP-5/"
    assert reader.get("/work/dsp-5/")["Location"] == "/work/DSP-5/"


def test_unknown_keys_are_not_found(reader):
    for key in ("NO-1", "%27", "x" * 400):
        assert reader.get(f"/work/{key}/").status_code == 404


def test_a_deleted_item_keeps_its_page(reader):
    item = make_work_item()
    services.mark_deleted(source="jira", upstream_ids=[item.upstream_id])
    assert "was deleted in Jira" in text(reader.get(f"/work/{item.key}/"))
    assert item.title not in text(reader.get("/work/"))


def test_an_incomplete_history_is_said(reader):
    upsert(make_row(1, "done"), moves=make_moves("1", "building"), complete=False)
    assert "did not give the whole history" in text(reader.get("/work/PLT-1/"))


def test_pages_say_how_fresh_they_are(reader, settings):
    settings.JIRA_BASE_URL, settings.JIRA_API_TOKEN = "http://127.0.0.1:9", "t"
    make_work_item()
    make_run()
    assert "Synced <time" in text(reader.get("/work/"))


def test_pages_cost_few_queries(reader, django_assert_max_num_queries):
    upsert(*(make_row(assignee_name=f"Person {n}", status="building") for n in range(60)))
    item = make_work_item(*["building", "review"] * 30, "done")
    for path in ("/work/", "/work/?page=2", "/work/?q=work&state=active", f"/work/{item.key}/"):
        with django_assert_max_num_queries(12):
            assert reader.get(path).status_code == 200


def test_product_ops_change_rules_and_teams_in_admin(signed_in, opsadmin, team, run_on_commit):
    item = make_work_item("building", "review", "done")
    browser = signed_in(opsadmin)
    status = WorkStatus.objects.get(name="In Progress")
    with run_on_commit():
        answer = browser.post(
            "/admin/planning/flowrule/add/",
            {"status": status.pk, "project": "", "phase": "waiting"},
        )
    assert answer.status_code == 302
    item.refresh_from_db()
    assert item.cycle_seconds == 24 * 3600
    with run_on_commit():
        browser.post(f"/admin/planning/flowrule/{FlowRule.objects.get().pk}/delete/", {"post": "y"})
    item.refresh_from_db()
    assert item.cycle_seconds == 48 * 3600
    project = WorkProject.objects.get(key="PLT")
    browser.post(f"/admin/planning/workproject/{project.pk}/change/", {"team": team.pk})
    item.refresh_from_db()
    assert item.team == team


@pytest.mark.parametrize(
    "model",
    ["planning/workitem", "planning/workstatus", "planning/workproject", "planning/flowrule",
     "integrations/syncrun", "integrations/syncerror", "integrations/rawrecord",
     "integrations/sourcestate"],
)  # fmt: skip
def test_admin_lists_open(signed_in, opsadmin, model):
    make_work_item("building")
    make_run()
    assert signed_in(opsadmin).get(f"/admin/{model}/").status_code == 200
    assert WorkItem.objects.exists()
