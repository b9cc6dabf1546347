"""Boards, sprints and versions: lists beside the issues, whose changes no issue shows."""

from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from integrations.errors import NotFound, QueryRefused
from integrations.http import storable
from integrations.jira.client import JiraClient, JiraConfig
from integrations.jira.mapping import MappingError, moment, sprint_state
from integrations.models import Source
from planning import tracker
from planning.models import Sprint, WorkItem, WorkProject

# Boards of this kind have no sprints, and Jira refuses to be asked.
KANBAN = "kanban"


def read_boards(client: JiraClient, config: JiraConfig, *, is_full: bool) -> bool:
    """All boards and their sprints. Raises NotFound where the site has no boards.

    Closed sprints hardly change, so only a full reading asks for all of them. A sprint that the
    hub took for open and that no board lists is asked for by itself: it was closed, or deleted.
    """
    boards = _boards(client, config)
    tracker.save_boards(source=Source.JIRA, rows=storable(list(map(to_board, boards))), is_all=True)
    found: dict[str, dict[str, Any]] = {}
    states = "" if is_full else "?state=active,future"
    for board in boards:
        if board.get("type") == KANBAN:
            continue
        try:
            listed = client.values(f"board/{board['id']}/sprint{states}", agile=True)
        except (NotFound, QueryRefused):
            continue  # “The board does not support sprints”
        found.update({row["upstream_id"]: row for one in listed if (row := to_sprint(one))})
    open_here = Sprint.objects.filter(
        source=Source.JIRA, deleted_at__isnull=True, state__in=["active", "future"]
    ).values_list("upstream_id", flat=True)
    gone = []
    for pk in set(open_here) - found.keys():
        try:
            row = to_sprint(client.entry(f"sprint/{quote(pk, safe='')}", agile=True))
        except NotFound:
            gone.append(pk)
        else:
            if row:
                found[pk] = row
    tracker.save_sprints(source=Source.JIRA, rows=storable(list(found.values())))
    if gone:
        tracker.mark_sprints_gone(source=Source.JIRA, upstream_ids=gone)
    return True


def _boards(client: JiraClient, config: JiraConfig) -> list[dict[str, Any]]:
    if not config.projects:
        return client.values("board", agile=True)
    found: dict[Any, dict[str, Any]] = {}
    for key in config.projects:
        path = f"board?projectKeyOrId={quote(key, safe='')}"
        try:
            found.update({one["id"]: one for one in client.values(path, agile=True)})
        except QueryRefused:
            continue  # no such project, or none that the token may see
    return list(found.values())


def read_versions(client: JiraClient, config: JiraConfig, *, is_full: bool) -> bool:
    """The versions of all projects whose issues are here; False while none are."""
    keys = WorkItem.objects.filter(source=Source.JIRA, deleted_at__isnull=True)
    held = WorkProject.objects.filter(
        source=Source.JIRA, key__in=keys.order_by().values("project_key").distinct()
    )
    projects = list(held.values_list("upstream_id", "key"))
    rows, read = [], []
    for upstream_id, key in projects:
        try:
            listed = client.values(f"project/{quote(key, safe='')}/version")
        except NotFound:
            continue  # gone, or out of sight
        rows += [row for one in listed if (row := to_version(one, upstream_id))]
        read.append(upstream_id)
    tracker.save_versions(source=Source.JIRA, rows=storable(rows), projects=read)
    return bool(projects)


def to_board(board: dict[str, Any]) -> dict[str, Any]:
    """A board's row."""
    place = board.get("location")
    return {
        "upstream_id": str(board.get("id") or ""),
        "name": str(board.get("name") or "Without a name"),
        "kind": str(board.get("type") or "")[:20],
        "project_key": str(place.get("projectKey") or "") if isinstance(place, dict) else "",
    }


def to_sprint(sprint: dict[str, Any]) -> dict[str, Any] | None:
    """A sprint's row; None without an id. Planned sprints often have no dates."""
    if not sprint.get("id"):
        return None
    pk = str(sprint["id"])
    return {
        "upstream_id": pk,
        "name": str(sprint.get("name") or f"Sprint {pk}"),
        "state": sprint_state(str(sprint.get("state") or "").lower()),
        "goal": str(sprint.get("goal") or ""),
        "board_upstream_id": str(sprint.get("originBoardId") or "")[:64],
        "starts_at": _time(sprint.get("startDate")),
        "ends_at": _time(sprint.get("endDate")),
        "completed_at": _time(sprint.get("completeDate")),
    }


def to_version(version: dict[str, Any], project_id: str) -> dict[str, Any] | None:
    """A version's row; None without an id."""
    if not version.get("id"):
        return None
    return {
        "upstream_id": str(version["id"]),
        "project_upstream_id": project_id,
        "name": str(version.get("name") or "Without a name"),
        "description": str(version.get("description") or ""),
        "is_released": version.get("released") is True,
        "is_archived": version.get("archived") is True,
        "starts_on": _day(version.get("startDate")),
        "released_on": _day(version.get("releaseDate")),
    }


def _time(value: Any) -> datetime | None:
    """A time, or None where there is none, or none that can be read."""
    try:
        return datetime.fromisoformat(moment(value)) if value else None
    except MappingError:
        return None


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
