"""The mailbox, read by schedule: every unseen mail is kept, then marked as seen."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils import timezone

from integrations import circuit, runs
from integrations.errors import CredentialsRefused, UpstreamError
from integrations.jira.config import NotConfigured
from integrations.mail.client import Mailbox, MailboxConfig, mailbox_config
from integrations.mail.receiving import TooLarge, take
from integrations.models import Source, SourceState, SyncRun


def config() -> MailboxConfig | None:
    """The mailbox as the environment sets it, or None when mail comes in no such way."""
    return mailbox_config(settings.MAIL_IN_URL)


def fingerprint() -> str:
    """Changes with the credentials and tells nothing of them."""
    url = settings.MAIL_IN_URL
    return hashlib.sha256(f"{settings.SECRET_KEY}\n{url}".encode()).hexdigest() if url else ""


def sync_mail(
    *,
    trigger: str,
    full: bool = False,
    started_by_id: int | None = None,
    max_seconds: float | None = None,
    progress: Callable[[SyncRun, int | None], Any] | None = None,
) -> SyncRun | None:
    """Take what is new in the mailbox; returns the run. Raises NotConfigured, AlreadyRunning.

    A mail that was kept but not marked when a worker died comes again and makes nothing twice.
    """
    mailbox = config()
    if mailbox is None:
        raise NotConfigured("Set MAIL_IN_URL to read a mailbox.")
    if circuit.is_open(Source.MAIL):
        return None
    with runs.only_one(Source.MAIL):
        SourceState.objects.get_or_create(source=Source.MAIL)
        run = runs.open_run(
            Source.MAIL, trigger=trigger, started_by_id=started_by_id, is_full=False
        )
        begun = timezone.now()
        try:
            _read(mailbox, run, progress)
        except CredentialsRefused as error:
            circuit.refused(Source.MAIL, str(error))
            runs.close_run(run, SyncRun.Status.FAILED, str(error))
        except UpstreamError as error:
            runs.close_run(run, SyncRun.Status.FAILED, str(error))
        else:
            circuit.accepted(Source.MAIL)
            said = f"{run.created:,} new of {run.seen:,} unseen mails." if run.seen else "No mail."
            runs.close_run(
                run,
                SyncRun.Status.DONE,
                said,
                watermark_at=begun,
                last_success_at=timezone.now(),
            )
    return run


def _read(
    mailbox: MailboxConfig, run: SyncRun, progress: Callable[[SyncRun, int | None], Any] | None
) -> None:
    with Mailbox(mailbox) as box:
        for uid, raw in box.unseen():
            run.seen += 1
            run.requests += 1
            try:
                _, is_new = take(raw)
            except TooLarge as reason:
                run.failed += 1
                runs.note_error(
                    Source.MAIL,
                    run,
                    upstream_id=uid,
                    label=f"Mail {uid}",
                    stage="item",
                    message=str(reason),
                )
            else:
                run.created += is_new
                run.unchanged += not is_new
            box.mark_seen(uid)
            if progress is not None:
                progress(run, None)


def try_mailbox() -> str:
    """Sign in and count what waits. Raises UpstreamError."""
    mailbox = config()
    if mailbox is None:
        raise UpstreamError("No mailbox is set.")
    with Mailbox(mailbox) as box:
        waiting = sum(1 for _ in box.unseen())
    return f"The mailbox opens; {waiting:,} unseen mail{'' if waiting == 1 else 's'}."
