"""A request and its Jira issues: make one, link one, part them."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import SignedInRequest
from accounts.permissions import is_pm, require
from intake.models import Request
from integrations.errors import NotFound, UpstreamError
from integrations.forms import IssueForm, LinkForm
from integrations.jira import outgoing
from integrations.jira import requests as about
from integrations.jira.config import jira_config
from integrations.models import Delivery
from producthub.lib.htmx import see_other

PMS_ONLY = "Jira issues of requests are for product managers."


def _item(request: SignedInRequest, number: int) -> Request:
    require(is_pm(request.user), PMS_ONLY)
    found = Request.objects.visible_to(request.user).select_related(
        "requester", "customer", "decision", "form_version"
    )
    return get_object_or_404(found.defer("search_vector"), number=number)


@require_http_methods(["GET", "HEAD", "POST"])
def create(request: SignedInRequest, number: int) -> HttpResponse:
    """Choose the project, then the type; what Jira wants besides is said before it is sent."""
    item = _item(request, number)
    data = request.POST if request.method == "POST" else request.GET
    choices = about.projects()
    project = data.get("project", "")
    project = project if project in dict(choices) else ""
    why_not = outgoing.why_not(item) if jira_config() else "Jira is not connected."
    form, trouble, status = None, "", 200
    if project and not why_not:
        try:
            types = about.types_of(project)
        except UpstreamError as error:
            trouble = str(error)
        else:
            form = IssueForm(
                request.POST if request.method == "POST" else None,
                types=types,
                initial={"summary": item.title},
            )
            if not types:
                trouble = f"The hub’s account may not make issues in {project}."
    if request.method == "POST":
        status = 422
        if form is not None and form.is_valid() and _sent(request, item, project, form):
            return see_other(item)
    context = {
        "item": item,
        "choices": choices,
        "project": project,
        "form": form,
        "why_not": why_not,
        "trouble": trouble,
        "given_up": Delivery.objects.filter(
            key=outgoing.creation_key(item), state=Delivery.State.DEAD
        ).first(),
        "link_form": LinkForm(),
    }
    return render(request, "integrations/request_issue.html", context, status=status)


def _sent(request: SignedInRequest, item: Request, project: str, form: IssueForm) -> bool:
    data = form.cleaned_data
    type_name = dict(form.fields["type"].choices)[data["type"]]  # type: ignore[attr-defined]
    try:
        filled = about.filled_for(item, project, data["type"], type_name)
        for sentence in filled.troubles:
            form.add_error(None, sentence)
        if filled.troubles:
            return False
        fields = about.fields_for(
            item, project=project, type_id=data["type"], summary=data["summary"], filled=filled
        )
        outgoing.plan_issue(item=item, actor=request.user, fields=fields, where=project)
    except (UpstreamError, outgoing.CannotLink) as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, f"A {type_name} is made in {project}. It shows here in a moment.")
    return True


@require_POST
def link(request: SignedInRequest, number: int) -> HttpResponse:
    """Link an issue that is there."""
    item = _item(request, number)
    form = LinkForm(request.POST)
    if form.is_valid():
        key = form.cleaned_data["key"]
        try:
            found = outgoing.read_key(key)
            outgoing.link_issue(
                item=item, actor=request.user, issue_id=found["id"], key=found["key"]
            )
        except NotFound:
            form.add_error("key", f"Jira has no {key}, or the hub may not see it.")
        except (UpstreamError, outgoing.CannotLink) as error:
            form.add_error("key", str(error))
        else:
            messages.success(request, f"{found['key']} is linked with {item.reference}.")
            return see_other(item)
    context = {
        "item": item,
        "choices": about.projects(),
        "project": "",
        "why_not": outgoing.why_not(item),
        "link_form": form,
    }
    return render(request, "integrations/request_issue.html", context, status=422)


@require_POST
def unlink(request: SignedInRequest, number: int, pk: int) -> HttpResponse:
    """Part a request and an issue."""
    item = _item(request, number)
    found = get_object_or_404(outgoing.links_of(item), pk=pk)
    outgoing.unlink_issue(link=found, item=item, actor=request.user)
    messages.success(request, f"{found.label} is not linked any more. It stays in Jira.")
    return see_other(item)
