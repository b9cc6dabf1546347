"""Playbook pages and the tool directory."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from accounts.permissions import is_product_ops
from playbook.models import Article, Category, Tool, ToolStatus
from playbook.selectors import drafts_for, page_rows, pages_for, tool_groups
from producthub.lib.htmx import page
from producthub.lib.markdown import render as to_page
from search.queries import parse

ROWS_PER_PAGE = 50
# Fewer headings need no list of their own.
FEW_HEADINGS = 2


@require_safe
def tools(request: HttpRequest) -> HttpResponse:
    """Every tool by what it is for."""
    category, status = request.GET.get("for", ""), request.GET.get("status", "")
    groups = tool_groups(category=category, status=status)
    context = {
        "groups": groups,
        "found": sum(len(group.tools) for group in groups),
        "retiring": sum(
            tool.status == ToolStatus.RETIRING for group in groups for tool in group.tools
        ),
        "category": category,
        "status": status,
        "is_filtered": category in Category.values or status in ToolStatus.values,
        "categories": Category.choices,
        "statuses": ToolStatus.choices,
        "may_edit": is_product_ops(request.user),
    }
    return page(request, "playbook/tools.html", "playbook/_tools.html", context)


@require_safe
def tool(request: HttpRequest, slug: str) -> HttpResponse:
    """One tool: what it is for, how to get in, who answers for it."""
    found = get_object_or_404(Tool.objects.select_related("owner", "team"), slug=slug)
    context = {"tool": found, "may_edit": is_product_ops(request.user)}
    return page(request, "playbook/tool.html", "playbook/_tool.html", context)


@require_safe
def articles(request: HttpRequest) -> HttpResponse:
    """The pages this person may read, all or those with the words of `q`."""
    query = parse(request.GET.get("q", ""))
    found = Paginator(pages_for(request.user, query), ROWS_PER_PAGE)
    rows_page = found.get_page(request.GET.get("page"))
    context = {
        "query": query,
        "page": rows_page,
        "rows": [
            (row, query.mark(row.title), query.mark(row.summary))
            for row in page_rows(rows_page.object_list)  # type: ignore[arg-type]
        ],
        "drafts": drafts_for(request.user) if is_product_ops(request.user) else [],
        "may_edit": is_product_ops(request.user),
    }
    return page(request, "playbook/articles.html", "playbook/_articles.html", context)


@require_safe
def article(request: HttpRequest, slug: str) -> HttpResponse:
    """One page."""
    found = get_object_or_404(
        Article.objects.open_to(request.user).select_related("author").defer("search_vector"),
        slug=slug,
    )
    text = to_page(found.body)
    headings = [heading for heading in text.headings if heading.level <= 3]
    context = {
        "article": found,
        "text": text,
        "headings": headings if len(headings) >= FEW_HEADINGS else [],
        "may_edit": is_product_ops(request.user),
    }
    return page(request, "playbook/article.html", "playbook/_article.html", context)
