"""Role predicates; every permission in the hub is made of these."""

from typing import Any

from django.core.exceptions import PermissionDenied

from accounts.models import Role


def is_pm(user: Any) -> bool:
    """Triage, score and decide: product managers, Product Ops and admins."""
    return bool(user.is_active) and user.role in (Role.PM, Role.PRODUCT_OPS, Role.ADMIN)


def is_product_ops(user: Any) -> bool:
    """Curate, watch the integrations: Product Ops and admins."""
    return bool(user.is_active) and user.role in (Role.PRODUCT_OPS, Role.ADMIN)


def is_admin(user: Any) -> bool:
    """Accounts, roles and secrets."""
    return bool(user.is_active) and (user.role == Role.ADMIN or user.is_superuser)


def require(allowed: bool, why: str = "Your role does not allow this.") -> None:
    """Raise PermissionDenied, with a sentence for the person, unless allowed."""
    if not allowed:
        raise PermissionDenied(why)
