"""Notices as mails: what they look like, and handing them to the mail server."""

import smtplib
from collections.abc import Sequence
from email.utils import formataddr, parseaddr
from functools import lru_cache
from typing import Any

import css_inline
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts.models import User
from notices import optout
from notices.channels import Undeliverable, Unreachable
from notices.kinds import kind_of
from notices.models import Digest, Notice
from notices.optout import OptOut
from notices.subjects import mute_of

MOST_LINES = 100
# Answers of a mail server that will not change by trying again.
PERMANENT_CODES = range(500, 600)
# The server itself is the trouble, not this mail.
AWAY = (
    smtplib.SMTPServerDisconnected,
    smtplib.SMTPConnectError,
    smtplib.SMTPHeloError,
    smtplib.SMTPAuthenticationError,
)


def send_notice(notice: Notice) -> None:
    """Mail one notice. Raises Undeliverable, Unreachable, or what the mail server said."""
    person = notice.recipient
    is_guest = person.is_guest
    path = notice.guest_url if is_guest else notice.url
    kind = kind_of(notice.channel_kind)
    by_kind = OptOut(person.pk, kind.key)
    can_mute = notice.subject_id is not None and mute_of(notice.subject_type) is not None
    by_thing = OptOut(person.pk, kind.key, notice.subject_type, notice.subject_id)
    context = {
        "notice": notice,
        "title": one_line(notice.title),
        "person": person,
        "is_guest": is_guest,
        "kind": kind,
        "link": settings.BASE_URL + path if path else "",
        "stop_thing": settings.BASE_URL + optout.path_for(by_thing) if can_mute else "",
        "stop_kind": settings.BASE_URL + optout.path_for(by_kind),
        "base_url": settings.BASE_URL,
    }
    _send(
        person,
        subject=notice.title,
        template="notice",
        context=context,
        mark=f"notice-{notice.pk}-{notice.event_id}",
        stop=by_thing if can_mute else by_kind,
    )


def send_digest(digest: Digest, notices: Sequence[Notice]) -> None:
    """Mail one day's notices, newest first, by thing. Raises as `send_notice`."""
    person = digest.recipient
    needs = [notice for notice in notices if notice.is_action]
    news = [notice for notice in notices if not notice.is_action]
    shown_needs = needs[:MOST_LINES]
    shown_news = news[: MOST_LINES - len(shown_needs)]
    stop = OptOut(person.pk, optout.DIGEST)
    title = _digest_title(len(needs), len(news))
    context = {
        "digest": digest,
        "person": person,
        "title": title,
        "needs": shown_needs,
        "groups": by_thing(shown_news),
        "left_out": len(notices) - len(shown_needs) - len(shown_news),
        "stop_kind": settings.BASE_URL + optout.path_for(stop),
        "base_url": settings.BASE_URL,
    }
    _send(
        person,
        subject=title,
        template="digest",
        context=context,
        mark=f"digest-{digest.pk}-{digest.on:%Y%m%d}",
        stop=stop,
    )


def by_thing(notices: Sequence[Notice]) -> list[tuple[str, list[Notice]]]:
    """Notices under the label of what they are about; things and notices keep their order."""
    groups: dict[tuple[str, int | None], list[Notice]] = {}
    for notice in notices:
        groups.setdefault((notice.subject_type, notice.subject_id), []).append(notice)
    return [(members[0].subject_label or "Other news", members) for members in groups.values()]


def _digest_title(needs: int, news: int) -> str:
    parts = []
    if needs:
        parts.append(f"{needs} {'thing needs' if needs == 1 else 'things need'} you")
    if news:
        parts.append(f"{news} {'piece' if news == 1 else 'pieces'} of news")
    return "Your day: " + " and ".join(parts)


def one_line(text: str) -> str:
    """The text without line breaks and control characters, fit for a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _send(
    person: User, *, subject: str, template: str, context: dict[str, Any], mark: str, stop: OptOut
) -> None:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")[2] or "producthub"
    mail = EmailMultiAlternatives(
        subject=one_line(subject),
        body=render_to_string(f"emails/{template}.txt", context),
        to=[formataddr((one_line(person.name), person.email))],
        headers={
            "Message-ID": f"<{mark}@{domain}>",
            "Auto-Submitted": "auto-generated",
            # RFC 8058: the mail program posts to this address itself, without the reader.
            "List-Unsubscribe": f"<{settings.BASE_URL}{optout.path_for(stop)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    html = render_to_string(f"emails/{template}.html", context)
    mail.attach_alternative(_inliner().inline(html), "text/html")
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        if all(code in PERMANENT_CODES for code, _ in error.recipients.values()):
            raise Undeliverable(f"The address was refused: {error}") from error
        raise
    except AWAY as error:
        raise Unreachable(f"{type(error).__name__}: {error}") from error
    except smtplib.SMTPException:
        raise
    except OSError as error:  # no name, no route, no answer
        raise Unreachable(f"{type(error).__name__}: {error}") from error
    except ValueError as error:  # a header or an address that no mail can carry
        raise Undeliverable(str(error)) from error


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    # At-rules stay: the dark colours of mail programs that know them.
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
