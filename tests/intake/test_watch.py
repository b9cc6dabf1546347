from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from activity.models import Event
from intake import records
from intake.models import Follow, IntakeForm, Request
from intake.services import (
    ask_requester,
    comment_on_request,
    decide_request,
    merge_requests,
    triage_request,
    vote_for_request,
)
from intake.services.watch import watch_promises
from notices.models import Notice
from tests.factories import make_request, make_user

pytestmark = pytest.mark.django_db
TUESDAY = datetime(2026, 3, 3, 9, tzinfo=UTC)  # 10:00 in Amsterdam


def told(kind):
    return [(n.recipient.name, n.title.split(":")[0]) for n in Notice.objects.filter(kind=kind)]


# --- Promises ---------------------------------------------------------------------------------
def test_it_warns_once_while_there_is_time(pm, ada, team):
    item = make_request(ada, team=team, at=TUESDAY)  # read by Thursday 10:00
    assert watch_promises(at=TUESDAY + timedelta(days=1)).warned == 0
    near = TUESDAY + timedelta(days=1, hours=5)  # four working hours left
    assert watch_promises(at=near).warned == 2  # the first answer and the triage
    assert watch_promises(at=near).warned == 0
    assert told("request.warned") == [(pm.name, f"{item.reference} is nearly due")]
    assert "first answer and read and routed" in Notice.objects.get().text
    facts = Event.objects.filter(kind="request.warned").values_list("data__promise", flat=True)
    assert set(facts) == {"first_answer", "triage"}


def test_a_broken_one_goes_up(pm, ada, opsadmin, team):
    owner = make_user(name="Olga Owner", role="pm")
    item = make_request(ada, team=team, at=TUESDAY)
    triage_request(item=item, actor=pm, team=team, owner=owner, at=TUESDAY)
    late = TUESDAY + timedelta(days=30)
    assert watch_promises(at=late).breached == 1
    assert watch_promises(at=late).breached == 0
    heads = {name for name, _ in told("request.breached")}
    assert heads == {"Olga Owner", pm.name, opsadmin.name}
    assert item.promises.get(kind="decision").breached_at == late


def test_nobody_is_warned_of_what_waits_is_merged_or_decided(pm, ada, team):
    asked, merged, decided, top = (make_request(ada, team=team, at=TUESDAY) for _ in range(4))
    ask_requester(item=asked, actor=pm, question="Which?", at=TUESDAY)
    merge_requests(items=[merged], into=top, actor=pm, at=TUESDAY)
    for item in (decided, top):
        decide_request(item=item, actor=pm, outcome="do", reason="Yes.", at=TUESDAY)
    swept = watch_promises(at=TUESDAY + timedelta(days=60))
    assert (swept.warned, swept.breached) == (0, 0)


def test_who_has_many_gets_one_notice(pm, ada, team):
    for _ in range(5):
        make_request(ada, team=team, at=TUESDAY)
    watch_promises(at=TUESDAY + timedelta(days=1, hours=5))
    notice = Notice.objects.get()
    assert notice.title == "5 promises are nearly due" and notice.text.count("REQ-") == 5


def test_a_sweep_costs_the_same_for_many(pm, ada, team, django_assert_max_num_queries):
    for _ in range(12):
        make_request(ada, team=team, at=TUESDAY)
    with django_assert_max_num_queries(40):
        watch_promises(at=TUESDAY + timedelta(days=40))


# --- Silence ----------------------------------------------------------------------------------
def test_silence_raises_a_task_once_until_somebody_speaks(pm, ada, team):
    item = make_request(ada, team=team, at=TUESDAY)
    triage_request(item=item, actor=pm, team=team, owner=pm, at=TUESDAY)
    Request.objects.update(heard_at=TUESDAY)
    later = TUESDAY + timedelta(days=15)
    assert watch_promises(at=TUESDAY + timedelta(days=13)).silent == 0
    assert watch_promises(at=later).silent == 1
    assert watch_promises(at=later).silent == 0
    assert told("request.silent") == [
        (pm.name, f"Nobody has heard of {item.reference} for 14 days")
    ]
    assert Notice.objects.get(kind="request.silent").is_action


