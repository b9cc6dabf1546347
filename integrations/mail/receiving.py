"""Mail that reaches the hub: a request, a word on one, or nothing.

The author is who the address says. An address that nobody here has waits for review, with all
else that comes from outside. The same Message-ID makes nothing twice.
"""

import base64
import uuid
from email.utils import parseaddr
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from accounts.models import User
from intake import files, services
from intake.models import Kind, Request, Status
from intake.permissions import can_answer
from integrations import inbox
from integrations.errors import UpstreamError
from integrations.mail.mapping import File, Mail, read_mail
from integrations.models import InboundMessage, Source
from notices.models import Notice

log = structlog.get_logger(__name__)

MAX_BYTES = 25 * 1024 * 1024
SPACE = uuid.UUID("6f8f6d5e-3c0e-4f43-9d57-6d61696c696e")


class TooLarge(ValueError):
    """A mail beyond what the hub takes."""


def take(raw: bytes) -> tuple[InboundMessage, bool]:
    """Keep a mail and have it worked on; returns it and whether it is new. Raises TooLarge."""
    if len(raw) > MAX_BYTES:
        raise TooLarge(f"A mail may have {MAX_BYTES // 1024 // 1024} MB, this one has more.")
    mail = read_mail(raw)
    return inbox.receive(
        source=Source.MAIL,
        kind="mail",
        key=mail.key,
        subject=mail.address,
        body=base64.b64encode(raw).decode(),
    )


@inbox.hears(Source.MAIL)
def work_on(message: InboundMessage) -> str:
    """Make of a mail what it is. Repeatable: all that it makes carries its key."""
    mail = read_mail(base64.b64decode(message.body))
    said = _work_on(mail)
    # Its words live on in the request; what was ignored is nobody's business.
    InboundMessage.objects.filter(pk=message.pk).update(body="")
    return said


def _work_on(mail: Mail) -> str:
    own = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].lower()
    if mail.is_robot:
        return "An automatic answer: left alone."
    if not mail.address or mail.address == own:
        return "Nobody to answer to, or the hub itself: left alone."
    author = User.objects.filter(email__iexact=mail.address).first()
    if author is not None and not author.is_active:
        return "Its author has no open account any more: left alone."
    item = _about(mail, author)
    if author is not None and item is not None:
        return _speak(item, author, mail)
    if author is None or author.is_guest:
        return _hold(mail)
    return _ask(author, mail)


def _about(mail: Mail, author: User | None) -> Request | None:
    """The request that a mail answers, if its author may see that."""
    if author is None:
        return None
    told = Notice.objects.filter(
        pk__in=mail.notices, recipient=author, subject_type="intake.request"
    ).values_list("subject_id", flat=True)
    own = Request.objects.filter(requester=author) if author.is_guest else None
    seen = own if own is not None else Request.objects.visible_to(author)
    if found := seen.filter(pk__in=list(told)).first():
        return found
    return seen.filter(number__in=mail.numbers).first()


@transaction.atomic
def _speak(item: Request, author: User, mail: Mail) -> str:
    key = uuid.uuid5(SPACE, mail.key)
    words = mail.text or "(Files only.)"
    kept, left_out = _checked(mail.files)
    words += _left_out(left_out)
    is_answer = item.asked_at is not None and can_answer(author, item) and item.is_open
    if is_answer and not kept:
        try:
            services.answer_question(item=item, actor=author, answer=words, key=key)
        except services.NothingAsked:
            is_answer = False
    elif is_answer:
        services.answer_question(item=item, actor=author, answer=words, key=key)
        words, key = "Files to this answer.", uuid.uuid5(key, "files")
    if kept or not is_answer:
        services.comment_with_files(
            item=item, actor=author, body=words[:10_000], key=key, uploads=kept
        )
    return f"{'Answers' if is_answer else 'Said on'} {item.reference}."


@transaction.atomic
def _ask(author: User, mail: Mail) -> str:
    kept, left_out = _checked(mail.files)
    item = services.submit_request(
        requester=author,
        kind=Kind.IDEA,
        title=mail.title,
        problem=(mail.text or mail.title) + _left_out(left_out),
        submission_key=uuid.uuid5(SPACE, mail.key),
        source="mail",
        source_ref=mail.key[:200],
    )
    if kept and item.status == Status.NEW:
        services.comment_with_files(
            item=item,
            actor=author,
            body="Sent with the mail.",
            key=uuid.uuid5(SPACE, f"{mail.key} files"),
            uploads=kept,
        )
    return f"Became {item.reference}."


def _hold(mail: Mail) -> str:
    held = services.hold_mail(
        key=uuid.uuid5(SPACE, mail.key),
        email=mail.address,
        name=mail.name or mail.address.partition("@")[0],
        title=mail.title,
        problem=mail.text or mail.title,
    )
    if held is None:
        raise UpstreamError("No request form is switched on, so nothing can be held for review.")
    return "From an address that nobody here has: held for review."


def _checked(found: tuple[File, ...]) -> tuple[list[files.Checked], list[str]]:
    kept, left_out = [], []
    for one in found[: files.MAX_FILES]:
        try:
            kept.append(files.check(one.name, one.content))
        except files.BadFile as reason:
            left_out.append(str(reason))
    left_out += [f"“{one.name}” is one file too many." for one in found[files.MAX_FILES :]]
    return kept, left_out


def _left_out(reasons: list[str]) -> str:
    return "".join(f"\n\n[Not taken: {reason}]" for reason in reasons)


def as_facts(message: InboundMessage) -> dict[str, Any]:
    """What a command prints of a mail that was taken."""
    return {"state": message.state, "message": message.message, "times": message.times}
