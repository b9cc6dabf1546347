"""What people are writing: saved as they type, sent once, joined to what is there, or left."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from accounts.permissions import require
from activity.events import Fact, record, record_many
from intake import questions
from intake.models import Draft, FormVersion, Request, Vote
from intake.services import groups
from intake.services.errors import RequestError
from intake.services.merging import dismiss_pair
from intake.services.requests import submit_request
from intake.services.voting import vote_for_request, withdraw_vote
from producthub.lib.tags import spoken

MAX_DRAFT_BYTES = 200_000
ABANDONED_AFTER_HOURS = 24
# What became a vote or was answered can be gone back to for so long; then its words are erased.
KEPT_DAYS = 7
# What somebody left behind is theirs to take up for so long.
ABANDONED_KEPT_DAYS = 90
BATCH = 500
# The part of `data` that is ours: which tab saved last, and what a vote was before it.
OWN = "_"
WRITABLE = (Draft.State.OPEN, Draft.State.ABANDONED, Draft.State.DISCARDED)


class StaleDraft(RequestError):
    """Another tab saved this draft since this one was read; nothing was overwritten."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        super().__init__(
            f"This draft was changed in another tab {spoken(draft.saved_at)}. What you typed here"
            " is still on this page, but not saved."
        )


class DraftEnded(RequestError):
    """It was sent or became a vote."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        word = "sent" if draft.state == Draft.State.SENT else "ended"
        super().__init__(f"This was {word} already. Open a new request to send something else.")


def tidy(typed: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What is typed as JSON can hold it: no NUL, blanks left out."""
    found = {}
    for name, values in typed.items():
        kept = [value.replace("\x00", "") for value in values if value.strip()]
        if kept and not name.startswith(OWN):
            found[name] = kept
    return found


@transaction.atomic
def save_draft(
    *,
    person: User,
    key: uuid.UUID,
    version: FormVersion,
    typed: Mapping[str, Sequence[str]],
    field: str = "",
    touched: Iterable[str] = (),
    tab: str = "",
    seen: str = "",
    overwrite: bool = False,
    at: datetime | None = None,
) -> Draft | None:
    """Keep what is typed under a key; None while there is nothing to keep.

    `tab` names the page that saves and `seen` the state (`stamp`) that it knows: raises StaleDraft
    when another tab has saved since, unless `overwrite`. Raises DraftEnded for a draft that was
    sent, RequestError for one that is too long, PermissionDenied for somebody else's key.
    """
    words = tidy(typed)
    now = at or timezone.now()
    draft = _held(key, person)
    if draft is None:
        if not words:
            return None
        draft = _begin(person, key, version, now)
    if draft.state not in WRITABLE:
        raise DraftEnded(draft)
    before = {name: value for name, value in draft.data.items() if not name.startswith(OWN)}
    data = {**_of_other_forms(before, version), **words}
    if data == before and draft.state == Draft.State.OPEN and draft.version_id == version.pk:
        return draft
    by_other = draft.data.get("_tab", "") not in ("", _plain(tab))
    if by_other and before and seen != stamp(draft) and not overwrite and data != before:
        raise StaleDraft(draft)
    if len(orjson.dumps(data)) > MAX_DRAFT_BYTES:
        raise RequestError("This is too long to be saved as a draft. Shorten it, or send a file.")
    if draft.state != Draft.State.OPEN:
        record("draft.resumed", draft, actor=person, at=now, data={"form": version.form_id})
        draft.state, draft.ended_at = Draft.State.OPEN, None
    keys = [question.key for question in questions.read(version.questions)]
    known = {*keys, *draft.touched}
    new = [name for name in (*draft.touched, *touched, *words) if name in known]
    draft.touched = list(dict.fromkeys(new))[:100]
    draft.last_field = field if field in keys else _last_answered(keys, words, draft.last_field)
    draft.data = {**data, "_tab": _plain(tab)}
    draft.form_id, draft.version, draft.saved_at = version.form_id, version, now
    draft.save()
    return draft


