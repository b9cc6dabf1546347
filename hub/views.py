"""Home and theme."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.permissions import is_pm, is_product_ops
from hub import selectors
from metrics.charts import sparkline
from metrics.selectors import headline
from playbook.selectors import tools_for_home
from producthub.lib.htmx import see_other


@require_safe
def home(request: SignedInRequest) -> HttpResponse:
    """What needs me, my requests, the first measure, work that finished, tools and teams."""
    needs = selectors.needs(request.user)
    measure = headline()
    context: dict[str, Any] = {
        "greeting": selectors.greeting(request.user),
        "needs": needs,
        "due_today": sum(need.is_due_today for need in needs),
        "is_pm": is_pm(request.user),
        "is_ops": is_product_ops(request.user),
        "mine": selectors.latest_of_mine(request.user),
        "measure": measure,
        "spark": sparkline([point.median for point in measure.points], measure.target_days),
        "finished": selectors.finished_lately(),
        "tools": tools_for_home(),
        "teams": selectors.product_teams(),
    }
    return render(request, "hub/home.html", context)


@require_POST
def theme(request: SignedInRequest) -> HttpResponse:
    """Switch light and dark without scripts; the cookie is what base.html reads."""
    chosen = "light" if request.COOKIES.get("theme", "") == "dark" else "dark"
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    response = see_other(target)
    response.set_cookie(
        "theme", chosen, max_age=31_536_000, samesite="Lax", secure=request.is_secure()
    )
    return response