def test_a_word_starts_the_days_anew(pm, ada, team, run_on_commit):
    item = make_request(ada, team=team, at=TUESDAY)
    watch_promises(at=TUESDAY + timedelta(days=15))
    with run_on_commit():
        comment_on_request(item=item, actor=pm, body="Still on it.")
    item.refresh_from_db()
    assert item.silence_raised_at is None
    assert (timezone.now() - item.heard_at).days == 0


def test_the_report_names_each_person_past_the_ceiling(pm, ada, team, signed_in):
    voter, recent, muted = make_user(), make_user(), make_user()
    long_ago = timezone.now() - timedelta(days=40)
    item = make_request(ada, team=team, at=long_ago)
    vote_for_request(item=item, person=voter, at=long_ago + timedelta(days=10))
    vote_for_request(item=item, person=recent)
    vote_for_request(item=item, person=muted, at=long_ago)
    Follow.objects.create(request=item, person=muted, is_muted=True)
    found = [(one.person, one.days) for one in records.unheard(pm)]
    assert found == [(ada, 40), (voter, 30)]
    page = signed_in(pm).get(reverse("intake:quiet")).content.decode()
    assert "Two people have heard nothing" in page and ada.name in page
    csv = b"".join(signed_in(pm).get(reverse("intake:quiet") + "?format=csv").streaming_content)
    assert voter.email in csv.decode()
    assert signed_in(ada).get(reverse("intake:quiet")).status_code == 403


def test_a_notice_counts_as_hearing(pm, ada, team, run_on_commit):
    item = make_request(ada, team=team, at=timezone.now() - timedelta(days=40))
    assert [one.person for one in records.unheard(pm)] == [ada]
    with run_on_commit():
        comment_on_request(item=item, actor=pm, body="Still on it.")
    assert records.unheard(pm) == []


def test_the_report_costs_the_same_for_many(pm, team, django_assert_max_num_queries):
    for _ in range(30):
        item = make_request(team=team, at=timezone.now() - timedelta(days=40))
        vote_for_request(item=item, person=make_user(), at=timezone.now() - timedelta(days=39))
    with django_assert_max_num_queries(5):
        assert len(records.unheard(pm)) == 60


# --- What we promise --------------------------------------------------------------------------
def test_the_page_says_what_was_promised_and_kept(pm, ada, team, signed_in):
    form = IntakeForm.objects.filter(is_active=True).first()
    span = records.quarter(timezone.localdate(), 1)
    day = span.start + timedelta(days=15)
    for number in range(4):
        item = make_request(ada, team=team, at=day, form_version=form.version)
        read = day + timedelta(hours=1 if number else 24 * 20)
        triage_request(item=item, actor=pm, team=team, owner=pm, at=read)
    rows = {row.kind: (row.due, row.kept) for row in records.promise_record(span.start, span.end)}
    assert rows == {"first_answer": (4, 3), "triage": (4, 3), "decision": (4, 0)}
    page = signed_in(ada).get(reverse("intake:promises") + f"?span={span.key}").content.decode()
    assert f"6 of 12 promises that fell due in the {span.name} were kept, 50%." in page
    assert form.name in page


def test_quarters_follow_each_other():
    spans = [records.quarter(datetime(2026, 2, 1).date(), back) for back in range(3)]
    assert [span.key for span in spans] == ["2026-q1", "2025-q4", "2025-q3"]
    assert spans[0].start == spans[1].end


@pytest.mark.parametrize("query", ["span=²", "span=2026-q9", "span=%3Cb%3E"])
def test_a_bent_address_shows_this_quarter(query, ada, signed_in):
    assert signed_in(ada).get(f"{reverse('intake:promises')}?{query}").status_code == 200
