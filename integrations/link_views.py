"""The link table, for Product Ops and product managers."""

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from accounts.permissions import is_pm, is_product_ops, require
from integrations import linking, shared_fields
from integrations.linking import LinkRow, State
from producthub.lib.csv import csv_response
from producthub.lib.htmx import page
from producthub.lib.tags import tag_html

ROWS_A_PAGE = 200
COLUMNS = [
    "State", "Why", "Productboard", "Type", "Issue", "Key", "Requests",
]  # fmt: skip


@require_safe
def links(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Jira ↔ Productboard ↔ requests; `?format=csv` exports the same filter."""
    require(is_pm(request.user), "Links are for product managers and Product Ops.")
    rows = linking.link_rows(request.user)
    state = request.GET.get("state", "")
    state = state if state in State.values else ""
    words = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:200]
    chosen = linking.chosen_rows(rows, state=state, words=words)
    if request.GET.get("format") == "csv":
        return csv_response("links", COLUMNS, map(_cells, chosen))
    listed = Paginator(chosen, ROWS_A_PAGE).get_page(request.GET.get("page"))
    query = urlencode({name: value for name, value in (("state", state), ("q", words)) if value})
    context = {
        "counts": linking.counts(rows),
        "total": len(rows),
        "listed": listed,
        "rows": [(row, _tag(row)) for row in listed],
        "state": state,
        "words": words,
        "query": query,
        "is_ops": is_product_ops(request.user),
        "conflicts": shared_fields.conflict_count(request.user),  # type: ignore[arg-type]
    }
    return page(request, "integrations/links.html", "integrations/_links.html", context)


def _tag(row: LinkRow) -> str:
    return tag_html(row.state.label, *linking.STATE_TAGS[row.state])


def _cells(row: LinkRow) -> list[str]:
    return [
        row.state.label,
        row.why,
        row.entity.name if row.entity else "",
        row.entity.key if row.entity else "",
        row.issue.name if row.issue else "",
        row.issue.key if row.issue else "",
        ", ".join(side.key for side in row.requests),
    ]
