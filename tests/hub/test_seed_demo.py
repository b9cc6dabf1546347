"""The demonstration company: believable, repeatable, quiet."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db.models import Count

from accounts.models import Membership, Team, User
from activity.events import replaying
from activity.models import Event, EventDispatch
from hub.demo import bulk, company, plan, replay
from hub.demo.load import LIVED_REQUESTS, is_loaded, load
from intake.models import Comment, Draft, Promise, Request, Status, Vote
from intake.queue import in_area
from notices.models import Delivery, Notice
from planning.models import Decision, DecisionLink, Transition, WorkItem
from playbook.models import Tool
from search.models import SearchEntry
from tests.factories import install_reasons

# A Thursday afternoon.
NOW = datetime(2026, 11, 19, 14, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def reasons(db):
    install_reasons()


@pytest.fixture
def few(monkeypatch):
    """A smaller company: the same rules, a tenth of the requests."""
    monkeypatch.setattr(plan, "REQUESTS", 110)
    monkeypatch.setattr("hub.demo.work.WORK_ITEMS", 40)


@pytest.fixture
def loaded(db, few):
    return load(now=NOW)


def person(local):
    return User.objects.get(email=f"{local}@harbourline.example")


def test_it_works(loaded):
    assert loaded.people == User.objects.count() == 60
    assert loaded.requests == Request.objects.count()
    assert loaded.events == Event.objects.count()
    assert loaded.work_items == WorkItem.objects.count() == 40
    assert Team.objects.count() == 8
    assert Team.objects.filter(lead__isnull=True).count() == 0
    assert Tool.objects.count() >= 12
    assert is_loaded()


def test_requests_come_through_the_forms_and_some_words_are_left_behind(loaded):
    assert not Request.objects.filter(form_version=None).exists()
    by_state = dict(Draft.objects.values_list("state").annotate(Count("pk")).order_by())
    assert by_state["sent"] > by_state["abandoned"] > 0
    assert by_state["joined"] > 0
    for draft in Draft.objects.filter(state="joined"):
        assert draft.request.votes.filter(person=draft.person).exists()
    begun = Event.objects.filter(kind="draft.begun").count()
    assert begun == Draft.objects.count()


def test_nobody_is_mailed_and_nothing_is_handed_out(loaded):
    assert mail.outbox == []
    assert not EventDispatch.objects.exists()
    assert not Delivery.objects.exists()


def test_the_logins_have_their_roles_and_the_public_password(loaded):
    roles = {"ada": "stakeholder", "pm": "pm", "opsadmin": "product_ops"}
    for local, role in roles.items():
        user = person(local)
        assert (user.role, user.check_password("demo-producthub")) == (role, True)
    others = User.objects.exclude(email__in=[f"{name}@harbourline.example" for name in roles])
    assert not any(user.has_usable_password() for user in others)
    assert Team.objects.get(slug="dispatch").lead == person("pm")


def test_all_times_are_past_and_in_order(loaded):
    # The tool directory keeps no history: it is as of today.
    history = Event.objects.exclude(kind__startswith="tool.")
    assert not history.filter(occurred_at__gt=NOW).exists()
    for item in Request.objects.all():
        times = [item.submitted_at, item.triaged_at, item.decided_at, item.shipped_at]
        known = [moment for moment in times if moment]
        assert known == sorted(known), item
        assert known[-1] <= NOW
    numbers = Request.objects.order_by("submitted_at").values_list("number", flat=True)
    assert Event.objects.order_by("occurred_at").first().occurred_at < NOW - timedelta(days=500)
    assert list(numbers)[-LIVED_REQUESTS:] == sorted(numbers)[-LIVED_REQUESTS:]


def test_each_login_finds_something_to_do(loaded):
    ada, tomasz = person("ada"), person("pm")
    hers = Request.objects.filter(requester=ada)
    assert hers.filter(asked_at__isnull=False).count() == 1
    assert hers.filter(outcome="no").exclude(decision__reason="").exists()
    assert hers.filter(status=Status.SHIPPED).exists()
    assert hers.filter(status=Status.NEW).exists()
    queue = in_area(tomasz, "").filter(status=Status.NEW)
    assert queue.count() >= 5
    assert queue.filter(due_at__lt=NOW).exists()
    assert queue.filter(due_at__gt=NOW).exists()
    assert Request.objects.open().filter(owner=tomasz, status=Status.TRIAGED).count() >= 3
    assert in_area(person("opsadmin"), "").count() >= queue.count() + 3
    for user in (ada, tomasz):
        assert Notice.objects.filter(recipient=user, read_at__isnull=True).exists()


def test_titles_are_told_by_hand_and_rarely_twice(db):
    drawn = plan.draw(NOW)
    titles = [item.title for item in drawn.requests]
    assert len(titles) > 1000
    assert len(set(titles)) > 0.95 * len(titles)
    text = " ".join(titles + [step.text for item in drawn.requests for step in item.steps])
    assert "{" not in text
    assert "lorem" not in text.lower()


def test_work_items_follow_the_flow(loaded):
    for item in WorkItem.objects.all():
        moves = list(item.transitions.order_by("occurred_at"))
        names = [move.to_name for move in moves]
        assert not moves or item.status_name == names[-1]
        assert [move.from_name for move in moves[1:]] == names[:-1]
        if item.status_name == "Done":
            assert item.cycle_seconds is not None
            assert item.resolved_at is not None
    assert Transition.objects.exists()
    assert WorkItem.objects.filter(team__isnull=True).count() == 0


def test_the_same_moment_gives_the_same_plan(few):
    assert plan.draw(NOW) == plan.draw(NOW)


def test_the_command_recognises_what_it_made(db, few, capsys):
    call_command("seed_demo", "--now", NOW.isoformat())
    before = Event.objects.count()
    call_command("seed_demo")
    assert "is there already" in capsys.readouterr().out
    assert Event.objects.count() == before


def test_the_command_speaks_json(db, few, capsys):
    call_command("seed_demo", "--json", "--now", NOW.isoformat())
    assert json.loads(capsys.readouterr().out)["people"] == 60


def test_it_refuses_a_database_in_use(ada, few, capsys):
    with pytest.raises(CommandError, match="is in use"):
        call_command("seed_demo")
    call_command("seed_demo", "--if-empty")
    assert "nothing was loaded" in capsys.readouterr().out
    assert User.objects.count() == 1


def test_asked_to_it_joins_what_is_there(ada, few):
    ada.set_password("her own, long since")
    ada.save()
    call_command("seed_demo", "--force", "--now", NOW.isoformat())
    ada.refresh_from_db()
    assert ada.check_password("her own, long since")
    assert User.objects.count() == 60


def test_it_refuses_a_database_of_others(db, few, settings):
    settings.EMBEDDED = False
    with pytest.raises(CommandError, match="not the embedded database"):
        call_command("seed_demo")
    assert not User.objects.exists()


@pytest.mark.parametrize("args", [["--scale", "0"], ["--now", "yesterday"]])
def test_nonsense_is_refused(db, args):
    with pytest.raises(CommandError):
        call_command("seed_demo", *args)


def test_a_larger_company_is_larger_in_everything(db, few):
    monthly = load(now=NOW, scale=3)
    assert monthly.people == 180
    assert monthly.requests > 330
    assert WorkItem.objects.count() == 120
    assert Membership.objects.count() > 34


# --- Copied rows are the rows of the services -------------------------------------------------


def rows():
    """Every row of every table that both ways write, with references in place of ids."""
    numbers = dict(Request.objects.values_list("pk", "number"))
    decisions = dict(Decision.objects.values_list("pk", "number"))
    comments = {pk: str(key) for pk, key in Comment.objects.values_list("pk", "key")}

    def plain(values):
        return {name: str(v) if isinstance(v, UUID) else v for name, v in values.items()}

    def fact(values):
        data = dict(values.pop("data"))
        if "comment" in data:
            data["comment"] = comments[data["comment"]]
        if "decision" in data:
            data["decision"] = decisions[data["decision"]]
        if "into" in data:
            data["into"] = numbers[data["into"]]
        about = decisions if values["subject_type"].endswith("decision") else numbers
        return {**values, "subject_id": about[values["subject_id"]], "data": data}

    requests = Request.objects.order_by("number").values()
    facts = Event.objects.filter(subject_type__in=["intake.request", "planning.decision"])
    return {
        "requests": [
            {
                **plain(r),
                "id": 0,
                "decision_id": decisions.get(r["decision_id"]),
                "merged_into_id": numbers.get(r["merged_into_id"]),
                "root_id": numbers.get(r["root_id"]),
            }
            for r in requests
        ],
        "votes": [
            {**v, "id": 0, "request_id": numbers[v["request_id"]]}
            for v in Vote.objects.order_by("request__number", "created_at", "person").values()
        ],
        "promises": [
            {**p, "id": 0, "request_id": numbers[p["request_id"]]}
            for p in Promise.objects.order_by("request__number", "kind").values()
        ],
        "decisions": [{**d, "id": 0} for d in Decision.objects.order_by("number").values()],
        "links": [
            {
                **plain(link),
                "id": 0,
                "decision_id": decisions[link["decision_id"]],
                "subject_id": numbers[link["subject_id"]],
            }
            for link in DecisionLink.objects.order_by("decision__number").values()
        ],
        "found": [
            {**entry, "object_id": decisions[entry["object_id"]]}
            for entry in SearchEntry.objects.filter(kind="decision", is_deleted=False)
            .order_by("object_id")
            .values("object_id", "title", "body", "text_hash", "created_at")
        ],
        "comments": [
            {**plain(c), "id": 0, "request_id": numbers[c["request_id"]]}
            for c in Comment.objects.order_by("id").values()
        ],
        "events": [
            fact(values)
            for values in facts.order_by("id").values(
                "kind", "subject_type", "subject_id", "subject_label", "actor_id", "occurred_at",
                "data",
            )
        ],
    }  # fmt: skip


def test_copied_rows_are_the_rows_of_the_services(db, few, monkeypatch):
    # Few needs, told often: some join an earlier request that still waits.
    monkeypatch.setattr(plan, "STORIES", plan.STORIES[:6])
    monkeypatch.setattr(plan, "REQUESTS", 70)
    monkeypatch.setattr(plan, "MERGED_SHARE", 0.9)
    drawn = plan.draw(NOW)
    with replaying():
        built = company.build(drawn)
        before = Event.objects.count()
        replay.replay(drawn.requests, built)
        by_services = rows()
        shift = {
            name: min(row["number"] for row in by_services[name])
            for name in ("requests", "decisions")
        }
        assert any(row["merged_into_id"] for row in by_services["requests"])
        Request.objects.update(decision=None, merged_into=None, root=None)
        Comment.objects.all().delete()
        Request.objects.all().delete()
        Decision.objects.all().delete()
        SearchEntry.objects.filter(kind="decision").delete()
        last = Event.objects.order_by("-id").values_list("id", flat=True).first()
        bulk.write(drawn.requests, built)
    copied = rows_after(last)
    assert before
    for table, expected in by_services.items():
        got = copied[table]
        assert len(got) == len(expected), table
        offsets = offsets_of(copied, shift)
        for one, other in zip(expected, renumbered(got, table, offsets), strict=True):
            assert one == other, {k: (one[k], other[k]) for k in one if one[k] != other[k]}


def rows_after(last):
    """`rows`, of the events after one id."""
    numbers = dict(Request.objects.values_list("pk", "number"))
    decisions = dict(Decision.objects.values_list("pk", "number"))
    assert numbers
    assert decisions
    from unittest.mock import patch

    newer = Event.objects.filter(id__gt=last)
    with patch.object(Event, "objects", newer):
        return rows()


def offsets_of(copied, shift):
    return {
        name: min(row["number"] for row in copied[name]) - first for name, first in shift.items()
    }


def renumbered(got, table, offsets):
    """The sequences ran on between the two ways: take that out of numbers and labels."""
    by_request, by_decision = offsets["requests"], offsets["decisions"]
    for row in got:
        row = dict(row)
        if table == "requests":
            row["number"] -= by_request
            row["decision_id"] = row["decision_id"] and row["decision_id"] - by_decision
            for name in ("merged_into_id", "root_id"):
                row[name] = row[name] and row[name] - by_request
        elif table == "decisions":
            row["number"] -= by_decision
        elif table == "links":
            row["decision_id"] -= by_decision
            row["subject_id"] -= by_request
        elif table == "found":
            row["object_id"] -= by_decision
        elif table in ("comments", "votes", "promises"):
            row["request_id"] -= by_request
        else:
            about_decision = row["subject_type"].endswith("decision")
            by = by_decision if about_decision else by_request
            row["subject_id"] -= by
            prefix = "DEC" if about_decision else "REQ"
            row["subject_label"] = f"{prefix}-{row['subject_id']}"
            if "into" in row["data"]:
                row["data"] = {**row["data"], "into": row["data"]["into"] - by_request}
            if "decision" in row["data"]:
                row["data"] = {**row["data"], "decision": row["data"]["decision"] - by_decision}
        yield row
