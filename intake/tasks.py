"""What intake does in the background: ids in, one service call each."""

import structlog
from celery import shared_task

from intake import likely, open_links, services
from intake.models import OpenSubmission, ScoringSession
from intake.services import importing, watch

log = structlog.get_logger(__name__)


@shared_task(soft_time_limit=50, time_limit=60)
def find_likely(request_id: int) -> None:
    """Keep the likely duplicates of a request for triage."""
    likely.find(request_id)


@shared_task(soft_time_limit=50, time_limit=60)
def abandon_drafts() -> None:
    """Count drafts as left behind that nobody touched for a day."""
    done = services.abandon_idle_drafts()
    log.info("drafts_abandoned", drafts=done)


@shared_task(acks_late=True)
def work_on_import(run_id: int) -> None:
    """Try, bring in or take back a file; a killed worker's run goes on where it stopped."""
    importing.work(run_id)


@shared_task
def resume_imports() -> None:
    """Take up what a dead worker left."""
    for run_id in importing.stalled_runs():
        importing.work(run_id)


@shared_task(soft_time_limit=50, time_limit=60)
def watch_sessions() -> None:
    """Open scores at their closing time; remind scorers in the last hours, once."""
    services.reveal_due_sessions()
    running = ScoringSession.objects.filter(
        stage=ScoringSession.Stage.SCORE, closes_at__isnull=False, reminded_at__isnull=True
    )
    for session in running:
        services.remind_scorers(session=session)


@shared_task(soft_time_limit=50, time_limit=60)
def remove_loose_files() -> None:
    """Remove files that were put on a form and never sent."""
    done = services.remove_loose_files()
    log.info("loose_files_removed", files=done)


@shared_task(soft_time_limit=100, time_limit=120)
def watch_promises() -> None:
    """Warn before promises break, tell when one did, raise a task where nobody heard."""
    done = watch.watch_promises()
    log.info("promises_watched", warned=done.warned, breached=done.breached, silent=done.silent)


@shared_task(soft_time_limit=280, time_limit=300)
def find_likely_again() -> None:
    """Look once more for likely duplicates of what is open."""
    log.info("likely_found_again", pairs=likely.find_again())


@shared_task(
    soft_time_limit=50,
    time_limit=60,
    autoretry_for=(OSError,),
    retry_backoff=60,
    max_retries=8,
)
def mail_submission(submission_id: int, kind: str) -> None:
    """Mail the sender of an open form; tried again while the mail server is away."""
    found = OpenSubmission.objects.filter(pk=submission_id).first()
    if found is not None:
        open_links.send_mail(found, kind)


@shared_task(soft_time_limit=50, time_limit=60)
def expire_submissions() -> None:
    """Forget what strangers sent and never confirmed."""
    done = services.expire_submissions()
    log.info("submissions_expired", submissions=done)
