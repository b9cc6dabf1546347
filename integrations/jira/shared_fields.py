"""Fields of an issue that a request has too: its title. Its assignee is who builds it, not the
request's owner; its status is moved only when a person chose so, by its workflow."""

from collections.abc import Collection

from integrations.coming_back import Mover, move_with
from integrations.jira import writes
from integrations.jira.session import jira_client
from integrations.jira.sync import read_issues
from integrations.models import SharedField, Source
from integrations.shared_fields import Adapter, Reading, register, title_of
from planning.models import WorkItem


def _readings(upstream_ids: Collection[str]) -> dict[str, Reading]:
    works = WorkItem.objects.filter(source=Source.JIRA, upstream_id__in=upstream_ids)
    return {
        work.upstream_id: Reading(
            {SharedField.TITLE: title_of(work.title)},
            work.upstream_updated_at,
            work.deleted_at is not None,
        )
        for work in works
    }


def _versions(upstream_ids: Collection[str]) -> dict[str, str]:
    works = WorkItem.objects.filter(source=Source.JIRA, upstream_id__in=upstream_ids).order_by()
    return {
        upstream_id: at.isoformat()
        for upstream_id, at in works.values_list("upstream_id", "upstream_updated_at")
    }


def _write(upstream_id: str, field: str, value: str) -> None:
    with jira_client() as client:
        writes.update_issue(client, upstream_id, {"summary": value})


def _move(upstream_id: str, status_id: str) -> None:
    with jira_client() as client:
        writes.move_issue(client, upstream_id, status_id)


def _read(upstream_id: str) -> None:
    read_issues([upstream_id])


register(
    Adapter(
        Source.JIRA,
        "issue",
        (SharedField.TITLE,),
        _readings,
        _versions,
        read=_read,
        write=_write,
    )
)
move_with(Source.JIRA, Mover(_read, _move))
