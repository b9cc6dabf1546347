"""Productboard, as the shared engine sees it."""

from django.urls import reverse

from integrations.errors import UpstreamError
from integrations.models import Source
from integrations.productboard import sync
from integrations.productboard.client import ProductboardClient
from integrations.productboard.config import NEEDS, fingerprint, productboard_config
from integrations.sources import Connector, Kept
from planning.models import ProductEntity


def _fingerprint() -> str:
    config = productboard_config()
    return fingerprint(config) if config else ""


def _test() -> str:
    config = productboard_config()
    if config is None:
        raise UpstreamError("Productboard is not connected yet.")
    client = ProductboardClient(config, sleep=lambda seconds: None)
    try:
        features = next(client.entities("feature"), [])
        sites = client.jira_integrations()
    finally:
        client.close()
    some = "features" if features else "no feature yet"
    plural = "" if len(sites) == 1 else "s"
    return f"The token reads {some} and {len(sites)} connected Jira site{plural}."


def _kept() -> Kept:
    held = ProductEntity.objects.filter(source=Source.PRODUCTBOARD, deleted_at__isnull=True)
    return Kept(held.count(), reverse("integrations:links"))


CONNECTOR = Connector(
    source=Source.PRODUCTBOARD,
    glyph="Pb",
    noun="entity,entities",
    needs=NEEDS,
    is_connected=lambda: productboard_config() is not None,
    fingerprint=_fingerprint,
    sync=sync.sync_productboard,
    test=_test,
    retry=sync.retry_item,
    kept=_kept,
)