def begun(
    *, person: User, key: uuid.UUID, version: FormVersion, at: datetime | None = None
) -> Draft:
    """The draft under a key, locked, begun where there is none: for files, which are no words.
    Raises DraftEnded, PermissionDenied for somebody else's key."""
    now = at or timezone.now()
    draft = _held(key, person) or _begin(person, key, version, now)
    if draft.state not in WRITABLE:
        raise DraftEnded(draft)
    return draft


def _plain(tab: str) -> str:
    """A page's own name: letters and digits, whatever was sent."""
    return "".join(letter for letter in tab if letter.isascii() and letter.isalnum())[:40]


def stamp(draft: Draft) -> str:
    """Which state of a draft a page knows."""
    return draft.saved_at.isoformat()


def _held(key: uuid.UUID, person: User) -> Draft | None:
    draft = Draft.objects.select_for_update(of=("self",)).filter(key=key).first()
    require(draft is None or draft.person_id == person.pk, "This draft is somebody else’s.")
    return draft


def _begin(person: User, key: uuid.UUID, version: FormVersion, now: datetime) -> Draft:
    try:
        with transaction.atomic():
            draft = Draft.objects.create(
                key=key,
                person=person,
                form_id=version.form_id,
                version=version,
                begun_at=now,
                saved_at=now,
            )
    except IntegrityError:
        # The twin request of the same page was first.
        held = _held(key, person)
        assert held is not None
        return held
    record("draft.begun", draft, actor=person, at=now, data={"form": version.form_id})
    return draft


def _of_other_forms(before: Mapping[str, Any], version: FormVersion) -> dict[str, Any]:
    """What was typed into another form stays, so that switching back brings it back."""
    asked = {question.key for question in questions.read(version.questions)}
    return {
        name: value
        for name, value in before.items()
        if name not in asked and not name.startswith("for_")
    }


def _last_answered(keys: Sequence[str], words: Mapping[str, Any], before: str) -> str:
    """Without scripts nobody says which field was last: the last one that has an answer."""
    answered = [key for key in keys if key in words]
    return answered[-1] if answered else before


@transaction.atomic
def send_draft(
    *,
    author: User,
    requester: User,
    key: uuid.UUID,
    version: FormVersion,
    typed: Mapping[str, Sequence[str]],
    fields: Mapping[str, Any],
    answers: Mapping[str, Any],
    at: datetime | None = None,
) -> Request:
    """Make a request of what was written. One draft makes one request, however often it is sent.

    What was said to be “not the same” is remembered for the request. Raises PermissionDenied for
    somebody else's draft and closed accounts.
    """
    now = at or timezone.now()
    words = tidy(typed)
    draft = _held(key, author) or _begin(author, key, version, now)
    item = submit_request(
        requester=requester,
        sent_by=author,
        submission_key=draft.key,
        form_version=version,
        answers=answers,
        at=at,
        **fields,
    )
    if draft.state == Draft.State.SENT or item.submission_key != draft.key:
        return item
    keys = [question.key for question in questions.read(version.questions)]
    draft.touched = list(dict.fromkeys([*draft.touched, *words]))[:100]
    draft.last_field = _last_answered(keys, words, draft.last_field)
    draft.state, draft.request, draft.ended_at = Draft.State.SENT, item, now
    draft.saved_at, draft.form_id, draft.version = now, version.form_id, version
    draft.data = {}  # the request holds it now
    draft.save()
    data = {"form": version.form_id, "request": item.pk}
    record("draft.sent", draft, actor=author, at=now, data=data)
    _keep_dismissed(draft, item, author, now)
    draft.files.filter(request__isnull=True).update(request=item)
    return item


def _keep_dismissed(draft: Draft, item: Request, author: User, now: datetime) -> None:
    others = Request.objects.filter(pk__in=draft.dismissed).exclude(pk=item.pk)
    for other in others.visible_to(author):
        dismiss_pair(one=item, other=other, actor=author, at=now)


