"""What someone sent after their session had ended: kept for an hour, shown to nobody else.

A form of a page behind the sign-in arrives from a browser that is signed out. If its CSRF token
fits, its fields are kept, encrypted, for the person who was signed in there last, and offered
once that person signs in at the same browser. Both must fit: the browser holds a random key in a
signed cookie, the row names the person. Where nobody can be named, nothing is kept: a page behind
the sign-in was opened by someone, so that is no form of ours. What is not kept is shown again, to
be copied. Files and secrets are never kept.
"""

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core import signing
from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import UnsentForm, User
from producthub.lib.crypto import UnreadableSecret, decrypt, encrypt

KEPT_SECONDS = 3600
# A long request with all its answers has a tenth of this.
MAX_LENGTH = 300_000
MAX_FIELDS = 200
MAX_A_BROWSER = 5
MAX_IN_ALL = 5000
TRIES_AN_HOUR = 20

BROWSER_COOKIE = "unsent"
PERSON_COOKIE = "last_person"
PERSON_COOKIE_SECONDS = 31_536_000
_BROWSER_SALT = "accounts.unsent.browser"
_PERSON_SALT = "accounts.unsent.person"
# Names the kept form when it is sent again, so that it is forgotten once it has arrived.
FIELD = "_unsent"

_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_SECRET = re.compile(r"passw|secret|token|\botp\b|\bcode\b|recovery|api_?key", re.IGNORECASE)
# Sent along by the page itself; nobody typed it.
_TECHNICAL = re.compile(
    r"_.*|next|(.*_)?key|.*_FORMS|.*-id|initial-.*|seen.*|version|action|form|draft|saved|tab|field"
    r"|touched",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Field:
    """One field as it was posted."""

    name: str
    values: tuple[str, ...]

    @property
    def label(self) -> str:
        """Its name, as words."""
        return " ".join(re.split(r"[\W_]+", self.name)).strip().capitalize()

    @property
    def is_typed(self) -> bool:
        """Something that a person gave and would miss."""
        return not _TECHNICAL.fullmatch(self.name) and any(value.strip() for value in self.values)

    @property
    def text(self) -> str:
        return "\n".join(value for value in self.values if value.strip())


@dataclass(frozen=True)
class Kept:
    """A form that waits to be sent."""

    pk: int
    path: str
    kept_at: Any
    fields: tuple[Field, ...]
    had_files: bool

    @property
    def typed(self) -> list[Field]:
        return [field for field in self.fields if field.is_typed]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(name, value) of every field, to be posted again."""
        return [(field.name, value) for field in self.fields for value in field.values]


def posted_fields(request: HttpRequest) -> tuple[Field, ...]:
    """What a form holds, without its token and without secrets."""
    if request.method != "POST" or request.content_type not in _FORM_TYPES:
        return ()
    return tuple(
        Field(name, tuple(str(value) for value in values))
        for name, values in request.POST.lists()
        if name not in ("csrfmiddlewaretoken", FIELD) and not _SECRET.search(name)
    )


def typed_fields(request: HttpRequest) -> list[Field]:
    """The part of a form that someone would have to type again."""
    return [field for field in posted_fields(request) if field.is_typed]


def former_person(request: HttpRequest) -> int | None:
    """Who was signed in at this browser: as the session says, or the cookie of the last person.

    To be asked before `request.user`, which empties a session that holds no more.
    """
    named = request.session.get(SESSION_KEY)
    if named is None:
        try:
            named = signing.Signer(salt=_PERSON_SALT).unsign(request.COOKIES.get(PERSON_COOKIE, ""))
        except signing.BadSignature:
            return None
    return int(named) if str(named).isdecimal() else None


def keep(request: HttpRequest, person_id: int | None, sender: str) -> str:
    """Keep a form for a person; returns the browser's cookie, empty when it was not kept.

    `sender` is the network address that the throttle counts by. Call it only once the CSRF token
    was found to fit.
    """
    fields = posted_fields(request)
    path = request.get_full_path()
    if person_id is None or len(fields) > MAX_FIELDS or not is_own_path(path):
        return ""
    form = {
        "path": path,
        "files": bool(request.FILES),
        "fields": [(f.name, f.values) for f in fields],
    }
    text = json.dumps(form)
    if len(text) > MAX_LENGTH or not _may_keep(sender):
        return ""
    if not User.objects.inside().filter(pk=person_id).exists():
        return ""
    key = _browser_key(request) or secrets.token_urlsafe(32)
    with transaction.atomic():
        forget_old()
        if UnsentForm.objects.count() >= MAX_IN_ALL:
            return ""
        UnsentForm.objects.create(key_hash=_hash(key), user_id=person_id, sealed=encrypt(text))
        mine = UnsentForm.objects.filter(key_hash=_hash(key)).order_by("-pk")
        UnsentForm.objects.filter(pk__in=[row.pk for row in mine[MAX_A_BROWSER:]]).delete()
    return signing.Signer(salt=_BROWSER_SALT).sign(key)


def waiting(request: HttpRequest, user: User) -> list[Kept]:
    """What this person sent in vain from this browser within the hour, the latest first."""
    found = []
    for row in _rows(request, user).order_by("-pk"):
        try:
            form = json.loads(decrypt(row.sealed))
        except UnreadableSecret:
            continue
        fields = tuple(Field(name, tuple(values)) for name, values in form["fields"])
        found.append(Kept(row.pk, form["path"], row.created_at, fields, form["files"]))
    return found


def is_waiting(request: HttpRequest, user: User | None = None) -> bool:
    """Whether something waits here: for this person, or for someone who has yet to sign in.

    No query without the browser's cookie.
    """
    return _rows(request, user).exists() if _browser_key(request) else False


def forget(request: HttpRequest, user: User, pk: int) -> None:
    """Erase one form: it was sent or thrown away. Safe to repeat."""
    _rows(request, user).filter(pk=pk).delete()


def forget_old() -> int:
    """Erase what nobody came back for; returns how many."""
    limit = timezone.now() - timedelta(seconds=KEPT_SECONDS)
    return UnsentForm.objects.filter(created_at__lt=limit).delete()[0]


def is_own_path(path: str) -> bool:
    """Whether an address is a page of the hub and no other host's in disguise."""
    return path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)


