"""Fields found by schema, sprints and who was in them when, boards, versions, people."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import User
from integrations.jira import around, fields
from integrations.models import IdentityLink, JiraFieldRole, SourceState
from planning.models import (
    Board,
    Sprint,
    SprintChange,
    SprintStay,
    Version,
    WorkComment,
    WorkItem,
    WorkLink,
    WorkLog,
    WorkRemoteLink,
    WorkText,
)
from producthub.lib import adf
from tests.fakes.jira import Fault, iso, make_issues
from tests.fakes.jira_tracker import (
    EPIC_LINK,
    FIELDS,
    POINTS,
    SPRINT,
    TEAM_POINTS,
    TrackerJira,
    make_sprint,
)

DAY = timedelta(days=1)
START = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def fake(settings):
    """Twelve issues, five a page; two sprints closed, one running, one planned."""
    with TrackerJira(make_issues(12, moves_each=2)) as server:
        server.page_size = 5
        settings.JIRA_BASE_URL = server.url
        settings.JIRA_EMAIL = "hub@harbourline.example"
        settings.JIRA_API_TOKEN = "token-1"
        settings.JIRA_PROJECTS = []
        server.sprints = [
            make_sprint(
                pk,
                state,
                startDate=(START + 14 * (pk - 5) * DAY).isoformat(),
                endDate=(START + 14 * (pk - 4) * DAY).isoformat(),
                goal="Photos offline" if pk == 7 else "",
                **({"completeDate": (START + 14 * (pk - 4) * DAY).isoformat()} if pk < 7 else {}),
            )
            for pk, state in ((5, "closed"), (6, "closed"), (7, "active"))
        ] + [make_sprint(8, "future")]
        yield server


def item(issue):
    return WorkItem.objects.get(upstream_id=issue.id)


def stays(issue):
    return [
        (stay.sprint.upstream_id, stay.entered_at, stay.left_at)
        for stay in SprintStay.objects.filter(work_item=item(issue)).order_by(
            "entered_at", "sprint__upstream_id"
        )
    ]


# --- fields -------------------------------------------------------------------------------------


def test_fields_are_found_by_their_schema(fake, sync):
    sync()
    ids = fields.chosen()
    assert (ids.sprint, ids.points, ids.epic_link) == (SPRINT, (POINTS, TEAM_POINTS), EPIC_LINK)
    asked = [body["fields"] for _, path, body in fake.requests if "search/jql" in path]
    assert {SPRINT, POINTS, TEAM_POINTS, EPIC_LINK} <= set(asked[0])


def test_points_come_from_the_field_that_has_them(fake, sync):
    fake.issues[0].extra = {POINTS: 5.0, TEAM_POINTS: None}
    fake.issues[1].extra = {TEAM_POINTS: 3}
    fake.issues[2].extra = {POINTS: "many"}
    sync()
    assert [item(fake.issues[n]).story_points for n in range(3)] == [5, 3, None]


def test_an_epic_is_the_parent_or_the_old_link(fake, sync):
    fake.issues[0].extra = {"parent": {"key": "PLT-77"}, EPIC_LINK: "PLT-78"}
    fake.issues[1].extra = {"parent": None, EPIC_LINK: "PLT-78"}
    fake.issues[2].extra = {"parent": None, EPIC_LINK: {"odd": 1}}
    sync()
    assert [item(fake.issues[n]).parent_key for n in range(3)] == ["PLT-77", "PLT-78", ""]


def test_where_a_name_repeats_an_admin_picks(fake, sync, signed_in, opsadmin):
    other = "customfield_20002"
    fake.fields.append({**FIELDS[2], "id": other})
    fake.issues[0].extra = {other: 8}
    run = sync()
    assert "Several fields of Jira could be “Story points”" in run.message
    assert fields.chosen().points == (TEAM_POINTS,)
    role = JiraFieldRole.objects.get(role="points")
    address = f"/admin/integrations/jirafieldrole/{role.pk}/change/"
    page = signed_in(opsadmin).get(address).content.decode()
    assert f"Story Points ({POINTS})" in page and f"Story Points ({other})" in page
    answer = signed_in(opsadmin).post(address, {"field_id": "customfield_1"})
    assert "not one of the available choices" in answer.content.decode()
    assert signed_in(opsadmin).post(address, {"field_id": other}).status_code == 302
    run = sync()
    assert run.is_full  # what was read before lacks the field
    assert "Several fields" not in run.message
    assert fields.chosen().points == (other, TEAM_POINTS)
    assert item(fake.issues[0]).story_points == 8


def test_a_picked_field_that_is_gone_does_not_count(fake, sync):
    sync()
    JiraFieldRole.objects.filter(role="points").update(field_id="customfield_1")
    sync()
    assert fields.chosen().points == (POINTS, TEAM_POINTS)


def test_a_site_without_such_fields_is_read_too(fake, sync):
    fake.fields = [FIELDS[0]]
    assert sync().status == "done"
    assert fields.chosen().all() == []


# --- sprints and who was in them ----------------------------------------------------------------


def test_boards_and_sprints_are_read(fake, sync):
    sync()
    assert list(Board.objects.values_list("name", "kind")) == [
        ("Dispatch", "simple"),
        ("Platform", "scrum"),
        ("Support", "kanban"),
    ]
    found = {one.upstream_id: one for one in Sprint.objects.all()}
    assert {pk: one.state for pk, one in found.items()} == {
        "5": "closed", "6": "closed", "7": "active", "8": "future",
    }  # fmt: skip
    assert (found["7"].goal, found["7"].completed_at, found["8"].starts_at) == (
        "Photos offline",
        None,
        None,
    )
    assert not fake.calls("board/2/")  # a kanban board is not asked


def test_membership_follows_from_the_changes(fake, sync):
    moved, made_in, taken_out, none = fake.issues[:4]
    fake.put_into(moved, 5, at=START)
    fake.put_into(moved, 5, 6, at=START + 14 * DAY)  # closed sprints stay on an issue
    fake.has_sprints(made_in, 7)
    fake.put_into(taken_out, 7, at=START + 30 * DAY)
    fake.put_into(taken_out, at=START + 31 * DAY)
    sync()
    assert stays(moved) == [("5", START, None), ("6", START + 14 * DAY, None)]
    assert stays(made_in) == [("7", made_in.created, None)]
    assert stays(taken_out) == [("7", START + 30 * DAY, START + 31 * DAY)]
    assert stays(none) == []
    late = SprintStay.objects.get(work_item=item(taken_out))
    assert (late.is_added_late, late.is_taken_out) == (True, True)
    planned = SprintStay.objects.get(work_item=item(moved), sprint__upstream_id="5")
    assert (planned.is_added_late, planned.is_taken_out) == (False, False)
    assert not WorkItem.objects.filter(is_sprint_history_complete=False).exists()


def test_an_issue_may_come_back_into_a_sprint(fake, sync):
    issue = fake.issues[0]
    fake.has_sprints(issue, 7)
    fake.put_into(issue, at=START)
    fake.put_into(issue, 7, at=START + DAY)
    sync()
    assert stays(issue) == [("7", issue.created, START), ("7", START + DAY, None)]
    fake.put_into(issue, 7, 8, at=datetime.now(UTC))
    sync()
    assert [one[0] for one in stays(issue)] == ["7", "7", "8"]


def test_a_history_that_does_not_lead_to_today_is_flagged(fake, sync):
    issue, other = fake.issues[:2]
    fake.put_into(issue, 7, at=START)
    fake.has_sprints(issue)  # taken out, and nothing says so
    fake.unreadable_histories = {other.id}
    fake.has_sprints(other, 7)
    sync()
    flagged = WorkItem.objects.filter(is_sprint_history_complete=False)
    assert set(flagged.values_list("upstream_id", flat=True)) == {issue.id, other.id}
    fake.unreadable_histories = set()
    fake.put_into(issue, at=datetime.now(UTC))
    issue.others[-1]["items"][0]["from"] = "7"
    issue.touch()
    sync()
    assert not flagged.all().exists()


def test_sprints_out_of_sight_keep_a_name(fake, sync):
    issue = fake.issues[0]
    fake.put_into(issue, 7, at=START)
    issue.others[-1]["items"][0]["from"] = "3"
    issue.extra[SPRINT] = [{"id": 99, "name": "Elsewhere", "state": "active"}, *issue.extra[SPRINT]]
    issue.touch()
    sync()
    named = dict(Sprint.objects.values_list("upstream_id", "name"))
    assert (named["3"], named["99"]) == ("Sprint 3", "Elsewhere")
    assert ("3", issue.created, START) in stays(issue)


def test_a_second_run_writes_nothing(fake, sync):
    for number, issue in enumerate(fake.issues):
        fake.put_into(issue, 5 + number % 3, at=START)
    fake.versions = [{"id": "1", "name": "1.0", "projectId": "20001", "released": True}]
    sync(full=True)
    sync()
    kept = [list(model.objects.order_by("pk").values()) for model in (SprintStay, Sprint, Version)]
    SourceState.objects.update(parts={})
    run = sync(full=True)
    assert (run.updated, run.unchanged) == (0, 12)
    assert kept == [
        list(model.objects.order_by("pk").values()) for model in (SprintStay, Sprint, Version)
    ]


def test_closed_and_deleted_sprints_are_noticed(fake, sync):
    sync()
    fake.sprints[2].update(state="closed", completeDate=START.isoformat())
    del fake.sprints[3]
    around.make_due("boards")
    sync()
    assert Sprint.objects.get(upstream_id="7").state == "closed"
    assert Sprint.objects.get(upstream_id="8").deleted_at is not None


def test_lists_are_not_read_every_time(fake, sync):
    sync()
    fake.requests.clear()
    run = sync()
    assert len(fake.requests) <= 10
    assert not fake.calls("/board")
    assert run.message == "0 issues read, 0 changed."


@pytest.mark.parametrize("kind", ["500", "reset", "truncated", "html", "403"])
@pytest.mark.parametrize("path", ["/board", "/sprint", "/version", "users/search"])
def test_issues_do_not_wait_for_a_list_with_a_fault(fake, sync, kind, path):
    sync()
    around.make_due("boards", "versions", "people")
    fake.sprints[3]["name"] = "Renamed"
    fake.versions = [{"id": "1", "name": "1.0", "projectId": "20001"}]
    fake.users[1]["active"] = False
    fake.issues[0].move(2)
    fake.faults = [Fault(path, kind, times=4)]
    run = sync()
    assert (run.status, run.updated) == ("done", 1)
    assert "not read" in run.message
    fake.faults = []
    around.make_due("boards", "versions", "people")
    assert "not read" not in sync().message
    assert Sprint.objects.get(upstream_id="8").name == "Renamed"
    assert Version.objects.get().name == "1.0"
    assert not IdentityLink.objects.get(upstream_id="acc-2").is_active


def test_a_scope_that_is_missing_does_not_stop_the_sync(fake, sync, monkeypatch):
    answer = fake.answer

    def refuse(method, path, query, body):
        if "agile" in path:
            return 401, b'{"message":"Unauthorized; scope does not match"}'
        return answer(method, path, query, body)

    monkeypatch.setattr(fake, "answer", refuse)
    run = sync()
    assert run.status == "done"
    assert "Boards and sprints were not read: The token lacks a scope for this." in run.message


# --- versions and people ------------------------------------------------------------------------


def test_versions_are_read_by_project(fake, sync):
    fake.versions = [
        {"id": "1", "name": "1.0", "projectId": "20001", "released": True,
         "releaseDate": "2026-11-02"},
        {"id": "2", "name": "Elsewhere", "projectId": "99999"},
    ]  # fmt: skip
    fake.issues[0].extra = {"fixVersions": [{"id": "1", "name": "1.0"}, {"id": "7", "name": "Old"}]}
    sync()
    sync()
    assert item(fake.issues[0]).version_ids == ["1", "7"]
    first = Version.objects.get(upstream_id="1")
    assert (first.is_released, str(first.released_on)) == (True, "2026-11-02")
    # One that the project no longer lists is kept, and marked.
    assert Version.objects.get(upstream_id="7").deleted_at is not None
    assert Version.objects.count() == 2


def test_accounts_are_matched_by_mail(fake, sync, db):
    ruben = User.objects.create_user("ruben@harbourline.example", name="Ruben")
    fake.users += [
        {"accountId": "bot", "displayName": "Automation", "accountType": "app", "active": True},
        {"accountId": "cust", "displayName": "A customer", "accountType": "customer"},
    ] + [
        {"accountId": f"more-{n}", "displayName": f"More {n}", "active": n % 2 == 0}
        for n in range(230)
    ]
    fake.hidden_users = {f"more-{n}" for n in range(0, 230, 3)}
    sync()
    link = IdentityLink.objects.get(upstream_id="acc-1")
    assert (link.person, link.is_active) == (ruben, True)
    assert IdentityLink.objects.get(upstream_id="bot").is_bot
    assert not IdentityLink.objects.get(upstream_id="more-1").is_active
    assert not IdentityLink.objects.filter(upstream_id="cust").exists()
    assert IdentityLink.objects.count() == 4 + 230 - len(fake.hidden_users)


def test_a_hidden_mail_keeps_the_match_and_the_owner(fake, sync, db):
    ruben = User.objects.create_user("ruben@harbourline.example", name="Ruben")
    sync()
    fake.users[0]["emailAddress"] = None
    hidden = {"accountId": "acc-1", "displayName": "Ruben de Vries"}
    mine = next(issue for issue in fake.issues if issue.person == 1)
    mine.extra, mine.updated = {"assignee": hidden}, datetime.now(UTC)
    mine.touch()
    around.make_due("people")
    sync()
    assert IdentityLink.objects.get(upstream_id="acc-1").person == ruben
    assert item(mine).assignee == ruben


# --- links elsewhere, comments, work logs --------------------------------------------------------


def remote(pk, title, **more):
    return {"id": pk, "object": {"url": f"https://wiki.example/{pk}", "title": title}, **more}


def linked(issue):
    return list(
        WorkRemoteLink.objects.filter(work_item=item(issue)).values_list("title", flat=True)
    )


def test_links_elsewhere_are_read_of_what_changed(fake, sync):
    first, second = fake.issues[:2]
    fake.remote = {
        first.id: [
            remote(1, "A page", application={"name": "Wiki"}),
            remote(2, "A request", globalId="producthub:request:1"),
        ],
        second.id: [remote(3, "Another")],
    }
    sync()
    assert not fake.calls("remotelink")  # a call an issue would be too many
    first.move(2)
    sync()
    assert (linked(first), linked(second)) == (["A page"], [])
    fake.remote[first.id] = []
    fake.requests.clear()
    sync()
    assert not fake.calls("remotelink")
    first.move(1)
    fake.faults = [Fault("remotelink", "500", times=9)]
    run = sync()
    assert (run.status, "Links elsewhere were not read" in run.message) == ("done", True)
    fake.faults = []
    sync()
    assert linked(first) == []


def comment(pk, words, **more):
    at = iso(START)
    body = {"type": "doc", "content": [{"type": "paragraph", "content": [
        {"type": "text", "text": words}]}]}  # fmt: skip
    author = {"displayName": "Ruben"}
    return {"id": pk, "body": body, "author": author, "created": at, "updated": at, **more}


def said():
    return [adf.to_text(one.document) for one in WorkComment.objects.all()]


def test_comments_are_read_when_they_are_wanted(fake, sync, settings):
    issue = fake.issues[0]
    fake.comments[issue.id] = [
        *(comment(str(n), f"Word {n}") for n in range(3)),
        comment("90", "For some", visibility={"type": "role", "value": "Admins"}),
        comment("91", "For agents", jsdPublic=False),
    ]
    issue.extra["comment"] = {"comments": fake.comments[issue.id][:2], "total": 5}
    sync()
    assert said() == []
    settings.JIRA_READ_COMMENTS = True
    assert sync().is_full
    assert said() == ["Word 0", "Word 1", "Word 2"]
    issue.extra["comment"] = {"comments": [comment("1", "Changed")], "total": 1}
    issue.move(2)
    sync()
    assert said() == ["Changed"]
    settings.JIRA_READ_COMMENTS = False
    sync()
    assert said() == []


def work_log(pk, issue, seconds=3600, at=1, **more):
    return {
        "id": pk, "issueId": issue.id, "timeSpentSeconds": seconds, "started": iso(START),
        "updated": iso(START), "at": at, "author": {"displayName": "Priya"}, **more,
    }  # fmt: skip


def test_work_logs_follow_their_own_lists(fake, sync, settings):
    settings.JIRA_READ_WORKLOGS = True
    now = int(datetime.now(UTC).timestamp() * 1000)
    fake.work_logs = [
        work_log("1", fake.issues[0]),
        work_log("2", fake.issues[1], visibility={"type": "group", "value": "leads"}),
        work_log("3", fake.issues[2], seconds=60),
    ]
    sync()
    spent = WorkLog.objects.order_by("upstream_id").values_list("upstream_id", "spent_seconds")
    assert list(spent) == [("1", 3600), ("3", 60)]
    fake.work_logs[0].update(timeSpentSeconds=7200, at=now)
    fake.gone_work_logs = [{"id": "3", "at": now}]
    around.make_due("worklogs")
    sync()
    assert list(spent.all()) == [("1", 7200)]
    settings.JIRA_READ_WORKLOGS = False
    around.make_due("worklogs")
    sync()
    assert not WorkLog.objects.exists()


# --- after faults the hub equals the source -----------------------------------------------------


def there(fake):
    """What Jira holds around its issues, row by row."""
    links = {
        link["id"]: (issue.id, link["outwardIssue"]["id"])
        for issue in fake.issues
        for link in issue.extra.get("issuelinks", ())
        if "outwardIssue" in link
    }
    return {
        "sprints": {str(one["id"]): (one["name"], one["state"]) for one in fake.sprints},
        "versions": {one["id"]: one["name"] for one in fake.versions},
        "people": {one["accountId"]: one["active"] for one in fake.users},
        "links": links,
        "texts": {
            issue.id: issue.extra["description"]
            for issue in fake.issues
            if issue.extra.get("description")
        },
        "in": {
            (issue.id, str(one["id"]))
            for issue in fake.issues
            for one in issue.extra.get(SPRINT) or ()
        },
        "changes": {(issue.id, one["id"]) for issue in fake.issues for one in issue.others},
    }


def here():
    """What the hub holds of the same."""
    stays = SprintStay.objects.filter(left_at__isnull=True)
    return {
        "sprints": {
            one.upstream_id: (one.name, one.state)
            for one in Sprint.objects.filter(deleted_at__isnull=True)
        },
        "versions": dict(
            Version.objects.filter(deleted_at__isnull=True).values_list("upstream_id", "name")
        ),
        "people": dict(IdentityLink.objects.values_list("upstream_id", "is_active")),
        "links": {
            one.upstream_id: (one.from_upstream_id, one.to_upstream_id)
            for one in WorkLink.objects.all()
        },
        "texts": {
            upstream_id: json.loads(document)
            for upstream_id, document in WorkText.objects.values_list(
                "work_item__upstream_id", "document"
            )
        },
        "in": set(stays.values_list("work_item__upstream_id", "sprint__upstream_id")),
        "changes": set(SprintChange.objects.values_list("work_item__upstream_id", "history_id")),
    }


def link_issues(fake, first, second, pk):
    kind = {"id": "1", "name": "Blocks", "outward": "blocks", "inward": "is blocked by"}
    for one, side, other in ((first, "outwardIssue", second), (second, "inwardIssue", first)):
        link = {"id": pk, "type": kind, side: {"id": other.id, "key": other.key}}
        one.extra["issuelinks"] = [*one.extra.get("issuelinks", ()), link]
        one.updated = datetime.now(UTC)
        one.touch()


def describe(issue, words):
    issue.extra["description"] = {"type": "doc", "content": [{"type": "text", "text": words}]}
    issue.updated = datetime.now(UTC)
    issue.touch()


@pytest.mark.parametrize(
    "path,kind",
    [
        *(
            (path, kind)
            for path in ("search/jql", "changelog/bulkfetch", "/board", "/sprint")
            for kind in ("500", "reset", "truncated", "html", "429")
        ),
        ("search/jql", "repeat-token"),
    ],
)
def test_one_more_run_makes_the_hub_equal(fake, sync, kind, path):
    a, b, c, d = fake.issues[:4]
    fake.versions = [{"id": "1", "name": "1.0", "projectId": "20001"}]
    link_issues(fake, a, b, "71")
    describe(c, "First")
    sync()

    def edit():
        link_issues(fake, c, d, "72")
        for one in (a, b):
            one.extra["issuelinks"] = []
            one.updated = datetime.now(UTC)
            one.touch()
        describe(a, "Later")
        c.extra["description"] = None
        c.touch()
        fake.put_into(d, 7)
        fake.put_into(b, 6, 7)
        fake.put_into(b, 6)
        fake.sprints[3].update(state="active")
        fake.versions[0]["name"] = "1.0.1"
        fake.users[2]["active"] = False

    fake.before_page[fake.searches + 2] = edit
    around.make_due("boards", "versions", "people")
    fake.faults = [Fault(path, kind, times=4, after=1, value=0)]
    sync(full=True)
    fake.before_page.clear()
    if not fake.issues[0].extra.get("description"):
        edit()
    fake.faults = []
    SourceState.objects.update(wait_until_at=None)
    around.make_due("boards", "versions", "people")
    assert sync().status == "done"  # it goes on where it was, with what was not read yet
    assert sync().status == "done"
    assert not [(k, v, there(fake)[k]) for k, v in here().items() if v != there(fake)[k]]
    assert not WorkItem.objects.filter(is_sprint_history_complete=False).exists()
