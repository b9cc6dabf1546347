"""How people want to hear, in their settings or by one press in a mail."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction

from accounts.models import User
from activity.events import record
from notices.kinds import Pace, all_kinds, kind_of
from notices.models import Delivery, Preference, Slip
from notices.services import slips
from notices.subjects import mute_of


def _locked(person: User) -> Preference:
    Preference.objects.get_or_create(person=person)
    return Preference.objects.select_for_update().get(person=person)


@transaction.atomic
def save_preferences(
    *,
    person: User,
    paces: Mapping[str, str],
    channels: Mapping[str, bool],
    paused_until: date | None,
) -> Preference:
    """Keep how a person wants to hear; kinds and channels not named stay as they were.

    What waits already goes as it was to go, but for kinds that are now for the inbox only.
    """
    row = _locked(person)
    before = (dict(row.paces), dict(row.channels), row.paused_until)
    row.paces = {**row.paces, **{key: Pace(pace).value for key, pace in paces.items()}}
    row.channels = {**row.channels, **channels}
    row.paused_until = paused_until
    if before == (row.paces, row.channels, row.paused_until):
        return row
    row.save(update_fields=["paces", "channels", "paused_until"])
    for key, pace in row.paces.items():
        if pace == Pace.INBOX and before[0].get(key) != pace:
            _drop_waiting(person, channel_kind=key)
    _record(person, row, via="page")
    return row


@transaction.atomic
def mute_kind(*, person: User, kind: str, is_muted: bool = True) -> None:
    """Keep a kind in the inbox from now on, or send it again as it was meant. Repeatable."""
    row = _locked(person)
    key = kind_of(kind).key
    if (row.paces.get(key) == Pace.INBOX) == is_muted:
        return
    if is_muted:
        row.paces[key] = Pace.INBOX.value
        _drop_waiting(person, channel_kind=key)
    else:
        row.paces.pop(key)
    row.save(update_fields=["paces"])
    _record(person, row, via="mail")


@transaction.atomic
def stop_digest(*, person: User, is_muted: bool = True) -> None:
    """Keep in the inbox whatever would come in the digest, or have it come again. Repeatable."""
    row = _locked(person)
    old, new = (Pace.DIGEST, Pace.INBOX) if is_muted else (Pace.INBOX, Pace.DIGEST)
    changed = {
        kind.key: new.value
        for kind in all_kinds()
        if (row.paces.get(kind.key) or kind.default) == old
    }
    if is_muted:
        waiting = Delivery.objects.filter(
            notice__recipient=person, in_digest=True, digest__isnull=True
        )
        slips.close(waiting, Slip.Status.DROPPED, "The digest was stopped.")
    if not changed:
        return
    row.paces = {**row.paces, **changed}
    row.save(update_fields=["paces"])
    _record(person, row, via="mail")


@transaction.atomic
def mute_thing(*, person: User, subject_type: str, subject_id: int, is_muted: bool = True) -> bool:
    """Tell a person nothing more of one thing; False where things of its type cannot be muted.

    Repeatable. News of it that wait to be sent are dropped.
    """
    mute = mute_of(subject_type)
    if mute is None:
        return False
    mute(person, subject_id, is_muted)
    if is_muted:
        _drop_waiting(person, subject_type=subject_type, subject_id=subject_id, is_action=False)
    return True


def _drop_waiting(person: User, **about: Any) -> None:
    if about.get("channel_kind") == "other":
        known = [kind.key for kind in all_kinds() if kind.key != "other"]
        waiting = Delivery.objects.exclude(notice__channel_kind__in=known)
    else:
        waiting = Delivery.objects.filter(**{f"notice__{name}": v for name, v in about.items()})
    waiting = waiting.filter(notice__recipient=person, digest__isnull=True)
    # Those in a sender's hands are out.
    slips.close(waiting.filter(claimed_at__isnull=True), Slip.Status.DROPPED, "It was muted.")


def _record(person: User, row: Preference, *, via: str) -> None:
    record(
        "preference.changed",
        person,
        actor=person,
        data={
            "via": via,
            "paces": row.paces,
            "channels": row.channels,
            "is_paused": row.paused_until is not None,
        },
    )
