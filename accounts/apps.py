from typing import Any

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and teams"

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_removed
        from django.contrib.auth.signals import user_logged_in

        from accounts.secrets import rotate_second_factors
        from producthub.lib import crypto

        crypto.keeper("second factors", rotate_second_factors)
        authenticator_removed.connect(_forget_second_factor, dispatch_uid="accounts.second_factor")
        user_logged_in.connect(_note_sign_in, dispatch_uid="accounts.sign_in")


def _forget_second_factor(request: Any, **kwargs: Any) -> None:
    """Ask the database again at the next request; see `accounts.middleware`."""
    from accounts.middleware import HAS_SECOND_FACTOR

    request.session.pop(HAS_SECOND_FACTOR, None)


def _note_sign_in(user: Any, **kwargs: Any) -> None:
    """By whatever door: password, second factor, single sign-on."""
    from activity.usage import SIGN_IN, note_use

    note_use(user, SIGN_IN)
