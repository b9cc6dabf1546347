"""Messages of Slack in the one search, for those who may read them there."""

from typing import Any
from urllib.parse import quote

from django.contrib.postgres.search import SearchRank
from django.db.models import Count, F, OuterRef, Subquery, Window
from django.db.models.functions import Left
from django.utils import timezone

from integrations.models import IdentityLink, SlackMessage, Source, SourceState
from integrations.slack.channels import messages_for
from integrations.slack.config import is_connected
from producthub.lib.tags import icon_html, spoken
from search.kinds import MOST_COUNTED, Hit, SearchKind, register
from search.queries import Query

TITLE_LENGTH = 90
QUOTED_LENGTH = 4000


def find(person: Any, query: Query, window: slice) -> tuple[int, tuple[Hit, ...]]:
    """Messages that have all the words, best first: trimmed by rights before they are counted."""
    newest = (
        messages_for(person)
        .filter(search_vector=query.tsquery)
        .order_by("-sent_at")
        .values("pk")[: MOST_COUNTED + 1]
    )
    author = IdentityLink.objects.filter(source=Source.SLACK, upstream_id=OuterRef("user_id"))
    site = SourceState.objects.filter(source=Source.SLACK).values("site_url")[:1]
    rows = list(
        SlackMessage.objects.filter(pk__in=newest)
        .annotate(
            quoted=Left("text", QUOTED_LENGTH),
            author=Subquery(author.values("name")[:1]),
            site=Subquery(site),
            found=Window(Count("*")),
        )
        .order_by(SearchRank(F("search_vector"), query.tsquery).desc(), "-sent_at")
        .values_list(
            "ts", "thread_ts", "sent_at", "quoted", "author", "site", "found",
            "channel__channel_id", "channel__name",
        )[window]
    )  # fmt: skip
    now = timezone.now()
    hits = []
    for ts, thread, sent_at, text, author_name, where, _, channel, name in rows:
        title, _, rest = text.partition("\n")
        if len(title) > TITLE_LENGTH:
            title, rest = title[:TITLE_LENGTH].rstrip() + "…", text
        about = f"#{name}", author_name or "an app", f"said {spoken(sent_at, now)}"
        hits.append(
            Hit(
                href=address(where or "", channel, ts, thread),
                icon=icon_html("msg", "lg"),
                title=query.mark(title or "–"),
                meta=query.mark(" · ".join(about)),
                kind="Slack",
                snippet=query.snippet(rest),
            )
        )
    return (rows[0][6] if rows else 0), tuple(hits)


def address(site: str, channel: str, ts: str, thread: str = "") -> str:
    """Where a message opens in Slack."""
    base = site if site.startswith("https://") else "https://slack.com/"
    inside = f"?thread_ts={quote(thread)}&cid={quote(channel)}" if thread and thread != ts else ""
    return f"{base.rstrip('/')}/archives/{quote(channel)}/p{ts.replace('.', '')}{inside}"


def begin() -> None:
    """Called once from `ready()`."""
    register(SearchKind("slack", "Slack", "msg", shown=5, quick=2, find=find, is_on=is_connected))
