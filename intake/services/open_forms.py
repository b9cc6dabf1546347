"""Requests from people without an account: confirmed by mail, held, then let in or refused."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.permissions import is_pm, require
from accounts.services import guest_for
from activity.events import record
from intake import questions
from intake.models import FormVersion, IntakeForm, MapsTo, OpenSubmission, Request
from intake.services.drafts import tidy
from intake.services.errors import RequestError
from intake.services.requests import submit_request

CONFIRM_HOURS = 48
# Words of what was refused or never confirmed are erased.
REFUSED_KEPT_DAYS = 30
SOURCE = "open"
State = OpenSubmission.State


class AlreadyReviewed(RequestError):
    """Someone let it in or refused it first."""

    def __init__(self, submission: OpenSubmission) -> None:
        who = submission.reviewed_by or "Someone"
        word = "let it in" if submission.state == State.ACCEPTED else "refused it"
        super().__init__(f"{who} {word} first.")


class TooLate(RequestError):
    """The link is older than it may be."""


@transaction.atomic
def receive_submission(
    *,
    version: FormVersion,
    email: str,
    name: str,
    title: str,
    problem: str,
    typed: Mapping[str, Sequence[str]],
    at: datetime | None = None,
) -> OpenSubmission:
    """Keep what a stranger sent until they confirm their address. Raises RequestError for a form
    that is not open."""
    if not (version.form.is_open and version.form.is_active):
        raise RequestError("This form is closed.")
    return OpenSubmission.objects.create(
        form=version.form,
        version=version,
        email=email.strip().lower(),
        name=" ".join(name.split())[:120],
        title=title,
        problem=problem,
        data=tidy(typed),
        created_at=at or timezone.now(),
    )


@transaction.atomic
def hold_mail(
    *,
    key: uuid.UUID,
    email: str,
    name: str,
    title: str,
    problem: str,
    at: datetime | None = None,
) -> OpenSubmission | None:
    """Hold a mail of an unknown sender for review, as the first request form asks; None while no
    form is on. The same `key` is held once.

    No link is sent to confirm the address: whoever reviews it reads where it came from.
    """
    if known := OpenSubmission.objects.filter(key=key).first():
        return known
    form = IntakeForm.objects.filter(is_active=True).order_by("position", "pk").first()
    version = form.versions.order_by("-number").first() if form else None
    if form is None or version is None:
        return None
    parts = {MapsTo.TITLE: title, MapsTo.PROBLEM: problem}
    typed = {
        asked.key: [parts[MapsTo(asked.maps_to)]]
        for asked in questions.read(version.questions)
        if asked.maps_to in parts
    }
    now = at or timezone.now()
    held = OpenSubmission.objects.create(
        key=key,
        form=form,
        version=version,
        email=email.strip().lower(),
        name=" ".join(name.split())[:120],
        title=title[:120],
        problem=problem[:10_000],
        data=tidy(typed),
        state=State.HELD,
        created_at=now,
    )
    record("submission.received", held, at=now, data={"form": form.pk, "source": "mail"})
    return held


@transaction.atomic
def confirm_submission(*, submission: OpenSubmission, at: datetime | None = None) -> OpenSubmission:
    """The address is the sender's: hold it for review. Repeatable. Raises TooLate after 48 h."""
    held = OpenSubmission.objects.select_for_update().get(pk=submission.pk)
    now = at or timezone.now()
    if held.state == State.EXPIRED or (
        held.state == State.UNCONFIRMED and now - held.created_at > timedelta(hours=CONFIRM_HOURS)
    ):
        raise TooLate("This link is older than two days. Send the form again.")
    if held.state == State.UNCONFIRMED:
        held.state, held.confirmed_at = State.HELD, now
        held.save(update_fields=["state", "confirmed_at"])
        record("submission.confirmed", held, at=now, data={"form": held.form_id})
    return held


@transaction.atomic
def accept_submission(
    *,
    submission: OpenSubmission,
    actor: User,
    fields: Mapping[str, Any],
    answers: Mapping[str, Any],
    at: datetime | None = None,
) -> Request:
    """Make it a request of the person with the confirmed address, a guest if need be.

    Repeatable. Raises AlreadyReviewed when it was refused, RequestError for a leaver's address,
    PermissionDenied for non-PMs.
    """
    require(is_pm(actor), "Product managers review what strangers send.")
    held = OpenSubmission.objects.select_for_update().get(pk=submission.pk)
    if held.state == State.ACCEPTED and held.request is not None:
        return held.request
    if held.state != State.HELD:
        raise AlreadyReviewed(held)
    person = guest_for(held.email, held.name, at=at)
    if not person.is_active:
        raise RequestError("This address belongs to somebody who has left. Refuse it instead.")
    now = at or timezone.now()
    item = submit_request(
        requester=person,
        submission_key=held.key,
        source=SOURCE,
        form_version=held.version,
        answers=answers,
        at=at,
        **fields,
    )
    held.state, held.request = State.ACCEPTED, item
    held.reviewed_at, held.reviewed_by, held.data = now, actor, {}
    held.save(update_fields=["state", "request", "reviewed_at", "reviewed_by", "data"])
    data = {"form": held.form_id, "request": item.pk}
    record("submission.accepted", held, actor=actor, at=now, data=data)
    return item


@transaction.atomic
def refuse_submission(
    *, submission: OpenSubmission, actor: User, reason: str, at: datetime | None = None
) -> OpenSubmission:
    """Refuse it; the sender gets the reason by mail. Repeatable. Raises AlreadyReviewed when it
    was let in, RequestError without a reason, PermissionDenied for non-PMs."""
    require(is_pm(actor), "Product managers review what strangers send.")
    reason = reason.strip()
    if not reason:
        raise RequestError("Give the reason: the sender reads it.")
    held = OpenSubmission.objects.select_for_update().get(pk=submission.pk)
    if held.state == State.REFUSED:
        return held
    if held.state != State.HELD:
        raise AlreadyReviewed(held)
    held.state, held.reason = State.REFUSED, reason[:500]
    held.reviewed_at, held.reviewed_by = at or timezone.now(), actor
    held.save(update_fields=["state", "reason", "reviewed_at", "reviewed_by"])
    record("submission.refused", held, actor=actor, at=at, data={"form": held.form_id})
    return held


def expire_submissions(*, at: datetime | None = None) -> int:
    """Forget what nobody confirmed in two days, and the words of what was refused long ago;
    returns how many expired."""
    now = at or timezone.now()
    empty = {"title": "Erased", "problem": "", "data": {}, "name": "", "email": "erased@invalid"}
    late = OpenSubmission.objects.filter(
        state=State.UNCONFIRMED, created_at__lt=now - timedelta(hours=CONFIRM_HOURS)
    )
    done = late.update(state=State.EXPIRED, **empty)
    OpenSubmission.objects.filter(
        state=State.REFUSED, reviewed_at__lt=now - timedelta(days=REFUSED_KEPT_DAYS)
    ).exclude(data={}).update(problem="", data={})
    return done
