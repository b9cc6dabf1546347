"""Secrets at rest: the first key writes, all read."""

import pytest
from cryptography.fernet import Fernet

from producthub.lib.crypto import UnreadableSecret, decrypt, encrypt, rotate

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_it_comes_back():
    assert decrypt(encrypt("a pasted töken")) == "a pasted töken"
    assert "pasted" not in encrypt("a pasted token")


def test_the_first_key_writes_and_all_read(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    token = encrypt("x")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert decrypt(token) == "x"
    fresh = rotate(token)
    settings.ENCRYPTION_KEYS = [NEW]
    assert decrypt(fresh) == "x"
    with pytest.raises(UnreadableSecret):
        decrypt(token)


def test_setting_keys_later_locks_nobody_out(settings):
    settings.ENCRYPTION_KEYS = []
    token = encrypt("x")
    settings.ENCRYPTION_KEYS = [NEW]
    assert decrypt(token) == "x"
    assert Fernet(NEW).decrypt(encrypt("y")) == b"y"


@pytest.mark.parametrize("token", ["", "plain", "ünreadable"])
def test_what_was_never_encrypted_is_refused(token):
    with pytest.raises(UnreadableSecret, match="ENCRYPTION_KEYS"):
        decrypt(token)
