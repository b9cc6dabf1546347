"""Form fields of sign-in and account pages in the design system's markup."""

from typing import Any

from django import template
from django.forms import BoundField
from django.utils.safestring import SafeString

from accounts.adapters import is_second_factor_required

register = template.Library()


@register.filter
def control(field: BoundField) -> SafeString:
    """The input itself, dressed as `.in`; allauth's placeholders go, labels say it already."""
    attrs: dict[str, Any] = {"class": "in", "placeholder": False}
    return field.as_widget(attrs=attrs)


@register.filter
def needs_second_factor(user: Any) -> bool:
    """Whether this person's role must have one here."""
    return is_second_factor_required(user)
