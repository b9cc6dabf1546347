"""Pages of scoring models, and scoring one request."""

import re

import pytest

from accounts.models import Role
from activity.models import Event
from intake import scoreboard, scoring, services
from intake.models import ScoringModel, ScoringModelVersion
from intake.services import ModelMoved, RequestError
from tests.factories import make_user
from tests.factories_scoring import CRITERIA, gain, make_candidates, make_model, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def items(pm, team, ada):
    return make_candidates(3, pm, team, ada)


@pytest.fixture
def model(db):
    return make_model()


@pytest.fixture
def scored(model, pm, items):
    """Three requests with gain 9, 5, 1 and joy 0, 5, 10, scored and open."""
    session = make_session(pm, [pm], items, model)
    for item, points in zip(items, (9, 5, 1), strict=True):
        answers = gain(points, joy=10 - points)
        services.save_score(session=session, item=item, scorer=pm, answers=answers)
    services.move_session(session=session, to="talk", actor=pm, seen="score")
    session.refresh_from_db()
    return session


def other_weights(model, **weights):
    scheme = services.scheme_of(ScoringModelVersion.objects.get(pk=model.version_id))
    return scheme.weighted_by(weights).criteria


def save(model, actor, criteria, note="Joy counts too", seen=1, session=None):
    return services.save_model_version(
        model=model, criteria=criteria, note=note, actor=actor, seen=seen, session=session
    )


# --- versions ---
def test_other_weights_are_a_new_version_and_old_scores_keep_theirs(scored, model, opsadmin, items):
    version = save(model, opsadmin, other_weights(model, gain=50, joy=50))
    model.refresh_from_db()
    assert (version.number, model.version) == (2, version)
    kept = scored.candidates.first().scores.get()
    assert kept.version.number == 1 and kept.value == 90
    scored.refresh_from_db()
    assert scored.version.number == 1
    event = Event.objects.get(kind="scoring_model.versioned")
    assert event.data == {"version": version.pk, "number": 2}


def test_a_session_goes_on_with_the_version_its_facilitator_saves(scored, model, pm):
    save(model, pm, other_weights(model, gain=0, joy=100), session=scored)
    scored.refresh_from_db()
    assert scored.version.number == 2
    assert scored.candidates.first().scores.get().version.number == 1
    ranked = scoreboard.board(scored, pm).ranked
    assert [line.item.title for line in ranked] == ["Wish 2", "Wish 1", "Wish 0"]


def test_a_session_keeps_its_version_when_answers_would_be_missing(scored, model, opsadmin):
    new = scoring.Criterion("risk", "Risk", steps=CRITERIA[0].steps, weight=5)
    save(model, opsadmin, (*CRITERIA, new), session=None)
    assert scored.version.number == 1
    assert scoreboard.board(scored, opsadmin).ranked[0].value == 90


def test_versions_need_a_reason_a_change_and_the_right_person(model, opsadmin, pm):
    criteria = other_weights(model, joy=7)
    with pytest.raises(RequestError, match="Say why"):
        save(model, opsadmin, criteria, note=" ")
    with pytest.raises(RequestError, match="Nothing is different"):
        save(model, opsadmin, other_weights(model))
    from django.core.exceptions import PermissionDenied

    with pytest.raises(PermissionDenied):
        save(model, pm, criteria)
    with pytest.raises(scoring.Unfit):
        save(model, opsadmin, other_weights(model, gain=0))
    save(model, opsadmin, criteria)
    with pytest.raises(ModelMoved, match="Ines Carvalho saved version 2 a moment ago"):
        save(model, make_user(role=Role.PRODUCT_OPS), other_weights(model, joy=9))


# --- pages ---
def test_every_model_shows_formula_rubric_and_teams(pm, model, team, signed_in):
    model.teams.add(team)
    page = signed_in(pm).get("/scoring/").content.decode()
    assert "RICE" in page and "Reach × Impact for each of them × Confidence ÷ Effort" in page
    assert "Dispatch" in page and "every team" in page
    page = signed_in(pm).get("/scoring/rice/").content.decode()
    assert "Saves minutes each time, or avoids a common mistake." in page
    assert "Save version" not in page and "Change criteria" not in page
    assert signed_in(pm).get("/scoring/nothing/").status_code == 404


