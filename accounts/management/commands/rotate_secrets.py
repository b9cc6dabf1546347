"""Writes all secrets at rest anew with the first of the ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from producthub.lib.crypto import keepers


class Command(BaseCommand):
    """Run after putting a new key in front; then the old one can be dropped."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """One line a keeper; exit status 1 when some secret could not be read."""
        lost = 0
        for name, rotate_all in sorted(keepers().items()):
            done, unreadable = rotate_all()
            lost += unreadable
            self.stdout.write(f"{name}: {done} written anew, {unreadable} unreadable")
        if lost:
            raise CommandError(
                "Some secrets could not be read. Put back the key that wrote them into"
                " ENCRYPTION_KEYS, or have their owners set them up again."
            )
