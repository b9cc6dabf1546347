"""A request becomes one Jira issue, whatever happens on the way, and both lead to each other."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from activity.models import Event
from integrations import deliveries
from integrations.jira import document, outgoing
from integrations.jira import requests as about
from integrations.jira.outgoing_fields import Answer, Filled, fill
from integrations.models import Delivery, ItemLink
from planning.models import WorkItem
from tests.fakes.jira import Fault
from tests.fakes.jira_writes import HOURS, SEVERITY, TEXTS

State = Delivery.State


def fields_of(item, **more):
    found = about.fields_for(
        item, project="PLT", type_id="10100", summary=item.title, filled=Filled()
    )
    return {**found, **more}


def planned(item, pm, **more):
    return outgoing.plan_issue(item=item, actor=pm, fields=fields_of(item, **more))


def again(delivery, *, later=False):
    """The next attempt, as when the lease or the wait is over."""
    Delivery.objects.filter(pk=delivery.pk).update(
        due_at=timezone.now(), leased_until=timezone.now()
    )
    if later:
        delivery.refresh_from_db()
        delivery.payload["tried_at"] = (timezone.now() - timedelta(minutes=5)).isoformat()
        Delivery.objects.filter(pk=delivery.pk).update(payload=delivery.payload)
    deliveries.deliver(delivery.pk)
    delivery.refresh_from_db()
    return delivery


def test_a_request_becomes_an_issue_and_both_lead_to_each_other(jira, decided, pm, run_on_commit):
    with run_on_commit():
        planned(decided, pm)
    [made] = jira.made
    assert made.extra["labels"] == [f"ph-req-{decided.number}"]
    text = str(made.extra["description"])
    assert (
        decided.problem in text
        and decided.decision.reason in text
        and "ada" not in text.lower().split("ada mensah")[0]
    )
    link = ItemLink.objects.get()
    assert (link.label, link.upstream_id, link.origin) == (made.key, made.id, "created")
    event = Event.objects.get(kind="request.linked")
    assert (event.actor, event.data["key"]) == (pm, made.key)
    [(name, shown)] = jira.links[made.id].items()
    assert name == outgoing.global_id(decided) and str(decided.submission_key) not in name
    assert shown["url"].endswith(decided.get_absolute_url())
    assert shown["title"] == f"{decided.reference} {decided.title}"
    assert WorkItem.objects.get(upstream_id=made.id).title == decided.title


def test_asked_for_twice_it_is_one(jira, decided, pm, run_on_commit):
    one = planned(decided, pm)
    assert planned(decided, pm).pk == one.pk
    deliveries.deliver(one.pk)
    one.refresh_from_db()
    assert (one.state, one.message) == (State.DONE, "")
    with pytest.raises(outgoing.CannotLink):
        planned(decided, pm)
    assert len(jira.made) == 1


def test_only_pms_and_only_what_was_read(jira, item, ada, pm):
    with pytest.raises(outgoing.CannotLink):
        planned(item, pm)
    with pytest.raises(PermissionDenied):
        planned(item, ada)


@pytest.mark.parametrize("kind", ["reset-after", "truncated", "html", "reset", "502"])
def test_a_lost_answer_never_makes_a_second_issue(jira, decided, pm, kind):
    jira.faults = [Fault("/api/3/issue", kind)]
    sent = planned(decided, pm)
    deliveries.deliver(sent.pk)
    sent.refresh_from_db()
    assert sent.state == State.WAITING
    for _ in range(3):
        again(sent)
    if not jira.made:  # it never arrived: made once the search can be trusted
        assert again(sent, later=True).state == State.DONE
    sent.refresh_from_db()
    assert (sent.state, len(jira.made), ItemLink.objects.count()) == (State.DONE, 1, 1)


def test_a_search_that_is_behind_does_not_fool_it(jira, decided, pm):
    jira.lags = True
    jira.faults = [Fault("/api/3/issue", "reset-after")]
    sent = planned(decided, pm)
    deliveries.deliver(sent.pk)
    assert again(sent).state == State.WAITING
    assert "looks again" in sent.message
    jira.unindexed.clear()
    assert again(sent).state == State.DONE
    assert len(jira.made) == 1


class Killed(BaseException):
    """What no handler catches: the worker is gone."""


KILLED_AT = {
    "before the call": ("integrations.jira.writes.create_issue", False),
    "after the call": ("integrations.jira.writes.create_issue", True),
    "before the search": ("integrations.jira.writes.issues_with_label", False),
    "before it is noted": ("integrations.deliveries._settle", False),
    "after it is noted": ("integrations.deliveries._settle", True),
}


@pytest.mark.parametrize("where", KILLED_AT)
def test_a_worker_killed_at_any_point_makes_one_issue(jira, decided, pm, monkeypatch, where):
    name, is_after = KILLED_AT[where]
    module, _, function = name.rpartition(".")
    from importlib import import_module

    real = getattr(import_module(module), function)
    deaths = [1, 1]

    def dies(*args, **kwargs):
        if not deaths:
            return real(*args, **kwargs)
        deaths.pop()
        if is_after:
            real(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(name, dies)
    sent = planned(decided, pm)
    for _ in range(6):
        try:
            again(sent, later=True)
        except Killed:
            continue
    sent.refresh_from_db()
    assert (sent.state, len(jira.made), ItemLink.objects.count()) == (State.DONE, 1, 1)
    assert Event.objects.filter(kind="request.linked").count() == 1


def test_what_jira_refuses_is_given_up_and_can_be_asked_again(jira, decided, pm):
    sent = planned(decided, pm, issuetype={"id": "10101"})
    deliveries.deliver(sent.pk)
    sent.refresh_from_db()
    assert sent.state == State.DEAD and "Severity is required" in sent.message
    assert planned(decided, pm).pk == sent.pk
    assert again(sent).state == State.DONE
    assert len(jira.made) == 1


def test_a_pause_and_a_refused_token_wait(jira, decided, pm):
    jira.faults = [Fault("/api/3/issue", "429", value=0), Fault("/api/3/issue", "401")]
    sent = planned(decided, pm)
    deliveries.deliver(sent.pk)
    assert again(sent).state == State.WAITING
    assert "token" in sent.message
    assert jira.made == []


# --- Linking and unlinking ---------------------------------------------------------------------


def test_an_issue_is_linked_by_key_and_parted_again(jira, decided, pm, signed_in, run_on_commit):
    browser, issue = signed_in(pm), jira.issues[0]
    address = f"/requests/{decided.number}/jira/"
    with run_on_commit():
        answer = browser.post(f"{address}link/", {"key": f"{jira.base_url}/browse/{issue.key}"})
    assert answer.status_code == 303 or answer.status_code == 302
    assert list(jira.links[issue.id]) == [outgoing.global_id(decided)]
    page = browser.get(decided.get_absolute_url()).content.decode()
    assert issue.key in page and WorkItem.objects.get().status_name in page
    link = ItemLink.objects.get()
    with run_on_commit():
        browser.post(f"{address}{link.pk}/unlink/")
    assert jira.links[issue.id] == {} and not ItemLink.objects.exists()
    assert Event.objects.filter(kind="request.unlinked").count() == 1


def test_a_key_that_is_none_is_refused_at_the_field(jira, decided, pm, signed_in):
    browser = signed_in(pm)
    for typed, said in (("PLT-9999", "Jira has no PLT-9999"), ("../x", "Enter a key like")):
        answer = browser.post(f"/requests/{decided.number}/jira/link/", {"key": typed})
        assert (answer.status_code, said in answer.content.decode()) == (422, True)


def test_a_private_request_shows_its_number_alone(jira, decided, pm, run_on_commit):
    decided.visibility = "private"
    decided.save(update_fields=["visibility"])
    issue = jira.issues[0]
    with run_on_commit():
        outgoing.link_issue(item=decided, actor=pm, issue_id=issue.id, key=issue.key)
    assert jira.links[issue.id][outgoing.global_id(decided)]["title"] == decided.reference


# --- The page ----------------------------------------------------------------------------------


def test_the_form_leads_from_project_to_issue(jira, decided, pm, signed_in, sync, run_on_commit):
    sync()
    browser, address = signed_in(pm), f"/requests/{decided.number}/jira/"
    assert "Show its types" in browser.get(address).content.decode()
    page = browser.get(address, {"project": "PLT"}).content.decode()
    assert "Story" in page and "Sub-task" not in page and decided.title in page
    sent = {"project": "PLT", "type": "10101", "summary": "Mend it"}
    answer = browser.post(address, sent)
    assert answer.status_code == 422
    assert "Jira wants “Severity” for a Bug in PLT" in answer.content.decode()
    with run_on_commit():
        browser.post(address, {**sent, "type": "10100"})
    assert [made.title for made in jira.made] == ["Mend it"]
    page = browser.get(decided.get_absolute_url()).content.decode()
    assert jira.made[0].key in page and "linked this to" in page


def test_trouble_with_jira_is_said_on_the_page(jira, decided, pm, signed_in, sync):
    sync()
    jira.faults = [Fault("createmeta", "500")]
    page = signed_in(pm).get(f"/requests/{decided.number}/jira/", {"project": "PLT"})
    assert "Jira is in trouble (500)." in page.content.decode()


def test_others_see_the_issue_and_no_buttons(jira, decided, pm, ada, signed_in, run_on_commit):
    with run_on_commit():
        planned(decided, pm)
    page = signed_in(ada).get(decided.get_absolute_url()).content.decode()
    assert jira.made[0].key in page and "Unlink" not in page and "Create or link" not in page
    address = f"/requests/{decided.number}/jira/"
    assert signed_in(ada).get(address).status_code == 403
    assert signed_in(ada).post(f"{address}link/", {"key": "PLT-1"}).status_code == 403


def test_without_jira_nothing_shows(decided, pm, signed_in, settings):
    settings.JIRA_BASE_URL = settings.JIRA_API_TOKEN = ""
    assert "In Jira" not in signed_in(pm).get(decided.get_absolute_url()).content.decode()
    page = signed_in(pm).get(f"/requests/{decided.number}/jira/").content.decode()
    assert "Jira is not connected." in page


# --- Fields and text ---------------------------------------------------------------------------


def test_answers_fill_fields_in_the_shape_that_jira_takes():
    filled = fill(
        [
            Answer("Severity", "How bad", ("high",)),
            Answer("customfield_10051", "Hours", ("6.5",)),
            Answer("labels", "Tags", ("two words",)),
            Answer("Nowhere", "Depot", ("Rotterdam",)),
        ],
        [SEVERITY, HOURS, *TEXTS],
        type_name="Bug",
        project="PLT",
    )
    assert filled.fields == {"customfield_10050": {"id": "1"}, "customfield_10051": 6.5}
    assert (filled.labels, filled.troubles) == (["two_words"], [])
    assert [one.text for one in filled.beside] == ["Rotterdam"]


def test_a_value_that_a_field_does_not_take_is_said():
    wrong = [Answer("Severity", "How bad", ("Awful",)), Answer("Hours lost", "Hours", ("many",))]
    said = fill(wrong, [SEVERITY, HOURS, *TEXTS], type_name="Bug", project="PLT").troubles
    assert (
        said[0]
        == "Jira’s field “Severity” takes one of High, Low; the answer “Awful” is none of them."
    )
    assert "takes a number" in said[1]


def texts(node):
    own = [node["text"]] if "text" in node else []
    return own + [text for child in node.get("content", []) for text in texts(child)]


@pytest.mark.parametrize(
    "typed", ["", "\n\n\n", "a\n\nb\nc", "<script>{}</script> *bold* [~ada]", "x\x00\x1b y", " \n "]
)
def test_a_document_holds_no_empty_text_and_no_markup(typed):
    made = document.document(document.paragraphs(typed))
    assert made["content"] and "" not in texts(made)
    assert all(part in typed.replace("\x00", "").replace("\x1b", "") for part in texts(made))
    assert document.text("click", href="javascript:alert(1)") == [{"type": "text", "text": "click"}]
