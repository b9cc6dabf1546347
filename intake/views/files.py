"""Files that people sent: shown to those who see their request, and never run."""

import uuid

from django.http import FileResponse, Http404, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from accounts.http import SignedInRequest
from intake import services
from intake.models import Attachment
from intake.permissions import can_see_file
from intake.views.acting import said_and_gone
from producthub.lib.htmx import wants_fragment
from producthub.lib.policy import SANDBOXED


def _seen(request: SignedInRequest, key: uuid.UUID) -> Attachment:
    """The file if this reader may see it; otherwise it is not there."""
    found = Attachment.objects.select_related("draft", "comment")
    row = get_object_or_404(found, key=key)
    if not can_see_file(request.user, row):
        raise Http404("No such file.")
    return row


@require_safe
def file(request: SignedInRequest, key: uuid.UUID) -> HttpResponseBase:
    """Pictures in the page, all else as a download; sandboxed, with the type that we found."""
    row = _seen(request, key)
    mark = f'"{row.sha256}"'
    response: HttpResponseBase
    if request.headers.get("If-None-Match") == mark:
        response = HttpResponseNotModified()
    else:
        try:
            content = row.file.open("rb")
        except FileNotFoundError as error:
            raise Http404("The file is gone.") from error
        response = FileResponse(content, content_type=row.content_type)
        response["Content-Length"] = str(row.size)
    disposition = content_disposition_header(not row.is_image, row.name)
    response["Content-Disposition"] = disposition or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["ETag"] = mark
    # Asked for anew each time: rights end, and what a browser kept would outlive them.
    response["Cache-Control"] = "private, no-cache"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    setattr(response, SANDBOXED, True)
    return response


@require_POST
def file_remove(request: SignedInRequest, key: uuid.UUID) -> HttpResponse:
    """Take a file off one's draft."""
    row = _seen(request, key)
    draft = row.draft
    services.remove_from_draft(attachment=row, person=request.user)
    if wants_fragment(request):
        return HttpResponse("")
    to = f"{reverse('intake:request-new')}?draft={draft.key}" if draft else "/"
    return said_and_gone(request, "The file is taken off.", to=to)
