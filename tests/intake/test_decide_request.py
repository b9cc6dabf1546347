import threading
from datetime import UTC, datetime

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.db import connection

from accounts.models import Role
from activity.events import dispatch
from activity.models import Event
from intake.models import Request, Status
from intake.services import AlreadyDecided, RequestError, decide_request, ship_request
from notices.models import Notice
from planning.models import Decision
from tests.factories import make_request, make_user

REASON = "Planners lose six hours a closure."


@pytest.mark.django_db
def test_it_works(pm, triaged):
    at = datetime(2026, 3, 10, 9, tzinfo=UTC)
    decision = decide_request(item=triaged, actor=pm, outcome="do", reason=REASON, at=at)
    triaged.refresh_from_db()
    assert (triaged.status, triaged.outcome, triaged.decided_at) == (Status.DECIDED, "do", at)
    assert triaged.decision == decision
    assert (decision.reason, decision.decided_by, decision.decided_at) == (REASON, pm, at)
    assert triaged.due_at is None
    event = Event.objects.get(kind="request.decided")
    assert event.data == {
        "outcome": "do",
        "decision": decision.pk,
        "team": triaged.team_id,
        "reason_code": None,
    }


@pytest.mark.django_db
def test_it_requires_a_pm(ada, triaged):
    with pytest.raises(PermissionDenied):
        decide_request(item=triaged, actor=ada, outcome="do", reason=REASON)
    assert not Decision.objects.exists()


@pytest.mark.django_db
def test_it_rejects_a_second_decision(pm, decided):
    with pytest.raises(AlreadyDecided, match="Tomasz Wieczorek decided this first: Do it"):
        decide_request(item=decided, actor=pm, outcome="no", reason="Too late.")
    assert Decision.objects.get().outcome == "do"


@pytest.mark.django_db
def test_it_announces_once_when_handed_out_twice(pm, ada, triaged, run_on_commit):
    with run_on_commit():
        decide_request(item=triaged, actor=pm, outcome="no", reason=REASON)
    event = Event.objects.get(kind="request.decided")
    dispatch(event.pk)
    notice = Notice.objects.get(event_id=event.pk)
    assert notice.recipient == ada
    (sent,) = [m for m in mail.outbox if "decided" in m.subject]
    assert sent.to == ["Ada Mensah <ada@harbourline.example>"]
    assert REASON in sent.body
    assert notice.deliveries.get().sent_at is not None


@pytest.mark.django_db
def test_only_what_was_agreed_is_delivered(pm, ada, triaged):
    with pytest.raises(RequestError):
        ship_request(item=triaged, actor=pm)
    decide_request(item=triaged, actor=pm, outcome="do", reason=REASON)
    with pytest.raises(PermissionDenied):
        ship_request(item=triaged, actor=ada)
    ship_request(item=triaged, actor=pm)
    ship_request(item=triaged, actor=pm)
    assert Event.objects.filter(kind="request.shipped").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_wins_and_the_other_hears_who():
    ada, item = make_user(), None
    pms = [make_user(name=f"Pm {n}", role=Role.PM) for n in range(2)]
    item = make_request(ada)
    barrier, lost, won = threading.Barrier(2), [], []

    def decide(pm):
        try:
            barrier.wait()
            won.append(decide_request(item=item, actor=pm, outcome="do", reason=pm.name))
        except AlreadyDecided as error:
            lost.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=[pm]) for pm in pms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == len(lost) == 1
    assert lost == [f"{won[0].decided_by.name} decided this first: Do it."]
    assert Request.objects.get().decision == won[0]
