"""What the inboxes hold: the notices of the last days, without a mail."""

from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import F, Q

from accounts.models import User
from activity.models import Event
from intake.hearing import SETTLES, reasons
from intake.models import Request
from intake.notices import messages_for as messages_for
from intake.subscribers import ANNOUNCED
from notices.models import Notice
from notices.services import notify
from notices.settling import settle_after

NEWS_DAYS = 12
UNREAD_DAYS = 4
NEWS_EVENTS = 400


def tell(items: list[Request], readers: list[User], now: datetime) -> int:
    """Write the notices of what happened lately to these requests, and to what these readers
    sent or own; older ones were read.
    """
    lately = Request.objects.filter(changed_at__gte=now - timedelta(days=NEWS_DAYS))
    theirs = lately.filter(Q(requester__in=readers) | Q(owner__in=readers))
    ids = {item.pk for item in items} | set(
        theirs.order_by("-changed_at").values_list("pk", flat=True)[:NEWS_EVENTS]
    )
    by_pk = {
        item.pk: item
        for item in Request.objects.filter(pk__in=ids).select_related(
            "requester", "owner", "decision", "team", "asked_by"
        )
    }
    events = Event.objects.filter(
        subject_type="intake.request",
        subject_id__in=by_pk,
        kind__in=ANNOUNCED,
        occurred_at__gte=now - timedelta(days=NEWS_DAYS),
    ).select_related("actor")
    count = 0
    for event in events.order_by("-occurred_at")[:NEWS_EVENTS]:
        for recipients, message in messages_for(event, by_pk[event.subject_id]):
            heard = [person for person in recipients if person and person.pk != event.actor_id]
            if heard:
                count += notify(
                    event=event,
                    recipients=heard,
                    message=replace(message, by_mail=False),
                    release_at=event.occurred_at,
                    whys=reasons(by_pk[event.subject_id], {person.pk for person in heard}),
                )
    for event in events.order_by("pk"):
        if event.kind in SETTLES:
            settle_after(event)
    Notice.objects.filter(created_at__lt=now - timedelta(days=UNREAD_DAYS)).update(
        read_at=F("created_at") + timedelta(hours=3)
    )
    return count
