"""What nobody has placed yet: statuses, people and fields, by source, each with where to do it."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Count, Q
from django.db.models.functions import Lower
from django.urls import reverse

from accounts.models import User
from integrations import coming_back, shared_fields
from integrations.models import FieldRule, IdentityLink, Source
from planning.models import Phase, ProductEntity, WorkItem, WorkStatus

MAX_ROWS = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One thing without a place: how much hangs on it, and the form that places it."""

    source: Source
    name: str
    detail: str
    count: int
    url: str
    action: str


@dataclass(frozen=True, slots=True)
class Part:
    """All of one kind, the weightiest first."""

    key: str
    title: str
    noun: str
    rows: list[Row]
    empty: str

    @property
    def shown(self) -> list[Row]:
        """At most MAX_ROWS."""
        return self.rows[:MAX_ROWS]


def parts() -> list[Part]:
    """Statuses, people and fields. A fixed number of queries, however many rows."""
    return [
        Part(
            "statuses", "Statuses", "request,requests", _status_rows(),
            "Each status that a request stands in elsewhere has a rule.",
        ),
        Part(
            "phases", "Statuses without a phase", "work item", _phase_rows(),
            "Each status of the tracker counts as waiting, in progress or done.",
        ),
        Part(
            "people", "People", "item", _people_rows(),
            "Everybody who owns something elsewhere is known here.",
        ),
        Part(
            "fields", "Fields", "linked request", _field_rows(),
            "Each field that both sides have has an owner.",
        ),
    ]  # fmt: skip


def _status_rows() -> list[Row]:
    found = []
    for follower in coming_back.followers():
        for one in coming_back.unmapped(follower.source):
            query = urlencode({"source": one.source.value, "status": one.status_key})
            url = f"{reverse('integrations:mapping')}?{query}#statuses"
            found.append(Row(one.source, one.name, "No rule", one.count, url, "Set its rule"))
    return _sorted(found)


def _phase_rows() -> list[Row]:
    counts = dict(
        WorkItem.objects.filter(phase=Phase.UNMAPPED, deleted_at__isnull=True)
        .order_by()
        .values_list("status_id")
        .annotate(number=Count("pk"))
    )
    statuses = WorkStatus.objects.filter(source=Source.JIRA, upstream_id__in=counts)
    return _sorted(
        Row(
            Source.JIRA,
            status.name,
            status.get_category_display(),
            counts[status.upstream_id],
            f"{reverse('admin:planning_flowrule_add')}?{urlencode({'status': status.pk})}",
            "Set its phase",
        )
        for status in statuses
    )


def _people_rows() -> list[Row]:
    return _sorted([*_assignees(), *_owners(), *_slack_people()])


def _assignees() -> list[Row]:
    held = (
        WorkItem.objects.filter(assignee__isnull=True, deleted_at__isnull=True)
        .exclude(assignee_account_id="")
        .order_by()
        .values_list("assignee_account_id", "assignee_name")
        .annotate(number=Count("pk"))
    )
    mails = dict(
        IdentityLink.objects.filter(source=Source.JIRA, person__isnull=True)
        .exclude(email="")
        .values_list("upstream_id", "email")
    )
    return [
        _person(Source.JIRA, name, mails.get(account, ""), number) for account, name, number in held
    ]


def _owners() -> list[Row]:
    counts = dict(
        ProductEntity.objects.filter(source=Source.PRODUCTBOARD, deleted_at__isnull=True)
        .exclude(owner_email="")
        .order_by()
        .annotate(mail=Lower("owner_email"))
        .values_list("mail")
        .annotate(number=Count("pk"))
    )
    known = set(
        User.objects.annotate(mail=Lower("email"))
        .filter(mail__in=counts)
        .values_list("mail", flat=True)
    )
    return [
        _person(Source.PRODUCTBOARD, "", mail, number)
        for mail, number in counts.items()
        if mail not in known
    ]


def _slack_people() -> list[Row]:
    held = IdentityLink.objects.filter(
        Q(person__isnull=True), source=Source.SLACK, is_bot=False, is_active=True
    )
    return [_person(Source.SLACK, one.name, one.email, 0) for one in held.order_by("pk")[:500]]


def _person(source: Source, name: str, mail: str, number: int) -> Row:
    if mail:
        query = urlencode({key: value for key, value in (("email", mail), ("name", name)) if value})
        url, action = f"{reverse('admin:accounts_user_add')}?{query}", "Add the person"
    else:
        query = urlencode({"q": name})
        url, action = f"{reverse('admin:accounts_user_changelist')}?{query}", "Find the person"
    detail = (mail or f"{source.label} shows no mail address") if name else ""
    return Row(source, name or mail, detail, number, url, action)


def _field_rows() -> list[Row]:
    ruled = set(FieldRule.objects.values_list("source", "field"))
    counts = shared_fields.link_counts()
    return [
        Row(
            adapter.source,
            str(field.label),
            "Each side keeps its own",
            counts.get(adapter.source, 0),
            f"{reverse('integrations:mapping')}?source={adapter.source.value}#fields",
            "Say who owns it",
        )
        for adapter in shared_fields.adapters()
        for field in adapter.fields
        if (adapter.source.value, field.value) not in ruled
    ]


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (-row.count, row.source, row.name.lower()))
