"""The measures' pages."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Team
from metrics import charts, exports, selectors
from metrics.definitions import MIN_SAMPLE, TIME_TO_DECISION
from metrics.windows import DEFAULT_PERIOD, PERIODS
from producthub.lib.csv import csv_response
from producthub.lib.htmx import page

PAGE_SIZE = 50


@require_safe
def time_to_decision(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """How long decisions take: figure, trend, teams, and the requests behind it."""
    teams = list(Team.objects.filter(is_active=True))
    team = next((team for team in teams if team.slug == request.GET.get("team")), None)
    period = request.GET.get("span", "")
    period = period if period in PERIODS else DEFAULT_PERIOD
    sort = request.GET.get("sort", "")
    sort = sort if sort in selectors.SORTS else "slow"
    report = selectors.report(team=team, period=period)
    context: dict[str, Any] = {
        "definition": TIME_TO_DECISION,
        "report": report,
        "teams": teams,
        "team": team,
        "period": period,
        "period_name": PERIODS[period][0],
        "periods": [(key, name) for key, (name, _) in PERIODS.items()],
        "sort": sort,
        "sorts": selectors.SORTS,
        "min_sample": MIN_SAMPLE,
        "finding": finding(report),
        "lede": lede(report, team),
        "query": f"team={team.slug if team else ''}&span={period}",
        "is_stale": selectors.is_stale(report.figure.as_of if report.figure else None),
    }
    if report.figure is not None:
        if request.GET.get("format") == "csv":
            return _csv(request, report)
        # Pages cut through all that counts, also what this reader may not see: then the rows and
        # what is left out add up on every page, and nothing has to be counted.
        rows_page = Paginator(range(report.n + report.n_open), PAGE_SIZE).get_page(
            request.GET.get("page")
        )
        start = (rows_page.number - 1) * PAGE_SIZE
        ids = selectors.page_of(report.figure, sort, start, start + PAGE_SIZE)
        rows = selectors.rows_by_id(report.figure, ids, request.user)
        context |= {
            "page_obj": rows_page,
            "rows": rows,
            "hidden": len(ids) - len(rows),
            "rows_query": f"{context['query']}&sort={sort}&",
            "chart": trend_chart(report),
        }
    return page(request, "metrics/time_to_decision.html", "metrics/_time_to_decision.html", context)


def _csv(request: HttpRequest, report: selectors.Report) -> StreamingHttpResponse:
    assert report.figure is not None
    lines = exports.row_lines(
        selectors.all_rows(report.figure, request.user), report.n + report.n_open
    )
    day = timezone.localdate(report.figure.as_of)
    return csv_response(f"time-to-decision-{report.period}-{day}", exports.HEADINGS, lines)


def trend_chart(report: selectors.Report) -> charts.Chart | None:
    """The trend with its target; None with fewer than two points."""
    medians = [point.median for point in report.points]
    if sum(value is not None for value in medians) < 2:
        return None
    return charts.line_chart(
        [point.label for point in report.points],
        [
            charts.Series("k2", "Slowest tenth", [point.slowest for point in report.points]),
            charts.Series("k1", "Median", medians, has_dots=True),
        ],
        TIME_TO_DECISION.target,
    )


def lede(report: selectors.Report, team: Team | None) -> str:
    """How it stands, in plain numbers."""
    if not report.is_enough:
        if not report.n and not report.n_open:
            return f"The first number comes after {MIN_SAMPLE} decisions."
        decisions = "1 decision" if report.n == 1 else f"{report.n} decisions"
        return f"Not enough data yet: {decisions} of the {MIN_SAMPLE} that a median needs."
    if report.median is None:
        return "More than half of these requests are still open: their median cannot be told yet."
    who = (
        f"{team.name} decides half of its requests" if team else "Half of all requests are decided"
    )
    side = "within" if report.is_met else "over"
    target = f"{side} the {TIME_TO_DECISION.target:g}-day target"
    return f"{who} within {report.median:.1f} days, {target}. {finding(report)}".strip()


def finding(report: selectors.Report) -> str:
    """The trend in a sentence."""
    told = [point for point in report.points if point.median is not None]
    if len(told) < 2:
        return ""
    first, last = told[0], told[-1]
    assert first.median is not None and last.median is not None

    def name(point: selectors.Point) -> str:
        if report.bucket == "week":
            return f"the week of {point.starts_on.day} {point.starts_on:%B}"
        year = "" if point.starts_on.year == told[-1].starts_on.year else f" {point.starts_on.year}"
        return f"{point.starts_on:%B}{year}"

    if abs(first.median - last.median) < 0.05:
        return f"The median stayed at {last.median:.1f} days from {name(first)} to {name(last)}."
    verb = "fell" if last.median < first.median else "rose"
    return (
        f"The median {verb} from {first.median:.1f} days in {name(first)} to "
        f"{last.median:.1f} in {name(last)}."
    )
