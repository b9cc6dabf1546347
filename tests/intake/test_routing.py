"""B02, B03, S101: rules route what arrives; each can be tried first and is judged afterwards."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from activity.models import Event
from intake import routing, trials
from intake.models import IntakeForm, Promise, Request, RoutingHit, RoutingRule, Status
from intake.routing import Plain, Rule, phrases_of, route, words_of
from intake.services import edit_request, merge_requests, triage_request
from intake.services.routing import RuleMoved, move_rule, save_rule
from intake.services.undo import undo_action, window
from notices.models import Notice
from tests.factories import make_membership, make_request, make_team, make_user

pytestmark = pytest.mark.django_db
NONE = {"forms": [], "areas": [], "requester_teams": []}


def text(response):
    return response.content.decode()


@pytest.fixture
def yard(db):
    return make_team(name="Yard", slug="yard")


def make_rule(actor, name="Depots", place=99, lists=None, rule=None, **fields):
    values = {
        "name": name, "stops": True, "is_active": True, "kinds": [], "words": "",
        "departments": [], "to_team": None, "to_owner": None, "to_priority": "",
        "add_labels": [], "triage_days": None, "decision_days": None, **fields,
    }  # fmt: skip
    return save_rule(
        rule=rule, actor=actor, fields=values, lists={**NONE, **(lists or {})}, place=place
    )


class TestMatching:
    """Pure: which rules fire and what they say."""

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("depot", True),
            ("DEPOT", True),
            ("depots", False),
            ("po", False),
            ("depot closes", True),
            ("closes depot", False),
            ("ﬁne print", True),
            ("straße", True),
            ("photo\ndepot", True),
            ("", True),
            ("…!", True),
        ],
    )
    def test_words_are_whole_and_in_order(self, line, said):
        rule = Rule(1, "r", phrases=phrases_of(line), to_team=1)
        plain = Plain("idea", words=words_of("When a Depot closes: fine print, Straße 5."))
        assert bool(route([rule], plain).fired) is said

    def test_all_conditions_must_hold(self):
        rule = Rule(
            1,
            "r",
            kinds=frozenset({"idea"}),
            forms=frozenset({7}),
            areas=frozenset({3}),
            departments=frozenset({"sales"}),
            teams=frozenset({4, 5}),
        )
        full = {
            "kind": "idea",
            "form": 7,
            "area": 3,
            "department": "  SALES ",
            "teams": frozenset({5}),
        }
        assert route([rule], Plain(**full)).fired
        for other in (
            {"kind": "data"},
            {"form": None},
            {"area": 4},
            {"department": ""},
            {"teams": frozenset()},
        ):
            assert not route([rule], Plain(**{**full, **other})).fired

    def test_the_first_to_say_a_thing_is_heard_and_labels_add_up(self):
        rules = [
            Rule(1, "label", stops=False, add_labels=("a",), to_priority="high"),
            Rule(2, "team", stops=False, to_team=5, add_labels=("b", "a"), triage_days=1),
            Rule(3, "later", to_team=6, to_owner=9, to_priority="low", triage_days=3),
            Rule(4, "never", to_team=7, decision_days=4),
        ]
        routed = route(rules, Plain("idea"))
        assert [rule.id for rule in routed.fired] == [1, 2, 3]
        assert (routed.team, routed.owner, routed.priority) == (5, 9, "high")
        assert (routed.labels, routed.triage_days, routed.decision_days) == (("a", "b"), 1, None)
        assert routed.by == rules[1]

    @given(
        stops=st.lists(st.booleans(), max_size=6),
        holds=st.lists(st.booleans(), min_size=6, max_size=6),
    )
    def test_nothing_fires_after_one_that_stops(self, stops, holds):
        rules = [
            Rule(n, str(n), stop, kinds=frozenset({"idea" if hold else "data"}), to_team=n)
            for n, (stop, hold) in enumerate(zip(stops, holds, strict=False))
        ]
        fired = route(rules, Plain("idea")).fired
        assert all(not rule.stops for rule in fired[:-1])
        assert list(fired) == sorted(fired, key=lambda rule: rule.id)


class TestArriving:
    def test_a_rule_sends_it_to_a_team_and_an_owner_and_it_stays_to_be_read(
        self, ada, pm, opsadmin, team, yard, run_on_commit
    ):
        rule = make_rule(
            opsadmin, words="depot", to_team=team, to_owner=pm, to_priority="high",
            add_labels=["depots"], triage_days=1, decision_days=3,
        )  # fmt: skip
        with run_on_commit():
            item = make_request(ada, team=yard, labels=["own"])
        item.refresh_from_db()
        assert (item.team, item.owner, item.status) == (team, pm, Status.NEW)
        assert (item.priority, item.labels, item.routed_by) == ("high", ["own", "depots"], rule)
        days = dict(Promise.objects.filter(request=item).values_list("kind", "days"))
        assert days == {"first_answer": 1, "triage": 1, "decision": 3}
        event = Event.objects.get(kind="request.routed")
        assert event.actor is None
        assert event.data == {
            "rule": rule.pk, "team": team.pk, "owner": pm.pk, "priority": "high",
        }  # fmt: skip
        notice = Notice.objects.get(recipient=pm, kind="request.routed")
        assert notice.title == f"You own {item.reference}: {item.title}"
        assert notice.is_action

    def test_a_rule_without_an_owner_tells_nobody(self, ada, opsadmin, team, run_on_commit):
        make_rule(opsadmin, to_team=team)
        with run_on_commit():
            make_request(ada)
        assert not Notice.objects.filter(kind="request.routed").exists()

    def test_no_rule_leaves_it_as_it_was_sent(self, ada, opsadmin, team, yard):
        make_rule(opsadmin, words="nothing like it", to_team=yard)
        make_rule(opsadmin, name="Off", to_team=yard, is_active=False)
        item = make_request(ada, team=team)
        assert (item.team, item.routed_by) == (team, None)
        assert not RoutingHit.objects.exists()

    def test_who_left_and_what_closed_is_left_out(self, ada, pm, opsadmin, team, yard):
        make_rule(opsadmin, to_team=yard, to_owner=pm)
        pm.role = "stakeholder"
        pm.save(update_fields=["role"])
        yard.is_active = False
        yard.save(update_fields=["is_active"])
        item = make_request(ada, team=team)
        assert (item.team, item.owner) == (team, None)

    def test_form_area_department_and_team_are_looked_at(self, pm, opsadmin, team, yard):
        sales = make_user(department="Sales")
        make_membership(sales, yard)
        form = IntakeForm.objects.first()
        lists = {"forms": [form.pk], "areas": [yard.pk], "requester_teams": [yard.pk]}
        make_rule(opsadmin, lists=lists, departments=["sales"], to_team=team)
        fits = make_request(sales, team=yard, form_version=form.version)
        assert fits.team == team
        other = make_request(make_user(department="Sales"), team=yard, form_version=form.version)
        assert other.team == yard

    def test_the_owner_reads_it_with_one_press(self, ada, pm, opsadmin, team, signed_in):
        make_rule(opsadmin, to_team=team, to_owner=pm)
        item = make_request(ada)
        page = text(signed_in(pm).get("/triage/"))
        assert "Assign to me" in page and "Rule Depots" in page
        signed_in(pm).post(
            reverse("intake:request-take", args=[item.number]),
            {"owner_seen": pm.pk, "next": "/triage/"},
        )
        item.refresh_from_db()
        assert item.status == Status.TRIAGED


class TestMisroutes:
    def test_sent_elsewhere_by_a_person_the_rule_was_wrong(self, ada, pm, opsadmin, team, yard):
        rule = make_rule(opsadmin, to_team=team)
        wrong, right = make_request(ada), make_request(ada)
        triage_request(item=wrong, actor=pm, team=yard, owner=pm)
        triage_request(item=right, actor=pm, team=team, owner=pm)
        row = trials.rule_rows()[0]
        assert (row.fired, row.judged, row.misrouted, row.rate) == (2, 2, 1, 50)
        event = Event.objects.get(kind="request.rerouted")
        assert event.data == {"rule": rule.pk, "from": team.pk, "to": yard.pk}

    def test_taken_back_it_was_not_wrong(self, ada, pm, opsadmin, team, yard):
        make_rule(opsadmin, to_team=team)
        item = make_request(ada)
        undo = window(pm)
        triage_request(item=item, actor=pm, team=yard, owner=pm, undo=undo)
        undo_action(key=undo.key, actor=pm)
        assert trials.rule_rows()[0].misrouted == 0

    def test_old_hits_and_rules_without_a_team_do_not_count(self, ada, opsadmin, team):
        make_rule(opsadmin, to_team=team, stops=False)
        make_rule(opsadmin, name="Label", add_labels=["x"])
        make_request(ada)
        RoutingHit.objects.filter(rule__name="Depots").update(
            at=timezone.now() - timedelta(days=91)
        )
        first, second = trials.rule_rows()
        assert (first.fired, first.rate) == (0, None)
        assert (second.fired, second.judged, second.rate) == (1, 0, None)


class TestTrial:
    def try_it(self, reader, place=99, lists=None, **fields):
        rule = RoutingRule(**{"name": "Draft", "is_active": True, "stops": True, **fields})
        return trials.try_rule(rule, {**NONE, **(lists or {})}, place=place, reader=reader)

    def test_it_says_where_each_went_in_the_end(self, ada, pm, opsadmin, team, yard):
        to_team, to_yard, unread = (make_request(ada, team=team) for _ in range(3))
        make_request(ada, title="Other", problem="Other words", team=team)
        triage_request(item=to_team, actor=pm, team=team, owner=pm)
        triage_request(item=to_yard, actor=pm, team=yard, owner=pm)
        trial = self.try_it(opsadmin, words="depot", to_team=team)
        assert [(row.number, row.would, row.went, row.agrees) for row in trial.taken] == [
            (unread.number, "Dispatch", "", None),
            (to_yard.number, "Dispatch", "Yard", False),
            (to_team.number, "Dispatch", "Dispatch", True),
        ]
        assert (trial.total, trial.judged, trial.agreed, trial.percent) == (4, 2, 1, 50)
        assert "it would have taken 3; 1 of the 2 that were read went there" in trial.sentence

    def test_an_earlier_rule_takes_it_first(self, ada, opsadmin, team, yard):
        make_rule(opsadmin, name="Earlier", to_team=yard)
        make_request(ada)
        late = self.try_it(opsadmin, place=1, to_team=team)
        assert [row.earlier for row in late.earlier] == ["Earlier"]
        assert late.taken == []
        early = self.try_it(opsadmin, place=0, to_team=team)
        assert len(early.taken) == 1 and early.earlier == []

    def test_what_would_become_unrouted_is_said(self, ada, opsadmin, team):
        rule = make_rule(opsadmin, to_team=team)
        item = make_request(ada)
        rule.words = "nothing like it"
        trial = trials.try_rule(rule, NONE, place=0, reader=opsadmin)
        assert [row.number for row in trial.unrouted] == [item.number]
        assert "1 would no longer be routed" in trial.sentence

    def test_it_sees_the_words_and_the_area_as_they_were_sent(self, ada, pm, opsadmin, team, yard):
        item = make_request(ada, team=yard)
        edit_request(
            item=item, actor=pm, title="Quite different", problem="Other words", seen=0,
            evidence_url="", needed_on=None, visibility="company",
        )  # fmt: skip
        triage_request(item=item, actor=pm, team=team, owner=pm)
        assert len(self.try_it(opsadmin, words="depot", to_team=team).taken) == 1
        assert len(self.try_it(opsadmin, words="different", to_team=team).taken) == 0
        assert len(self.try_it(opsadmin, lists={"areas": [yard.pk]}, to_team=team).taken) == 1

    def test_a_merged_request_went_where_the_other_did(self, ada, pm, opsadmin, team, yard):
        top = make_request(ada, title="Top", problem="x", team=yard)
        triage_request(item=top, actor=pm, team=yard, owner=pm)
        merge_requests(items=[make_request(ada, team=team)], into=top, actor=pm)
        trial = self.try_it(opsadmin, words="depot", to_team=yard)
        assert [row.agrees for row in trial.taken] == [True]

    def test_it_changes_nothing_and_takes_few_queries(
        self, ada, opsadmin, team, django_assert_max_num_queries
    ):
        for number in range(30):
            make_request(ada, title=f"Depot {number}", team=team)
        before = Request.objects.values_list("team", "routed_by").distinct().count()
        with django_assert_max_num_queries(12):
            trial = self.try_it(opsadmin, words="depot", to_team=team)
        assert len(trial.taken) == 30
        assert Request.objects.values_list("team", "routed_by").distinct().count() == before
        assert not RoutingHit.objects.exists()

    @pytest.mark.parametrize("seed", range(6))
    def test_a_trial_says_what_sending_then_does(self, opsadmin, pm, team, yard, seed):
        """The same set, sent with the rules off and tried, and sent again with them on."""
        import random

        dice = random.Random(seed)
        people = [make_user(department=name) for name in ("Sales", "Ops")]
        make_membership(people[0], yard)

        def send():
            return [
                make_request(
                    dice.choice(people), title=f"Wish {n}", kind=dice.choice(["idea", "data"]),
                    problem=dice.choice(["the depot closes", "a photo is lost"]),
                    team=dice.choice([team, yard, None]),
                )
                for n in range(20)
            ]  # fmt: skip

        def rule(name, **fields):
            return make_rule(
                opsadmin, name=name, is_active=False, stops=dice.random() < 0.6,
                kinds=dice.choice([[], ["idea"]]), words=dice.choice(["", "depot", "photo"]),
                departments=dice.choice([[], ["Sales"]]),
                lists={"areas": dice.choice([[], [team.pk]]),
                       "requester_teams": dice.choice([[], [yard.pk]])},
                to_team=dice.choice([team, yard, None]), add_labels=[name], **fields,
            )  # fmt: skip

        rules = [rule(f"r{n}") for n in range(4)]
        state = dice.getstate()
        dice.seed(seed + 100)
        first = send()
        RoutingRule.objects.exclude(pk=rules[2].pk).update(is_active=True)
        draft = RoutingRule.objects.get(pk=rules[2].pk)
        draft.is_active = True
        lists = {name: list(getattr(draft, name).values_list("pk", flat=True)) for name in NONE}
        trial = trials.try_rule(draft, lists, place=2, reader=opsadmin)
        RoutingRule.objects.update(is_active=True)
        dice.seed(seed + 100)
        second = send()
        fired = set(
            RoutingHit.objects.filter(rule=draft, request__in=second).values_list(
                "request__title", flat=True
            )
        )
        assert {row.title for row in trial.taken} == fired
        would = {row.title: row.would for row in trial.taken}
        for item in second:
            if item.title in would:
                assert would[item.title] == (item.team.name if item.team else "")
        assert len(first) == len(second)
        dice.setstate(state)


class TestPages:
    def post(self, browser, path="/routing/new/", **data):
        fields = {
            "name": "Depots", "place": "0", "stops": "on", "is_active": "on", "do": "save", **data,
        }  # fmt: skip
        return browser.post(path, fields)

    def test_it_is_for_product_ops(self, pm, ada, opsadmin, team, signed_in):
        rule = make_rule(opsadmin, to_team=team)
        for person in (pm, ada):
            browser = signed_in(person)
            assert browser.get("/routing/").status_code == 403
            assert browser.get("/routing/new/").status_code == 403
            assert browser.post(f"/routing/{rule.pk}/act/", {"do": "off"}).status_code == 403
        rule.refresh_from_db()
        assert rule.is_active

    def test_a_rule_is_tried_then_saved(self, ada, opsadmin, team, signed_in):
        make_request(ada)
        browser = signed_in(opsadmin)
        tried = self.post(browser, words="depot", to_team=team.pk, do="try")
        assert tried.status_code == 200
        assert "Of the last 1 request it would have taken 1" in text(tried)
        assert 'value="Depots"' in text(tried) and "depot</textarea>" in text(tried)
        assert not RoutingRule.objects.exists()
        response = self.post(browser, words="depot", to_team=team.pk)
        assert (response.status_code, response["Location"]) == (303, "/routing/")
        page = text(browser.get("/routing/"))
        assert "The rule Depots is saved. Of the last 1 request" in page
        assert "If it says “depot”" in page and "to Dispatch" in page
        assert Event.objects.filter(kind="routing_rule.saved").count() == 1

    def test_faults_are_named_and_nothing_is_saved(self, opsadmin, team, signed_in):
        browser = signed_in(opsadmin)
        for data, said in (
            ({"name": " "}, "Give the rule a name"),
            ({}, "Say what shall happen"),
            ({"to_team": "²"}, "Choose from the list"),
            ({"to_team": team.pk, "triage_days": "0"}, "Enter at least one day"),
            ({"to_team": team.pk, "place": "9" * 30}, "Choose from the list"),
            ({"to_team": team.pk, "areas": "9" * 30}, "Choose from the list"),
            ({"to_team": team.pk, "words": "x" * 2001}, "Shorten the list"),
        ):
            response = self.post(browser, **data)
            assert response.status_code == 422, data
            assert said in text(response), data
        assert not RoutingRule.objects.exists()

    def test_of_two_who_change_it_the_second_is_told(self, opsadmin, admin, team, signed_in):
        rule = make_rule(opsadmin, to_team=team)
        page = text(signed_in(admin).get(f"/routing/{rule.pk}/"))
        seen = page.split('name="seen" value="')[1].split('"')[0]
        make_rule(opsadmin, name="Meanwhile", rule=rule, to_team=team)
        response = self.post(
            signed_in(admin), f"/routing/{rule.pk}/", name="Mine", to_team=team.pk, seen=seen
        )
        assert response.status_code == 409
        assert "Ines Carvalho changed this rule a moment ago" in text(response)
        assert 'value="Mine"' in text(response)
        rule.refresh_from_db()
        assert rule.name == "Meanwhile"

    def test_the_order_is_changed_by_buttons(self, opsadmin, team, signed_in):
        for name in "ABC":
            make_rule(opsadmin, name=name, to_team=team)
        browser = signed_in(opsadmin)
        last = RoutingRule.objects.get(name="C")
        for _ in range(3):
            browser.post(f"/routing/{last.pk}/act/", {"do": "up"})
        assert "".join(RoutingRule.objects.values_list("name", flat=True)) == "CAB"
        browser.post(f"/routing/{last.pk}/act/", {"do": "off"})
        assert "is switched off" in text(browser.get("/routing/"))
        assert browser.post(f"/routing/{last.pk}/act/", {"do": "burn"}).status_code == 404

    def test_hostile_words_are_shown_as_text(self, opsadmin, team, signed_in):
        nasty = "<script>alert(1)</script> مرحبا 🚚"
        browser = signed_in(opsadmin)
        self.post(browser, name=nasty, words=nasty, departments=nasty, to_team=team.pk)
        rule = RoutingRule.objects.get()
        for path in ("/routing/", f"/routing/{rule.pk}/"):
            page = text(browser.get(path))
            assert "<script>alert" not in page and "&lt;script&gt;" in page
        assert self.post(browser, name="a\x00b", to_team=team.pk).status_code == 422

    def test_twenty_rules_take_few_queries(
        self, opsadmin, team, signed_in, django_assert_max_num_queries
    ):
        for number in range(20):
            make_rule(opsadmin, name=f"R{number}", to_team=team, lists={"areas": [team.pk]})
        browser = signed_in(opsadmin)
        browser.get("/routing/")
        with django_assert_max_num_queries(9):
            assert browser.get("/routing/").status_code == 200


def test_saving_is_for_product_ops_and_moving_stays_inside(pm, opsadmin, team):
    rule = make_rule(opsadmin, to_team=team)
    with pytest.raises(Exception, match="Product Ops"):
        make_rule(pm, name="Mine", to_team=team)
    move_rule(rule=rule, actor=opsadmin, step=1)
    rule.refresh_from_db()
    assert rule.position == 0
    with pytest.raises(RuleMoved, match="changed this rule"):
        save_rule(
            rule=rule, actor=opsadmin, fields={"name": "x"}, lists=NONE, place=0,
            seen_at=timezone.now(),
        )  # fmt: skip
    assert routing.plain_name("  SALES\u00a0Team ") == "sales team"
