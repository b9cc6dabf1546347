"""A mailbox over IMAP, by the standard library: unseen mails, each marked once it is kept."""

import imaplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from integrations.errors import CredentialsRefused, RetryableUpstreamError, UpstreamError

TIMEOUT_SECONDS = 20
MOST_A_RUN = 100


@dataclass(frozen=True)
class MailboxConfig:
    """Where a mailbox is: `imaps://user:password@host:993/INBOX`."""

    host: str
    port: int
    user: str
    password: str
    folder: str
    is_encrypted: bool


def mailbox_config(url: str) -> MailboxConfig | None:
    """The mailbox of an address; None where none is set. Raises UpstreamError for a bad one."""
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username:
        raise UpstreamError("MAIL_IN_URL looks like imaps://user:password@host:993/INBOX.")
    is_encrypted = parts.scheme == "imaps"
    return MailboxConfig(
        host=parts.hostname,
        port=parts.port or (993 if is_encrypted else 143),
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        folder=unquote(parts.path.strip("/")) or "INBOX",
        is_encrypted=is_encrypted,
    )


class Mailbox:
    """An open mailbox; use it as a context. Raises CredentialsRefused, RetryableUpstreamError."""

    def __init__(self, config: MailboxConfig) -> None:
        self._config = config
        self._box: imaplib.IMAP4 | None = None

    def __enter__(self) -> "Mailbox":
        config = self._config
        try:
            self._box = (
                imaplib.IMAP4_SSL(
                    config.host,
                    config.port,
                    timeout=TIMEOUT_SECONDS,
                    ssl_context=ssl.create_default_context(),
                )
                if config.is_encrypted
                else imaplib.IMAP4(config.host, config.port, timeout=TIMEOUT_SECONDS)
            )
        except (OSError, imaplib.IMAP4.error) as error:
            raise RetryableUpstreamError("The mailbox could not be reached.") from error
        try:
            self._box.login(config.user, config.password)
        except imaplib.IMAP4.error as error:
            raise CredentialsRefused(
                "The mailbox refused the password. Renew it in MAIL_IN_URL."
            ) from error
        status, _ = self._call("select", config.folder)
        if status != "OK":
            raise UpstreamError(f"The mailbox has no folder {config.folder}.")
        return self

    def __exit__(self, *args: object) -> None:
        if self._box is not None:
            try:
                self._box.logout()
            except (OSError, imaplib.IMAP4.error):
                pass  # it is gone already

    def unseen(self) -> Iterator[tuple[str, bytes]]:
        """(number, mail) of mails that nobody has seen, oldest first, at most MOST_A_RUN."""
        _, found = self._call("uid", "search", None, "UNSEEN")
        for uid in (found[0] or b"").split()[:MOST_A_RUN]:
            # PEEK: a mail counts as seen once it is kept, not once it was fetched.
            _, parts = self._call("uid", "fetch", uid.decode(), "(BODY.PEEK[])")
            raw = next((part[1] for part in parts if isinstance(part, tuple)), None)
            if raw:
                yield uid.decode(), raw

    def mark_seen(self, uid: str) -> None:
        """It is kept here now."""
        self._call("uid", "store", uid, "+FLAGS", "(\\Seen)")

    def _call(self, name: str, *args: object) -> tuple[str, list[Any]]:
        assert self._box is not None
        try:
            status, parts = getattr(self._box, name)(*args)
        except (OSError, imaplib.IMAP4.error) as error:
            raise RetryableUpstreamError("The mailbox broke off.") from error
        return status, parts
