"""What the hub writes in Jira, and what it asks before that: single calls, never repeated here.

Jira has no key that makes a call safe to repeat, so whoever calls looks first.
"""

from typing import Any
from urllib.parse import quote

from integrations import limiter
from integrations.errors import NotFound, RetryableUpstreamError, UpstreamError
from integrations.jira.client import JiraClient, quoted

PER_SECOND = 10.0
META_PAGE = 200
MAX_META_PAGES = 20


def create_issue(client: JiraClient, fields: dict[str, Any]) -> dict[str, str]:
    """A new issue as {"id", "key"}; posted once. A RetryableUpstreamError leaves open whether it
    was made.

    https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-post
    """
    reply = _send(client, "POST", "issue", {"fields": fields})
    if not isinstance(reply, dict) or not reply.get("id") or not reply.get("key"):
        raise RetryableUpstreamError("Jira made an issue without saying which.")
    return {"id": str(reply["id"]), "key": str(reply["key"])}


def update_issue(client: JiraClient, issue_id: str, fields: dict[str, Any]) -> None:
    """Set fields of an issue to these values; may be repeated. Raises NotFound.

    https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-put
    """
    _send(client, "PUT", f"issue/{quote(issue_id, safe='')}", {"fields": fields})


def move_issue(client: JiraClient, issue_id: str, status_id: str) -> None:
    """Move an issue into a status by a transition of its workflow; which ones there are depends
    on where it stands. Raises UpstreamError where none leads there.

    https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-transitions-post
    """
    path = f"issue/{quote(issue_id, safe='')}/transitions"
    reply = _send(client, "GET", path)
    ways = reply.get("transitions") if isinstance(reply, dict) else None
    for way in ways if isinstance(ways, list) else ():
        if isinstance(way, dict) and str((way.get("to") or {}).get("id")) == status_id:
            _send(client, "POST", path, {"transition": {"id": str(way.get("id"))}})
            return
    raise UpstreamError("Jira’s workflow has no way from where the issue stands to that status.")


def issues_with_label(client: JiraClient, label: str) -> list[dict[str, str]]:
    """The issues that carry a label, oldest first. The search index may be behind."""
    page = client.search(f"labels = {quoted(label)} ORDER BY created ASC", fields=["labels"])
    return [
        {"id": str(issue["id"]), "key": str(issue["key"])}
        for issue in page.issues
        if isinstance(issue, dict) and issue.get("id") and issue.get("key")
    ]


def issue_types(client: JiraClient, project: str) -> list[dict[str, Any]]:
    """The types that the token may create in a project, without those that need a parent.

    https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-createmeta-projectidorkey-issuetypes-get
    """
    found = _meta(client, f"issue/createmeta/{quote(project, safe='')}/issuetypes", "issueTypes")
    return [entry for entry in found if not entry.get("subtask")]


def create_fields(client: JiraClient, project: str, type_id: str) -> list[dict[str, Any]]:
    """The fields of a new issue of a type: which are required, which values they take."""
    path = f"issue/createmeta/{quote(project, safe='')}/issuetypes/{quote(type_id, safe='')}"
    return _meta(client, path, "fields")


def _meta(client: JiraClient, path: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for _ in range(MAX_META_PAGES):
        reply = _send(client, "GET", f"{path}?startAt={len(found)}&maxResults={META_PAGE}")
        values = reply.get(name, reply.get("values")) if isinstance(reply, dict) else None
        if not isinstance(values, list):
            raise RetryableUpstreamError("Jira answered with something else than was asked for.")
        found += [entry for entry in values if isinstance(entry, dict)]
        total = reply.get("total")
        if not values or not isinstance(total, int) or len(found) >= total:
            break
    return found


def upsert_remote_link(
    client: JiraClient, issue_id: str, *, global_id: str, url: str, title: str, summary: str = ""
) -> None:
    """A link from an issue to the hub; the same `global_id` stays one link.

    https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-remote-links/
    """
    body = {
        "globalId": global_id,
        "application": {"type": "ProductHub", "name": "ProductHub"},
        "relationship": "requested by",
        "object": {"url": url, "title": title[:255], "summary": summary[:255]},
    }
    _send(client, "POST", f"issue/{issue_id}/remotelink", body)


def remove_remote_link(client: JiraClient, issue_id: str, *, global_id: str) -> None:
    """Take the link away; one that is gone, or whose issue is, is fine."""
    try:
        path = f"issue/{issue_id}/remotelink?globalId={quote(global_id, safe='')}"
        _send(client, "DELETE", path)
    except NotFound:
        pass


def _send(client: JiraClient, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    limiter.take(f"jira:{method}", per_second=PER_SECOND, burst=5)
    return client.send(method, path, body)
