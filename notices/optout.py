"""The signed address in every mail by which its reader stops such mails without signing in."""

from dataclasses import dataclass
from datetime import timedelta

from django.core import signing
from django.urls import reverse

SALT = "notices.optout"
LONGEST_AGE = timedelta(days=400)
# In place of a kind: the daily mail itself.
DIGEST = "digest!"


@dataclass(frozen=True)
class OptOut:
    """What an address stops: one thing where it names one, else a kind."""

    person_id: int
    kind: str
    subject_type: str = ""
    subject_id: int | None = None


def path_for(optout: OptOut) -> str:
    """The path of the page with the one button, which also takes the one-click POST."""
    values = [optout.person_id, optout.kind, optout.subject_type, optout.subject_id]
    return reverse("notices:stop", args=[signing.dumps(values, salt=SALT)])


def read(token: str) -> OptOut | None:
    """What a token says; None for one that is wrong, bent or older than 400 days."""
    try:
        person_id, kind, subject_type, subject_id = signing.loads(
            token, salt=SALT, max_age=LONGEST_AGE
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return OptOut(person_id, kind, subject_type, subject_id)
