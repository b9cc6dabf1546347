"""The decision log, one decision, and recording one that stands for itself."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import (
    HttpResponse,
    HttpResponseBase,
    HttpResponsePermanentRedirect,
)
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.permissions import is_pm, require
from planning import decision_log, decisions, links
from planning.decision_log import PAGE_SIZE, LogFilter
from planning.forms import LinkForm, LookForm, OptionRow, RecordForm
from planning.models import Decision, Outcome
from producthub.lib.csv import csv_response
from producthub.lib.forms import HubForm
from producthub.lib.htmx import page, see_other
from producthub.lib.input import whole_number


def decision_by_reference(request: SignedInRequest, number: str) -> HttpResponse:
    """DEC-12 is what people say: lead to the page."""
    return HttpResponsePermanentRedirect(reverse("planning:decision", args=[int(number)]))


@require_safe
def log(request: SignedInRequest) -> HttpResponseBase:
    """Everything decided that the reader may see; `?format=csv` exports the same filter."""
    chosen = LogFilter.from_query(request.GET)
    reader = request.user
    if request.GET.get("format") == "csv":
        return csv_response(
            "decisions", decision_log.EXPORTED, decision_log.exported(reader, chosen)
        )
    figures = decision_log.figures(reader, chosen)
    pages = Paginator(decision_log.decisions(reader, chosen), PAGE_SIZE)
    pages.count = figures.counts.get(chosen.outcome, 0)
    shown = pages.get_page(request.GET.get("page"))
    base = chosen.as_query()
    years = decision_log.years_in_log(reader)
    reasons = decision_log.reasons(reader, chosen)
    no_reason = chosen.as_query(reason="")
    context = {
        "chosen": chosen,
        "figures": figures,
        "page": shown,
        "rows": decision_log.rows(shown.object_list, chosen.query),
        "reasons": reasons,
        "declined": sum(one.count for one in reasons),
        "no_reason": f"{no_reason}&" if no_reason else "",
        "due": decision_log.due_in(reader, chosen) if figures.due and not chosen.outcome else [],
        "tabs": _tabs(chosen, figures),
        "teams": decision_log.teams_in_log(reader),
        "years": years,
        "query": base,
        "base": f"{base}&" if base else "",
        "is_pm": is_pm(reader),
        "is_empty": not years,
    }
    return page(request, "planning/decisions.html", "planning/_decision_log.html", context)


def _tabs(chosen: LogFilter, figures: decision_log.LogFigures) -> list[dict[str, Any]]:
    words = [("", "All"), *Outcome.choices, (decision_log.DUE, "Second look due")]
    return [
        {
            "name": name,
            "count": figures.counts[value],
            "href": f"?{chosen.as_query(outcome=value)}",
            "is_current": value == chosen.outcome,
        }
        for value, name in words
    ]


def _visible(request: SignedInRequest, number: int) -> Decision:
    found = Decision.objects.visible_to(request.user).select_related(
        "team", "decided_by", "reason_code"
    )
    return get_object_or_404(
        found.prefetch_related("options", "deciders", "heard").defer("search_vector"),
        number=number,
    )


@require_safe
def decision(request: SignedInRequest, number: int) -> HttpResponse:
    """One decision: what, why, against what, who thought otherwise, and whether it held."""
    held = _visible(request, number)
    return page(
        request, "planning/decision.html", "planning/_decision.html", _context(request, held)
    )


def _context(
    request: SignedInRequest, held: Decision, bound: HubForm | None = None
) -> dict[str, Any]:
    due = held.revisit_on.isoformat() if held.revisit_on else "none"
    may_look = decisions.can_look_again(request.user, held)
    look: HubForm = LookForm(initial={"due_seen": due})
    link: HubForm = LinkForm(reader=request.user)
    if isinstance(bound, LookForm):
        look = bound
    elif isinstance(bound, LinkForm):
        link = bound
    record = decision_log.record_of(held, request.user)
    return {
        "decision": held,
        "record": record,
        "look_tag": decision_log.look_tag(
            held.revisit_on, held.verdict, record.is_superseded, timezone.localdate()
        ),
        "looks": [(one, decision_log.VERDICT_TAGS[one.verdict]) for one in record.looks],
        "look_form": look if may_look and not record.is_superseded else None,
        "link_form": link,
        "bound": bound,
        "is_pm": is_pm(request.user),
    }


@require_POST
def decision_look(request: SignedInRequest, number: int) -> HttpResponse:
    """Was it right?"""
    held = _visible(request, number)
    form = LookForm(request.POST)
    status = 422
    if form.is_valid():
        try:
            decisions.look_again(decision=held, actor=request.user, **form.cleaned_data)
        except decisions.DecisionError as error:
            form.add_error(None, str(error))
            status = 409
            held = _visible(request, number)
            # What somebody else saw is on the page now: posting again adds to it.
            seen = held.revisit_on.isoformat() if held.revisit_on else "none"
            form.data = {**request.POST.dict(), "due_seen": seen}
        else:
            messages.success(request, "Second look saved.")
            return see_other(held)
    return _again(request, held, form, status)


@require_POST
def decision_link(request: SignedInRequest, number: int) -> HttpResponse:
    """Link a request or a work item, or take a link away."""
    require(is_pm(request.user), "Product managers link decisions.")
    held = _visible(request, number)
    if request.POST.get("do") == "unlink":
        subject = request.POST.get("kind", ""), whole_number(request.POST.get("id", ""), digits=18)
        try:
            decisions.unlink_decision(
                decision=held, subject=(subject[0], subject[1] or 0), actor=request.user
            )
        except decisions.DecisionError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "Link taken away.")
        return see_other(held)
    form = LinkForm(request.POST, reader=request.user)
    if form.is_valid():
        data = form.cleaned_data
        decisions.link_decision(
            decision=held, subject=data["reference"], note=data["note"], actor=request.user
        )
        messages.success(request, "Linked.")
        return see_other(held)
    return _again(request, held, form, 422)


def _again(request: SignedInRequest, held: Decision, form: HubForm, status: int) -> HttpResponse:
    context = _context(request, held, form)
    return page(
        request, "planning/decision.html", "planning/_decision.html", context, status=status
    )


@require_http_methods(["GET", "HEAD", "POST"])
def decision_new(request: SignedInRequest) -> HttpResponse:
    """Write down a decision that no request asked for, or one that takes another's place."""
    require(is_pm(request.user), "Product managers record decisions. You can read all of them.")
    old = _to_replace(request)
    status = 200
    if request.method == "POST" and "add_option" in request.POST:
        form = RecordForm.keeping(request.POST, reader=request.user)
    elif request.method == "POST":
        form = RecordForm(request.POST, reader=request.user)
        status = 422
        if form.is_valid():
            data = dict(form.cleaned_data)
            try:
                made = decisions.record_decision(
                    actor=request.user, touches=data.pop("concerns"), **data
                )
            except decisions.DecisionError as error:
                form.add_error(None, str(error))
                status = 409
            else:
                messages.success(request, f"{made.reference} is in the log.")
                return see_other(made)
    else:
        form = RecordForm(
            reader=request.user, initial=_initial(request, old), options=_options_of(old)
        )
    followers = _who_follows(old, request) if old else []
    context = {"form": form, "old": old, "followers": followers}
    return page(
        request,
        "planning/decision_new.html",
        "planning/_decision_form.html",
        context,
        status=status,
    )


