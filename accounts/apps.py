from typing import Any

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and teams"

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_removed

        from accounts.secrets import rotate_second_factors
        from producthub.lib import crypto

        crypto.keeper("second factors", rotate_second_factors)
        authenticator_removed.connect(_forget_second_factor, dispatch_uid="accounts.second_factor")


def _forget_second_factor(request: Any, **kwargs: Any) -> None:
    """Ask the database again at the next request; see `accounts.middleware`."""
    from accounts.middleware import HAS_SECOND_FACTOR

    request.session.pop(HAS_SECOND_FACTOR, None)