def test_a_criterion_shows_its_objective(opsadmin, signed_in):
    from dataclasses import replace

    gain_for = replace(CRITERIA[0], objective="Halve the wait at the gate by June")
    make_model("With a goal", criteria=(gain_for, *CRITERIA[1:]))
    page = signed_in(opsadmin).get("/scoring/with-a-goal/").content.decode()
    assert "Objective: Halve the wait at the gate by June." in page


def test_the_ranking_before_and_after_is_seen_before_saving(scored, model, opsadmin, signed_in):
    browser = signed_in(opsadmin)
    page = browser.get("/scoring/points/?w_gain=10&w_joy=90").content.decode()
    assert "2 of 3 requests move, the furthest by 2 places." in page
    assert "Up 2, from 3 to 1" in page and "Down 2, from 1 to 3" in page
    assert "Stays at 2" in page
    assert ScoringModelVersion.objects.filter(model=model).count() == 1
    data = {"w_gain": "10", "w_joy": "90", "seen": "1"}
    response = browser.post("/scoring/points/", {**data, "note": ""})
    assert response.status_code == 422 and "Say why it changes" in response.content.decode()
    assert browser.post("/scoring/points/", {**data, "note": "Joy first"}).status_code == 303
    stale = browser.post("/scoring/points/", {**data, "w_gain": "20", "note": "Mine"})
    assert stale.status_code == 409
    assert "saved version 2 a moment ago" in stale.content.decode()
    page = browser.get("/scoring/points/").content.decode()
    assert "Version 2" in page and "Joy first" in page and "Version 1" in page


def test_a_pm_tries_but_does_not_save(scored, pm, signed_in):
    browser = signed_in(make_user(role=Role.PM))
    page = browser.get("/scoring/points/?w_gain=10&w_joy=90").content.decode()
    assert "Before and after" in page and "Save version" not in page
    data = {"w_gain": "10", "seen": "1", "note": "Mine"}
    assert browser.post("/scoring/points/", data).status_code == 403
    # the facilitator of a running session does
    mine = signed_in(pm)
    query = f"?w_gain=10&w_joy=90&session={scored.number}"
    assert (
        "December scoring goes on with the new one."
        in mine.get(f"/scoring/points/{query}").content.decode()
    )
    response = mine.post("/scoring/points/", {**data, "session": scored.number})
    assert response.status_code == 303 and response.url == scored.get_absolute_url()


def test_scores_of_a_blind_session_are_not_in_the_ranking(model, pm, opsadmin, items, signed_in):
    session = make_session(pm, [pm], items, model)
    services.save_score(session=session, item=items[0], scorer=pm, answers=gain(7))
    assert scoreboard.scored_by(model, opsadmin) == ([], {})
    page = signed_in(opsadmin).get("/scoring/points/?w_gain=10&w_joy=90").content.decode()
    assert "so nothing moves" in page and "Wish 0" not in page


def rows_of(*rows, **more):
    data = {"rows": str(len(rows)), **more}
    for number, row in enumerate(rows):
        for name, value in row.items():
            data[f"c{number}-{name}"] = value
    return data


ROW = {
    "name": "Revenue",
    "help": "What is it worth?",
    "weight": "60",
    "direction": "benefit",
    "kind": "scale",
    "rubric": "1 | Little | Hundreds\n3 | Some | Thousands\n5 | Much | Millions",
}


