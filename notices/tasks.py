"""Send mails."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from notices import services
from notices.models import Notice


@shared_task
def send_mail(notice_id: int) -> None:
    """One mail, at most once."""
    services.send_notice_mail(notice_id)


@shared_task
def send_waiting_mails() -> None:
    """Mails that were left behind: a crash, an absent broker, a mail server that was away."""
    before = timezone.now() - timedelta(seconds=60)
    waiting = Notice.objects.filter(
        mail_wanted=True,
        mailed_at__isnull=True,
        release_at__lt=before,
        mail_attempts__lt=services.MAIL_ATTEMPTS,
    ).order_by("release_at")
    for pk in waiting.values_list("pk", flat=True)[:200]:
        services.send_notice_mail(pk)
