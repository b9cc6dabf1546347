"""What the page of a request shows of Jira, and what a new issue made from it would say."""

from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db.models import Exists, OuterRef

from accounts.models import User
from accounts.permissions import is_pm
from intake import elsewhere, questions
from intake.asking import answers_of
from intake.models import FieldType, Request
from integrations import shared_fields
from integrations.jira import document, outgoing, writes
from integrations.jira.config import fingerprint, jira_config
from integrations.jira.outgoing_fields import Answer, Filled, fill
from integrations.jira.session import jira_client
from integrations.models import Delivery, IdentityLink, ItemLink, Source
from planning.models import Phase, WorkItem, WorkProject
from planning.origins import Origin, work_origin
from producthub.lib.tags import tag_html

META_SECONDS = 300
# People wait for these answers.
READ_TIMEOUT_SECONDS = 8
# Each costs queries; a request rarely is more.
MAX_ORIGINS = 3
TONES = {Phase.DONE: ("good", "check"), Phase.ACTIVE: ("info", "sync")}


@dataclass(slots=True)
class Issue:
    """One issue that stands for a request. `work` is None until it was read."""

    link: ItemLink
    work: WorkItem | None
    origin: Origin | None = None

    @property
    def state(self) -> tuple[str, str, str]:
        """(word, tone, icon) of its tag."""
        if self.work is None:
            return "Not read yet", "", "clock"
        if self.work.deleted_at is not None:
            return "Deleted in Jira", "warn", "alert"
        tone, icon = TONES.get(Phase(self.work.phase), ("", "clock"))
        return self.work.status_name, tone, icon


def panel(item: Request, reader: User) -> elsewhere.Panel | None:
    """The issues of a request with their states; for PMs also what is under way, and buttons."""
    # Most requests are no issue: told with the request itself, they cost no query here.
    links = list(outgoing.links_of(item)) if getattr(item, "known_jira", True) else []
    is_on = jira_config() is not None
    for_pm = is_pm(reader) and is_on and not item.is_merged
    if not links and not for_pm:
        return None
    works = WorkItem.objects.filter(
        source=Source.JIRA, upstream_id__in=[link.upstream_id for link in links]
    )
    by_id = {work.upstream_id: work for work in works} if links else {}
    issues = [Issue(link, by_id.get(link.upstream_id)) for link in links]
    under_way = None
    if for_pm and not any(link.origin == ItemLink.Origin.CREATED for link in links):
        under_way = (
            Delivery.objects.filter(key=outgoing.creation_key(item))
            .exclude(state__in=[Delivery.State.DONE, Delivery.State.SKIPPED])
            .first()
        )
    disputed: set[int] = set()
    if issues and is_pm(reader):
        disputed = shared_fields.disputed_links(links)
        for one in issues[:MAX_ORIGINS]:
            one.origin = work_origin(one.work) if one.work is not None else None
    rows = [{"issue": one, "tag": tag_html(*one.state)} for one in issues]
    data = {
        "rows": rows,
        "under_way": under_way,
        "for_pm": for_pm,
        "is_on": is_on,
        "disputed": disputed,
    }
    return elsewhere.Panel("integrations/_request_issues.html", data)


def has_issues() -> Exists:
    """Whether a request stands for issues, as part of its query."""
    return Exists(
        ItemLink.objects.filter(
            source=Source.JIRA, subject_type="intake.request", subject_id=OuterRef("pk")
        )
    )


def projects() -> list[tuple[str, str]]:
    """(key, name) of the projects that are read."""
    config = jira_config()
    found = WorkProject.objects.filter(source=Source.JIRA).order_by("key")
    if config is not None and config.projects:
        found = found.filter(key__in=config.projects)
    return [(one.key, f"{one.name} ({one.key})") for one in found]


def types_of(project: str) -> list[tuple[str, str]]:
    """(id, name) of what may be made in a project. Raises UpstreamError."""
    found = _asked(f"types:{project}", lambda client: writes.issue_types(client, project))
    return [(str(one.get("id")), str(one.get("name"))) for one in found if one.get("id")]


def filled_for(item: Request, project: str, type_id: str, type_name: str) -> Filled:
    """The request's mapped answers as fields of that type. Raises UpstreamError."""
    meta = _asked(
        f"fields:{project}:{type_id}",
        lambda client: writes.create_fields(client, project, type_id),
    )
    return fill(mapped_answers(item), meta, type_name=type_name, project=project)


def _asked(name: str, ask: Any) -> list[dict[str, Any]]:
    config = jira_config()
    key = f"jira:meta:{fingerprint(config)[:16] if config else ''}:{name}"
    found = cache.get(key)
    if found is None:
        with jira_client(read_timeout=READ_TIMEOUT_SECONDS) as client:
            found = ask(client)
        cache.set(key, found, META_SECONDS)
    return list(found)


def mapped_answers(item: Request) -> list[Answer]:
    """The answers whose questions name a field of Jira, in the words of their version."""
    if not item.answers or item.form_version is None:
        return []
    asked = {one.key: one for one in questions.read(item.form_version.questions)}
    spoken = {one.label: one.text for one in answers_of(item)}
    found = []
    for key, value in item.answers.items():
        question = asked.get(key)
        if question is None or not question.jira_field:
            continue
        if question.type in (FieldType.PERSON, FieldType.TEAM, FieldType.CUSTOMER):
            words = [spoken.get(question.label, "")]
        else:
            words = [question.word(one) for one in questions.as_texts(value)]
        account = ""
        if question.type == FieldType.PERSON:
            known = IdentityLink.objects.filter(source=Source.JIRA, person_id=value, is_active=True)
            account = known.values_list("upstream_id", flat=True).first() or ""
        if any(words):
            found.append(Answer(question.jira_field, question.label, tuple(words), account))
    return found


def fields_for(
    item: Request, *, project: str, type_id: str, summary: str, filled: Filled
) -> dict[str, Any]:
    """The whole of `fields` of a new issue."""
    return {
        "project": {"key": project},
        "issuetype": {"id": type_id},
        "summary": " ".join(summary.split())[:255],
        **({"description": _description(item, filled)} if filled.takes_description else {}),
        **({"labels": filled.labels} if filled.labels else {}),
        **filled.fields,
    }


def _description(item: Request, filled: Filled) -> document.Node:
    asked = document.paragraph(
        document.text(item.reference, href=outgoing.address_of(item), strong=True),
        document.text(f", asked by {item.requester.name}"),
        document.text(f" for {item.customer.name}" if item.customer else ""),
    )
    blocks = [*asked, *document.paragraphs(item.problem)]
    if item.evidence_url:
        blocks += document.paragraph(document.text("Evidence", href=item.evidence_url))
    for answer in filled.beside:
        blocks += document.paragraph(document.text(f"{answer.label}: ", strong=True))
        blocks += document.paragraphs(answer.text)
    if item.decision is not None:
        blocks += document.paragraph(document.text("Why we do it", strong=True))
        blocks += document.paragraphs(item.decision.reason)
    return document.document(blocks)
