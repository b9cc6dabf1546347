"""Files of drafts, requests and comments: stored privately, one row each."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from accounts.models import User
from accounts.permissions import require
from intake.files import MAX_FILES, MAX_TOTAL_BYTES, Checked
from intake.models import Attachment, Comment, Draft, FormVersion, Request
from intake.models.conversation import private_files
from intake.services import drafts
from intake.services.errors import RequestError
from intake.services.requests import comment_on_request

# On a form that nobody sent, or a draft that ended: kept so long, in case they come back.
LOOSE_DAYS = 7
BATCH = 200


class TooManyFiles(RequestError):
    """More than a place takes; the text says how many."""


@transaction.atomic
def add_to_draft(
    *,
    person: User,
    key: uuid.UUID,
    version: FormVersion,
    field_key: str,
    files: Sequence[Checked],
    at: datetime | None = None,
) -> Draft:
    """Put files on a draft, under the question that they answer; they come back with it.

    Begins the draft where there is none. A file that is there already is not stored again. Raises
    TooManyFiles, DraftEnded, PermissionDenied for somebody else's draft.
    """
    draft = drafts.begun(person=person, key=key, version=version, at=at)
    held = Attachment.objects.filter(draft=draft, field_key=field_key)
    known = set(held.values_list("sha256", flat=True))
    new = [file for file in files if file.sha256 not in known]
    _refuse_too_many(Attachment.objects.filter(draft=draft), held.count(), new)
    for file in new:
        _store(file, person, at, draft=draft, field_key=field_key[:40])
    return draft


@transaction.atomic
def comment_with_files(
    *, item: Request, actor: User, uploads: Sequence[Checked] = (), **said: Any
) -> Comment:
    """Say something and add files to it; the same `key` says and adds it once. Internal notes
    have internal files. Raises as `comment_on_request`, and TooManyFiles."""
    comment = comment_on_request(item=item, actor=actor, **said)
    if uploads and not comment.files.exists():
        _refuse_too_many(Attachment.objects.none(), 0, uploads)
        for file in uploads:
            _store(
                file,
                actor,
                comment.created_at,
                request=item,
                comment=comment,
                is_internal=comment.is_internal,
            )
    return comment


def _refuse_too_many(place: Any, count: int, new: Sequence[Checked]) -> None:
    if count + len(new) > MAX_FILES:
        raise TooManyFiles(f"Add at most {MAX_FILES} files here. Zip them, or leave some out.")
    total = (place.aggregate(all=Sum("size"))["all"] or 0) + sum(file.size for file in new)
    if total > MAX_TOTAL_BYTES:
        size = MAX_TOTAL_BYTES // 1024 // 1024
        raise TooManyFiles(f"All files together have more than {size} MB. Leave some out.")


def _store(file: Checked, person: User, at: datetime | None, **place: Any) -> Attachment:
    row = Attachment(
        uploaded_by=person,
        name=file.name,
        content_type=file.content_type,
        size=file.size,
        sha256=file.sha256,
        width=file.width,
        height=file.height,
        created_at=at or timezone.now(),
        **place,
    )
    row.file.save(row.key.hex, ContentFile(file.content), save=False)
    row.save()
    return row


@transaction.atomic
def remove_from_draft(*, attachment: Attachment, person: User) -> None:
    """Take a file off a draft that is not sent. Repeatable. Raises PermissionDenied for others'
    files and for what was sent."""
    row = Attachment.objects.select_for_update().filter(pk=attachment.pk).first()
    if row is None:
        return
    mine = row.uploaded_by_id == person.pk and row.request_id is None and row.draft_id is not None
    require(mine, "This file was sent and stays.")
    _remove([row])


def remove_loose_files(*, at: datetime | None = None) -> int:
    """Remove files that belong to no request and whose draft is gone, ended or erased, a week
    after they came; returns how many."""
    limit = (at or timezone.now()) - timedelta(days=LOOSE_DAYS)
    writing = Q(draft__state__in=[Draft.State.OPEN, Draft.State.ABANDONED]) & ~Q(draft__data={})
    done = 0
    while True:
        with transaction.atomic():
            loose = Attachment.objects.filter(request__isnull=True, created_at__lt=limit)
            lot = list(
                loose.exclude(pk__in=loose.filter(writing).values("pk"))
                .select_for_update(of=("self",), skip_locked=True)
                .order_by("created_at")[:BATCH]
            )
            _remove(lot)
        done += len(lot)
        if len(lot) < BATCH:
            return done


def _remove(rows: Iterable[Attachment]) -> None:
    held = list(rows)
    names = [str(row.file.name) for row in held]
    storage = private_files()
    Attachment.objects.filter(pk__in=[row.pk for row in held]).delete()
    # The row goes first: a file without a row is seen by nobody, a row without its file is.
    for name in names:
        transaction.on_commit(partial(storage.delete, name), robust=True)
