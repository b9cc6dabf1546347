"""A17: forms for people without an account: throttled, confirmed by mail, held for review."""

import re
from datetime import timedelta

import pytest
from django.core import mail, signing
from django.test import Client
from django.utils import timezone

from intake import open_links, services
from intake.models import IntakeForm, OpenSubmission, Request
from intake.tasks import expire_submissions
from intake.views.open_forms import AN_ADDRESS_AN_HOUR, BEGAN
from notices.models import Notice
from tests.factories import make_request

pytestmark = pytest.mark.django_db
State = OpenSubmission.State


def text(response):
    return response.content.decode()


@pytest.fixture
def form(db):
    IntakeForm.objects.filter(slug="problem").update(is_open=True)
    return IntakeForm.objects.select_related("version").get(slug="problem")


def words(**more):
    began = signing.dumps(timezone.now().timestamp() - 60, salt=BEGAN)
    return {
        "title": "The gate stays shut", "problem": "Drivers wait outside.", "began": began,
        "how_often": "daily", "sender_name": "Eve Stone", "sender_email": "Eve@Haulier.example",
        **more,
    }  # fmt: skip


def send(form, run_on_commit, **more):
    with run_on_commit():
        return Client().post(f"/open/{form.open_key}/", words(**more))


def link_in(sent):
    return re.search(r"https?://[^/\s]+(/open/\S+)", sent.body).group(1)


@pytest.fixture
def held(form, run_on_commit):
    send(form, run_on_commit)
    Client().post(link_in(mail.outbox[0]))
    mail.outbox.clear()
    return OpenSubmission.objects.get()


class TestSending:
    def test_it_is_off_at_first_and_by_its_own_link_alone(self, client):
        form = IntakeForm.objects.get(slug="idea")
        assert client.get(f"/open/{form.open_key}/").status_code == 404
        assert client.post(f"/open/{form.open_key}/", words()).status_code == 404
        assert client.get("/open/").status_code in (302, 404)

    def test_from_the_form_to_the_request(self, form, client, pm, signed_in, run_on_commit):
        page = text(client.get(f"/open/{form.open_key}/"))
        assert "Say it in one line" in page and "Your mail address" in page
        assert "Files" not in page and "For somebody else" not in page
        response = send(form, run_on_commit)
        assert "Look into your mail" in text(client.get(response["Location"]))
        submission = OpenSubmission.objects.get()
        assert submission.state == State.UNCONFIRMED and not Request.objects.exists()
        (sent,) = mail.outbox
        assert sent.to == ["Eve Stone <eve@haulier.example>"]
        path = link_in(sent)
        assert "Did you send this?" in text(client.get(path))
        assert OpenSubmission.objects.get().state == State.UNCONFIRMED
        with run_on_commit():
            status = client.post(path)["Location"]
        assert "Waits to be read" in text(client.get(status))
        browser = signed_in(pm)
        assert "The gate stays shut" in text(browser.get("/requests/held/"))
        mail.outbox.clear()
        with run_on_commit():
            browser.post(f"/requests/held/{submission.key}/accept/")
        item = Request.objects.get()
        assert (item.title, item.source, item.kind) == ("The gate stays shut", "open", "problem")
        assert item.requester.is_guest and item.requester.email == "eve@haulier.example"
        assert item.answers == {"how_often": "daily"}
        shown = text(client.get(status))
        assert "In triage" in shown and item.reference not in shown
        assert "/open/status/" in mail.outbox[0].body
        services.decide_request(item=item, actor=pm, outcome="no", reason="The gate is not ours.")
        assert "The gate is not ours." in text(client.get(status))

    def test_faults_are_named_and_nothing_is_lost(self, form, run_on_commit):
        response = send(form, run_on_commit, title="", sender_email="nobody")
        page = text(response)
        assert response.status_code == 422 and "Two answers need a change" in page
        assert "Drivers wait outside." in page and "like name@example.com" in page

    def test_conditions_hold_here_too(self, form, run_on_commit, pm, signed_in):
        send(form, run_on_commit, workaround="no", workaround_how="Smuggled")
        Client().post(link_in(mail.outbox[0]))
        signed_in(pm).post(f"/requests/held/{OpenSubmission.objects.get().key}/accept/")
        assert Request.objects.get().answers == {"how_often": "daily", "workaround": "no"}

    @pytest.mark.parametrize(
        "robot",
        [{"website": "http://spam.example"}, {"began": ""}, {"began": "bent"},
         {"began": "now"}],
    )  # fmt: skip
    def test_robots_get_the_same_page_and_leave_nothing(self, form, run_on_commit, robot):
        if robot.get("began") == "now":
            robot = {"began": signing.dumps(timezone.now().timestamp(), salt=BEGAN)}
        response = send(form, run_on_commit, **robot)
        assert response.status_code == 303
        assert not OpenSubmission.objects.exists() and mail.outbox == []

    def test_an_address_is_throttled_and_keeps_its_text(self, form, run_on_commit):
        for number in range(AN_ADDRESS_AN_HOUR):
            send(form, run_on_commit, sender_email=f"eve{number}@haulier.example")
        response = send(form, run_on_commit, sender_email="other@haulier.example")
        assert response.status_code == 429 and "Drivers wait outside." in text(response)
        assert OpenSubmission.objects.count() == AN_ADDRESS_AN_HOUR

    def test_a_mailbox_is_not_flooded(self, form, run_on_commit):
        for number in range(7):
            with run_on_commit():
                Client(REMOTE_ADDR=f"10.0.0.{number}").post(f"/open/{form.open_key}/", words())
        assert len(mail.outbox) == 5

    @pytest.mark.parametrize("value", ["\x00", "²", "<script>alert(1)</script>", "🚚" * 300])
    def test_odd_words_break_nothing(self, form, run_on_commit, value):
        for name in ("title", "problem", "sender_name", "sender_email", "began", "how_often"):
            assert send(form, run_on_commit, **{name: value}).status_code in (303, 422, 429)

    def test_a_mail_cannot_be_bent(self, form, run_on_commit):
        send(form, run_on_commit, sender_name="Eve\r\nBcc: all@example.com", title="A\r\nB: c")
        assert all("\n" not in sent.subject and len(sent.to) == 1 for sent in mail.outbox)


