"""The tool directory."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from accounts.permissions import is_product_ops
from playbook.models import Category, Tool, ToolStatus
from playbook.selectors import tool_groups
from producthub.lib.htmx import page


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
