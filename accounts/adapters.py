"""How allauth behaves here: who gets in, what is asked of them, how secrets are kept."""

import time
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.stagekit import clear_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts import directory, services, unsent
from accounts.models import User
from producthub.lib.crypto import UnreadableSecret, decrypt, encrypt

log = structlog.get_logger(__name__)

# Session: the provider said that this sign-in was proven twice.
PROVEN_BY_PROVIDER = "second_factor_by_provider"
# Someone who has just signed in is not asked for the password again.
FRESH_SIGN_IN_SECONDS = 300


class AccountAdapter(DefaultAccountAdapter):
    """Accounts come from the directory or an admin; nobody signs up by a form."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": (
            "The mail address and password do not belong together. Check both, or ask for a new"
            " password below."
        ),
        "too_many_login_attempts": (
            "There were too many tries for this mail address. Wait five minutes, or ask for a new"
            " password below."
        ),
        "incorrect_password": "Enter the password that you signed in with.",
        "enter_current_password": "Enter the password that you use now.",
        "invalid_password_reset": "This link was used before or is too old. Ask for a new one.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """As allauth says, but not within minutes of the sign-in itself."""
        records = get_authentication_records(self.request, self.request.user)
        if records and time.time() - records[-1]["at"] < FRESH_SIGN_IN_SECONDS:
            return False
        return super().is_reauthentication_required(app=app, **kwargs)

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """allauth's check of leavers, for guests too: the one place that every door leads past."""
        if user.is_guest:
            clear_login(request)
            return self.respond_user_inactive(request, user)
        return super().pre_login(request, user, **kwargs)

    def get_login_stages(self) -> list[str]:
        """The provider's proof stands in for ours: who proved twice there is not asked again."""
        stages: list[str] = super().get_login_stages()
        if getattr(self.request, PROVEN_BY_PROVIDER, False):
            stages = [stage for stage in stages if not stage.startswith("allauth.mfa.")]
        return stages

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        """Keep in the session what the provider proved, now that the session is the person's."""
        if getattr(request, PROVEN_BY_PROVIDER, False):
            request.session[PROVEN_BY_PROVIDER] = True
        if unsent.is_waiting(request, user):
            # Before anything else, whatever page was asked for.
            kwargs["redirect_url"] = reverse("accounts:unsent")
        return super().post_login(request, user, **kwargs)

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """What the mail tells has happened already: an absent mail server must not undo it."""
        try:
            super().send_notification_mail(*args, **kwargs)
        except OSError as error:
            log.warning("account_mail_not_sent", error=type(error).__name__)

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that the server saw. Throttles must not trust a header anyone can send.

        Behind a proxy that is the proxy's address unless TRUSTED_PROXIES says how many to look
        past in X-Forwarded-For; see settings.
        """
        return client_ip(request)


def client_ip(request: HttpRequest) -> str:
    """The reader's address: the TRUSTED_PROXIES-th from the right of X-Forwarded-For, or the
    peer's when no proxy is trusted. A unix socket has none: "local".
    """
    peer = request.META.get("REMOTE_ADDR") or "local"
    hops = settings.TRUSTED_PROXIES
    if not hops:
        return str(peer)
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
    return forwarded[-hops] if len(forwarded) >= hops and forwarded[-hops] else str(peer)


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Single sign-on: one issuer, the company's own directory.

    A person is known by the issuer's `sub`; the first time, by mail address, whatever its case,
    if the directory vouches for it: `email_verified` is true, or absent (many company
    directories never send it, and there is only the one configured issuer). When it is false,
    nobody is matched and nobody created. A guest whom the directory knows becomes a stakeholder.
    """

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Any) -> User:
        user: User = sociallogin.user
        user.email = str(data.get("email") or "").strip().lower()
        user.name = str(data.get("name") or user.email.partition("@")[0])[:120]
        return user

    def authenticate_by_email(self, sociallogin: SocialLogin) -> None:
        """Never allauth's way, which wipes passwords: `pre_social_login` matches people."""
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Find the person, and carry over what the directory says about them."""
        claims = merged_claims(sociallogin)
        if sociallogin.state.get("process") == "connect":
            # Nobody links accounts by hand: the directory decides who someone is.
            sociallogin.state["process"] = "login"
        if not sociallogin.is_existing:
            self._match_by_mail(request, sociallogin, claims)
        setattr(request, PROVEN_BY_PROVIDER, "mfa" in _texts(_id_token(sociallogin).get("amr")))
        if sociallogin.is_existing:
            if sociallogin.user.is_guest:
                services.admit_guest(user=sociallogin.user, name=str(claims.get("name") or ""))
            directory.apply_groups(sociallogin.user, groups_of(claims))

    def _match_by_mail(
        self, request: HttpRequest, sociallogin: SocialLogin, claims: dict[str, Any]
    ) -> None:
        mail = str(claims.get("email") or "").strip().lower()
        if not mail:
            raise refusal(
                request,
                "The directory sent no mail address",
                "Single sign-on must share your mail address with ProductHub. Ask whoever runs"
                " your directory to add it.",
            )
        if not is_vouched_for(claims):
            raise refusal(
                request,
                "Your mail address is not confirmed",
                f"The directory has not confirmed {mail}. Confirm it there, then sign in again.",
            )
        user = User.objects.filter(email=mail).first()
        if user is None:
            return
        linked = SocialAccount.objects.filter(user=user, provider=sociallogin.account.provider)
        if linked.exists():
            # The same address with another identity: a mailbox that was handed on, perhaps.
            log.warning("single_sign_on_refused", user_id=user.pk, reason="other identity")
            raise refusal(
                request,
                "This mail address belongs to another identity",
                f"{mail} was used with another account of the directory before. An admin can"
                " remove the old link under Social accounts, then you can sign in.",
            )
        sociallogin.user = user
        sociallogin.account.user = user
        sociallogin.account.save()

    @transaction.atomic
    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """A person whom the hub did not know: a stakeholder until a group says more."""
        suggested: User = sociallogin.user
        user = services.create_user(email=suggested.email, name=suggested.name)
        sociallogin.user = user
        sociallogin.account.user = user
        sociallogin.account.save()
        directory.apply_groups(user, groups_of(merged_claims(sociallogin)))
        return user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Any = None,
        extra_context: Any = None,
    ) -> None:
        """Say in the log why single sign-on failed; the page says it to the person."""
        log.warning(
            "single_sign_on_failed",
            error=str(error or ""),
            exception=type(exception).__name__ if exception else "",
        )


def _id_token(sociallogin: SocialLogin) -> dict[str, Any]:
    return sociallogin.account.extra_data.get("id_token") or {}


def merged_claims(sociallogin: SocialLogin) -> dict[str, Any]:
    """ID token and userinfo as one; directories put groups into either, userinfo wins."""
    userinfo = sociallogin.account.extra_data.get("userinfo") or {}
    return {**_id_token(sociallogin), **userinfo}


def is_vouched_for(claims: dict[str, Any]) -> bool:
    """Whether the issuer stands for the mail address; some send the word as a text."""
    return str(claims.get("email_verified", True)).lower() == "true"


def groups_of(claims: dict[str, Any]) -> list[str] | None:
    """The groups claim as a list; None when the directory sent none at all."""
    raw = claims.get(settings.OIDC_GROUPS_CLAIM)
    return None if raw is None else _texts(raw)


def _texts(raw: Any) -> list[str]:
    if isinstance(raw, str):
        return [raw]
    return [str(item) for item in raw] if isinstance(raw, list | tuple) else []


def refusal(request: HttpRequest, title: str, text: str) -> ImmediateHttpResponse:
    """Ends a single sign-on with a page that says why and what to do."""
    context = {"refusal_title": title, "refusal_text": text}
    return ImmediateHttpResponse(
        render(request, "socialaccount/authentication_error.html", context, status=403)
    )


class MFAAdapter(DefaultMFAAdapter):
    """Second factors, their secrets encrypted with `ENCRYPTION_KEYS`."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "This code does not fit. Enter the six digits that the app shows now.",
    }

    def get_totp_issuer(self) -> str:
        return "ProductHub"

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return decrypt(encrypted_text)
        except UnreadableSecret as error:
            log.error("second_factor_unreadable", error=str(error))
            # A secret that nobody has: no code fits, and an empty one would be guessable.
            return generate_totp_secret()


def is_second_factor_required(user: Any) -> bool:
    """Admins and Product Ops, where REQUIRE_SECOND_FACTOR is on."""
    return bool(settings.REQUIRE_SECOND_FACTOR and user.is_authenticated and user.is_staff)