def note_shown(*, draft: Draft, ids: Collection[int], at: datetime | None = None) -> list[int]:
    """These requests were suggested; each counts once a draft. Returns those that are new."""
    if not set(ids) - set(draft.shown):
        return []  # nearly every keystroke: nothing to lock or write
    with transaction.atomic():
        held = Draft.objects.select_for_update().get(pk=draft.pk)
        new = [pk for pk in ids if pk not in held.shown]
        if new:
            held.shown = draft.shown = [*held.shown, *new]
            held.save(update_fields=["shown"])
            data = {"requests": new, "draft": held.pk}
            record("suggestion.shown", held, actor=held.person, at=at, data=data)
    return new


@transaction.atomic
def open_suggestion(*, draft: Draft, item: Request, at: datetime | None = None) -> None:
    """A suggestion was looked at."""
    if item.pk in draft.shown:
        record("suggestion.opened", draft, actor=draft.person, at=at, data={"request": item.pk})


@transaction.atomic
def dismiss_suggestion(*, draft: Draft, item: Request, at: datetime | None = None) -> None:
    """Not the same: never suggested again to this draft, nor its request as a duplicate of that.
    Repeatable."""
    held = Draft.objects.select_for_update().get(pk=draft.pk)
    if item.pk in held.dismissed:
        return
    held.dismissed = draft.dismissed = [*held.dismissed, item.pk][-200:]
    held.save(update_fields=["dismissed"])
    record("suggestion.dismissed", held, actor=held.person, at=at, data={"request": item.pk})


@transaction.atomic
def join_request(
    *, draft: Draft, item: Request, person: User, title: str, case: str, at: datetime | None = None
) -> Request:
    """Turn a draft into a vote for a request that is there, with what was typed as its case.

    Returns the request that the vote went to. Repeatable. Raises DraftEnded for a draft that was
    sent, PermissionDenied for what the person may not see.
    """
    held = _held(draft.key, person)
    assert held is not None
    top = item.root or item
    if held.state == Draft.State.JOINED and held.request_id == top.pk:
        return top
    if held.state not in WRITABLE:
        raise DraftEnded(held)
    now = at or timezone.now()
    before = Vote.objects.filter(request=top, person=person).values_list("case", flat=True).first()
    vote_for_request(item=item, person=person, title=title, case=case, at=now)
    held.state, held.request, held.ended_at = Draft.State.JOINED, top, now
    held.data = {**held.data, "_case": before}
    held.save(update_fields=["state", "request", "ended_at", "data"])
    held.files.filter(request__isnull=True).update(request=top)
    data = {"form": held.form_id, "request": top.pk}
    record("suggestion.taken", held, actor=person, at=now, data={"request": top.pk})
    record("draft.joined", held, actor=person, at=now, data=data)
    return top


def note_offered(
    *,
    draft: Draft,
    articles: Collection[int] = (),
    decisions: Collection[int] = (),
    at: datetime | None = None,
) -> None:
    """These pages and decisions were offered as answers; each counts once a draft."""
    codes = [f"article:{pk}" for pk in articles] + [f"decision:{pk}" for pk in decisions]
    if not set(codes) - set(draft.offered):
        return
    with transaction.atomic():
        held = Draft.objects.select_for_update().get(pk=draft.pk)
        new = [code for code in codes if code not in held.offered]
        if not new:
            return
        held.offered = draft.offered = [*held.offered, *new][-200:]
        held.save(update_fields=["offered"])
        data = {
            "articles": [pk for pk in articles if f"article:{pk}" in new],
            "decisions": [pk for pk in decisions if f"decision:{pk}" in new],
        }
        record("answer.offered", held, actor=held.person, at=at, data=data)


@transaction.atomic
def accept_answer(*, draft: Draft, person: User, answer: str, at: datetime | None = None) -> Draft:
    """A page or decision that was offered (`article:12`, `decision:5`) answered it: nothing is
    sent. Repeatable. Raises RequestError for what was not offered, DraftEnded for a draft that
    was sent, PermissionDenied for others.
    """
    held = _held(draft.key, person)
    assert held is not None
    if held.state == Draft.State.ANSWERED:
        return held
    if held.state not in WRITABLE:
        raise DraftEnded(held)
    if answer not in held.offered:
        raise RequestError("Choose one of the answers on the page.")
    now = at or timezone.now()
    what, _, pk = answer.partition(":")
    held.state, held.ended_at = Draft.State.ANSWERED, now
    held.data = {**held.data, "_answer": answer}
    held.save(update_fields=["state", "ended_at", "data"])
    record("answer.accepted", held, actor=person, at=now, data={what: int(pk)})
    return held


