"""What becomes of what people begin to write: per form, and where they stop."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone

from intake import questions
from intake.models import Draft, FormVersion, IntakeForm

DEFAULT_DAYS = 90
NOTHING = "Before any question"
State = Draft.State


@dataclass(frozen=True)
class Stop:
    """Where people stopped: how many had this field as their last."""

    label: str
    number: int
    percent: int


@dataclass
class FormFunnel:
    """What became of the drafts of one form that were begun in a period."""

    name: str
    slug: str
    counts: Counter[str] = field(default_factory=Counter)
    stops: list[Stop] = field(default_factory=list)

    @property
    def begun(self) -> int:
        return sum(self.counts.values())

    @property
    def sent(self) -> int:
        return self.counts[State.SENT]

    @property
    def joined(self) -> int:
        return self.counts[State.JOINED]

    @property
    def answered(self) -> int:
        return self.counts[State.ANSWERED]

    @property
    def left(self) -> int:
        """Left behind or thrown away."""
        return self.counts[State.ABANDONED] + self.counts[State.DISCARDED]

    @property
    def writing(self) -> int:
        return self.counts[State.OPEN]

    @property
    def left_percent(self) -> int | None:
        """Of those that ended one way or another; None while none has."""
        ended = self.begun - self.writing
        return round(100 * self.left / ended) if ended else None


def funnels(since: date, until: date) -> list[FormFunnel]:
    """Per form, drafts begun from `since` to `until`, both days included, in the reader's zone.

    Source: drafts; one that was left and sent later counts as sent. Three queries.
    """
    start, end = _moment(since), _moment(until + timedelta(days=1))
    found = Draft.objects.filter(begun_at__gte=start, begun_at__lt=end)
    groups = found.order_by().values_list("form_id", "state", "last_field").annotate(n=Count("pk"))
    labels = _labels()
    by_form = {
        pk: FormFunnel(name, slug)
        for pk, name, slug in IntakeForm.objects.values_list("pk", "name", "slug")
    }
    last: dict[int, Counter[str]] = {}
    for form_id, state, last_field, number in groups:
        by_form[form_id].counts[state] += number
        if state in (State.ABANDONED, State.DISCARDED):
            last.setdefault(form_id, Counter())[last_field] += number
    for form_id, counts in last.items():
        by_form[form_id].stops = _stops(counts, labels.get(form_id, {}))
    return list(by_form.values())


def _stops(counts: Counter[str], labels: dict[str, str]) -> list[Stop]:
    total = sum(counts.values())
    return [
        Stop(labels.get(key, key) or NOTHING, number, round(100 * number / total))
        for key, number in counts.most_common()
    ]


def _labels() -> dict[int, dict[str, str]]:
    """What each question was called last, by form and key; also those that are not asked now."""
    found: dict[int, dict[str, str]] = {}
    stored: Iterable[tuple[int, Any]] = FormVersion.objects.order_by("number").values_list(
        "form_id", "questions"
    )
    for form_id, layout in stored:
        for question in questions.read(layout):
            found.setdefault(form_id, {})[question.key] = question.label
    return found


def _moment(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def period(since: str, until: str) -> tuple[date, date]:
    """The days of an address; the last 90 where they are missing or make no sense."""
    today = timezone.localdate()
    last = _day(until) or today
    first = _day(since) or last - timedelta(days=DEFAULT_DAYS - 1)
    return (first, last) if first <= last else (last, first)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None
