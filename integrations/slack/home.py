"""The app's own page in Slack, and what links unfold to. Pure."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from intake.mine import MineRow
from intake.models import Request
from integrations.slack.messages import context, escape, header, link, section
from planning.models import Decision
from producthub.lib.input import whole_number


def page(rows: Sequence[MineRow], base_url: str) -> dict[str, Any]:
    """My requests: state, and what happens next."""
    blocks: list[dict[str, Any]] = [header("My requests")]
    for row in rows:
        where = link(base_url + row.url, f"{row.reference} {row.title}")
        blocks.append(section(where))
        blocks.append(context(f"{escape(row.state[0])} · Next: {escape(row.next_words)}"))
    if not rows:
        said = "Nothing yet. Write /request, or choose “Turn into request” on a message."
        blocks.append(section(said))
    blocks.append(context(link(f"{base_url}/requests/mine/", "All of them in ProductHub")))
    return {"type": "home", "blocks": blocks}


def number_in(url: str, base_url: str, kind: str = "requests") -> int | None:
    """The number of the request, or of another kind of thing, that an address of this hub leads
    to."""
    try:
        parts, own = urlsplit(url), urlsplit(base_url)
    except ValueError:
        return None
    if parts.netloc.lower() != own.netloc.lower():
        return None
    steps = parts.path.strip("/").split("/")
    if len(steps) != 2 or steps[0] != kind:
        return None
    number = steps[1].upper().removeprefix("DEC-") if kind == "decisions" else steps[1]
    return whole_number(number)


def unfolded(item: Request, base_url: str) -> dict[str, Any]:
    """A request that every colleague may see."""
    where = link(base_url + item.get_absolute_url(), f"{item.reference} {item.title}")
    return {"blocks": [section(where), context(escape(item.state[0]))]}


def unfolded_decision(decision: Decision, base_url: str) -> dict[str, Any]:
    """A decision that every colleague may see."""
    where = link(base_url + decision.get_absolute_url(), f"{decision.reference} {decision.title}")
    said = f"*{escape(decision.get_outcome_display())}.* {escape(decision.reason)}"
    who = f"{escape(decision.decided_by.name)}, {decision.decided_at:%d %B %Y}"
    return {"blocks": [section(where), section(said), context(who)]}
