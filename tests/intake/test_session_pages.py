"""What people see of a session: above all, what they must not see yet."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role
from activity.models import Event
from intake import scoring, services
from intake.models import Candidate, Score, ScoringSession
from planning.models import Decision
from tests.factories import make_user, reason_code
from tests.factories_scoring import gain, make_candidates, make_model, make_session

pytestmark = pytest.mark.django_db

HOSTILE = [
    "<script>alert(1)</script>",
    "שלום \u202eevil",
    "🙂" * 30,
    "²",
    "9" * 30,
    "=1+1",
    "' OR 1=1 --",
    "-1",
    "NaN",
]


@pytest.fixture
def priya(db):
    return make_user("priya@harbourline.example", "Priya Raman", role=Role.PM)


@pytest.fixture
def items(pm, team, ada):
    return make_candidates(3, pm, team, ada)


@pytest.fixture
def session(pm, priya, items):
    return make_session(pm, [pm, priya], items, capacity=5)


def score(session, item, who, points, **more):
    return services.save_score(session=session, item=item, scorer=who, answers=gain(points, **more))


def move(session, to, actor, seen):
    services.move_session(session=session, to=to, actor=actor, seen=seen)
    session.refresh_from_db()


def every_page(session, items):
    base = f"/prioritise/{session.number}/"
    pages = [base, "/prioritise/", f"{base}progress/", f"{base}summary/", f"{base}scores.csv"]
    for view in ("score", "talk", "decide", "nonsense"):
        pages += [f"{base}?v={view}", f"{base}?v={view}&sort=spread", f"{base}?v={view}&w_gain=3"]
        pages += [f"{base}?v={view}&on={item.number}" for item in items]
    model = session.version.model.slug
    pages += [f"/scoring/{model}/", f"/scoring/{model}/?w_gain=50&w_joy=50", "/scoring/"]
    pages += [item.get_absolute_url() for item in items]
    pages += [f"/requests/{item.number}/score/" for item in items]
    return pages


def body(response):
    return b"".join(response).decode() if response.streaming else response.content.decode()


def texts(browser, session, items):
    """Every page and fragment that could say something of a score, in one text."""
    found = []
    for address in every_page(session, items):
        for headers in ({}, {"HX-Request": "true"}):
            response = browser.get(address, headers=headers)
            assert response.status_code in (200, 303), (address, response.status_code)
            found.append(body(response))
    return "\n".join(found)


# --- blindness ---
def test_others_scores_are_nowhere_before_ones_own(session, pm, priya, items, signed_in):
    # 37.25 and its answers appear nowhere else on any page
    services.save_score(
        session=session,
        item=items[0],
        scorer=priya,
        answers={"gain": 7.0, "joy": 3.0, "effort": 43.21},
    )
    Score.objects.filter(scorer=priya).update(value="37.25")
    for who in (pm, make_user(role=Role.PM), make_user(role=Role.PRODUCT_OPS)):
        seen = texts(signed_in(who), session, items)
        assert "43.21" not in seen
        assert not re.search(r"\b37\.?25|\b70\b", seen)
        assert 'class="strip"' not in seen
        assert "Group from" not in seen


def test_ones_own_score_opens_that_candidate_and_no_other(session, pm, priya, items, signed_in):
    for item, points in zip(items, (7, 6, 4), strict=True):
        score(session, item, priya, points)
    score(session, items[0], pm, 9)
    page = signed_in(pm).get(f"/prioritise/{session.number}/").content.decode()
    assert page.count('class="strip"') == 1
    assert "Group from 70 to 90, middle 80, mine 90" in page
    assert page.count("Score to see") == 2
    # places are counted among what is open: ranks of the others would tell their scores
    assert re.findall(r'class="rank">([^<]+)<', page) == ["1", "–", "–"]
    rows = body(signed_in(pm).get(f"/prioritise/{session.number}/scores.csv")).splitlines()
    assert sum("80" in row for row in rows) == 1
    assert "Priya" not in rows[0]


def test_passing_opens_nothing(session, pm, priya, items, signed_in):
    score(session, items[0], priya, 7)
    browser = signed_in(pm)
    address = f"/prioritise/{session.number}/score/{items[0].number}/"
    assert browser.post(address, {"skip": "1"}).status_code == 303
    seen = texts(browser, session, items)
    assert 'class="strip"' not in seen and not re.search(r"\b70\b", seen)
    assert "You left these to others" in seen


def test_a_facilitator_who_does_not_score_sees_progress_only(priya, pm, items, opsadmin, signed_in):
    session = make_session(opsadmin, [pm, priya], items)
    score(session, items[0], priya, 7)
    seen = texts(signed_in(opsadmin), session, items)
    assert 'class="strip"' not in seen and not re.search(r"\b70\b", seen)
    page = signed_in(opsadmin).get(f"/prioritise/{session.number}/").content.decode()
    assert "1 of 3" in page and "Open the scores" in page


def test_queries_before_the_own_score_bring_no_other_scores(session, pm, priya, items, signed_in):
    """Not hidden by the template: never fetched."""
    score(session, items[0], priya, 7)
    score(session, items[1], pm, 5)
    assert set(Score.objects.visible_to(pm).values_list("scorer_id", flat=True)) == {pm.pk}
    score(session, items[1], priya, 6)
    visible = Score.objects.visible_to(pm)
    assert sorted(visible.values_list("candidate__request_id", flat=True)) == [items[1].pk] * 2
    assert not Score.objects.visible_to(make_user()).exists()
    ScoringSession.objects.update(closes_at=timezone.now() - timedelta(seconds=1))
    assert Score.objects.visible_to(pm).count() == 3


def test_random_order_is_ones_own_and_stable(session, pm, priya, items, signed_in):
    more = make_candidates(9, pm)
    services.add_candidates(session=session, items=more, actor=pm)

    def order(who):
        page = signed_in(who).get(f"/prioritise/{session.number}/").content.decode()
        return re.findall(r'class="num">(REQ-\d+)<', page.split("tbody")[1])

    assert order(pm) == order(pm)
    assert sorted(order(pm)) == sorted(order(priya))
    assert order(pm) != order(priya)


# --- access ---
def test_sessions_are_for_pms(session, items, ada, signed_in):
    browser = signed_in(ada)
    for address in every_page(session, items)[:5]:
        assert browser.get(address).status_code == 403
    for action in ("move", "notes", "agenda", "people", "change"):
        assert browser.post(f"/prioritise/{session.number}/{action}/").status_code == 403
    for action in ("score", "talk", "settle", "decide"):
        url = f"/prioritise/{session.number}/{action}/{items[0].number}/"
        assert browser.post(url).status_code == 403
    assert browser.get("/scoring/").status_code == 200
    assert browser.get(f"/scoring/{session.version.model.slug}/").status_code == 200
    assert browser.get(f"/requests/{items[0].number}/score/").status_code == 403
    assert "Prioritise" not in browser.get("/").content.decode()


def test_one_who_does_not_facilitate_cannot_run_it(session, items, priya, signed_in):
    browser = signed_in(priya)
    assert (
        browser.post(
            f"/prioritise/{session.number}/move/", {"to": "talk", "seen": "score"}
        ).status_code
        == 403
    )
    session.refresh_from_db()
    assert session.is_blind
    assert "Open the scores" not in browser.get(f"/prioritise/{session.number}/").content.decode()


# --- doing ---
def test_a_session_is_opened_from_triaged_requests(pm, priya, items, signed_in):
    make_model()
    browser = signed_in(pm)
    page = browser.get("/prioritise/new/").content.decode()
    assert all(item.title in page for item in items)
    data = {
        "title": "December scoring",
        "model": "points",
        "scorers": [pm.pk, priya.pk],
        "item": [items[0].number],
        "numbers": f"REQ-{items[1].number}, {items[2].number}",
        "capacity": "26",
        "clock_minutes": "8",
        "closes_at": (timezone.localtime() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"),
    }
    response = browser.post("/prioritise/new/", data)
    session = ScoringSession.objects.get()
    assert response.status_code == 303 and response.url == session.get_absolute_url()
    assert session.candidates.count() == 3 and session.scorers.count() == 2
    page = browser.get("/prioritise/").content.decode()
    assert "December scoring" in page and "0 of 3 scored" in page
    assert "3 scores of yours are missing" in page


def test_the_new_form_keeps_what_was_typed_and_says_what_to_mend(pm, items, signed_in):
    make_model()
    browser = signed_in(pm)
    response = browser.post(
        "/prioritise/new/",
        {"title": "<b>", "numbers": "99999", "model": "points", "scorers": [pm.pk],
         "clock_minutes": "8", "item": [items[0].number]},
    )  # fmt: skip
    page = response.content.decode()
    assert response.status_code == 422
    assert "There is no request 99999. Check the number" in page
    assert "&lt;b&gt;" in page and "checked" in page
    response = browser.post("/prioritise/new/", {"numbers": "²", "closes_at": "yesterday"})
    page = response.content.decode()
    assert "is no request number" in page
    assert "Enter a day and time like" in page
    assert "Choose at least one scorer" in page
    assert not ScoringSession.objects.exists()


def test_the_rubric_stands_beside_the_score(session, pm, items, signed_in):
    page = signed_in(pm).get(f"/prioritise/{session.number}/").content.decode()
    assert page.count("What each step means") == 2
    assert "7 points" in page


def test_saving_goes_on_to_the_next(session, pm, items, signed_in):
    browser = signed_in(pm)
    first = re.search(
        r'action="(/prioritise/\d+/score/\d+/)"',
        browser.get(f"/prioritise/{session.number}/").content.decode(),
    )[1]
    answers = {"gain": "7", "joy": "3", "effort": "2,5"}
    response = browser.post(first, {**answers, "effort": "two"})
    assert response.status_code == 422
    page = response.content.decode()
    assert "Enter effort as a number, like 4 or 0.5" in page
    assert 'value="two"' in page and re.search(r'name="gain" value="7" checked', page)
    response = browser.post(first, {**answers, "effort": "2.5"})
    assert response.status_code == 303
    page = browser.get(response.url).content.decode()
    assert re.search(r'action="(/prioritise/\d+/score/\d+/)"', page)[1] != first
    assert "You scored 1 of 3" in page
    fragment = browser.post(
        first, {**answers, "effort": "3"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert fragment.lstrip().startswith('<div id="session"')


def test_reveal_talk_settle_decide_close(session, pm, priya, items, ada, signed_in):
    for item, mine, hers in zip(items, (9, 2, 5), (9, 10, 5), strict=True):
        score(session, item, pm, mine)
        score(session, item, priya, hers)
    browser, base = signed_in(pm), f"/prioritise/{session.number}/"
    assert browser.get(f"{base}summary/").status_code == 303
    response = browser.post(f"{base}move/", {"to": "talk", "seen": "score"})
    page = browser.get(response.url).content.decode()
    assert "The scores are open." in page
    assert "One needs a talk" in page
    # the widest spread comes first and is open beside the table
    assert page.index("Wish 1") < page.index("Wish 0")
    assert "They differ most on" in page and "Priya Raman" in page
    talk = f"{base}talk/{items[1].number}/"
    page = browser.get(browser.post(talk).url).content.decode()
    assert re.search(r'data-ends="\d+"', page) and "Stop the clock" in page
    browser.post(talk, {"stop": "1"})
    settle = f"{base}settle/{items[1].number}/"
    assert browser.post(settle, {"value": "sixty"}).status_code == 422
    assert browser.post(settle, {"value": "60", "note": "Met in the middle"}).status_code == 303
    stale = signed_in(make_user(role=Role.PRODUCT_OPS)).post(settle, {"value": "10", "seen": ""})
    assert stale.status_code == 409
    assert "Tomasz Wieczorek settled this at 60 first" in stale.content.decode()
    browser.post(f"{base}move/", {"to": "decide", "seen": "talk"})
    page = browser.get(f"{base}?v=decide").content.decode()
    assert "The line falls here: two fit, the rest waits" in page
    assert "Scored 90, place 1 of 3 in December scoring." in page
    decide = f"{base}decide/{items[0].number}/"
    assert browser.post(decide, {"outcome": "do", "reason": ""}).status_code == 422
    assert browser.post(decide, {"outcome": "do", "reason": "Top."}).status_code == 303
    late = signed_in(priya).post(
        decide, {"outcome": "no", "reason_code": reason_code().code, "reason": "My long reason"}
    )
    assert late.status_code == 409
    assert "Tomasz Wieczorek decided this first" in late.content.decode()
    assert "My long reason" in late.content.decode()
    assert Decision.objects.get().outcome == "do"
    notes = {"notes": "We talked.", "actions": "Noor asks", "seen_notes": "", "seen_actions": ""}
    assert browser.post(f"{base}notes/", notes).status_code == 303
    response = signed_in(priya).post(f"{base}notes/", {**notes, "notes": "Mine"})
    assert response.status_code == 409 and "Mine" in response.content.decode()
    browser.post(f"{base}move/", {"to": "closed", "seen": "decide"})
    page = browser.get(f"{base}summary/").content.decode()
    assert "We talked." in page and "Top." in page and "Noor asks" in page
    assert "1 decided, 2 left undecided" in page
    rows = body(browser.get(f"{base}scores.csv")).splitlines()
    assert "Priya Raman" in rows[0] and rows[1].startswith("1,REQ-")


def test_a_stale_reveal_answers_409_with_who(session, opsadmin, pm, signed_in):
    move(session, "talk", opsadmin, "score")
    for headers in ({}, {"HX-Request": "true"}):
        response = signed_in(pm).post(
            f"/prioritise/{session.number}/move/", {"to": "talk", "seen": "score"}, headers=headers
        )
        assert response.status_code == 409
        assert "Ines Carvalho opened the talk a moment ago" in response.content.decode()
    assert Event.objects.filter(kind="session.revealed").count() == 1


def test_people_agenda_and_times_change_on_the_page(session, pm, priya, items, signed_in):
    browser, base = signed_in(pm), f"/prioritise/{session.number}/"
    noor = make_user(name="Noor", role=Role.PM)
    browser.post(f"{base}people/", {"what": "add", "person": noor.pk})
    assert session.scorers.filter(pk=noor.pk).exists()
    browser.post(f"{base}people/", {"what": "remove", "person": noor.pk})
    assert not session.scorers.filter(pk=noor.pk).exists()
    assert browser.post(f"{base}people/", {"what": "add", "person": "²"}).status_code == 422
    browser.post(f"{base}agenda/", {"drop": items[0].number})
    assert Candidate.objects.get(request=items[0]).dropped_at
    response = browser.post(f"{base}agenda/", {"numbers": "99999"})
    assert response.status_code == 409 and "no request 99999" in response.content.decode()
    browser.post(f"{base}agenda/", {"numbers": f"{items[0].number}"})
    assert not Candidate.objects.get(request=items[0]).dropped_at
    browser.post(f"{base}change/", {"capacity": "12.5", "clock_minutes": "5", "closes_at": ""})
    session.refresh_from_db()
    assert (float(session.capacity), session.clock_minutes) == (12.5, 5)
    browser.post(f"{base}people/", {"what": "hand", "person": priya.pk})
    session.refresh_from_db()
    assert session.facilitator == priya


def test_other_weights_reorder_for_the_reader_only(session, pm, priya, items, signed_in):
    score(session, items[0], pm, 9, joy=0)
    score(session, items[1], pm, 3, joy=10)
    browser, base = signed_in(pm), f"/prioritise/{session.number}/"

    def order(query=""):
        page = browser.get(base + query).content.decode()
        return page, re.findall(r"Wish \d", page.split("<tbody>")[1])[:2]

    assert order()[1] == ["Wish 0", "Wish 1"]
    page, tried = order("?w_gain=0&w_joy=100")
    assert tried == ["Wish 1", "Wish 0"]
    assert "only you see this order" in page
    assert order()[1] == ["Wish 0", "Wish 1"]
    page, _ = order("?w_gain=many")
    assert "Enter a weight for gain from 0 to 1,000" in page


# --- odd input ---
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_never_answers_500(session, pm, items, signed_in, text):
    browser, base = signed_in(pm), f"/prioritise/{session.number}/"
    number = items[0].number
    browser.raise_request_exception = True
    for address in (
        base, "/prioritise/", "/prioritise/new/", "/scoring/points/", f"/requests/{number}/score/"
    ):  # fmt: skip
        names = ("v", "on", "team", "sort", "w_gain", "page", "words", "session", "model", "seen")
        assert browser.get(address, dict.fromkeys(names, text)).status_code == 200
    for action, fields in {
        f"score/{number}": ("gain", "joy", "effort", "team"),
        "move": ("to", "seen"),
        f"talk/{number}": ("stop",),
        f"settle/{number}": ("value", "note", "seen"),
        f"decide/{number}": ("outcome", "reason", "revisit_on"),
        "notes": ("notes", "actions", "seen_notes"),
        "agenda": ("numbers",),
        "people": ("what", "person", "v"),
        "change": ("capacity", "closes_at", "clock_minutes"),
    }.items():
        response = browser.post(f"{base}{action}/", dict.fromkeys(fields, text))
        assert response.status_code in (303, 409, 422), action
        assert "<script>alert(1)" not in response.content.decode()
    assert browser.post(f"{base}agenda/", {"drop": text}).status_code == 404
    move(session, "talk", pm, "score")
    for action in (f"settle/{number}", f"decide/{number}"):
        data = {"value": text, "note": text, "reason": text, "outcome": "do"}
        assert browser.post(f"{base}{action}/", data).status_code in (303, 409, 422)
    for address in (base, f"{base}?v=decide", f"{base}summary/"):
        assert "<script>alert(1)" not in browser.get(address).content.decode()


@pytest.mark.parametrize("number", ["0", "999999999", "9" * 30])
def test_addresses_that_lead_nowhere_answer_404(session, pm, signed_in, number):
    browser = signed_in(pm)
    assert browser.get(f"/prioritise/{number}/").status_code == 404
    assert browser.post(f"/prioritise/{session.number}/score/{number}/").status_code == 404
    assert browser.get(f"/requests/{number}/score/").status_code == 404


def test_a_solo_score_has_no_session_page(pm, items, signed_in):
    services.score_alone(item=items[0], model=make_model(), scorer=pm, answers=gain(3))
    solo = ScoringSession.objects.get()
    assert signed_in(pm).get(solo.get_absolute_url()).status_code == 404


# --- cost ---
def test_queries_do_not_grow_with_candidates_and_scorers(pm, ada, team, signed_in):
    model = make_model()
    people = [pm, *(make_user(role=Role.PM) for _ in range(11))]
    items = make_candidates(60, pm, team, ada)
    few = make_session(pm, people[:2], items[:3], model, capacity=20)
    many = make_session(pm, people, items, model, capacity=200)
    for session in (few, many):
        rows = []
        for n, one in enumerate(session.candidates.all()):
            for m, who in enumerate(session.scorers.all()):
                values = gain((n * 7 + m * 3) % 11, effort=1 + n % 5, joy=m % 11)
                rows.append(
                    Score(
                        candidate=one,
                        scorer=who,
                        version=session.version,
                        values=values,
                        value=scoring.score(services.scheme_of(session.version), values),
                    )
                )
        Score.objects.bulk_create(rows)
    browser = signed_in(pm)

    def cost(address):
        browser.get(address)
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert browser.get(address).status_code == 200
        return len(found)

    def both(path):
        return [cost(f"/prioritise/{session.number}/{path}") for session in (few, many)]

    small, large = both("")
    assert small == large <= 24
    for session in (few, many):
        move(session, "talk", pm, "score")
    for path in ("?v=talk", "?v=decide", "summary/", "scores.csv"):
        small, large = both(path)
        assert small == large <= 24, path
    one, all_of_them = cost("/prioritise/"), cost("/scoring/points/")
    assert one <= 14 and all_of_them <= 16


def test_the_request_page_shows_the_score_to_all(session, pm, priya, items, ada, signed_in):
    for item, points in zip(items, (9, 5, 1), strict=True):
        score(session, item, pm, points)
        score(session, item, priya, points)
    page = signed_in(ada).get(items[1].get_absolute_url()).content.decode()
    assert "On the agenda of December scoring, scored blind." in page
    move(session, "talk", pm, "score")
    move(session, "closed", pm, "talk")
    page = signed_in(ada).get(items[1].get_absolute_url()).content.decode()
    assert "place 2 of 3 in December scoring" in page
    assert "The median of 2 scores. Middle answers:" in page and "= 50" in page
    assert "/prioritise/" not in page and "Score it alone" not in page
    page = signed_in(pm).get(items[1].get_absolute_url()).content.decode()
    assert session.get_absolute_url() in page


def test_a_decision_taken_in_a_session_can_be_undone(session, pm, items, ada, signed_in):
    move(session, "talk", pm, "score")
    browser = signed_in(pm)
    address = f"/prioritise/{session.number}/decide/{items[0].number}/"
    response = browser.post(address, {"outcome": "do", "reason": "Top."})
    page = browser.get(response.url).content.decode()
    key = re.search(r'name="key" value="([^"]+)"', page)[1]
    assert browser.post("/triage/undo/", {"key": key}).status_code == 303
    items[0].refresh_from_db()
    assert items[0].is_open
