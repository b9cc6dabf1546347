"""Second factor secrets under the first of the ENCRYPTION_KEYS."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from producthub.lib.crypto import UnreadableSecret, rotate

# Where allauth keeps what its adapter encrypts: the key of an app, the seed of recovery codes, and
# codes that were moved over from elsewhere.
_FIELDS = ("secret", "seed", "migrated_codes")


@transaction.atomic
def rotate_second_factors() -> tuple[int, int]:
    """Write all of them anew; returns how many were, and how many no key reads."""
    done = unreadable = 0
    for authenticator in Authenticator.objects.select_for_update().order_by("pk"):
        try:
            fresh = {
                name: _anew(value)
                for name, value in authenticator.data.items()
                if name in _FIELDS and value
            }
        except UnreadableSecret:
            unreadable += 1
            continue
        authenticator.data = {**authenticator.data, **fresh}
        authenticator.save(update_fields=["data"])
        done += 1
    return done, unreadable


def _anew(value: Any) -> Any:
    return [rotate(item) for item in value] if isinstance(value, list) else rotate(value)
