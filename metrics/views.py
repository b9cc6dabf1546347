"""The measures' pages."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Team
from metrics import charts, exports, selectors, words
from metrics.definitions import MIN_SAMPLE, TIME_TO_COMMITMENT, TIME_TO_DECISION
from metrics.windows import DEFAULT_PERIOD, PERIODS
from producthub.lib.csv import csv_response
from producthub.lib.htmx import page

PAGE_SIZE = 50


# How the address names the two figures.
MEASURES = {"decision": TIME_TO_DECISION, "commitment": TIME_TO_COMMITMENT}


@require_safe
def time_to_decision(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """How long decisions take: figures, stages, trend, teams, and the requests behind it."""
    teams = list(Team.objects.filter(is_active=True))
    team = next((team for team in teams if team.slug == request.GET.get("team")), None)
    period = request.GET.get("span", "")
    period = period if period in PERIODS else DEFAULT_PERIOD
    measure = request.GET.get("measure", "")
    measure = measure if measure in MEASURES else "decision"
    sort = request.GET.get("sort", "")
    sort = sort if sort in selectors.SORTS else "slow"
    definition = MEASURES[measure]
    report = selectors.report(definition=definition, team=team, period=period)
    frame = f"team={team.slug if team else ''}&span={period}"
    context: dict[str, Any] = {
        "definition": definition,
        "report": report,
        "measure": measure,
        "tiles": [(key, one) for key, one in zip(MEASURES, report.both, strict=True)],
        "teams": teams,
        "team": team,
        "period": period,
        "period_name": PERIODS[period][0],
        "periods": [(key, name) for key, (name, _) in PERIODS.items()],
        "sort": sort,
        "sorts": selectors.SORTS,
        "min_sample": MIN_SAMPLE,
        "finding": words.finding(report),
        "lede": words.lede(report, team),
        "stage_words": words.stages(report),
        "wait_words": words.waits(report),
        "frame": frame,
        "query": f"{frame}&measure={measure}",
        "is_stale": selectors.is_stale(report.figure.as_of if report.figure else None),
    }
    if report.figure is not None:
        if request.GET.get("format") == "csv":
            return _csv(request, report, measure)
        # Pages cut through all that counts, also what this reader may not see: then the rows and
        # what is left out add up on every page, and nothing has to be counted.
        rows_page = Paginator(range(report.n + report.n_open), PAGE_SIZE).get_page(
            request.GET.get("page")
        )
        start = (rows_page.number - 1) * PAGE_SIZE
        ids = selectors.page_of(report.figure, report.readings, sort, start, start + PAGE_SIZE)
        rows = selectors.rows_by_id(report.figure, report.readings, ids, request.user)
        context |= {
            "page_obj": rows_page,
            "rows": rows,
            "hidden": len(ids) - len(rows),
            "rows_query": f"{context['query']}&sort={sort}&",
            "chart": trend_chart(report),
        }
    return page(request, "metrics/time_to_decision.html", "metrics/_time_to_decision.html", context)


def _csv(request: HttpRequest, report: selectors.Report, measure: str) -> StreamingHttpResponse:
    assert report.figure is not None
    lines = exports.row_lines(
        selectors.all_rows(report.figure, report.readings, request.user),
        report.n + report.n_open,
    )
    day = timezone.localdate(report.figure.as_of)
    name = f"time-to-{measure}-{report.period}-{day}"
    return csv_response(name, exports.headings(report.definition), lines)


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
        report.definition.target,
    )