class TestNothingIsGivenAway:
    def test_no_suggestions_and_no_people(self, form, client, ada):
        make_request(ada, title="The gate stays shut")
        page = text(client.get(f"/open/{form.open_key}/"))
        assert "Already asked" not in page and "people-list" not in page
        for path in ("/requests/similar/", "/requests/suggest/people/?q=ada"):
            assert client.get(path).status_code in (302, 405)

    def test_a_colleague_s_address_gets_the_same_answer(self, form, ada, run_on_commit):
        known = send(form, run_on_commit, sender_email=ada.email)
        unknown = send(form, run_on_commit)
        assert known["Location"] == unknown["Location"]

    @pytest.mark.parametrize("token", ["x", "a:b:c", "²", "9" * 300])
    def test_bent_links_say_so(self, client, token):
        for kind in ("confirm", "status"):
            assert client.get(f"/open/{kind}/{token}/").status_code in (404, 410)

    def test_the_status_page_shows_a_decision_only_where_it_may_be_seen(
        self, ada, pm, outsider, client
    ):
        item, root = make_request(ada), make_request(outsider, title="Root")
        services.merge_requests(items=[item], into=root, actor=pm)
        services.decide_request(item=root, actor=pm, outcome="no", reason="A secret reason.")
        path = open_links.status_path_of(item)
        item.refresh_from_db()
        assert "A secret reason." in text(client.get(path))
        Request.objects.filter(pk=root.pk).update(visibility="private")
        assert "A secret reason." not in text(client.get(path))


class TestReview:
    def test_it_is_for_pms(self, held, ada, signed_in, client):
        browser = signed_in(ada)
        assert browser.get("/requests/held/").status_code == 403
        for verb in ("accept", "refuse"):
            assert browser.post(f"/requests/held/{held.key}/{verb}/").status_code == 403
            assert client.post(f"/requests/held/{held.key}/{verb}/").status_code == 302
        assert OpenSubmission.objects.get().state == State.HELD

    def test_a_refusal_needs_a_reason_and_mails_it(self, held, pm, signed_in, run_on_commit):
        browser = signed_in(pm)
        path = f"/requests/held/{held.key}/refuse/"
        refused = browser.post(path, {"reason": " "})
        assert refused.status_code == 422 and "Give the reason" in text(refused)
        with run_on_commit():
            browser.post(path, {"reason": "We do not run that gate."})
        (sent,) = mail.outbox
        assert "We do not run that gate." in sent.body
        assert "We do not run that gate." in text(Client().get(link_in(sent)))

    def test_the_second_reviewer_is_told_who_was_first(self, held, pm, opsadmin, signed_in):
        services.refuse_submission(submission=held, actor=pm, reason="No.")
        response = signed_in(opsadmin).post(f"/requests/held/{held.key}/accept/")
        assert response.status_code == 409
        assert "Tomasz Wieczorek refused it first." in text(response)

    def test_let_in_twice_is_one_request(self, held, pm, signed_in):
        for _ in range(2):
            signed_in(pm).post(f"/requests/held/{held.key}/accept/")
        assert Request.objects.count() == 1

    def test_product_ops_hears_that_something_waits(self, form, opsadmin, pm, run_on_commit):
        send(form, run_on_commit)
        with run_on_commit():
            Client().post(link_in(mail.outbox[0]))
        assert Notice.objects.get(recipient=opsadmin).title == (
            "Waits for review: The gate stays shut"
        )

    def test_a_leaver_s_address_is_not_let_in(self, held, pm, outsider, signed_in):
        outsider.is_active = False
        outsider.save(update_fields=["is_active"])
        OpenSubmission.objects.update(email=outsider.email)
        response = signed_in(pm).post(f"/requests/held/{held.key}/accept/")
        assert response.status_code == 409 and "has left" in text(response)


class TestTime:
    def test_links_end_after_two_days_and_words_are_forgotten(self, form, run_on_commit):
        send(form, run_on_commit)
        submission = OpenSubmission.objects.get()
        late = timezone.now() - timedelta(hours=49)
        OpenSubmission.objects.update(created_at=late)
        assert Client().post(link_in(mail.outbox[0])).status_code == 410
        expire_submissions()
        submission.refresh_from_db()
        assert submission.state == State.EXPIRED
        assert (submission.problem, submission.data, submission.name) == ("", {}, "")

    def test_confirming_twice_changes_nothing(self, held):
        again = services.confirm_submission(submission=held)
        assert again.confirmed_at == held.confirmed_at

    def test_held_ones_wait_as_long_as_it_takes(self, held):
        OpenSubmission.objects.update(created_at=timezone.now() - timedelta(days=40))
        expire_submissions()
        assert OpenSubmission.objects.get().state == State.HELD
