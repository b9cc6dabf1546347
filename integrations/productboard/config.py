"""Whether Productboard is connected, and with what."""

import hashlib
import hmac

from django.conf import settings

from integrations.productboard.client import ProductboardConfig

NEEDS = "Set PRODUCTBOARD_API_TOKEN to connect it."


def productboard_config() -> ProductboardConfig | None:
    """The connection as the environment sets it, or None when Productboard is off."""
    if not (settings.PRODUCTBOARD_BASE_URL and settings.PRODUCTBOARD_API_TOKEN):
        return None
    return ProductboardConfig(
        base_url=settings.PRODUCTBOARD_BASE_URL.rstrip("/"),
        api_token=settings.PRODUCTBOARD_API_TOKEN,
    )


def fingerprint(config: ProductboardConfig) -> str:
    """Tells whether credentials are the same as before, without keeping them."""
    text = "\n".join(("productboard", config.base_url, config.api_token))
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
