"""Template tags of the design system, built in to every template.

They run hundreds of times a page, so the ones that repeat are cached by their arguments.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, linebreaks
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

TONE_ICONS = {"good": "check", "warn": "clock", "bad": "alert", "info": "info", "idea": "bulb"}


@lru_cache(maxsize=512)
def icon_html(name: str, size: str = "") -> SafeString:
    """One icon of the sprite; decorative, so hidden from screen readers."""
    css = f"i {size}" if size else "i"
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        css,
        static("icons.svg"),
        name,
    )


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """`{% icon "inbox" %}`, `{% icon "inbox" "lg" %}`."""
    return icon_html(name, size)


@lru_cache(maxsize=2048)
def tag_html(text: str, tone: str = "", icon_name: str = "") -> SafeString:
    """A status tag: always a shape and a word."""
    css = f"tag {tone}" if tone else "tag"
    drawn = icon_html(icon_name or TONE_ICONS.get(tone, "clock"))
    return format_html('<span class="{}">{}{}</span>', css, drawn, text)


@register.simple_tag
def tag(text: str, tone: str = "", icon_name: str = "") -> SafeString:
    """`{% tag "Overdue" "bad" %}`."""
    return tag_html(str(text), tone, icon_name)


@register.filter
def state_tag(item: Any) -> SafeString:
    """The tag of anything with a `state`: a (word, tone, icon) triple."""
    return tag_html(*item.state)


@lru_cache(maxsize=4096)
def avatar_html(name: str, key: int, size: str = "") -> SafeString:
    """Initials in one of six tones; the tone follows the person's id, so it never changes."""
    words = [word for word in name.split() if word[:1].isalnum()] or ["?"]
    initials = (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()
    css = f"av {'abcdef'[key % 6]} {size}".strip()
    return format_html('<span class="{}" aria-hidden="true">{}</span>', css, initials)


@register.simple_tag
def avatar(person: Any, size: str = "") -> SafeString:
    """The round with a person's initials; put the name beside it, or use `{% person %}`."""
    if person is None:
        return mark_safe("")
    return avatar_html(person.name, person.pk, size)


def spoken(moment: datetime | date, now: datetime | None = None) -> str:
    """“4 minutes ago”, “in 2 hours”; past a week “17 November”, with the year when not this one."""
    now = now or timezone.now()
    if not isinstance(moment, datetime):
        return _day(moment, timezone.localdate(now))
    gap = now - moment
    ahead = gap < timedelta(0)
    seconds = abs(gap.total_seconds())
    if seconds < 45:
        return "now" if ahead else "just now"
    for size, word, limit in (
        (60, "minute", 3600),
        (3600, "hour", 86_400),
        (86_400, "day", 691_200),
    ):
        if seconds < limit:
            count = max(1, round(seconds / size))
            text = f"{count} {word}{'' if count == 1 else 's'}"
            return f"in {text}" if ahead else f"{text} ago"
    return _day(timezone.localdate(moment), timezone.localdate(now))


def _day(day: date, today: date) -> str:
    text = f"{day.day} {day:%B}"
    return text if day.year == today.year else f"{text} {day.year}"


@register.filter
def when(moment: datetime | date | None) -> SafeString | str:
    """A time as people say it, in a `<time>` element that machines can read."""
    if moment is None:
        return "–"
    # Built by hand: both parts come from a date, so there is nothing to escape.
    return mark_safe(f'<time datetime="{moment.isoformat()}">{spoken(moment)}</time>')


@register.filter
def day(moment: datetime | date | None) -> SafeString | str:
    """The date alone: “17 November”."""
    if moment is None:
        return "–"
    plain = timezone.localdate(moment) if isinstance(moment, datetime) else moment
    return mark_safe(
        f'<time datetime="{plain.isoformat()}">{_day(plain, timezone.localdate())}</time>'
    )


@register.filter
def thousands(number: float | None) -> str:
    """12,840; an en dash where there is no number."""
    return "–" if number is None else f"{number:,.0f}"


@register.filter
def one_decimal(number: float | None) -> str:
    """8.4; an en dash where there is no number."""
    return "–" if number is None else f"{number:,.1f}"


@register.filter
def count_of(number: int, noun: str) -> str:
    """`{{ 3|count_of:"request" }}` is “3 requests”; an irregular plural follows a comma."""
    one, _, many = noun.partition(",")
    return f"{number:,} {one if number == 1 else many or one + 's'}"


WORDS = "no one two three four five six seven eight nine".split()


@register.filter
def in_words(number: int) -> str:
    """Small numbers as words, for sentences: “three”, “12”."""
    return WORDS[number] if 0 <= number < len(WORDS) else f"{number:,}"


@register.filter
def paragraphs(text: str) -> SafeString:
    """Plain text as escaped paragraphs."""
    return mark_safe(linebreaks(text, autoescape=True))
