"""Every change of pages and of the tool directory: one transaction, one event."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.permissions import is_product_ops, require
from activity.events import record
from playbook.models import PAGE, Article, Tool
from producthub.lib.markdown import to_text
from search import services as search

ONLY_PRODUCT_OPS = "Product Ops keeps the tool directory."
ONLY_OPS_WRITE = "Product Ops writes the playbook."
_WORDS = ("title", "body")


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


@transaction.atomic
def save_article(
    *, article: Article, actor: User | None = None, at: datetime | None = None
) -> Article:
    """Add or change a playbook page; `actor` None is the hub itself (seeding).

    Records what it means for readers: `article.published`, `article.withdrawn`, else
    `article.changed` with the fields, drafts included; nothing when nothing differs. `at` (aware)
    is now by default. Raises ValidationError for bad fields, PermissionDenied unless the actor is
    Product Ops.
    """
    require(actor is None or is_product_ops(actor), ONLY_OPS_WRITE)
    moment = at or timezone.now()
    stored = Article.objects.select_for_update().filter(pk=article.pk).first()
    article.full_clean()
    fields = ("title", "body", "slug", "is_published", "visible_to", "author_id")
    changed = [
        name for name in fields if stored is None or getattr(stored, name) != getattr(article, name)
    ]
    if not changed:
        return article
    if any(name in changed for name in _WORDS):
        article.updated_at = moment
    if stored is None and article.author_id is None:
        article.author = actor
    article.save()
    was_published = stored is not None and stored.is_published
    data: dict[str, Any]
    if article.is_published and not was_published:
        kind, data = "article.published", {"visible_to": article.visible_to}
    elif was_published and not article.is_published:
        kind, data = "article.withdrawn", {}
    else:
        kind, data = "article.changed", {"fields": [] if stored is None else changed}
    record(kind, article, actor=actor, at=moment, data=data)
    _index(article)
    return article


def _index(article: Article) -> None:
    """Keep the text engine in step: it holds what is published, for whomever."""
    if article.is_published:
        search.index(
            kind=PAGE,
            object_id=article.pk,
            title=article.title,
            body=to_text(article.body),
            created_at=article.updated_at,
        )
    else:
        search.forget(kind=PAGE, object_id=article.pk)
