"""The page, its rows and its export."""

import csv
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from activity.events import record
from intake.models import Request
from intake.services import decide_request
from metrics import compute, selectors
from metrics.models import Figure
from metrics.survival import quantile
from metrics.tasks import compute_metrics
from tests.factories import make_request, make_team
from tests.metrics.test_compute import figure_of

URL = reverse("metrics:time-to-decision")


@pytest.fixture
def history(ada, pm, team):
    """24 requests of Dispatch and 3 of Yard; two are private, some are open."""
    yard = make_team("Yard", "yard")
    start = datetime.now(UTC) - timedelta(days=50)
    for number in range(27):
        item = make_request(
            ada if number % 3 else pm,
            title=f"Wish number {number}",
            team=yard if number >= 24 else team,
            visibility="private" if number in (3, 6) else "company",
            at=start + timedelta(hours=5 * number),
        )
        if number % 5:
            decide_request(
                item=item,
                actor=pm,
                outcome="do" if number % 2 else "no",
                reason="So it is.",
                at=item.submitted_at + timedelta(days=number),
            )
    compute.compute()


def listed(response):
    return response.context["rows"]


def test_it_works(signed_in, ada, history):
    response = signed_in(ada).get(URL)
    assert response.status_code == 200
    page = response.content.decode()
    figure = figure_of()
    assert f"{selectors.in_days(figure.value)}<small>days</small>" in page
    assert "Computed <time" in page
    assert "Show as a table" in page
    assert "Yard" in page


def test_it_asks_to_sign_in(client):
    assert client.get(URL).status_code == 302


def test_the_rows_recompute_to_the_figure(signed_in, pm, history):
    response = signed_in(pm).get(URL)
    figure = figure_of()
    rows = listed(response)
    assert response.context["hidden"] == 0
    ended = sorted(row.seconds for row in rows if row.ended_at)
    running = sorted(row.seconds for row in rows if not row.ended_at)
    assert quantile(ended, running, 0.5) == figure.value
    assert quantile(ended, running, 0.9) == figure.slowest_tenth
    assert quantile(ended, [], 0.5) == figure.closed_median
    assert (len(ended), len(running)) == (figure.n_decided, figure.n_open)


def test_the_rows_of_a_team_recompute_to_its_figure(signed_in, pm, team, history):
    rows = listed(signed_in(pm).get(URL, {"team": "dispatch", "span": "12m"}))
    figure = figure_of(team=team, period="12m")
    assert len(rows) == 24 == figure.n_decided + figure.n_open
    ended = sorted(row.seconds for row in rows if row.ended_at)
    running = sorted(row.seconds for row in rows if not row.ended_at)
    assert quantile(ended, running, 0.5) == figure.value


def test_what_a_reader_may_not_see_is_counted_and_not_shown(signed_in, outsider, history):
    response = signed_in(outsider).get(URL)
    titles = [row.title for row in listed(response)]
    assert len(titles) == 25
    assert "Wish number 3" not in titles
    page = response.content.decode()
    assert "2 more requests on this page count in these figures and are not shown" in page


def test_slowest_come_first_and_the_order_can_be_changed(signed_in, pm, history):
    slow = [row.seconds for row in listed(signed_in(pm).get(URL))]
    assert slow == sorted(slow, reverse=True)
    fast = [row.seconds for row in listed(signed_in(pm).get(URL, {"sort": "fast"}))]
    assert fast == slow[::-1]
    newest = [row.started_at for row in listed(signed_in(pm).get(URL, {"sort": "new"}))]
    assert newest == sorted(newest, reverse=True)


def test_a_team_with_too_few_says_so(signed_in, pm, history):
    page = signed_in(pm).get(URL, {"team": "yard"}).content.decode()
    assert "Not enough data yet: 2 decisions of the 10 that a median needs." in page


def test_it_is_empty_before_anything_happened(signed_in, ada):
    page = signed_in(ada).get(URL).content.decode()
    assert "Charts appear when there is something to show" in page
    compute.compute()
    assert "Charts appear when" in signed_in(ada).get(URL).content.decode()


def test_nonsense_in_the_address_is_taken_for_the_default(signed_in, ada, history):
    response = signed_in(ada).get(URL, {"team": "nope", "span": "1y", "sort": "x", "page": "99"})
    assert response.status_code == 200
    assert response.context["period"] == "90d"


def test_htmx_gets_the_fragment(signed_in, ada, history):
    page = signed_in(ada).get(URL, headers={"HX-Request": "true"}).content.decode()
    assert page.startswith('<div id="figures"')


@pytest.mark.parametrize("who", ["ada", "pm", "opsadmin"])
def test_it_costs_few_queries(who, request, signed_in, history, django_assert_max_num_queries):
    browser = signed_in(request.getfixturevalue(who))
    with django_assert_max_num_queries(12):
        browser.get(URL)


