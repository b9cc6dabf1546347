"""Form fields of sign-in and account pages in the design system's markup."""

from typing import Any

from django import template
from django.forms import BoundField
from django.utils.safestring import SafeString

from accounts.adapters import is_second_factor_required

register = template.Library()


@register.simple_tag
def control(field: BoundField, hint: str = "") -> SafeString:
    """The input itself, dressed as `.in`, described by the hint and error that are shown.

    allauth's placeholders go: labels say it already.
    """
    attrs: dict[str, Any] = {"class": "in", "placeholder": False}
    shown = [("helptext", hint), ("error", field.errors)]
    described = " ".join(f"{field.auto_id}_{part}" for part, there in shown if there)
    attrs["aria-describedby"] = described or False
    return field.as_widget(attrs=attrs)


@register.filter
def needs_second_factor(user: Any) -> bool:
    """Whether this person's role must have one here."""
    return is_second_factor_required(user)
