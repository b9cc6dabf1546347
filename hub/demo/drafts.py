"""What people of the company began to write lately: sent, left behind, or turned into a vote."""

from datetime import datetime, timedelta
from random import Random

from accounts.models import User
from activity.events import Fact, record_many
from hub.demo.company import Company
from intake.models import Draft, Request, Vote

DAYS = 120
MAX_DRAFTS = 2000
# Beside a hundred that are sent, so many are left behind.
LEFT = 14
# Of the votes that tell a case, every so manieth began as a request of its own.
JOINED_EVERY = 3


def build(company: Company, now: datetime) -> int:
    """Write the drafts of the last months as their services leave them; call inside
    `activity.events.replaying`. Returns how many were written."""
    random = Random("drafts")
    forms = {version.form_id: version for version in company.forms.values()}
    sent = (
        Request.objects.filter(
            form_version__isnull=False, submitted_at__gte=now - timedelta(days=DAYS)
        )
        .exclude(drafts__isnull=False)
        .order_by("-submitted_at")
    )
    rows: list[Draft] = []
    for item in sent[:MAX_DRAFTS]:
        version = forms[item.form_version.form_id] if item.form_version else None
        if version is None:
            continue
        keys = [question["key"] for question in version.questions]
        begun = item.submitted_at - timedelta(minutes=random.randint(2, 14))
        rows.append(
            Draft(
                key=item.submission_key,
                person_id=item.requester_id,
                form=version.form,
                version=version,
                state=Draft.State.SENT,
                request=item,
                touched=keys[:3],
                last_field=keys[-1],
                begun_at=begun,
                saved_at=item.submitted_at,
                ended_at=item.submitted_at,
            )
        )
        rows += _left(random, rows[-1], keys, company.users)
    rows += _joined(now - timedelta(days=DAYS))
    Draft.objects.bulk_create(rows, batch_size=500)
    record_many(fact for draft in rows for fact in _facts(draft))
    return len(rows)


def _left(random: Random, sent: Draft, keys: list[str], users: list[User]) -> list[Draft]:
    """Now and then somebody else began to write that day, and left it."""
    if random.randrange(100) >= LEFT:
        return []
    typed = keys[: random.randint(1, len(keys) - 1)]
    begun = sent.begun_at - timedelta(hours=random.randint(1, 20))
    ended = begun + timedelta(minutes=random.randint(1, 9))
    return [
        Draft(
            person=random.choice(users),
            form=sent.form,
            version=sent.version,
            state=Draft.State.ABANDONED,
            touched=typed,
            last_field=typed[-1],
            begun_at=begun,
            saved_at=ended,
            ended_at=ended,
        )
    ]


def _joined(since: datetime) -> list[Draft]:
    """Votes with a case: some were begun as a request, and the likeness was seen in time."""
    votes = (
        Vote.objects.filter(
            created_at__gte=since, request__form_version__isnull=False, request__merged_into=None
        )
        .exclude(case="")
        .select_related("request__form_version")
        .order_by("pk")
    )
    return [
        Draft(
            person_id=vote.person_id,
            form_id=vote.request.form_version.form_id,
            version=vote.request.form_version,
            state=Draft.State.JOINED,
            request=vote.request,
            touched=["title"],
            last_field="title",
            shown=[vote.request_id],
            begun_at=vote.created_at - timedelta(minutes=3),
            saved_at=vote.created_at,
            ended_at=vote.created_at,
        )
        for vote in votes[::JOINED_EVERY]
        if vote.request.form_version
    ]


def _facts(draft: Draft) -> list[Fact]:
    form = {"form": draft.form_id}
    who, ended = draft.person_id, draft.ended_at or draft.saved_at
    begun = Fact("draft.begun", draft, draft.begun_at, who, data=form)
    if draft.state == Draft.State.SENT:
        return [
            begun,
            Fact("draft.sent", draft, ended, who, data={**form, "request": draft.request_id}),
        ]
    if draft.state == Draft.State.ABANDONED:
        return [
            begun,
            Fact("draft.abandoned", draft, ended, who, data={**form, "field": draft.last_field}),
        ]
    shown = {"requests": draft.shown, "draft": draft.pk}
    return [
        begun,
        Fact("suggestion.shown", draft, draft.begun_at + timedelta(minutes=1), who, data=shown),
        Fact("suggestion.taken", draft, ended, who, data={"request": draft.request_id}),
        Fact("draft.joined", draft, ended, who, data={**form, "request": draft.request_id}),
    ]
