"""`manage.py receive_mail < mail.eml`: one mail on standard input, as mail servers pipe it."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations import inbox
from integrations.mail.receiving import MAX_BYTES, TooLarge, take


class Command(BaseCommand):
    """Exit status 0 once the mail is kept: what it becomes, a worker says."""

    help = "Takes one raw mail from standard input: it becomes a request, or a word on one."

    def handle(self, *args: Any, **options: Any) -> None:
        raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        if not raw.strip():
            raise CommandError("No mail came. Pipe a raw mail in: receive_mail < mail.eml")
        try:
            message, is_new = take(raw)
        except TooLarge as reason:
            raise CommandError(str(reason)) from None
        # Without a worker at hand it is worked on here; with one, whoever comes first.
        inbox.handle(message.pk)
        message.refresh_from_db()
        said = message.message or "Kept; a worker says what it becomes."
        self.stdout.write(said if is_new else f"It came before. {said}")
