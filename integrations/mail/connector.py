"""Mail in, as the shared engine sees it."""

from django.conf import settings

from integrations.mail import sync
from integrations.models import Source
from integrations.sources import Connector

CONNECTOR = Connector(
    source=Source.MAIL,
    glyph="Ma",
    noun="mail",
    needs="Set MAIL_IN_URL to imaps://user:password@host:993/INBOX.",
    is_connected=lambda: bool(settings.MAIL_IN_URL),
    fingerprint=sync.fingerprint,
    sync=sync.sync_mail,
    test=sync.try_mailbox,
    stale_minutes=10,
)
