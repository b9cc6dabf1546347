"""The inbox, how people want to hear, and the one-press stop in every mail."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.models import User
from notices import optout, services
from notices.forms import PreferenceForm
from notices.kinds import kind_of
from notices.models import Notice
from notices.optout import OptOut
from notices.selectors import (
    DIGEST_HOUR,
    TABS,
    inbox_counts,
    inbox_for,
    label_of,
    preference_of,
    released_for,
)
from notices.subjects import mute_of
from producthub.lib.htmx import page, see_other

PAGE_SIZE = 30


@require_safe
def inbox(request: SignedInRequest) -> HttpResponse:
    """What needs me, then the news by day; tabs for new, sleeping and done ones."""
    tab = request.GET.get("show", "open")
    if tab not in TABS:
        tab = "new" if tab == "unread" else "open"  # old addresses said unread
    counts = inbox_counts(request.user)
    pages = Paginator(inbox_for(request.user, tab), PAGE_SIZE)
    current = pages.get_page(request.GET.get("page"))
    preference = preference_of(request.user)
    context = {
        "page": current,
        "groups": _groups(list(current.object_list), tab),
        "counts": counts,
        "tab": tab,
        "token": format_html(
            '<input type="hidden" name="csrfmiddlewaretoken" value="{}">', get_token(request)
        ),
        "moves": render_to_string("notices/_moves.html", {"tab": tab, "page": current}),
        "base": "" if tab == "open" else f"show={tab}&",
        "paused_until": preference.paused_until
        if services.is_paused(preference, request.user)
        else None,
    }
    return page(request, "notices/inbox.html", "notices/_inbox.html", context)


def _groups(notices: Sequence[Notice], tab: str) -> list[tuple[str, list[Notice]]]:
    """Rows under headings: "Needs you", then a day each; one heading where days mean little."""
    if tab in ("snoozed", "done"):
        return [("Snoozed" if tab == "snoozed" else "Done", list(notices))] if notices else []
    groups: dict[str, list[Notice]] = {}
    today = timezone.localdate()
    for notice in notices:
        name = "Needs you" if notice.is_action else _day_name(notice.release_at, today)
        groups.setdefault(name, []).append(notice)
    return list(groups.items())


def _day_name(moment: datetime, today: date) -> str:
    day = timezone.localdate(moment)
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day:%A} {day.day} {day:%B}{year}"


@require_POST
def notice_open(request: SignedInRequest, pk: int) -> HttpResponse:
    """Mark as read and lead to what it is about."""
    notice = get_object_or_404(released_for(request.user), pk=pk)
    services.mark_read(user=request.user, notice_ids=[notice.pk])
    return see_other(notice.url)


@require_POST
def read_all(request: SignedInRequest) -> HttpResponse:
    """Mark all news as read; what needs me stays as it is."""
    count = services.mark_read(user=request.user, only_news=True)
    return _moved(request, "Nothing was new." if not count else "The news are marked as read.")


@require_POST
def notice_move(request: SignedInRequest, pk: int) -> HttpResponse:
    """Read, done, open again, sleep until tomorrow or next week, wake."""
    notice = get_object_or_404(released_for(request.user), pk=pk)
    user, said = request.user, ""
    match verb := request.POST.get("verb", ""):
        case "read":
            services.mark_read(user=user, notice_ids=[notice.pk])
            said = "Marked as read."
        case "done":
            services.mark_done(user=user, notice_id=notice.pk)
            said = "Done."
        case "reopen":
            services.reopen_notice(user=user, notice_id=notice.pk)
            said = "Open again."
        case "tomorrow" | "next-week":
            until = _wake_time(user, timezone.now(), is_week=verb == "next-week")
            services.snooze_notice(user=user, notice_id=notice.pk, until=until)
            day = timezone.localdate(until, user.zone)
            said = f"It comes back on {day:%A} at {DIGEST_HOUR}:00."
        case "wake":
            services.wake_notice(user=user, notice_id=notice.pk)
            said = "It is back."
        case _:
            raise SuspiciousOperation("There is no such move.")
    return _moved(request, said)


def _wake_time(user: User, now: datetime, *, is_week: bool) -> datetime:
    """8:00 of tomorrow, or of next Monday, in the person's own zone."""
    today = timezone.localdate(now, user.zone)
    day = today + timedelta(days=7 - today.weekday() if is_week else 1)
    return datetime.combine(day, time(DIGEST_HOUR), tzinfo=user.zone)


def _moved(request: SignedInRequest, said: str) -> HttpResponse:
    """The inbox as it is now, at the tab and page that the form came from."""
    messages.success(request, said)
    kept = request.POST.copy()
    for name in list(kept):
        if name not in ("show", "page"):
            del kept[name]
    query = kept.urlencode()
    return see_other("/inbox/" + (f"?{query}" if query else ""))


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: SignedInRequest) -> HttpResponse:
    """How I hear: each kind's pace, channels, a pause."""
    preference = preference_of(request.user)
    form = PreferenceForm(
        request.user, preference, request.POST if request.method == "POST" else None
    )
    if request.method == "POST" and form.is_valid():
        services.save_preferences(person=request.user, **form.chosen(preference))
        messages.success(request, "Saved. It holds from the next notice on.")
        return see_other("notices:preferences")
    context = {"form": form, "is_paused": services.is_paused(preference, request.user)}
    return render(request, "notices/preferences.html", context, status=422 if form.errors else 200)


@login_not_required
@csrf_exempt  # mail programs post here by themselves; the signed token is the proof
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Stop the mails that a signed address names. GET only asks: mail scanners open every link.

    Says nothing of the thing but its reference.
    """
    found = optout.read(token)
    person = User.objects.filter(pk=found.person_id).first() if found else None
    if found is None or person is None:
        return render(request, "notices/stop_unknown.html", status=404)
    is_thing = found.subject_id is not None and mute_of(found.subject_type) is not None
    context = {
        "is_thing": is_thing,
        "is_digest": found.kind == optout.DIGEST,
        "label": label_of(person, found.subject_type, found.subject_id) if is_thing else "",
        "kind": kind_of(found.kind),
        "is_guest": person.is_guest,
    }
    if request.method == "POST":
        is_muted = request.POST.get("again") != "1"
        _stop(person, found, is_thing=is_thing, is_muted=is_muted)
        context["done"] = "stopped" if is_muted else "again"
    return render(request, "notices/stop.html", context)


def _stop(person: User, found: OptOut, *, is_thing: bool, is_muted: bool) -> None:
    if found.kind == optout.DIGEST:
        services.stop_digest(person=person, is_muted=is_muted)
    elif is_thing and found.subject_id is not None:
        services.mute_thing(
            person=person,
            subject_type=found.subject_type,
            subject_id=found.subject_id,
            is_muted=is_muted,
        )
    else:
        services.mute_kind(person=person, kind=found.kind, is_muted=is_muted)
