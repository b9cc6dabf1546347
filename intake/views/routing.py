"""Routing rules: the list with their figures, and one rule with its trial."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.permissions import is_product_ops, require
from intake import services, trials
from intake.models import RoutingRule
from intake.rule_forms import RuleForm
from intake.services import routing
from intake.views.acting import said_and_gone
from producthub.lib.htmx import page


def _require_ops(request: SignedInRequest) -> None:
    require(is_product_ops(request.user), "Product Ops keeps the routing rules.")


@require_safe
def rule_list(request: SignedInRequest) -> HttpResponse:
    """All rules in order: what they do, how often, and how often wrongly."""
    _require_ops(request)
    rows = [(row, trials.spoken(row.rule), trials.effect(row.rule)) for row in trials.rule_rows()]
    return render(request, "intake/routing.html", {"rows": rows, "days": trials.STATS_DAYS})


@require_http_methods(["GET", "HEAD", "POST"])
def rule_edit(request: SignedInRequest, pk: int | None = None) -> HttpResponse:
    """Write a rule; “try” shows what it would have done before it is saved."""
    _require_ops(request)
    rule = get_object_or_404(RoutingRule, pk=pk) if pk is not None else None
    if request.method != "POST":
        form = RuleForm.of(rule) if rule else RuleForm()
        return _show(request, rule, form)
    form = RuleForm(request.POST, rule=rule)
    if not form.is_valid():
        return _show(request, rule, form, status=422)
    fields, lists = form.values()
    trial = trials.try_rule(
        form.draft(), lists, place=form.cleaned_data["place"], reader=request.user
    )
    if request.POST.get("do") == "try":
        return _show(request, rule, form, trial=trial)
    try:
        saved = routing.save_rule(
            rule=rule,
            actor=request.user,
            fields=fields,
            lists=lists,
            place=form.cleaned_data["place"],
            seen_at=parse_seen(form.cleaned_data["seen"]),
        )
    except services.RequestError as error:
        form.add_error(None, str(error))
        status = 409 if isinstance(error, routing.RuleMoved) else 422
        return _show(request, rule, form, trial=trial, status=status)
    said = f"The rule {saved.name} is saved. {trial.sentence}"
    return said_and_gone(request, said, to=reverse("intake:routing"))


def parse_seen(text: str) -> Any:
    """When the rule had last changed as the form's reader saw it; None for a bent one."""
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def _show(
    request: SignedInRequest,
    rule: RoutingRule | None,
    form: RuleForm,
    *,
    trial: trials.Trial | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"rule": rule, "form": form, "trial": trial}
    return page(request, "intake/rule.html", "intake/_rule.html", context, status=status)


@require_POST
def rule_act(request: SignedInRequest, pk: int) -> HttpResponse:
    """One place up or down, on or off."""
    _require_ops(request)
    rule = get_object_or_404(RoutingRule, pk=pk)
    do = request.POST.get("do", "")
    to = reverse("intake:routing")
    if do in ("up", "down"):
        routing.move_rule(rule=rule, actor=request.user, step=-1 if do == "up" else 1)
        return said_and_gone(request, f"{rule.name} moved {do}.", to=to)
    if do in ("on", "off"):
        routing.switch_rule(rule=rule, actor=request.user, is_active=do == "on")
        return said_and_gone(request, f"{rule.name} is switched {do}.", to=to)
    raise Http404
