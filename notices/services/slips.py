"""Claim a slip, keep how its try ended."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from notices.channels import Undeliverable, Unreachable
from notices.models import Slip

LEASE_MINUTES = 5
# With an hour between tries at last: a mail server may be away for three days.
ATTEMPTS = 78
LONGEST_WAIT_MINUTES = 60


def claim(slips: models.QuerySet, now: datetime) -> bool:
    """Take one waiting slip for a lease; False when it is out, not due, or in other hands.

    A conditional update, so two workers never hold the same one; a worker that dies holding it
    lets go when the lease ends.
    """
    stale = now - timedelta(minutes=LEASE_MINUTES)
    return bool(
        slips.filter(status=Slip.Status.WAITING, due_at__lte=now)
        .filter(Q(claimed_at__isnull=True) | Q(claimed_at__lt=stale))
        .update(claimed_at=now, attempts=F("attempts") + 1)
    )


def close(slips: models.QuerySet, status: str, error: str = "") -> int:
    """Write how claimed slips ended; returns how many."""
    now = timezone.now()
    return slips.filter(status=Slip.Status.WAITING).update(
        status=status,
        error=error[:300],
        claimed_at=None,
        sent_at=now if status == Slip.Status.SENT else None,
    )


def put_off(slips: models.QuerySet, attempts: int, error: Exception) -> None:
    """Keep the fault of a claimed slip and try later, twice as late each time up to an hour;
    give up on what is undeliverable or was tried for three days.
    """
    ours = isinstance(error, Undeliverable | Unreachable)
    text = (str(error) if ours else f"{type(error).__name__}: {error}").replace("\x00", "")[:300]
    if isinstance(error, Undeliverable) or attempts >= ATTEMPTS:
        close(slips, Slip.Status.FAILED, text)
        return
    wait = timedelta(minutes=min(2**attempts, LONGEST_WAIT_MINUTES))
    slips.filter(status=Slip.Status.WAITING).update(
        claimed_at=None, due_at=timezone.now() + wait, error=text
    )