@transaction.atomic
def reopen_draft(*, draft: Draft, person: User, at: datetime | None = None) -> Draft:
    """That was not it: the vote goes, or the case that it added; the draft is open as before.

    Repeatable. Raises DraftEnded for a draft that was sent, PermissionDenied for others.
    """
    held = _held(draft.key, person)
    assert held is not None
    if held.state == Draft.State.OPEN:
        return held
    if held.state == Draft.State.SENT:
        raise DraftEnded(held)
    now = at or timezone.now()
    if held.state == Draft.State.JOINED and held.request is not None:
        _take_vote_back(held, person, now)
        held.files.filter(request=held.request).update(request=None)
    held.state, held.request, held.ended_at, held.saved_at = Draft.State.OPEN, None, None, now
    held.data = {
        name: value for name, value in held.data.items() if name not in ("_case", "_answer")
    }
    held.save()
    record("draft.resumed", held, actor=person, at=now, data={"form": held.form_id})
    return held


def _take_vote_back(draft: Draft, person: User, now: datetime) -> None:
    assert draft.request is not None
    before = draft.data.get("_case")
    if before is None:
        withdraw_vote(item=draft.request, person=person, at=now)
        return
    # The voice was there before: only the case that this draft added goes.
    members = groups.members_of([draft.request.pk])
    Vote.objects.filter(request__in=members, person=person).update(case=before)


@transaction.atomic
def discard_draft(*, draft: Draft, person: User, at: datetime | None = None) -> None:
    """Throw a draft away: its words are erased. Repeatable. Raises PermissionDenied for others."""
    held = _held(draft.key, person)
    assert held is not None
    if held.state not in (Draft.State.OPEN, Draft.State.ABANDONED):
        return
    now = at or timezone.now()
    held.state, held.ended_at, held.data = Draft.State.DISCARDED, now, {}
    held.save(update_fields=["state", "ended_at", "data"])
    data = {"form": held.form_id, "field": held.last_field}
    record("draft.discarded", held, actor=person, at=now, data=data)


def abandon_idle_drafts(*, at: datetime | None = None) -> int:
    """Count drafts as left behind that nobody touched for a day; returns how many.

    Their words stay: whoever comes back goes on. Words that nobody will need are erased.
    """
    now = at or timezone.now()
    idle = Draft.objects.filter(
        state=Draft.State.OPEN, saved_at__lt=now - timedelta(hours=ABANDONED_AFTER_HOURS)
    )
    done = 0
    while True:
        with transaction.atomic():
            lot = list(idle.select_for_update(skip_locked=True).order_by("saved_at")[:BATCH])
            for draft in lot:
                draft.state, draft.ended_at = Draft.State.ABANDONED, draft.saved_at
            Draft.objects.bulk_update(lot, ["state", "ended_at"])
            record_many(
                Fact(
                    "draft.abandoned",
                    draft,
                    now,
                    draft.person_id,
                    data={"form": draft.form_id, "field": draft.last_field},
                )
                for draft in lot
            )
        done += len(lot)
        if len(lot) < BATCH:
            break
    _erase_old_words(now)
    return done


def _erase_old_words(now: datetime) -> None:
    ended = Draft.objects.exclude(data={})
    ended.filter(
        state__in=[Draft.State.JOINED, Draft.State.ANSWERED],
        ended_at__lt=now - timedelta(days=KEPT_DAYS),
    ).update(data={})
    ended.filter(
        state=Draft.State.ABANDONED, saved_at__lt=now - timedelta(days=ABANDONED_KEPT_DAYS)
    ).update(data={})