def _to_replace(request: SignedInRequest) -> Decision | None:
    number = whole_number(request.GET.get("supersedes", ""))
    if number is None:
        number = decision_log.decision_number(request.POST.get("supersedes", ""))
    if number is None:
        return None
    found = Decision.objects.visible_to(request.user).prefetch_related("options", "heard")
    return found.filter(number=number).select_related("team").first()


def _initial(request: SignedInRequest, old: Decision | None) -> dict[str, Any]:
    if old is None:
        return {"concerns": request.GET.get("concerns", "")[:200]}
    return {
        "title": old.title,
        "context": old.context,
        "criteria": old.criteria,
        "team": old.team.slug if old.team else "",
        "visibility": old.visibility,
        "supersedes": old.reference,
        "heard": ", ".join(person.email for person in old.heard.all()),
    }


def _options_of(old: Decision | None) -> list[OptionRow]:
    if old is None:
        return []
    return [
        OptionRow(index, one.title, one.pros, one.cons)
        for index, one in enumerate(old.options.all())
    ]


def _who_follows(old: Decision, request: SignedInRequest) -> list[links.Card]:
    """What the old decision settled: the people behind it are told of the new one."""
    held = old.links.filter(is_settled=True)
    subjects = list(held.values_list("subject_type", "subject_id"))
    return list(links.cards(subjects, request.user).values())
