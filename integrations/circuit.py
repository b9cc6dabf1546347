"""Refused credentials: no more calls until somebody renews them.

Calling on with a refused token can lock the account, so one 401 opens the circuit for all
workers. It closes by itself when the credentials change, or when a test of the connection passes.
"""

from datetime import date, timedelta

from django.utils import timezone
from django.utils.formats import date_format

from integrations.errors import CredentialsRefused
from integrations.models import Source, SourceState
from integrations.sources import connector

# Until a delivery that met an open circuit looks again.
WAIT_SECONDS = 300.0
WARN_DAYS = 14


def refused(source: Source, message: str) -> None:
    """Remember that the present credentials were refused, and what to renew."""
    mark = _mark(source)
    if mark:
        SourceState.objects.update_or_create(
            source=source, defaults={"refused_credentials": mark, "refused_message": message}
        )


def accepted(source: Source) -> None:
    """The credentials work."""
    SourceState.objects.filter(source=source).exclude(refused_credentials="").update(
        refused_credentials="", refused_message=""
    )


def is_open(source: Source) -> bool:
    """Whether the present credentials were refused."""
    mark = _mark(source)
    held = SourceState.objects.filter(source=source).values_list("refused_credentials", flat=True)
    return bool(mark) and held.first() == mark


def require_closed(source: Source) -> None:
    """Raises CredentialsRefused while the present credentials are known to be refused."""
    mark = _mark(source)
    state = SourceState.objects.filter(source=source, refused_credentials=mark).first()
    if mark and state is not None:
        raise CredentialsRefused(state.refused_message or f"{source.label} refused the token.")


def expires_soon(state: SourceState, today: date | None = None) -> bool:
    """Whether the token ends within WARN_DAYS, or has ended."""
    last = (today or timezone.localdate()) + timedelta(days=WARN_DAYS)
    return state.token_expires_on is not None and state.token_expires_on <= last


def expiry_sentence(state: SourceState, today: date | None = None) -> str:
    """That the token ends soon or has ended, and what to do; "" while there is time."""
    today = today or timezone.localdate()
    if state.token_expires_on is None or not expires_soon(state, today):
        return ""
    word = "ended" if state.token_expires_on < today else "ends"
    return (
        f"The token {word} on {date_format(state.token_expires_on, 'j F Y')}. Make a new one, set"
        " it where the hub runs, and note its day in admin."
    )


def _mark(source: Source) -> str:
    found = connector(source)
    return found.fingerprint() if found else ""
