"""Every change of the tool directory: one transaction, one event."""

from django.db import transaction

from accounts.models import User
from accounts.permissions import is_product_ops, require
from activity.events import record
from playbook.models import Tool

ONLY_PRODUCT_OPS = "Product Ops keeps the tool directory."


@transaction.atomic
def save_tool(*, tool: Tool, actor: User | None = None) -> Tool:
    """Add or change a tool; `actor` None is the hub itself (seeding).

    Raises ValidationError for bad fields, PermissionDenied unless the actor is Product Ops.
    """
    require(actor is None or is_product_ops(actor), ONLY_PRODUCT_OPS)
    is_new = tool.pk is None
    tool.full_clean()
    tool.save()
    record("tool.added" if is_new else "tool.changed", tool, actor=actor)
    return tool


@transaction.atomic
def remove_tool(*, tool: Tool, actor: User | None = None) -> None:
    """Take a tool out of the directory; its events stay. Removed twice is removed once."""
    require(actor is None or is_product_ops(actor), ONLY_PRODUCT_OPS)
    if Tool.objects.select_for_update().filter(pk=tool.pk).exists():
        record("tool.removed", tool, actor=actor)
        tool.delete()