def set_browser_cookie(response: HttpResponse, value: str) -> None:
    """Hand the key to the browser; scripts cannot read it."""
    _set_cookie(response, BROWSER_COOKIE, value, KEPT_SECONDS)


def remember_person(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Let the browser name its last person, should the session end. Nothing when it does."""
    value = signing.Signer(salt=_PERSON_SALT).sign(str(user.pk))
    if request.COOKIES.get(PERSON_COOKIE) != value:
        _set_cookie(response, PERSON_COOKIE, value, PERSON_COOKIE_SECONDS)


def _set_cookie(response: HttpResponse, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _rows(request: HttpRequest, user: User | None) -> QuerySet[UnsentForm]:
    key = _browser_key(request)
    if not key:
        return UnsentForm.objects.none()
    limit = timezone.now() - timedelta(seconds=KEPT_SECONDS)
    rows = UnsentForm.objects.filter(key_hash=_hash(key), created_at__gte=limit)
    return rows if user is None else rows.filter(user=user)


def _browser_key(request: HttpRequest) -> str:
    try:
        return signing.Signer(salt=_BROWSER_SALT).unsign(request.COOKIES.get(BROWSER_COOKIE, ""))
    except signing.BadSignature:
        return ""


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _may_keep(sender: str) -> bool:
    """A few tries an hour and address: nobody fills the table without signing in."""
    name = f"unsent:{_hash(sender)}"
    if cache.add(name, 1, KEPT_SECONDS):
        return True
    try:
        return int(cache.incr(name)) <= TRIES_AN_HOUR
    except ValueError:  # it ended between the two calls
        return True
