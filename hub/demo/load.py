"""Bring the demonstration company into a database, whole or not at all."""

import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from accounts.models import User
from activity.events import replaying
from hub.demo import bulk, company, drafts, news, plan, routing, scoring, work
from hub.demo.replay import replay
from intake import likely
from intake.models import Request

# The newest requests and those of the cast are lived through by the services; what is older is
# copied, or the first start would take half a minute.
LIVED_REQUESTS = 20


@dataclass(frozen=True)
class Loaded:
    """What was written."""

    people: int
    requests: int
    events: int
    work_items: int
    notices: int
    seconds: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def is_loaded() -> bool:
    """Recognises the demonstration company by its first request's key, which never changes."""
    return Request.objects.filter(submission_key=plan.first_key()).exists()


def is_empty() -> bool:
    """Nobody and nothing is in the database yet."""
    return not User.objects.exists() and not Request.objects.exists()


@transaction.atomic
def load(*, now: datetime, scale: int = 1) -> Loaded:
    """Write the company with `scale` times its people, requests and work; sends nothing."""
    begun = time.monotonic()
    drawn = plan.draw(now, scale)
    with replaying():
        built = company.build(drawn)
        older, lived = split(drawn)
        bulk.write(older, built)
        made = replay(lived, built)
        for item in made:
            likely.find(item.pk)
        drafts.build(built, now)
        scoring.build(now)
        routing.build(now)
        items = work.build(built, now, scale)
        notices = news.tell(made, company.readers(drawn, built), now)
    return Loaded(
        people=len(built.users),
        requests=len(drawn.requests),
        events=_count_events(),
        work_items=items,
        notices=notices,
        seconds=round(time.monotonic() - begun, 1),
    )


def split(drawn: plan.Plan) -> tuple[list[plan.Planned], list[plan.Planned]]:
    """What to copy, and what to live through: the newest, and the requests of the cast."""
    since = drawn.now - timedelta(days=1)
    if len(drawn.requests) > LIVED_REQUESTS:
        since = drawn.requests[-LIVED_REQUESTS].submitted_at
    older: list[plan.Planned] = []
    lived: list[plan.Planned] = []
    for item in drawn.requests:
        (lived if item.number < 0 or item.submitted_at >= since else older).append(item)
    return older, lived


def _count_events() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM activity_event")
        return int(cursor.fetchone()[0])
