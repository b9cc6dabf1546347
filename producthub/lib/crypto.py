"""Secrets at rest: second factor keys, and tokens that people paste.

`ENCRYPTION_KEYS` holds Fernet keys: the first writes, all read. To rotate, put the new key in
front, run `manage.py rotate_secrets`, then drop the old one. Without `ENCRYPTION_KEYS` the
key is derived from `SECRET_KEY`; that derived key also stays readable once keys are set, so that
setting them later locks nobody out.
"""

import base64
from collections.abc import Callable
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# Who keeps secrets, by name: each writes its own anew and returns (how many, how many unreadable).
_keepers: dict[str, Callable[[], tuple[int, int]]] = {}


def keeper(name: str, rotate_all: Callable[[], tuple[int, int]]) -> None:
    """Have `manage.py rotate_secrets` call this. Call from `ready()`."""
    _keepers[name] = rotate_all


def keepers() -> dict[str, Callable[[], tuple[int, int]]]:
    """All that were named, for the command."""
    return dict(_keepers)


class UnreadableSecret(Exception):
    """A stored secret that none of the keys opens."""

    def __init__(self) -> None:
        super().__init__(
            "A stored secret cannot be read with the keys in ENCRYPTION_KEYS."
            " Put back the key that wrote it, or enter the secret again."
        )


def encrypt(text: str) -> str:
    """The text as a Fernet token of the first key."""
    return _fernet().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """What `encrypt` was given. Raises UnreadableSecret."""
    try:
        return _fernet().decrypt(token.encode()).decode()
    except (InvalidToken, UnicodeError) as error:
        raise UnreadableSecret from error


def rotate(token: str) -> str:
    """The same secret, written again with the first key. Raises UnreadableSecret."""
    try:
        return _fernet().rotate(token.encode()).decode()
    except (InvalidToken, UnicodeError) as error:
        raise UnreadableSecret from error


def _fernet() -> MultiFernet:
    return _ring(tuple(settings.ENCRYPTION_KEYS), settings.SECRET_KEY)


@lru_cache(maxsize=8)
def _ring(keys: tuple[str, ...], secret_key: str) -> MultiFernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"producthub secrets at rest")
    last = base64.urlsafe_b64encode(derived.derive(secret_key.encode()))
    return MultiFernet([*(Fernet(key) for key in keys), Fernet(last)])
