"""Product Ops picks the channels that are read."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import SignedInRequest
from accounts.permissions import is_product_ops, require
from integrations.forms import ChannelForm
from integrations.models import SlackChannel
from integrations.slack import channels as picking
from integrations.slack.config import is_connected
from producthub.lib.htmx import see_other
from producthub.lib.tags import count_of

NAME_LENGTH = 80


@require_safe
def channels(request: HttpRequest) -> HttpResponse:
    """Channels that are read, and those that could be."""
    require(is_product_ops(request.user), picking.OPS_ONLY)
    words = " ".join(request.GET.get("q", "").split())[:NAME_LENGTH]
    rows, others, count = picking.channel_rows(words)
    context = {
        "rows": rows,
        "others": others,
        "more": count - len(others),
        "words": words,
        "active": picking.active_people().get("", 0),
        "is_connected": is_connected(),
    }
    return render(request, "integrations/slack_channels.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def channel(request: SignedInRequest, pk: int) -> HttpResponse:
    """What is done with one channel."""
    require(is_product_ops(request.user), picking.OPS_ONLY)
    found = get_object_or_404(SlackChannel, pk=pk)
    held = {name: getattr(found, name) for name in ChannelForm.base_fields}
    form = ChannelForm(request.POST or None, initial=held)
    if request.method == "POST" and form.is_valid():
        try:
            deleted = picking.set_channel(channel=found, actor=request.user, **form.cleaned_data)
        except picking.HasStrangers as error:
            form.add_error("digest_at", str(error))
        else:
            messages.success(request, _said(found, form.cleaned_data["is_picked"], deleted))
            return see_other("integrations:slack-channels")
    context = {"channel": found, "form": form, "count": found.messages.count()}
    status = 422 if form.errors else 200
    return render(request, "integrations/slack_channel.html", context, status=status)


def _said(found: SlackChannel, is_picked: bool, deleted: int) -> str:
    if deleted:
        return f"{found} is not read any more. {count_of(deleted, 'message')} deleted here."
    if is_picked:
        return f"{found} is saved. Its messages come with the next sync."
    return f"{found} is saved. Its messages are not read."