def test_both_figures_stand_beside_each_other(signed_in, ada, history):
    page = signed_in(ada).get(URL).content.decode()
    assert "To decision" in page and "To commitment" in page
    # nothing is on the roadmap: said, and not shown as a number
    assert "Not enough data: 0 of 10 on the roadmap" in page
    assert "calendar days" in page


def test_the_way_to_the_roadmap_has_its_own_rows(signed_in, pm, history):
    for item in Request.objects.filter(outcome="do"):
        record("request.planned", item, at=item.decided_at + timedelta(days=3))
    compute.compute()
    response = signed_in(pm).get(URL, {"measure": "commitment"})
    figure = figure_of(key="time_to_commitment")
    rows = listed(response)
    assert len(rows) == Request.objects.filter(outcome="do").count()
    assert quantile(sorted(row.seconds for row in rows), [], 0.5) == figure.value
    page = response.content.decode()
    assert "Half of all accepted requests are on the roadmap within" in page
    assert "On the roadmap, " in page


def test_nothing_accepted_says_so(signed_in, ada):
    make_request(ada)
    compute.compute()
    page = signed_in(ada).get(URL, {"measure": "commitment"}).content.decode()
    assert "Nothing was accepted in this period" in page


def test_parts_of_rows_add_up_to_the_bar(signed_in, pm, history):
    item = Request.objects.filter(decided_at=None).first()
    record("request.tabled", item, at=item.submitted_at + timedelta(days=1), data={"session": 1})
    compute.compute()
    response = signed_in(pm).get(URL)
    rows = listed(response)
    figure = figure_of()
    assert sum(row.life.so_far for row in rows) == figure.working_sum
    assert sum(row.life.forum for row in rows) == figure.forum_sum > 0
    assert sum(row.life.requester for row in rows) == figure.requester_sum == 0
    assert sum(part.percent for part in response.context["report"].parts) == 100
    page = response.content.decode()
    assert "on a scoring session or review" in page
    assert "In a session or review" in page


def test_the_stages_are_told_in_words(signed_in, pm, history):
    for item in Request.objects.filter(outcome="do"):
        record("request.planned", item, at=item.decided_at + timedelta(days=3))
    compute.compute()
    page = signed_in(pm).get(URL).content.decode()
    assert "Half of all requests are acknowledged after" in page
    assert "half of the accepted ones are on the roadmap after" in page
    assert "The longest step leads from “decided” to “on the roadmap”" in page


@pytest.mark.parametrize("amounts", [[1, 1, 1], [0, 0, 7], [2, 3, 995], [0, 0, 0]])
def test_shares_make_a_hundred(amounts):
    shares = selectors.whole_percents(amounts)
    assert sum(shares) == (100 if sum(amounts) else 0)
    assert all(share >= 0 for share in shares)


def rows_of(response):
    return list(csv.reader(b"".join(response.streaming_content).decode("utf-8-sig").splitlines()))


def test_the_export_holds_the_rows(signed_in, pm, history):
    response = signed_in(pm).get(URL, {"format": "csv"})
    assert response["Content-Type"].startswith("text/csv")
    head, *lines = rows_of(response)
    assert head[0] == "Request"
    assert len(lines) == 27
    assert {line[5] for line in lines} == {"do", "no", "open"}
    # the file alone recomputes to the figure
    ended = sorted(int(line[6]) for line in lines if line[5] != "open")
    running = sorted(int(line[6]) for line in lines if line[5] == "open")
    assert quantile(ended, running, 0.5) == figure_of().value
    for line in lines:
        assert sum(map(float, line[9:12])) == pytest.approx(float(line[7]), abs=0.0002)


def test_the_export_follows_the_filters(signed_in, pm, history):
    response = signed_in(pm).get(URL, {"format": "csv", "measure": "commitment", "team": "yard"})
    assert "time-to-commitment-90d-" in response["Content-Disposition"]
    head, *lines = rows_of(response)
    assert head[4] == "On the roadmap"
    assert {line[2] for line in lines} <= {"Yard"}


def test_the_export_says_how_many_it_leaves_out(signed_in, outsider, history):
    *_, last = rows_of(signed_in(outsider).get(URL, {"format": "csv"}))
    assert last == ["2 more counted, not shown to you"]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t"])
def test_the_export_runs_nothing(signed_in, ada, first):
    make_request(ada, title=f"{first}HYPERLINK(1)")
    compute.compute()
    _, line = rows_of(signed_in(ada).get(URL, {"format": "csv"}))
    assert line[1] == f"'{first}HYPERLINK(1)"


def test_the_task_computes(ada, history):
    Figure.objects.all().delete()
    compute_metrics()
    assert Figure.objects.filter(team=None, period="90d").count() == 2


def test_a_decision_refreshes_the_figures_soon(ada, pm, team, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        make_request(ada, team=team)
    figure = figure_of()
    assert figure.n_open == 1
