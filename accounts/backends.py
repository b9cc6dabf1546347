"""Password sign-in by mail address; admin permissions follow the role, there are no lists."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend

from accounts.models import Role, User

# What Product Ops curates in admin. Events and raw records are read-only there by their admin
# classes; accounts, sign-in and secrets stay with admins.
CURATED = {
    "accounts.team",
    "accounts.membership",
    "accounts.audience",
    "accounts.workcalendar",
    "accounts.holiday",
}
CURATED_APPS = {
    "playbook",
    "planning",
    "intake",
    "metrics",
    "hub",
    "integrations",
    "notices",
    "django_celery_beat",
}
READABLE_APPS = {"activity", "accounts"}


class RoleBackend(AuthenticationBackend):
    """allauth's, so that one failed sign-in costs one password hash, with rights by role."""

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        """By the account's own address only: side addresses of allauth open nothing."""
        user = User.objects.filter(email=email.strip().lower()).first()
        return self._check_password(user, password)

    def user_can_authenticate(self, user: Any) -> bool:
        """Neither leavers nor guests. Also asked for the owner of every session, so that one
        which began before ends with the role.
        """
        return bool(super().user_can_authenticate(user)) and user.role != Role.GUEST

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if not user_obj.is_active or not getattr(user_obj, "role", ""):
            return False
        if user_obj.is_superuser or user_obj.role == Role.ADMIN:
            return True
        if user_obj.role != Role.PRODUCT_OPS:
            return False
        app, _, codename = perm.partition(".")
        verb, _, model = codename.partition("_")
        if app in CURATED_APPS or f"{app}.{model}" in CURATED:
            return True
        return app in READABLE_APPS and verb == "view"

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        if not user_obj.is_active or not getattr(user_obj, "role", ""):
            return False
        if user_obj.is_superuser or user_obj.role == Role.ADMIN:
            return True
        return user_obj.role == Role.PRODUCT_OPS and (
            app_label in CURATED_APPS or app_label in READABLE_APPS
        )