def test_product_ops_makes_a_model_without_scripts(opsadmin, pm, team, signed_in):
    browser = signed_in(opsadmin)
    assert signed_in(pm).get("/scoring/new/").status_code == 403
    assert browser.get("/scoring/new/").status_code == 200
    risk = {**ROW, "name": "Risk", "direction": "cost", "weight": "40", "objective": "Fewer fines"}
    blank = {"name": "", "weight": "10", "direction": "benefit", "kind": "scale"}
    data = rows_of(ROW, risk, blank, name="Our way", purpose="For us", teams=["dispatch"])
    response = browser.post("/scoring/new/", data)
    assert response.status_code == 303, response.content.decode()
    model = ScoringModel.objects.get(slug="our-way")
    first, second = scoring.read_criteria(model.version.criteria)
    assert (first.key, first.weight, len(first.steps)) == ("revenue", 60, 3)
    assert (second.direction, second.objective) == ("cost", "Fewer fines")
    assert list(model.teams.all()) == [team]
    assert model in scoreboard.models_for(team)
    assert model not in scoreboard.models_for(team.__class__.objects.create(name="T", slug="t"))
    again = browser.post("/scoring/new/", data)
    assert again.status_code == 422
    assert "There is a model of this name" in again.content.decode()


def test_rows_say_what_to_mend_and_keep_what_was_typed(opsadmin, signed_in):
    bad = {**ROW, "rubric": "high is good", "weight": "²"}
    response = signed_in(opsadmin).post("/scoring/new/", rows_of(bad, name="<script>"))
    page = response.content.decode()
    assert response.status_code == 422
    assert "as value | name | what it means" in page and "high is good" in page
    assert "&lt;script&gt;" in page and "<script>alert" not in page
    one = signed_in(opsadmin).post("/scoring/new/", rows_of(ROW, name="One"))
    assert "at least two criteria" in one.content.decode()
    many = signed_in(opsadmin).post("/scoring/new/", {"rows": "9" * 30, "name": "x"})
    assert many.status_code == 422


def test_rubrics_are_changed_by_a_preview_and_a_reason(scored, model, opsadmin, signed_in):
    browser = signed_in(opsadmin)
    page = browser.get("/scoring/points/edit/").content.decode()
    assert "10 points" in page
    data = {}
    for name, value in re.findall(r'name="(c\d-\w+|rows|seen)" value="([^"]*)"', page):
        data[name] = value
    for name, text in re.findall(r'<textarea name="(c\d-rubric)"[^>]*>\n?([^<]*)</textarea>', page):
        data[name] = text
    for number, (kind, direction) in enumerate(
        [("scale", "benefit"), ("scale", "benefit"), ("number", "cost")]
    ):
        data |= {f"c{number}-kind": kind, f"c{number}-direction": direction}
    data |= {"c2-is_effort": "on", "purpose": "For tests.", "is_active": "on"}
    # unchanged criteria: only the use is saved, no version is made
    response = browser.post("/scoring/points/edit/", {**data, "purpose": "Other", "save": "1"})
    assert response.status_code == 303
    model.refresh_from_db()
    assert (model.purpose, model.version.number) == ("Other", 1)
    data |= {"c0-weight": "10", "c1-weight": "90"}
    page = browser.post("/scoring/points/edit/", {**data, "preview": "1"}).content.decode()
    assert "Up 2, from 3 to 1" in page
    model.refresh_from_db()
    assert model.version.number == 1
    assert browser.post("/scoring/points/edit/", {**data, "save": "1"}).status_code == 422
    response = browser.post("/scoring/points/edit/", {**data, "save": "1", "note": "Joy"})
    assert response.status_code == 303
    model.refresh_from_db()
    assert model.version.number == 2 and model.version.note == "Joy"
    late = browser.post(
        "/scoring/points/edit/", {**data, "c0-weight": "1", "save": "1", "note": "x"}
    )
    assert late.status_code == 409


# --- one request ---
def test_a_request_is_scored_alone_and_says_so(pm, items, model, signed_in):
    browser = signed_in(pm)
    address = f"/requests/{items[0].number}/score/"
    page = browser.get(f"{address}?model=points").content.decode()
    assert "A score by you alone" in page and "What each step means" in page
    data = {"model": "points", "gain": "7", "joy": "1", "effort": "3"}
    assert browser.post(address, {**data, "effort": "0"}).status_code == 422
    response = browser.post(address, data)
    assert response.status_code == 303 and response.url == items[0].get_absolute_url()
    items[0].refresh_from_db()
    assert items[0].score == 70
    make_session(pm, [pm], [items[0]], model)
    assert browser.post(address, data).status_code == 409
